"""Bounds that measurements should keep, and whether they do, for the page on performance.

A target names a variant of a benchmark, what it is compared with, and a bound.  Where it is on a ratio and lies within
that ratio's interval, the measurement shows nothing.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion.costs.rounds import quotient

__all__ = ["Document", "Target", "row_of", "targets"]

Document = Mapping[str, Any]
"""One result: ``benchmark, title, machine, rows``."""


def _median(values: Sequence[float], default: None) -> float | None:
    return statistics.median(values) if values else default


OF_ALL: Mapping[str, Callable[..., float | None]] = {"largest": max, "smallest": min, "median": _median}


@dataclass(frozen=True)
class Target:
    """A bound that a measurement should keep.

    Args:
        text: what is asked, in words.
        benchmark: the result's name.
        variant: the row, or ``largest``, ``smallest`` or ``median``: that value of all rows that have one.
        measure: a column of the row: ``value``, ``seconds``, ``of_peak`` or ``paired``.
        against: another row; then the bound is on the quotient of the two.
        at_least: the bound from below.
        at_most: the bound from above.
        note: why it is missed, where it is.
    """

    text: str
    benchmark: str
    variant: str
    measure: str = "value"
    against: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    note: str | None = None

    def measured(self, found: Mapping[str, Document]) -> float | None:
        """The measured number; ``None`` where a row is missing or could not run.

        Raises:
            ValueError: a benchmark that has a result lacks the variant.
        """
        if self.benchmark not in found:
            return None
        if self.variant in OF_ALL:
            rows = found[self.benchmark]["rows"]
            values = [row[self.measure] for row in rows if row.get(self.measure) is not None]
            return OF_ALL[self.variant](values, default=None)
        mine = row_of(found[self.benchmark], self.variant)[self.measure]
        if self.against is None or mine is None:
            return mine
        if (by_round := self._by_round(found)) is not None:
            return by_round[0]
        other = row_of(found[self.benchmark], self.against)[self.measure]
        return mine / other if other else None

    def between(self, found: Mapping[str, Document]) -> tuple[float, float] | None:
        """For a ratio, from where to where it may lie: the interval of its mean over rounds, where it has one.

        Two rows whose rounds are not known have their medians, each up or down by half its spread.
        """
        if self.measured(found) is None or self.variant in OF_ALL:
            return None
        mine = row_of(found[self.benchmark], self.variant)
        if self.measure == "paired" or (self.against is not None and mine.get("against") == self.against):
            return None if mine.get("low") is None else (mine["low"], mine["high"])
        if self.against is None:
            return None
        if (by_round := self._by_round(found)) is not None:
            return by_round[1:]
        other = row_of(found[self.benchmark], self.against)
        (low, high), (least, most) = (
            [max(0.0, row[self.measure] * (1 + side * (row["spread"] or 0) / 2)) for side in (-1, 1)]
            for row in (mine, other)
        )
        return low / most, high / least if least else math.inf

    def outcome(self, found: Mapping[str, Document]) -> str:
        """``met``, ``missed``, ``not shown`` where the bound is within the interval of a ratio, or ``not measured``."""
        value = self.measured(found)
        if value is None:
            return "not measured"
        kept = {self._keeps(one) for one in self.between(found) or (value,)}
        return "not shown" if len(kept) > 1 else "met" if kept == {True} else "missed"

    def _by_round(self, found: Mapping[str, Document]) -> tuple[float, float, float] | None:
        """The mean quotient of the rounds of two rows, and its interval; ``None`` where they are not known."""
        assert self.against is not None
        mine, other = (row_of(found[self.benchmark], name).get("rounds") for name in (self.variant, self.against))
        if self.measure != "value" or not mine or not other:
            return None
        mean, low, high = quotient(mine, other)
        return None if low is None or high is None else (mean, low, high)

    def _keeps(self, value: float) -> bool:
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)


def targets(path: Path) -> list[Target]:
    """The targets in a file; none if there is no file."""
    return [Target(**one) for one in json.loads(path.read_text(encoding="utf-8"))] if path.is_file() else []


def row_of(document: Document, variant: str) -> Mapping[str, Any]:
    """The row of a variant; ``ValueError`` where a result lacks it."""
    for row in document["rows"]:
        if row["variant"] == variant:
            return row
    known = ", ".join(row["variant"] for row in document["rows"])
    raise ValueError(f"{document['benchmark']} has no variant {variant!r}: it has {known}")

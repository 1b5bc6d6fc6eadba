"""Claims about what changes while a network trains, decided from the probes of a run.

The rules were fixed before the first probe of the paper profile was read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from companion.exhibits.a_machine import IMAGES, WITH_ONES
from companion.papers.margins import margin, rules
from companion.verdicts.cells import Completeness
from companion.verdicts.claims import RowResult
from companion.verdicts.stats import Difference, Verdict

__all__ = ["TRENDS", "Trend", "evaluate_trend"]


@dataclass(frozen=True)
class Trend:
    """A sentence of a paper that the probes of an exhibit can decide.

    Args:
        id: unique, ``EXHIBIT:name``.
        exhibit: whose records decide it.
        statement: id of the numbered statement that it makes precise.
        title: in our words.
        score: one run's probe frame (by epoch) to a number that is below ``bound`` if the sentence holds.
        bound: the sentence holds if the one-sided 95% upper bound of the mean score over seeds is below it.
        meaning: what the score is.
        margins: how many margins of the row's dataset are added to the bound.
        at: values on the exhibit's axes, where it is put to rows at some of them alone.
        ours: whether no paper says it; it is then put to the records and counted for none.
    """

    id: str
    exhibit: str
    statement: str | None
    title: str
    score: Callable[[pd.DataFrame], float]
    bound: float
    meaning: str
    margins: float = 0.0
    at: Mapping[str, tuple[Any, ...]] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    ours: bool = False

    @property
    def statements(self) -> tuple[str, ...]:
        """The numbered statements that it makes precise."""
        return () if self.statement is None else (self.statement,)

    def limit(self, dataset: str) -> float:
        """The bound in a row on this dataset."""
        return self.bound + (self.margins * margin(dataset) if self.margins else 0.0)

    def speaks_of(self, axes: Mapping[str, Any]) -> bool:
        """Whether it is put to runs at these values of the axes."""
        return all(axes[name] in values for name, values in self.at.items())


def _fall(run: pd.DataFrame) -> float:
    return math.log10(run["nu"].iloc[-1] / run["nu"].iloc[0])


def _largest_ratio(run: pd.DataFrame) -> float:
    ratios = [np.abs(np.log10(run[f"{size}_v"] / run[f"{size}_f"])).max() for size in ("trace", "norm")]
    return float(max(ratios))


def _machine(run: pd.DataFrame, kernel: str = "npk") -> pd.Series:
    """Accuracies of the machine with a kernel, stage by stage, at the number of images of the run's row."""
    return run[f"{kernel}_{run[IMAGES.name].iloc[0]}"]


def _rise(run: pd.DataFrame) -> float:
    found = _machine(run)
    return float(found.iloc[0] - found.iloc[-1])


def _largest_fall(run: pd.DataFrame) -> float:
    return float(-_machine(run).diff().min())


def _behind_the_network(run: pd.DataFrame) -> float:
    return float(run["network"].iloc[-1] - _machine(run).iloc[-1])


def _behind_the_untrained(run: pd.DataFrame) -> float:
    untrained = max(_machine(run, kernel).iloc[-1] for kernel in UNTRAINED)
    return float(untrained - _machine(run).iloc[-1])


def _lost_with_ones(run: pd.DataFrame) -> float:
    return float(_machine(run).iloc[-1] - _machine(run, "ones").iloc[-1])


UNTRAINED = ("gaussian", "limit")
"""Kernels of the images alone."""

TRENDS = (
    Trend(
        "A-F2-nu:falls",
        "A-F2-nu",
        "A-F2-nu",
        "The labels become better aligned with the neural path kernel: nu falls during training",
        _fall,
        0.0,
        "log10 of nu at the end over nu at the beginning",
    ),
    Trend(
        "A-F2-K:same-scale",
        "A-F2-K",
        "A-F2-K",
        "Value and feature kernel stay within one order of magnitude of each other",
        _largest_ratio,
        1.0,
        "largest |log10| ratio of their traces or Frobenius norms at any epoch",
    ),
    Trend(
        "A-machine:rises",
        "A-machine",
        "A-Claim1",
        "A kernel machine from learnt gates is better than one from the gates before training",
        _rise,
        0.0,
        "accuracy before training minus that at its end, in points",
        margins=-1,
    ),
    Trend(
        "A-machine:never-falls",
        "A-machine",
        None,
        "While the network trains, the machine of its gates never gets worse (ours)",
        _largest_fall,
        0.0,
        "largest fall from one stage to the next, in points",
        margins=1,
        ours=True,
    ),
    Trend(
        "A-machine:network",
        "A-machine",
        None,
        "The machine does almost as well as the network whose gates it has (ours)",
        _behind_the_network,
        0.0,
        "accuracy of the network minus that of the machine, in points",
        margins=1,
        ours=True,
    ),
    Trend(
        "A-machine:untrained",
        "A-machine",
        None,
        "The machine beats the kernels that nobody trained (ours)",
        _behind_the_untrained,
        0.0,
        "accuracy of the better untrained kernel minus that of the machine, in points",
        margins=-1,
        ours=True,
    ),
    Trend(
        "A-machine:ones",
        "A-machine",
        None,
        "The images are not needed: with ones in their place the machine does almost as well (ours)",
        _lost_with_ones,
        0.0,
        "accuracy with images minus that with ones, in points",
        margins=1,
        at=MappingProxyType({IMAGES.name: WITH_ONES}),
        ours=True,
    ),
)


def evaluate_trend(
    trend: Trend, rows: Sequence[str], probes: pd.DataFrame, seeds: int, variant: str = ""
) -> list[RowResult]:
    """The trend in each row.

    Args:
        trend: the claim.
        rows: of the exhibit; those without all seeds are pending.
        probes: a frame of :func:`companion.verdicts.frames.probes`.
        seeds: how many make a row complete.
        variant: empty for the exhibit's own runs; a control's name puts the same rule to the control.
    """
    results = []
    for row in rows:
        mine = probes[(probes["row"] == row) & (probes["variant"] == variant)]
        scores = [trend.score(run.sort_values("epoch")) for _, run in mine.groupby("seed")]
        if len(scores) < max(seeds, 2):
            rule = Completeness(len(scores), 0, max(seeds, 2)).long
            results.append(RowResult(row, Verdict.PENDING, None, None, None, rule))
            continue
        values = np.asarray(scores)
        if not np.isfinite(values).all():
            rule = f"{trend.meaning} is not finite in every run"
            results.append(RowResult(row, Verdict.NOT_REPRODUCED, None, None, None, rule))
            continue
        mean = Difference(float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values))), len(values) - 1)
        low, high = mean.interval(rules()["equivalence_confidence"])
        verdict, limit = Verdict.INCONCLUSIVE, trend.limit(str(mine["dataset"].iloc[0]))
        if high < limit:
            verdict = Verdict.REPRODUCED
        elif low > limit:
            verdict = Verdict.NOT_REPRODUCED
        rule = f"{trend.meaning} below {limit:g}: {mean.mean:.2f}, 90% interval {low:.2f} to {high:.2f}"
        results.append(RowResult(row, verdict, mean.mean, (low, high), None, rule))
    return results

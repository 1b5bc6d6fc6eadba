"""One line of the scorecard: what a paper says, what was measured, and the verdict of a rule."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from companion.exhibits import CLAIMS, EXHIBITS
from companion.exhibits.claim import Claim
from companion.papers.numbers import numbers
from companion.papers.statements import statements
from companion.verdicts.stats import Shade, Verdict, shade
from companion.verdicts.trends import TRENDS, Trend

__all__ = ["Entry"]

ELSEWHERE = "X"
"""The letter of numbers that none of the three papers prints."""


@dataclass(frozen=True)
class Entry:
    """One line of the scorecard.  Accuracies and gaps in percentage points; absent values are ``None``.

    Args:
        id: unique.
        kind: ``number``, ``claim`` (a sentence about a table, row by row) or ``statement`` (a numbered one).
        exhibit: whose records decide it.
        row: the paper's row.
        column: the paper's column.
        source: where the paper has it.
        statistic: ``best_test`` and so on.
        variant: empty for the run that stands beside the paper's number.
        paper_mean: the paper's value.
        paper_std: its deviation, ``ddof = 0``.
        mean: ours.
        std: ours, ``ddof = 0``.
        n: seeds that have a score; a diverged run has none.
        profile: of the records.
        verdict: by :attr:`rule`.
        rule: the rule with its numbers.
        papers_own: what the same rule says of the numbers that the paper prints, where it can.

    Example:
        >>> import pandas as pd
        >>> from companion.verdicts.scorecard import number_entries
        >>> entry = number_entries("A-T2", pd.DataFrame(columns=["row", "column", "variant"]))[0]
        >>> entry.paper_mean, entry.papers, str(entry.word)
        (95.85, 'A', 'pending')
    """

    id: str
    kind: str
    exhibit: str | None
    row: str | None
    column: str | None
    source: str | None
    statistic: str | None
    variant: str
    paper_mean: float | None
    paper_std: float | None
    mean: float | None
    std: float | None
    n: int
    profile: str
    verdict: Verdict
    rule: str
    papers_own: Verdict | None = None

    @property
    def counts(self) -> bool:
        """Whether it is a result of the paper's own: no cited number, no variant of a run, and no sentence of ours."""
        return self.verdict is not Verdict.CITED and not self.variant and not self.ours

    @property
    def ours(self) -> bool:
        """Whether it is a row of a sentence that no paper says."""
        return self.kind == "claim" and self.id.startswith(_ours())

    @property
    def papers(self) -> str:
        """The letters of the papers that print it; none for a number from elsewhere."""
        if self.kind == "statement":
            return statements()[self.id].paper
        exhibit = str(self.exhibit)
        printed = _printed_in().get(self.id.removesuffix(f":{self.variant}"))
        printed = printed or (EXHIBITS[exhibit].paper if exhibit in EXHIBITS else exhibit[0])
        return printed.replace(ELSEWHERE, "")

    @property
    def word(self) -> Verdict | Shade:
        """How the verdict is shown: where the rule fails on the paper's own numbers too, it is no word against ours."""
        return shade(self.verdict, self.papers_own)

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON values, with :attr:`word`, :attr:`papers` and :attr:`counts`."""
        own = None if self.papers_own is None else str(self.papers_own)
        more = {"word": str(self.word), "papers": self.papers, "counts": self.counts}
        return asdict(self) | {"verdict": str(self.verdict), "papers_own": own} | more


@functools.cache
def _ours() -> tuple[str, ...]:
    """How the entries of sentences that no paper says begin."""
    sentences: list[Claim | Trend] = [*CLAIMS, *TRENDS]
    return tuple(f"{one.id}:" for one in sentences if one.ours)


@functools.cache
def _printed_in() -> Mapping[str, str]:
    table = numbers()
    return dict(zip(table["id"], table["paper"], strict=True))

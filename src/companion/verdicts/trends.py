"""Claims about what changes while a network trains, decided from the probes of a run.

The rules were fixed before the first probe of the paper profile was read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from companion.papers.margins import rules
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
    """

    id: str
    exhibit: str
    statement: str
    title: str
    score: Callable[[pd.DataFrame], float]
    bound: float
    meaning: str

    @property
    def statements(self) -> tuple[str, ...]:
        """The numbered statements that it makes precise."""
        return (self.statement,)


def _fall(run: pd.DataFrame) -> float:
    return math.log10(run["nu"].iloc[-1] / run["nu"].iloc[0])


def _largest_ratio(run: pd.DataFrame) -> float:
    ratios = [np.abs(np.log10(run[f"{size}_v"] / run[f"{size}_f"])).max() for size in ("trace", "norm")]
    return float(max(ratios))


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
        verdict = Verdict.INCONCLUSIVE
        if high < trend.bound:
            verdict = Verdict.REPRODUCED
        elif low > trend.bound:
            verdict = Verdict.NOT_REPRODUCED
        rule = f"{trend.meaning} below {trend.bound:g}: {mean.mean:.2f}, 90% interval {low:.2f} to {high:.2f}"
        results.append(RowResult(row, verdict, mean.mean, (low, high), None, rule))
    return results

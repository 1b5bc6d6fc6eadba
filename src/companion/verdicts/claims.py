"""The rules that turn scores into the verdicts of claims about a table as a whole.

Runs are paired by seed: the runs of one seed share their random streams and the order of their data.  The same rules
are also put to the paper's own means and deviations, to show whether a claim follows from the paper's own table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from companion.exhibits.claim import TEN, Claim, Relation
from companion.papers.margins import margin, rules
from companion.verdicts.along import pairs_of
from companion.verdicts.frames import scores_by_cell
from companion.verdicts.stats import Difference, Verdict, above, equivalence, holm, paired_difference, welch_difference

__all__ = [
    "WORST_FIRST",
    "RowResult",
    "allowed",
    "combine",
    "evaluate",
    "judged",
    "own_differences",
    "paper_differences",
]

Differences = Callable[[str, str, str], Difference | None]
"""``(row, a, b)`` to the estimate of ``b - a`` in percentage points; ``None`` where scores are missing."""


@dataclass(frozen=True)
class RowResult:
    """A claim in one row.

    Args:
        row: the table's row.
        verdict: by :attr:`rule`.
        difference: ``b - a`` of the pair that is worst for the claim, in percentage points.
        interval: its 90% interval, whose ends are the one-sided 95% bounds; none if the means were taken as exact.
        p: the largest Holm-adjusted p-value (``much less`` only).
        rule: the rule with its numbers, as a sentence.
        pair: what was taken from what, as ``b − a``; empty where there is no difference.
    """

    row: str
    verdict: Verdict
    difference: float | None
    interval: tuple[float, float] | None
    p: float | None
    rule: str
    pair: str = ""


def own_differences(frame: pd.DataFrame, seeds: int, statistic: str = "best_test") -> Differences:
    """Paired differences of our runs, only where all ``seeds`` are there.

    Args:
        frame: of :func:`companion.verdicts.frames.runs`, perhaps as :func:`companion.verdicts.along.along` shows it.
        seeds: how many make a cell complete.
        statistic: what is compared.
    """
    known = scores_by_cell(frame, statistic)

    def difference(row: str, a: str, b: str) -> Difference | None:
        left, right = known.get((row, a), {}), known.get((row, b), {})
        common = [seed for seed in left if seed in right]
        if len(common) < max(seeds, 2):
            return None
        return paired_difference([left[seed] for seed in common], [right[seed] for seed in common])

    return difference


def paper_differences(numbers: pd.DataFrame) -> Differences:
    """Unpaired differences between the published means of one exhibit (rows of ``numbers.csv``).

    Where the deviation or the number of runs of either is not printed, both means count as exact: the rule is put to
    them alone, and says so.
    """
    table = {
        (row, column): (mean, std, n)
        for row, column, mean, std, n in numbers[["row", "column", "mean", "std", "n_runs"]].itertuples(index=False)
    }

    def difference(row: str, a: str, b: str) -> Difference | None:
        if (row, a) not in table or (row, b) not in table:
            return None
        sides = [table[row, a], table[row, b]]
        if any(pd.isna(std) or pd.isna(n) for _, std, n in sides):
            sides = [(mean, None, None) for mean, _, _ in sides]
        return welch_difference(*sides)

    return difference


def allowed(claim: Claim, dataset: str) -> float:
    """The points within which a claim counts scores as the same: its own, or the dataset's margin."""
    return margin(dataset) if claim.within is None else claim.within


def evaluate(claim: Claim, rows: Sequence[tuple[str, str]], differences: Differences) -> list[RowResult]:
    """The claim in each row.

    Args:
        claim: the claim.
        rows: ``(row, dataset)`` of the whole table; those without scores are pending.
        differences: where estimates come from.
    """
    return judged(claim, rows, {(row, a, b): differences(row, a, b) for row, _ in rows for a, b in pairs_of(claim)})


def judged(
    claim: Claim, rows: Sequence[tuple[str, str]], found: Mapping[tuple[str, str, str], Difference | None]
) -> list[RowResult]:
    """The claim in each row, by its relation.

    Args:
        claim: the claim.
        rows: ``(row, dataset)``.
        found: ``(row, a, b)`` to the estimate of ``b - a``; all of them are one family of tests.
    """
    adjusted: dict[tuple[str, str, str], float] = {}
    if claim.relation is Relation.MUCH_LESS:
        bounds = {row: allowed(claim, dataset) for row, dataset in rows}
        known = {place: above(d, bounds[place[0]]) for place, d in found.items() if d is not None}
        adjusted = dict(zip(known, holm(list(known.values()), family=len(found)), strict=True))
    results = []
    for row, dataset in rows:
        here = [(place, d) for place, d in found.items() if place[0] == row]
        present = [(place, d) for place, d in here if d is not None]
        if len(present) < len(here):
            results.append(RowResult(row, Verdict.PENDING, None, None, None, "pending: not every run has a score yet"))
            continue
        results.append(_row(claim, row, allowed(claim, dataset), present, adjusted))
    return results


def _row(
    claim: Claim,
    row: str,
    within: float,
    present: list[tuple[tuple[str, str, str], Difference]],
    adjusted: dict[tuple[str, str, str], float],
) -> RowResult:
    confidence, alpha = rules()["equivalence_confidence"], rules()["significance"]
    size = {
        Relation.MUCH_LESS: lambda d: d.mean,
        Relation.SAME: lambda d: -abs(d.mean),
        Relation.NEAR: lambda d: -d.mean,
        Relation.ABOUT_TEN: lambda d: -abs(d.mean - sum(TEN) / 2),
    }

    def judge(place: tuple[str, str, str], d: Difference) -> Verdict:
        low, high = d.interval(confidence)
        if claim.relation is Relation.SAME:
            return equivalence(d, within)
        if claim.relation is Relation.NEAR:
            return _three_way(high < within, low > within)
        if claim.relation is Relation.ABOUT_TEN:
            return _three_way(TEN[0] < low and high < TEN[1], high < TEN[0] or low > TEN[1])
        return _three_way(adjusted[place] < alpha, high < within)

    judged = [(WORST_FIRST.index(judge(place, d)), size[claim.relation](d), place, d) for place, d in present]
    rank, _, (_, a, b), worst = min(judged, key=lambda item: item[:2])
    low, high = worst.interval(confidence)
    p = None
    known = "by means that are printed without deviations" if worst.exact else f"90% interval {low:.2f} to {high:.2f}"
    rule = f"{b} - {a} = {worst.mean:.2f} points, {known}, margin {within:g}"
    if claim.relation is Relation.SAME:
        rule = f"equivalence: {rule}"
    elif claim.relation is Relation.NEAR:
        rule = f"almost as good, upper bound below the margin: {rule}"
    elif claim.relation is Relation.ABOUT_TEN:
        rule = (
            f"{TEN[0]:g} to {TEN[1]:g} points in every regime; farthest from ten: {b} - {a} = {worst.mean:.2f} points, "
            f"{known}"
        )
    else:
        p = None if worst.exact else max(adjusted[place] for place, _ in present)
        rule = f"above the margin{'' if p is None else f', Holm-adjusted p = {p:.2g} at worst'}; smallest gap {rule}"
    interval = None if worst.exact else (low, high)
    return RowResult(row, WORST_FIRST[rank], worst.mean, interval, p, rule, f"{b} − {a}")


WORST_FIRST = (Verdict.NOT_REPRODUCED, Verdict.INCONCLUSIVE, Verdict.REPRODUCED)
"""A row is as good as its worst pair, and that is the pair it shows."""


def _three_way(holds: bool, fails: bool) -> Verdict:
    return Verdict.REPRODUCED if holds else Verdict.NOT_REPRODUCED if fails else Verdict.INCONCLUSIVE


def combine(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict on "in every row".

    A row that fails refutes it, whatever others are still pending: ``partly`` if some rows hold, else not reproduced.
    """
    kinds = set(verdicts)
    if Verdict.NOT_REPRODUCED in kinds:
        return Verdict.PARTLY if Verdict.REPRODUCED in kinds else Verdict.NOT_REPRODUCED
    if not kinds or Verdict.PENDING in kinds:
        return Verdict.PENDING
    return kinds.pop() if len(kinds) == 1 else Verdict.INCONCLUSIVE

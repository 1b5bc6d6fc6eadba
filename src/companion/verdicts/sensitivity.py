"""What a change does to accuracy: each variant of a row against the exhibit's own runs, seed by seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from companion.papers.margins import margin, rules
from companion.verdicts.cells import Completeness
from companion.verdicts.frames import scores
from companion.verdicts.stats import Difference, Verdict, equivalence, paired_difference, summarise

__all__ = ["NEAR", "Shift", "change_of_gap", "gap", "lines", "near", "shift"]

Shift = Mapping[str, Any]
"""One line: labels, ``mean, std, n``, the difference in points with its interval, and what the rule makes of it."""

WORDS = {
    Verdict.REPRODUCED: "the same",
    Verdict.INCONCLUSIVE: "inconclusive",
}


def shift(frame: pd.DataFrame, row: str, column: str, variant: str, statistic: str = "best_test") -> Shift:
    """A variant in one column of one row against the exhibit's own runs.

    Args:
        frame: of :func:`companion.verdicts.frames.runs`.
        row: of the exhibit.
        column: of the exhibit.
        variant: empty for the exhibit's own runs, which have no difference.
        statistic: what is compared.

    Returns:
        ``mean`` and ``std`` (``ddof = 0``) in percent, ``n`` and ``expected``, ``difference`` in points, its 90%
        interval ``low, high``, and ``verdict``: ``the same`` (the interval lies within the margin of the dataset),
        ``higher`` or ``lower`` (it lies outside), ``inconclusive``, how many runs diverged, or ``pending``.  Keys are
        absent where there is nothing.

    Example:
        >>> place = {"row": "FC", "column": "DL", "dataset": "mnist", "status": "finished"}
        >>> tests = {("", 0): 97.0, ("", 1): 98.0, ("wide", 0): 97.1, ("wide", 1): 98.1}
        >>> frame = pd.DataFrame([place | {"variant": v, "seed": s, "best_test": t} for (v, s), t in tests.items()])
        >>> found = shift(frame, "FC", "DL", "wide")
        >>> round(found["difference"], 2), found["verdict"]
        (0.1, 'the same')
    """
    place = (frame["row"] == row) & (frame["column"] == column)
    mine = frame[place & (frame["variant"] == variant)]
    found, own = scores(frame, row, column, variant, statistic), scores(frame, row, column, "", statistic)
    line: dict[str, Any] = {"n": len(found), "expected": len(mine), "verdict": "pending"}
    if len(found):
        summary = summarise(found.to_list())
        line |= {"mean": summary.mean, "std": summary.std}
    if not variant:
        return line | {"verdict": Completeness.of(mine, statistic).word}
    gap = _paired(own, found, len(mine))
    if gap is None:
        both = frame[place & frame["variant"].isin(["", variant])]
        waited = mine if Completeness.of(mine, statistic).diverged else both
        return line | {"verdict": _waiting(waited, statistic)}
    return line | _judged(gap, mine["dataset"].iloc[0])


def gap(frame: pd.DataFrame, row: str, variant: str, a: str, b: str, statistic: str = "best_test") -> Shift:
    """``b - a`` in points within one variant; ``verdict`` as in :func:`shift`.

    Args:
        frame: of :func:`companion.verdicts.frames.runs`.
        row: of the exhibit.
        variant: empty for the exhibit's own runs.
        a: a column.
        b: another.
        statistic: what is compared.

    Example:
        >>> place = {"row": "FC", "variant": "", "dataset": "mnist", "status": "finished"}
        >>> tests = {("FL", 0): 97.0, ("FL", 1): 98.0, ("ReLU", 0): 98.0, ("ReLU", 1): 99.0}
        >>> frame = pd.DataFrame([place | {"column": c, "seed": s, "best_test": t} for (c, s), t in tests.items()])
        >>> gap(frame, "FC", "", "FL", "ReLU")
        {'difference': 1.0, 'low': 1.0, 'high': 1.0, 'verdict': 'higher'}
    """
    mine = frame[(frame["row"] == row) & (frame["variant"] == variant)]
    expected = int((mine["column"] == a).sum())
    left, right = (scores(frame, row, column, variant, statistic) for column in (a, b))
    found = _paired(left, right, expected)
    if found is None:
        return {"verdict": _waiting(mine[mine["column"].isin([a, b])], statistic)}
    return _judged(found, mine["dataset"].iloc[0])


def change_of_gap(frame: pd.DataFrame, axis: str, a: str, b: str, statistic: str = "best_test") -> Shift:
    """What ``b - a`` in points is more at the largest value of an axis than at the smallest, seed by seed.

    Args:
        frame: of :func:`companion.verdicts.frames.runs`; one run for each value of the axis, column and seed.
        axis: a column of numbers, at least two.
        a: a column of the exhibit.
        b: another.
        statistic: what is compared.

    Returns:
        ``difference, low, high`` and ``verdict`` as in :func:`shift`, with the words ``the same`` (the 90% interval is
        inside the margin), else ``rises`` or ``falls`` (it is above or below 0), else ``open``.

    Example:
        >>> tests = {("FL", 8): 90.0, ("ReLU", 8): 91.0, ("FL", 64): 95.0, ("ReLU", 64): 98.0}
        >>> runs = [{"column": c, "width": w, "best_test": t, "seed": s} for (c, w), t in tests.items() for s in (0, 1)]
        >>> frame = pd.DataFrame(runs).assign(dataset="mnist", status="finished")
        >>> change_of_gap(frame, "width", "FL", "ReLU")
        {'difference': 2.0, 'low': 2.0, 'high': 2.0, 'verdict': 'rises'}
    """
    mine = frame[frame["column"].isin([a, b])]
    ends = mine[mine[axis].isin([mine[axis].min(), mine[axis].max()])]
    wide = ends.pivot(index="seed", columns=[axis, "column"], values=statistic)
    small, large = (wide[end, b] - wide[end, a] for end in (mine[axis].min(), mine[axis].max()))
    found = _paired(small.dropna(), large.dropna(), len(wide))
    if found is None:
        return {"verdict": _waiting(ends, statistic)}
    low, high = found.interval(rules()["equivalence_confidence"])
    same = equivalence(found, margin(mine["dataset"].iloc[0])) is Verdict.REPRODUCED
    word = "the same" if same else "rises" if low > 0 else "falls" if high < 0 else "open"
    return {"difference": found.mean, "low": low, "high": high, "verdict": word}


def _paired(a: pd.Series, b: pd.Series, expected: int) -> Difference | None:
    """``b - a`` over common seeds, once all are there."""
    common = a.index.intersection(b.index)
    if len(common) < max(expected, 2):
        return None
    return paired_difference(a[common].to_list(), b[common].to_list())


def _waiting(mine: pd.DataFrame, statistic: str) -> str:
    """Why there is no difference: runs are missing or diverged, or a single seed is all that there should be."""
    return Completeness.of(mine, statistic).word or str(Verdict.PENDING)


def _judged(found: Difference, dataset: str) -> dict[str, Any]:
    low, high = found.interval(rules()["equivalence_confidence"])
    word = WORDS.get(equivalence(found, margin(dataset)), "higher" if found.mean > 0 else "lower")
    return {"difference": found.mean, "low": low, "high": high, "verdict": word}


def lines(frame: pd.DataFrame, base: str, statistic: str = "best_test") -> list[dict[str, Any]]:
    """:func:`shift` of every row, column and variant of an exhibit, in its order.

    Args:
        frame: of :func:`companion.verdicts.frames.runs`.
        base: what the exhibit's own runs are called.
        statistic: what is compared.

    Example:
        >>> place = {"row": "FC", "column": "DL", "dataset": "mnist", "status": "finished"}
        >>> tests = {("", 0): 97.0, ("", 1): 98.0, ("wide", 0): 97.1, ("wide", 1): 98.1}
        >>> frame = pd.DataFrame([place | {"variant": v, "seed": s, "best_test": t} for (v, s), t in tests.items()])
        >>> [(line["variant"], line["mean"]) for line in lines(frame, base="as it is")]
        [('as it is', 97.5), ('wide', 97.6)]
    """
    places = frame[["row", "column", "variant"]].drop_duplicates()
    compared = places.groupby(["row", "column"])["variant"].transform("nunique") > 1
    return [
        {"row": row, "column": column, "variant": variant or base, **shift(frame, row, column, variant, statistic)}
        for row, column, variant in places[compared].itertuples(index=False)
    ]


def near(found: Sequence[float], printed: float, within: float) -> str:
    """Whether a printed mean can be had: the 95% interval of ours lies within the margin round it, outside, or across.

    Args:
        found: our scores in percent, one a seed; at least two.
        printed: the paper's mean in percent.
        within: the margin in points.

    Raises:
        ValueError: fewer than two scores.

    Example:
        >>> near([97.9, 98.0, 98.1], printed=98.0, within=1.0)
        'within the margin'
    """
    gap = paired_difference([printed] * len(found), found)
    return NEAR[equivalence(gap, within, rules()["interval_confidence"])]


NEAR = {
    Verdict.REPRODUCED: "within the margin",
    Verdict.NOT_REPRODUCED: "outside",
    Verdict.INCONCLUSIVE: "open",
}
"""The three outcomes of a sensitivity, which is no claim of a paper."""

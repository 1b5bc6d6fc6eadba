"""From scores to means, intervals and the tests behind every verdict.

The rules and margins stand in ``papers/margins.json`` and in this file; both were fixed before the first record of the
paper profile was made.  ``std`` is the papers' (``ddof = 0``); tests and intervals use ``ddof = 1``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy import special  # the functions behind scipy.stats.t, which takes a second to import

from companion.papers.margins import rules

__all__ = [
    "Difference",
    "Shade",
    "Summary",
    "Verdict",
    "above",
    "equivalence",
    "holm",
    "paired_difference",
    "shade",
    "summarise",
    "welch_difference",
]


class Verdict(StrEnum):
    """What a rule says of a number, a claim or a statement.

    Example:
        >>> str(Verdict.NOT_REPRODUCED)
        'not reproduced'
    """

    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not reproduced"
    PARTLY = "partly"
    """It holds in some rows and fails in others."""
    INCONCLUSIVE = "inconclusive"
    """The interval reaches across the margin: more seeds would be needed."""
    PENDING = "pending"
    """Runs are missing."""
    STALE = "stale"
    """It was decided by code or by a protocol that has changed since, and must be decided anew."""
    CITED = "cited"
    """A number that the paper only quotes."""
    NOT_CHECKABLE = "not checkable"
    """Nothing that code could decide."""


class Shade(StrEnum):
    """Words that are shown where a verdict's own would say too little or too much; they are never stored.

    Example:
        >>> str(Shade.AS_IT_MUST)
        'fails, as it must'
    """

    NOR_THEIRS = "not in the paper's numbers either"
    """*Not reproduced*, and the same rule, put to the numbers that the paper prints, fails too."""
    AS_IT_MUST = "fails, as it must"
    """A formula that is printed wrongly, whose corrected form is checked beside it."""
    HOLDS = "holds"
    """Of a rule put to the paper's own numbers, which are not measured anew: it is met."""
    FAILS = "fails"
    """It is not met."""
    OPEN = "open"
    """The paper's deviations leave it open."""


def shade(ours: Verdict, papers_own: Verdict | None) -> Verdict | Shade:
    """How a verdict is shown that stands beside what the same rule says of the paper's own numbers.

    Args:
        ours: the verdict on what was measured.
        papers_own: that of the same rule on what the paper prints, if it can tell.

    >>> str(shade(Verdict.NOT_REPRODUCED, Verdict.NOT_REPRODUCED))
    "not in the paper's numbers either"
    """
    both = ours is papers_own is Verdict.NOT_REPRODUCED
    return Shade.NOR_THEIRS if both else ours


@dataclass(frozen=True)
class Summary:
    """Scores of one cell.

    Args:
        mean: their mean.
        std: standard deviation with ``ddof = 0``, the papers' convention.
        n: how many.
        half_width: half the width of the mean's Student interval; ``None`` for a single score.

    Example:
        >>> summary = summarise([97.0, 99.0])
        >>> summary.mean, summary.std, round(summary.half_width, 2)
        (98.0, 1.0, 12.71)
    """

    mean: float
    std: float
    n: int
    half_width: float | None


@dataclass(frozen=True)
class Difference:
    """An estimated difference of two means, its standard error and degrees of freedom (infinite if taken as exact).

    Example:
        >>> [round(end, 2) for end in Difference(mean=1.0, error=0.5, df=4).interval(0.9)]
        [-0.07, 2.07]
    """

    mean: float
    error: float
    df: float

    @property
    def exact(self) -> bool:
        """Whether both means are taken as they are printed, without a spread."""
        return math.isinf(self.df)

    def interval(self, confidence: float) -> tuple[float, float]:
        """The two-sided Student interval."""
        reach = float(special.stdtrit(self.df, (1 + confidence) / 2)) * self.error if self.error > 0 else 0.0
        return self.mean - reach, self.mean + reach


def summarise(scores: Sequence[float]) -> Summary:
    """Mean, std, n and the half width of the 95% interval of at least one score; ``ValueError`` if there is none.

    Example:
        >>> summary = summarise([97.0, 98.0, 99.0])
        >>> round(summary.mean, 2), round(summary.std, 2), summary.n, round(summary.half_width, 2)
        (98.0, 0.82, 3, 2.48)
    """
    values = np.asarray(scores, dtype=float)
    n = len(values)
    if n == 0:
        raise ValueError("a summary needs at least one score")
    half = None
    if n > 1:
        quantile = special.stdtrit(n - 1, (1 + rules()["interval_confidence"]) / 2)
        half = float(quantile * values.std(ddof=1) / math.sqrt(n))
    return Summary(float(values.mean()), float(values.std()), n, half)


def paired_difference(a: Sequence[float], b: Sequence[float]) -> Difference:
    """Mean of ``b - a`` over pairs (runs of one seed); ``ValueError`` unless there are at least two.

    Example:
        >>> difference = paired_difference([97.0, 98.0, 99.0], [97.5, 98.6, 99.4])
        >>> round(difference.mean, 2), difference.df
        (0.5, 2)
    """
    if len(a) != len(b) or len(a) < 2:
        raise ValueError(f"paired scores must be as many on both sides, at least two, not {len(a)} and {len(b)}")
    gaps = np.asarray(b, dtype=float) - np.asarray(a, dtype=float)
    return Difference(float(gaps.mean()), float(gaps.std(ddof=1) / math.sqrt(len(gaps))), len(gaps) - 1)


Published = tuple[float, float | None, float | None]
"""Mean, std with ``ddof = 0``, number of runs; without std or number the mean counts as exact."""


def welch_difference(a: Published, b: Published) -> Difference:
    """Mean of ``b`` minus mean of ``a`` by Welch, from published figures; exact if neither has a spread.

    Example:
        >>> welch_difference((97.0, None, None), (98.5, None, None))
        Difference(mean=1.5, error=0.0, df=inf)
    """
    errors = [std**2 / (n - 1) if std and n and n > 1 else 0.0 for _, std, n in (a, b)]  # std^2 n / (n - 1) / n
    total = sum(errors)
    parts = sum(e**2 / (n - 1) for e, (_, _, n) in zip(errors, (a, b), strict=True) if e and n)
    runs = [n for _, std, n in (a, b) if std is not None and n and n > 1]
    if not runs:
        return Difference(b[0] - a[0], 0.0, math.inf)
    return Difference(b[0] - a[0], math.sqrt(total), total**2 / parts if parts else max(runs) - 1)


def equivalence(difference: Difference, within: float, confidence: float | None = None) -> Verdict:
    """Two one-sided tests: the 90% interval inside ``+-within``, outside it, or across its edge.

    Args:
        difference: estimated.
        within: the margin.
        confidence: of the interval, where it is another.

    Example:
        >>> near, far = Difference(0.1, 0.05, 4), Difference(2.0, 0.05, 4)
        >>> [str(equivalence(one, within=0.25)) for one in (near, far, Difference(0.2, 0.3, 4))]
        ['reproduced', 'not reproduced', 'inconclusive']
    """
    low, high = difference.interval(rules()["equivalence_confidence"] if confidence is None else confidence)
    if -within < low and high < within:
        return Verdict.REPRODUCED
    return Verdict.NOT_REPRODUCED if low >= within or high <= -within else Verdict.INCONCLUSIVE


def above(difference: Difference, bound: float) -> float:
    """One-sided p-value of the hypothesis that the difference is at most ``bound``.

    Example:
        >>> round(above(Difference(2.0, 0.5, 4), bound=1.0), 3)
        0.058
    """
    if difference.error == 0:
        return 0.0 if difference.mean > bound else 1.0
    return float(special.stdtr(difference.df, (bound - difference.mean) / difference.error))


def holm(p_values: Sequence[float], family: int | None = None) -> list[float]:
    """Holm's adjusted p-values.

    Args:
        p_values: of the tests that can be made now.
        family: size of the whole family, if some of its tests are still pending; those count as the least significant.

    Raises:
        ValueError: the family is smaller than the tests that are in it.

    Example:
        >>> holm([0.01, 0.04])
        [0.02, 0.04]
    """
    family = len(p_values) if family is None else family
    if family < len(p_values):
        raise ValueError(f"a family of {family} tests cannot hold {len(p_values)} p-values")
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, i in enumerate(np.argsort(p_values, kind="stable")):
        largest = max(largest, min(1.0, (family - rank) * p_values[i]))
        adjusted[i] = largest
    return adjusted

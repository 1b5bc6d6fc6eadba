"""What was measured in turn, round after round, compared round by round: what slows down both does not count."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

__all__ = ["quotient"]

CONFIDENCE = 0.95


def quotient(mine: Sequence[float], other: Sequence[float]) -> tuple[float, float | None, float | None]:
    """The geometric mean over rounds of one measurement over another, and Student's 95% interval of that mean.

    Args:
        mine: positive numbers, one a round.
        other: as many.

    Returns:
        The mean, and from two rounds on its interval, else ``None``.

    Raises:
        ValueError: no round, another number of rounds, or a measurement that is not positive.

    Example:
        >>> mean, low, high = quotient([4.0, 1.0], [1.0, 1.0])
        >>> round(mean, 9), low < 1 < high
        (2.0, True)
    """
    if not mine or len(mine) != len(other):
        raise ValueError(f"{len(mine)} and {len(other)} rounds cannot be compared one by one")
    if min(*mine, *other) <= 0:
        raise ValueError("only positive measurements have quotients")
    logs = [math.log(a / b) for a, b in zip(mine, other, strict=True)]
    mean = statistics.fmean(logs)
    if len(logs) < 2:
        return math.exp(mean), None, None
    from scipy import stats

    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(logs) - 1)) * statistics.stdev(logs) / len(logs) ** 0.5
    return math.exp(mean), math.exp(mean - half), math.exp(mean + half)

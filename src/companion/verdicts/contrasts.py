"""Two groups of models compared by their means, seed by seed: so far, where models are missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from companion.papers.margins import rules
from companion.verdicts.stats import Difference, paired_difference

__all__ = ["Contrast", "apart", "complete", "matched"]


@dataclass(frozen=True)
class Contrast:
    """The mean of one group less that of another.

    Args:
        difference: in points, over seeds.
        models: how many models, or pairs of them, are in it.
        of: how many there are.
    """

    difference: Difference
    models: int
    of: int

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% interval over seeds, in points."""
        return self.difference.interval(rules()["interval_confidence"])

    @property
    def complete(self) -> bool:
        """Whether no model is missing."""
        return self.models == self.of


def complete(frame: pd.DataFrame, axes: Sequence[str], statistic: str = "best_test") -> pd.DataFrame:
    """Models that have all their seeds: one row each, its values on the axes as index, one column a seed, in percent.

    Args:
        frame: rows of :func:`companion.verdicts.frames.runs` of one row and one column.
        axes: names of the axes that tell models apart.
        statistic: what is shown.
    """
    table = frame.set_index([*axes, "seed"])[statistic].unstack("seed")
    return table.dropna()


def matched(
    left: pd.DataFrame, right: pd.DataFrame, axes: Sequence[str], statistic: str = "best_test"
) -> Contrast | None:
    """``left - right``, model by model: the mean over the models that both have with all seeds; ``None`` if none.

    Args:
        left: rows of :func:`companion.verdicts.frames.runs`.
        right: the same, of as many models.
        axes: names of the axes on which two models are matched.
        statistic: what is compared.
    """
    a, b = complete(left, axes, statistic), complete(right, axes, statistic)
    common = a.index.intersection(b.index)
    of = len(left[list(axes)].drop_duplicates())
    if common.empty or a.shape[1] < 2 or list(a.columns) != list(b.columns):
        return None
    gaps = (a.loc[common] - b.loc[common]).mean()
    return Contrast(paired_difference([0.0] * len(gaps), gaps.to_list()), len(common), of)


def apart(
    left: pd.DataFrame, right: pd.DataFrame, axes: Sequence[str], statistic: str = "best_test"
) -> Contrast | None:
    """``left - right`` of two groups that are not matched: their means, seed by seed; ``None`` if one is empty.

    Args:
        left: rows of :func:`companion.verdicts.frames.runs`.
        right: the same, of other models.
        axes: names of the axes that tell models apart.
        statistic: what is compared.
    """
    a, b = complete(left, axes, statistic), complete(right, axes, statistic)
    of = sum(len(side[list(axes)].drop_duplicates()) for side in (left, right))
    if a.empty or b.empty or a.shape[1] < 2 or list(a.columns) != list(b.columns):
        return None
    difference = paired_difference(b.mean().to_list(), a.mean().to_list())
    return Contrast(difference, len(a) + len(b), of)

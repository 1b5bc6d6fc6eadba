"""How much of what a model has learnt its gates hold: one table, one share with its interval, one sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats as distributions
from torch import nn

from companion.decoupling.information import Row, Score, Split, train_rows
from companion.notation import Regime
from companion.papers.margins import rules
from companion.verdicts.stats import summarise

__all__ = ["GateInformation", "Share", "gate_information", "information_frame", "share_held"]


@dataclass(frozen=True)
class Share:
    """Of the gap between random gates and the model, the part that the model's gates close.

    Args:
        estimate: ``mean(gates - random) / mean(model - random)`` over seeds; not a number where the gap is zero.
        low: lower end of its 95% interval (Fieller's, paired by seed); minus infinity where the gap is not clear of
            zero.
        high: upper end; infinity likewise.
        n: seeds.
    """

    estimate: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class GateInformation:
    """The answer of :func:`gate_information`.

    Args:
        scores: every network trained.
        table: :func:`information_frame` of them.
        share: of the gap from the gates of ``FR-II`` to the model, what its gates close, image in.
    """

    scores: tuple[Score, ...]
    table: pd.DataFrame
    share: Share

    def __str__(self) -> str:
        s = self.share
        if not math.isfinite(s.low):
            return (
                f"The gap between random gates and the model is not clear of zero with n = {s.n}: no share can be told."
            )
        return (
            f"Of the gap between random gates and the model, its gates hold {s.estimate:.0%} "
            f"({rules()['interval_confidence']:.0%} interval {s.low:.0%} to {s.high:.0%}, n = {s.n})."
        )


def gate_information(model: nn.Module, train: Split, test: Split, **protocol: Any) -> GateInformation:
    """Train value networks from scratch on a model's gates and on random ones, and compare with the model retrained.

    Args:
        model: trained.
        train: examples ``[N, ...]`` and classes ``[N]`` to train on.
        test: examples and classes to score.
        protocol: the keywords of :func:`companion.decoupling.information.train_rows`: ``rows``, ``seeds``, ``epochs``,
            ``batch``, ``device``, ``optimiser``, ``initialise``.

    Raises:
        ValueError: rows without ``ReLU``, ``FL`` and ``FR-II``, or fewer than 2 seeds; or what ``train_rows`` refuses.
        NotDecouplableError: a model that cannot be decoupled.
    """
    needed = {Row(Regime.RELU), Row(Regime.FL), Row(Regime.FR_II)}
    if not needed <= set(protocol.get("rows", needed)):
        raise ValueError("a share needs the rows ReLU, FL and FR-II, all with the image as input")
    if "seeds" in protocol and len(set(protocol["seeds"])) < 2:
        raise ValueError("an interval needs at least 2 seeds")
    scores = tuple(train_rows(model, train, test, **protocol))
    return GateInformation(scores, information_frame(scores), share_held(scores))


def information_frame(scores: Sequence[Score]) -> pd.DataFrame:
    """One row per kind of gates: ``regime, value_input, n, train, test, half_width, gap, gap_low, gap_high``.

    ``train`` and ``test`` are mean accuracies in percent after the last epoch, ``half_width`` is half the test mean's
    95% interval, ``gap`` the model's test accuracy minus the row's in points, paired by seed, with its 95% interval.
    """
    model = _by_seed(scores, Row(Regime.RELU))
    lines = []
    for row in dict.fromkeys(score.row for score in scores):
        own = _by_seed(scores, row)
        test = summarise(list(own.values()))
        gaps = [model[seed] - value for seed, value in own.items() if seed in model]
        gap = summarise(gaps) if gaps and row.regime != Regime.RELU else None
        half = math.nan if gap is None or gap.half_width is None else gap.half_width
        mean = math.nan if gap is None else gap.mean
        lines.append(
            {
                "regime": str(row.regime),
                "value_input": str(row.value_input),
                "n": test.n,
                "train": float(np.mean([score.train for score in scores if score.row == row])),
                "test": test.mean,
                "half_width": math.nan if test.half_width is None else test.half_width,
                "gap": mean,
                "gap_low": mean - half,
                "gap_high": mean + half,
            }
        )
    return pd.DataFrame(lines)


def share_held(scores: Sequence[Score], base: Row | None = None, gates: Row | None = None) -> Share:
    """The share of the gap from ``base`` (default ``FR-II``) to the model that ``gates`` (default ``FL``) close.

    Fieller's interval: all shares ``r`` for which ``mean(gates - base) - r mean(model - base)`` is within its Student
    interval around zero, over seeds.

    Raises:
        ValueError: fewer than 2 seeds that all three have.
    """
    base, gates = base or Row(Regime.FR_II), gates or Row(Regime.FL)
    of_base, of_gates, of_model = (_by_seed(scores, row) for row in (base, gates, Row(Regime.RELU)))
    seeds = [seed for seed in of_base if seed in of_gates and seed in of_model]
    n = len(seeds)
    if n < 2:
        raise ValueError("a share needs at least 2 seeds of the model, of its gates and of the random gates")
    a = np.array([of_gates[seed] - of_base[seed] for seed in seeds])
    b = np.array([of_model[seed] - of_base[seed] for seed in seeds])
    t = float(distributions.t.ppf((1 + rules()["interval_confidence"]) / 2, n - 1))
    va, vab, vb = (np.cov(a, b)[i] / n * t**2 for i in ((0, 0), (0, 1), (1, 1)))
    square, middle, constant = b.mean() ** 2 - vb, a.mean() * b.mean() - vab, a.mean() ** 2 - va
    estimate = float(a.mean() / b.mean()) if b.mean() else math.nan
    if square <= 0:
        return Share(estimate, -math.inf, math.inf, n)
    root = math.sqrt(max(0.0, middle**2 - square * constant))
    return Share(estimate, float((middle - root) / square), float((middle + root) / square), n)


def _by_seed(scores: Sequence[Score], row: Row) -> dict[int, float]:
    return {score.seed: score.test for score in scores if score.row == row}

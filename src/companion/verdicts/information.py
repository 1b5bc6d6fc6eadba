"""How much of what a model has learnt its gates hold: one table, one share with its interval, one sentence."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy import stats as distributions
from torch import nn

from companion.decoupling.check import copied
from companion.decoupling.information import Optimiser, Split, accuracy, reset, train_rows
from companion.decoupling.rows import ROWS, Epoch, Row, Score, rows_of
from companion.notation import Regime
from companion.papers.margins import rules
from companion.runs.machine import device_of
from companion.verdicts.stats import Summary, summarise

__all__ = ["GateInformation", "Given", "Share", "gate_information", "information_frame", "share_held"]


@dataclass(frozen=True)
class Share:
    """Of the gap between random gates and the model, the part that the model's gates close.

    Args:
        estimate: ``mean(gates - random) / mean(model - random)`` over seeds; not a number where the gap is zero.
        low: lower end of its 95% interval (Fieller's, paired by seed); minus infinity where the model is not clearly
            better than random gates.
        high: upper end; infinity likewise.
        n: seeds.

    Example:
        >>> print(Share(0.8, 0.71, 0.92, n=5))
        80% (95% interval 71% to 92%, n = 5)
    """

    estimate: float
    low: float
    high: float
    n: int

    @property
    def known(self) -> bool:
        """Whether the model is clearly better than random gates, so that there is a share of the gap."""
        return math.isfinite(self.low)

    def __str__(self) -> str:
        """``80% (95% interval 71% to 92%, n = 5)``; a dash where it is not known."""
        if not self.known:
            return "–"
        confidence = f"{rules()['interval_confidence']:.0%}"
        return f"{self.estimate:.0%} ({confidence} interval {self.low:.0%} to {self.high:.0%}, n = {self.n})"


@dataclass(frozen=True)
class Given:
    """How the model as it was given does, and what would be had without one.

    Args:
        train: its accuracy in percent on the training examples.
        test: on the test examples.
        guess: that of always saying the most frequent class of the test examples.

    Example:
        >>> given = Given(train=99.0, test=97.0, guess=10.0)
        >>> given.test - given.guess
        87.0
    """

    train: float
    test: float
    guess: float


@dataclass(frozen=True)
class GateInformation:
    """The answer of :func:`gate_information`.

    Args:
        scores: every network trained.
        table: :func:`information_frame` of them.
        share: of the gap from the gates of ``FR-II`` to the model, what its gates close, image in.
        given: the model as it was given.

    Example:
        >>> rows = {Row(Regime.RELU): 90.0, Row(Regime.FL): 88.0, Row(Regime.FR_II): 70.0}
        >>> scores = [Score(row, seed, 100.0, test) for row, test in rows.items() for seed in (0, 1)]
        >>> print(GateInformation(tuple(scores), information_frame(scores), share_held(scores)))
        Of the gap between random gates and the model, its gates hold 90% (95% interval 90% to 90%, n = 2).
    """

    scores: tuple[Score, ...]
    table: pd.DataFrame
    share: Share
    given: Given | None = None

    def __str__(self) -> str:
        if not self.share.known:
            return (
                f"The model is not clearly better than random gates with n = {self.share.n}: "
                "there is no gap of which a share could be told."
            )
        return f"Of the gap between random gates and the model, its gates hold {self.share}."

    @property
    def notes(self) -> list[str]:
        """What a reader of the answer should know: a model that knows nothing, networks that diverged."""
        found = []
        if self.given is not None and self.given.test <= self.given.guess:
            found.append(
                f"The model as given is right in {self.given.test:.1f}% of the test examples, and always saying the "
                f"most frequent class in {self.given.guess:.1f}%: are its weights trained?"
            )
        lost = [f"{score.row} seed {score.seed}" for score in self.scores if math.isnan(score.test)]
        if lost:
            found.append(f"Diverged, and left out of every comparison: {', '.join(lost)}.")
        return found


def gate_information(
    model: nn.Module,
    train: Split,
    test: Split,
    *,
    regimes: Iterable[Row | str] = ROWS,
    seeds: Iterable[int] = range(5),
    epochs: int = 20,
    batch: int = 128,
    early_stop: int = 0,
    device: str = "auto",
    optimiser: Optimiser = torch.optim.Adam,
    initialise: Callable[[nn.Module], None] = reset,
    keep: Path | str | None = None,
    tell: Callable[[Epoch], None] = lambda epoch: None,
) -> GateInformation:
    """Train value networks from scratch on a model's gates and on random ones, and compare with the model retrained.

    Args:
        model: trained.
        train: examples ``[N, ...]`` to train on, floating point or bytes (parts of 255), and classes ``[N]``, integers
            from 0.
        test: examples of the same shape and type, and classes, to score.
        regimes: of ``ReLU``, ``FL``, ``FR-II``, ``FR-DI``, ``FL-ones``, ``FR-II-ones``, ``FR-DI-ones``, with the first
            three among them.
        seeds: at least 2.
        epochs: at most so many for each network.
        batch: examples of a step.
        early_stop: a network is done once it got 99.9% of the training examples right so many epochs in a row; 0:
            never.
        device: ``auto`` is a GPU where there is one.
        optimiser: from parameters to an optimiser.
        initialise: draws the weights of a model anew, in place.
        keep: a folder from which a stopped study goes on, as in
            :func:`~companion.decoupling.information.train_rows`.
        tell: is called when a network begins, after each epoch, and when it is done.

    Raises:
        ValueError: regimes without ``ReLU``, ``FL`` and ``FR-II``, or fewer than 2 seeds; or what ``train_rows``
            refuses.
        TypeError: examples that are no tensors of floating type or bytes, or classes that are none of integers.
        SpecError: an unknown device.
        NotDecouplableError: a model that cannot be decoupled.

    Example:
        >>> model = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 2))
        >>> data = torch.tensor([[1.0], [-1.0]]), torch.tensor([0, 1])
        >>> answer = gate_information(model, data, data, seeds=range(2), epochs=1, device="cpu")
        >>> answer.table["regime"].tolist()
        ['ReLU', 'FL', 'FR-II', 'FR-DI', 'FL']
    """
    rows, seeds = rows_of(regimes), list(dict.fromkeys(seeds))
    if not {Row(Regime.RELU), Row(Regime.FL), Row(Regime.FR_II)} <= set(rows):
        raise ValueError("a share needs the regimes ReLU, FL and FR-II, all with the image as input")
    if len(seeds) < 2:
        raise ValueError("an interval needs at least 2 seeds")
    where = device_of(device)
    own = copied(model)
    scores = tuple(
        train_rows(
            model,
            train,
            test,
            regimes=rows,
            seeds=seeds,
            epochs=epochs,
            batch=batch,
            early_stop=early_stop,
            device=where,
            optimiser=optimiser,
            initialise=initialise,
            keep=None if keep is None else Path(keep),
            tell=tell,
        )
    )
    own = own.to(where).eval()
    on_train, on_test = (accuracy(own, (x.to(where), y.to(where)), batch) for x, y in (train, test))
    guess = 100 * float(test[1].bincount().max()) / len(test[1])
    try:
        share = share_held(scores)
    except ValueError:  # too many diverged
        share = Share(math.nan, -math.inf, math.inf, 0)
    return GateInformation(scores, information_frame(scores), share, Given(on_train, on_test, guess))


def information_frame(scores: Sequence[Score]) -> pd.DataFrame:
    """One row per kind of gates.

    Columns: ``regime, value_input, n, train, test, half_width, gap, gap_low, gap_high, share, share_low, share_high``.

    ``train`` and ``test`` are mean accuracies in percent after the last epoch, ``half_width`` is half the test mean's
    95% interval, ``gap`` the model's test accuracy minus the row's in points, paired by seed, with its 95% interval.
    ``share`` is :func:`share_held` of the rows on the model's gates, not a number where it is not known.  Networks that
    diverged are left out.

    Example:
        >>> rows = {Row(Regime.RELU): 90.0, Row(Regime.FL): 88.0, Row(Regime.FR_II): 70.0}
        >>> scores = [Score(row, seed, 100.0, test) for row, test in rows.items() for seed in (0, 1)]
        >>> information_frame(scores)["gap"].tolist()
        [nan, 2.0, 20.0]
    """
    model = _by_seed(scores, Row(Regime.RELU))
    lines = []
    for row in dict.fromkeys(score.row for score in scores):
        own = _by_seed(scores, row)
        test = summarise(list(own.values())) if own else Summary(math.nan, 0.0, 0, None)
        gaps = [model[seed] - value for seed, value in own.items() if seed in model]
        gap = summarise(gaps) if gaps and row.regime != Regime.RELU else None
        half = math.nan if gap is None or gap.half_width is None else gap.half_width
        mean = math.nan if gap is None else gap.mean
        lines.append(
            {
                "regime": str(row.regime),
                "value_input": str(row.value_input),
                "n": test.n,
                "train": float(
                    np.mean([score.train for score in scores if score.row == row and score.seed in own] or [math.nan])
                ),
                "test": test.mean,
                "half_width": math.nan if test.half_width is None else test.half_width,
                "gap": mean,
                "gap_low": mean - half,
                "gap_high": mean + half,
                **_share_of(scores, row),
            }
        )
    return pd.DataFrame(lines)


def share_held(scores: Sequence[Score], base: Row | None = None, gates: Row | None = None) -> Share:
    """The share of the gap from ``base`` (default ``FR-II``) to the model that ``gates`` (default ``FL``) close.

    Fieller's interval: all shares ``r`` for which ``mean(gates - base) - r mean(model - base)`` is within its Student
    interval around zero, over seeds.

    Args:
        scores: of all three, over seeds.
        base: where the gap begins.
        gates: whose part of it is asked for.

    Raises:
        ValueError: fewer than 2 seeds that all three have, and in which none diverged.

    Example:
        The model's gates close 18 of 20 points:

        >>> rows = {Row(Regime.RELU): 90.0, Row(Regime.FL): 88.0, Row(Regime.FR_II): 70.0}
        >>> share_held([Score(row, seed, 100.0, test) for row, test in rows.items() for seed in (0, 1)]).estimate
        0.9
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
    if square <= 0 or b.mean() <= 0:
        return Share(estimate, -math.inf, math.inf, n)
    root = math.sqrt(max(0.0, middle**2 - square * constant))
    return Share(estimate, float((middle - root) / square), float((middle + root) / square), n)


def _share_of(scores: Sequence[Score], row: Row) -> dict[str, float]:
    names = ("share", "share_low", "share_high")
    try:
        share = share_held(scores, gates=row) if row.regime == Regime.FL else None
    except ValueError:
        share = None
    if share is None or not share.known:
        return dict.fromkeys(names, math.nan)
    return dict(zip(names, (share.estimate, share.low, share.high), strict=True))


def _by_seed(scores: Sequence[Score], row: Row) -> dict[int, float]:
    return {score.seed: score.test for score in scores if score.row == row and not math.isnan(score.test)}

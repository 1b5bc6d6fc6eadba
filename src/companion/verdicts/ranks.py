"""Whether the change of the path kernel tells which order of gates does worse: rank correlations, seed by seed.

The rules stand in :mod:`companion.exhibits.c_e1_kernel`.  All orders there are were tried, so that they are no sample:
intervals are over seeds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd
from scipy import stats as distributions

from companion.exhibits.axes import PERMUTATION
from companion.exhibits.c_e1_kernel import ENOUGH, LEAST_ORDERS, STRONG, UNCHANGED
from companion.papers.margins import rules
from companion.verdicts.stats import Difference

__all__ = ["Link", "Tells", "joined", "link"]

DEALS = 9999
"""Times that losses are dealt anew to the orders."""


class Tells(StrEnum):
    """What the rule says of a kernel and the order that does worse."""

    YES = "it does"
    NO = "it does not"
    OPEN = "open"
    UNCHANGED = "the kernel does not change"
    PENDING = "pending"


@dataclass(frozen=True)
class Link:
    """One network, one regime, one value input.

    Args:
        measured: orders, besides the identity, whose kernels are measured in every seed.
        recorded: those of them that also have the accuracies of every seed.
        of: how many there are.
        seeds: how many make an order complete.
        change: lowest and highest relative change of the kernel, mean over seeds; ``None`` where none is measured.
        loss: lowest and highest loss in points, mean over seeds; ``None`` where none is recorded.
        friedman: p of no difference between orders; ``None`` with too little recorded, as all below.
        rho: mean over seeds of Spearman's correlation of relative change and loss.
        interval: its 95% interval over seeds.
        tau: mean over seeds of Kendall's correlation.
        rho_misaligned: Spearman's, with one minus the alignment.
        dealt: fraction of random deals with a mean correlation at least as large.
        tells: what the rule makes of it, so far if orders are missing.
    """

    measured: int
    recorded: int
    of: int
    seeds: int
    change: tuple[float, float] | None = None
    loss: tuple[float, float] | None = None
    friedman: float | None = None
    rho: float | None = None
    interval: tuple[float, float] | None = None
    tau: float | None = None
    rho_misaligned: float | None = None
    dealt: float | None = None
    tells: Tells = Tells.PENDING

    @property
    def complete(self) -> bool:
        """Whether no order is missing."""
        return self.recorded == self.of

    @property
    def differ(self) -> bool | None:
        """Whether some order does better than another in all seeds alike; ``None`` if that is not known."""
        return None if self.friedman is None else self.friedman < ENOUGH


def joined(kernels: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Changes of kernels beside losses of accuracy, one row per run that has gates.

    Args:
        kernels: of :func:`companion.verdicts.frames.kernels`.
        runs: of :func:`companion.verdicts.frames.runs`.

    Returns:
        The rows of ``kernels`` with ``score``, the best test accuracy in percent, and ``loss``, the points by which it
        is below that of the identity with the same seed, regime and input.
    """
    place = ["row", "column", "value_input", "seed"]
    scores = runs[[*place, PERMUTATION.name, "best_test"]].rename(columns={"best_test": "score"})
    frame = kernels.merge(scores, on=[*place, PERMUTATION.name], how="left", validate="one_to_one")
    identity = frame[[_is_identity(order) for order in frame[PERMUTATION.name]]]
    own = identity[[*place, "score"]].rename(columns={"score": "own"})
    frame = frame.merge(own, on=place, how="left", validate="many_to_one")
    return frame.assign(loss=frame["own"] - frame["score"]).drop(columns="own")


def link(frame: pd.DataFrame, seeds: int) -> Link:
    """What one network, one regime and one value input of a frame of :func:`joined` say.

    Args:
        frame: rows of that place.
        seeds: how many make an order complete.
    """
    others = frame[[not _is_identity(order) for order in frame[PERMUTATION.name]]]
    names = ["relative", "misaligned", "loss", "score"]
    tables = {name: others.pivot(index=PERMUTATION.name, columns="seed", values=name) for name in names}
    measured = tables["relative"].dropna()
    found = Link(len(measured), 0, len(tables["loss"]), seeds)
    if len(measured):
        found = _with(found, change=_range(measured))
    full = tables["relative"].notna().all(axis=1) & tables["loss"].notna().all(axis=1)
    enough = full.any() and tables["loss"].shape[1] >= max(seeds, 2)
    if not enough:
        return found
    change, misaligned, loss, score = (tables[name][full].to_numpy() for name in names)
    found = _with(found, recorded=int(full.sum()), loss=_range(tables["loss"][full]))
    if len(loss) < LEAST_ORDERS:
        return found
    found = _with(found, friedman=_friedman(score))
    if change.max() < UNCHANGED:
        return _with(found, tells=Tells.UNCHANGED)
    rho = np.array([_spearman(change[:, s], loss[:, s]) for s in range(loss.shape[1])])
    interval = Difference(rho.mean(), rho.std(ddof=1) / math.sqrt(len(rho)), len(rho) - 1).interval(
        rules()["interval_confidence"]
    )
    tau = [_kendall(change[:, s], loss[:, s]) for s in range(loss.shape[1])]
    other = [_spearman(misaligned[:, s], loss[:, s]) for s in range(loss.shape[1])]
    return _with(
        found,
        rho=float(rho.mean()),
        interval=interval,
        tau=float(np.mean(tau)),
        rho_misaligned=float(np.mean(other)),
        dealt=_dealt(change, loss, float(rho.mean())),
        tells=_rule(float(rho.mean()), interval),
    )


def _rule(mean: float, interval: tuple[float, float]) -> Tells:
    if interval[0] > 0 and mean >= STRONG:
        return Tells.YES
    return Tells.NO if interval[1] < STRONG else Tells.OPEN


def _dealt(change: np.ndarray, loss: np.ndarray, rho: float) -> float:
    """The share of deals, the same for all seeds, whose mean correlation is at least ``rho``; the actual one counts."""
    a, b = (_unit(distributions.rankdata(x, axis=0)) for x in (change, loss))
    deal = np.random.default_rng(0)
    found = [float((a * b[deal.permutation(len(b))]).sum(axis=0).mean()) for _ in range(DEALS)]
    return (1 + sum(one >= rho - 1e-12 for one in found)) / (1 + DEALS)


def _unit(ranks: np.ndarray) -> np.ndarray:
    centred = ranks - ranks.mean(axis=0)
    length = np.linalg.norm(centred, axis=0)
    return np.divide(centred, length, out=np.zeros_like(centred), where=length > 0)


def _spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Rank correlation; 0 where one side does not vary."""
    return float((_unit(distributions.rankdata(a)) * _unit(distributions.rankdata(b))).sum())


def _kendall(a: np.ndarray, b: np.ndarray) -> float:
    varies = len(set(a)) > 1 and len(set(b)) > 1
    return float(distributions.kendalltau(a, b).statistic) if varies else 0.0


def _friedman(score: np.ndarray) -> float:
    """P of Friedman's test over the rows of ``score [orders, seeds]``; 1 where nothing varies."""
    if all(len(set(column)) == 1 for column in score.T):
        return 1.0
    return float(distributions.friedmanchisquare(*score).pvalue)


def _range(table: pd.DataFrame) -> tuple[float, float]:
    means = table.mean(axis=1)
    return float(means.min()), float(means.max())


def _is_identity(order: tuple[int, ...]) -> bool:
    return order == tuple(range(len(order)))


def _with(link: Link, **changes: object) -> Link:
    return Link(**{**vars(link), **changes})

"""Rank correlations of kernels and losses: made-up orders of which the truth is known."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy import stats as distributions

from companion.verdicts.ranks import Tells, joined, link

ORDERS = list(permutations(range(4)))
NOISE = np.random.default_rng(7).normal(size=(len(ORDERS), 3))


def frame_of(
    loss: Callable[[int, int], float], change: Callable[[int], float] = float, seeds: int = 3, orders: int = 24
) -> pd.DataFrame:
    """Orders ``0 .. 23``, the first of which is the identity; those from ``orders`` on have no accuracy yet."""
    lines = [
        {
            "permutation": order,
            "seed": seed,
            "relative": change(i),
            "misaligned": change(i) ** 2,
            "loss": loss(i, seed) if i < orders else math.nan,
            "score": 90 - loss(i, seed) if i < orders else math.nan,
        }
        for i, order in enumerate(ORDERS)
        for seed in range(seeds)
    ]
    return pd.DataFrame(lines)


def test_losses_that_grow_with_the_change_are_told() -> None:
    found = link(frame_of(lambda i, seed: i + 0.1 * NOISE[i, seed]), 3)
    assert (found.measured, found.recorded, found.of, found.complete) == (23, 23, 23, True)
    assert found.change == (1, 23)
    assert found.rho is not None
    assert found.interval is not None
    assert found.rho > 0.99
    assert found.interval[0] > 0.9
    assert found.tells is Tells.YES
    assert found.dealt == 1e-4
    assert found.differ


def test_losses_that_have_nothing_to_do_with_it_are_told_too() -> None:
    found = link(frame_of(lambda i, seed: NOISE[i, 0] + 0.01 * NOISE[i, seed]), 3)
    assert found.differ
    assert found.tells is Tells.NO
    assert found.dealt is not None
    assert found.dealt > 0.05


def test_noise_leaves_it_open_or_denied_and_orders_do_not_differ() -> None:
    found = link(frame_of(lambda i, seed: NOISE[i, seed]), 3)
    assert found.differ is False
    assert found.tells in (Tells.OPEN, Tells.NO)


def test_numbers_are_those_of_scipy_seed_by_seed() -> None:
    frame = frame_of(lambda i, seed: i + 9 * NOISE[i, seed], lambda i: (7 * i) % 24 + 1.0)
    found = link(frame, 3)
    others = frame[frame["permutation"] != ORDERS[0]]
    parts = [part for _, part in others.groupby("seed")]
    rho = [distributions.spearmanr(part["relative"], part["loss"]).statistic for part in parts]
    tau = [distributions.kendalltau(part["relative"], part["loss"]).statistic for part in parts]
    assert found.rho == pytest.approx(np.mean(rho))
    assert found.tau == pytest.approx(np.mean(tau))
    low, high = distributions.t.interval(0.95, 2, np.mean(rho), distributions.sem(rho))
    assert found.interval == pytest.approx((low, high))
    scores = [part["score"].to_list() for _, part in others.groupby("permutation")]
    assert found.friedman == pytest.approx(distributions.friedmanchisquare(*scores).pvalue)


def test_a_kernel_that_does_not_change_has_no_correlation() -> None:
    found = link(frame_of(lambda i, seed: i + 0.1 * NOISE[i, seed], lambda i: 1e-16 * i), 3)
    assert found.tells is Tells.UNCHANGED
    assert found.rho is None
    assert found.differ


def test_too_little_says_nothing() -> None:
    few = link(frame_of(lambda i, seed: i, orders=4), 3)
    assert (few.recorded, few.tells, few.friedman, few.loss) == (3, Tells.PENDING, None, (1.0, 3.0))
    some = link(frame_of(lambda i, seed: i + 0.1 * NOISE[i, seed], orders=5), 3)
    assert (some.recorded, some.complete, some.tells) == (4, False, Tells.YES)
    one = link(frame_of(lambda i, seed: i, seeds=1), 1)
    assert (one.recorded, one.tells) == (0, Tells.PENDING)
    frame = frame_of(lambda i, seed: i)
    frame.loc[frame["seed"] == 2, ["relative", "misaligned"]] = math.nan
    unmeasured = link(frame, 3)
    assert (unmeasured.measured, unmeasured.recorded, unmeasured.change) == (0, 0, None)


def test_losses_are_against_the_identity_of_the_same_seed() -> None:
    place = {"row": "r", "column": "FL", "value_input": "ones"}
    kernels = [
        {**place, "permutation": o, "seed": s, "relative": 0.1, "misaligned": 0.0} for o in ORDERS for s in (0, 1)
    ]
    runs = [
        {**place, "permutation": o, "seed": s, "best_test": 90.0 + 5 * s - i}
        for i, o in enumerate(ORDERS)
        for s in (0, 1)
    ]
    runs.append({**place, "column": "ReLU", "permutation": None, "value_input": None, "seed": 0, "best_test": 99.0})
    frame = joined(pd.DataFrame(kernels), pd.DataFrame(runs))
    assert len(frame) == 48
    assert frame.set_index(["permutation", "seed"])["loss"].to_dict() == {
        (o, s): float(i) for i, o in enumerate(ORDERS) for s in (0, 1)
    }

"""Groups of models compared by their means: where the truth is known, and where models are missing."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from companion.verdicts.contrasts import apart, complete, matched

AXES = ["permutation", "value_input"]


def frame_of(*models: tuple[int, str, list[float]]) -> pd.DataFrame:
    lines = [
        {"permutation": (order,), "value_input": value, "seed": seed, "best_test": score}
        for order, value, scores in models
        for seed, score in enumerate(scores)
    ]
    return pd.DataFrame(lines)


LEFT = frame_of((0, "image", [90, 91]), (1, "image", [92, 93]), (2, "image", [10, math.nan]))
RIGHT = frame_of((0, "image", [89, 91]), (1, "image", [90, 94]), (2, "image", [20, 20]))


def test_only_models_with_all_seeds_are_complete() -> None:
    assert complete(LEFT, AXES).to_numpy().tolist() == [[90, 91], [92, 93]]


def test_matched_models_are_compared_seed_by_seed() -> None:
    found = matched(LEFT, RIGHT, AXES)
    assert found is not None
    assert (found.models, found.of, found.complete) == (2, 3, False)
    assert found.difference.mean == pytest.approx((1.5 - 0.5) / 2)
    assert found.difference.error == pytest.approx(1.0)
    assert found.interval == pytest.approx((0.5 - 12.706, 0.5 + 12.706), abs=1e-3)


def test_groups_that_do_not_match_are_compared_by_their_means() -> None:
    found = apart(LEFT, RIGHT, AXES)
    assert found is not None
    assert (found.models, found.of) == (5, 6)
    assert found.difference.mean == pytest.approx((91 + 92) / 2 - (199 + 205) / 6)


def test_nothing_is_said_of_nothing() -> None:
    empty = frame_of((0, "image", [math.nan, math.nan]))
    single = frame_of((0, "image", [90.0]))
    for compare in (matched, apart):
        assert compare(LEFT, empty, AXES) is None
        assert compare(empty, LEFT, AXES) is None
        assert compare(single, single, AXES) is None

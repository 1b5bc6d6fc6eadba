"""Random streams: reproducible, independent, and what they were."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

from companion.runs.streams import stream


def draws(*arguments: Any) -> list[float]:
    return torch.rand(8, generator=stream(*arguments)).tolist()


def test_streams_are_reproducible_and_leave_the_global_generator_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    assert draws(3, "feature") == draws(3, "feature")
    assert torch.equal(torch.get_rng_state(), before)


def test_streams_are_what_they_were():
    known = {(0, "feature"): [833, 859, 973], (0, "value"): [518, 78, 49], (7, "order", 12): [78, 774, 316]}
    for name, numbers in known.items():
        assert torch.randint(1000, (3,), generator=stream(*name)).tolist() == numbers


@given(st.lists(st.tuples(st.integers(0, 50), st.sampled_from(["feature", "value", "noise"])), unique=True, max_size=6))
def test_streams_of_unlike_seed_or_name_are_unlike(names):
    assert len({tuple(draws(*name)) for name in names}) == len(names)


def test_each_epoch_has_its_own_order():
    assert draws(0, "order", 1) != draws(0, "order", 2)
    assert draws(0, "order", 1) != draws(1, "order", 1)
    assert draws(1, "order", 11) != draws(1, "order", 1)


def test_streams_are_uncorrelated():
    columns = [
        torch.randn(4000, generator=stream(seed, name)) for seed in range(4) for name in ("feature", "value", "noise")
    ]
    correlations = torch.corrcoef(torch.stack(columns)) - torch.eye(len(columns))
    assert correlations.abs().max() < 5 / 4000**0.5

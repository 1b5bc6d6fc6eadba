"""Gates kept as bits: whatever is done to them on their way, they come out as they went in."""

from __future__ import annotations

import pytest
import torch

from companion.networks.initialise import initialise
from companion.notation import Regime
from companion.runs.regimes import gates, gates_origin, initial_model
from companion.runs.spec import RunSpec
from companion.training.gate_cache import GateCache

FC = {"dataset": "digits", "width": 12, "depth": 4}
CONV = {"dataset": "digits", "architecture": "C4GAP", "width": 4}
DENSE = [
    {"feature_width": 4},
    {"gate_shifts": [5]},
    {"gate_shifts": [5, 0, 3], "gate_permutation": [2, 0, 1]},
    {"feature_width": 3, "gate_shifts": [1], "gate_permutation": [1, 0, 2]},
    {},
]
POSITIONS = [
    {"feature_width": 1, "gate_turns": [0, 1, 2, 3]},
    {"gate_turns": [3], "gate_permutation": [3, 2, 1, 0]},
    {"gate_shifts": [2, 7]},
    {"gate_shifts": [1, 2, 3, 4, 5, 6, 7, 0], "value_input": "ones"},
]


@pytest.mark.parametrize(("base", "ways"), [(FC, DENSE), (CONV, POSITIONS)], ids=["dense", "convolutional"])
def test_a_cache_gives_back_what_the_value_network_uses(base, ways):
    specs = [RunSpec.from_dict({**base, "regime": regime, **way}) for way in ways for regime in ("FR-II", "FL")]
    x = torch.rand(23, 1, 8, 8, generator=torch.Generator().manual_seed(3))
    features = [feature(spec) for spec in specs]
    cache, batch = GateCache(specs, features, x), torch.tensor([22, 0, 7])
    for m, spec in enumerate(specs):
        expected = gates(spec, features[m], x[batch])
        for found, layer in zip(cache.rows(m, batch), expected, strict=True):
            assert torch.equal(found.float(), layer)


def feature(spec: RunSpec) -> dict[str, torch.Tensor]:
    teacher = initialise(spec.feature_network, torch.Generator().manual_seed(9))
    model = initial_model(spec, teacher if spec.regime is Regime.FL else None)
    assert model.feature is not None
    return model.feature


def test_orders_share_one_copy_and_moves_do_not():
    run = RunSpec.from_dict({**FC, "regime": "FR-II"})
    same = [run, run.replace(gate_permutation=(2, 0, 1)), run.replace(value_input="ones")]
    others = [run.replace(gate_shifts=(1,)), run.replace(feature_width=6), run.replace(feature_activation="linear")]
    assert len({gates_origin(spec) for spec in same}) == 1
    assert len({gates_origin(spec) for spec in (run, *others)}) == 4
    x = torch.rand(3, 1, 8, 8)
    assert len(GateCache(same, [feature(spec) for spec in same], x).packed) == 1
    assert len(GateCache(others, [feature(spec) for spec in others], x).packed) == 3

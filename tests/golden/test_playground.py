"""The playground's golden numbers are what the package gives today, and its toys are what they are said to be."""

from __future__ import annotations

import json

import pytest
import torch

from companion.notation import Regime
from companion.runs.regimes import Model
from companion.site.playground import EXAMPLES, TOYS, examples, features, plane_spec, train
from golden import playground

GOLDEN = json.loads(playground.FILE.read_text())


def test_every_regime_is_recorded():
    assert tuple(GOLDEN) == playground.QUERIES
    assert {playground.spec_of(query)[0].regime for query in GOLDEN} == set(Regime)
    assert {playground.spec_of(query)[1]["toy"] for query in GOLDEN} == set(TOYS)
    assert all(len(one["losses"]) == playground.STEPS == 50 for one in GOLDEN.values())


@pytest.mark.parametrize("query", playground.QUERIES)
def test_golden_numbers_are_those_of_the_package(query):
    found, golden = playground.trajectory(query), GOLDEN[query]
    assert found.keys() == golden.keys()
    for name in golden:
        ours, theirs = (torch.tensor(_flat(one[name]), dtype=torch.float64) for one in (found, golden))
        torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-11)


def _flat(value):
    return [number for one in value for number in (_flat(one) if isinstance(one, list) else [one])]


@pytest.mark.parametrize("toy", TOYS)
def test_toys_are_balanced_and_lie_on_the_map(toy):
    data = examples(toy, 3)
    assert data.inputs.shape == (EXAMPLES, 1, 1, 3)
    assert data.inputs.dtype == torch.float64
    assert data.inputs[..., :2].abs().max() < 1.1
    assert (data.inputs[..., 2] == 1).all()
    assert int(data.labels.sum()) == EXAMPLES // 2


def test_an_unknown_toy_is_told():
    with pytest.raises(ValueError, match="unknown toy 'stars': valid are moons, rings, spirals, quarters"):
        examples("stars", 0)


def test_gates_of_fl_are_those_of_its_teacher_and_stay():
    spec = plane_spec(regime="FL")
    teacher = train(plane_spec(), "moons", 20)[1]
    for steps in (0, 3):
        model: Model = train(spec, "moons", steps, teacher_steps=20)[1]
        for name, weight in features(model).items():
            torch.testing.assert_close(weight, features(teacher)[name], rtol=0, atol=0)

"""Fields that say where gates go: each in one form, and what is not valid gets one sentence."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given

from companion.networks.gates import HardGate, OpenGate
from companion.networks.routing import Routing
from companion.notation import Regime
from companion.runs.fields import SpecError
from companion.runs.spec import RunSpec
from support.strategies import specs

DEFAULTS = {field.name: field.default for field in dataclasses.fields(RunSpec)}
DAVID = {"regime": "FR-II", "architecture": "DAVIDNET", "dataset": "cifar10"}
GATED_CONV = {"regime": "FL", "architecture": "C4GAP"}


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ({"regime": "FL", "feature_width": 128}, {"regime": "FL"}),
        ({"regime": "FL", "width": 64, "feature_width": 64}, {"regime": "FL", "width": 64}),
        ({"regime": "FL", "gate_shifts": [128]}, {"regime": "FL"}),
        ({"regime": "FL", "gate_shifts": [-3]}, {"regime": "FL", "gate_shifts": [125]}),
        ({"regime": "FL", "gate_shifts": [3, 131, 3, 3, -125]}, {"regime": "FL", "gate_shifts": [3]}),
        ({**GATED_CONV, "gate_shifts": [28, 29]}, {**GATED_CONV, "gate_shifts": [0, 1]}),
        ({**GATED_CONV, "gate_shifts": [0, 0] * 4}, GATED_CONV),
        ({**GATED_CONV, "gate_turns": [0, 0]}, GATED_CONV),
        ({**GATED_CONV, "gate_turns": [3, 3]}, {**GATED_CONV, "gate_turns": [3]}),
        ({"regime": "DL", "feature_activation": "relu"}, {"regime": "DL"}),
    ],
    ids=str,
)
def test_one_run_written_in_two_ways_is_one_run(written, canonical):
    a, b = RunSpec.from_dict(written), RunSpec.from_dict(canonical)
    assert a == b
    assert a.key == b.key


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"feature_width": 32}, ("no effect in regime ReLU",)),
        ({"regime": "FR-DI", "feature_width": 32}, ("no effect in regime FR-DI",)),
        ({"regime": "FL", "feature_width": 48}, ("feature_width must divide", "128", "48")),
        ({"regime": "FL", "feature_width": 0}, ("feature_width must be at least 1",)),
        ({"regime": "FL", "width": 7, "feature_width": 14}, ("must divide the value network's width of 7",)),
        ({"regime": "FL", "feature_activation": "linear"}, ("no effect in regime FL",)),
        ({"regime": "DL", "feature_activation": "tanh"}, ("relu, linear",)),
        ({"gate_shifts": [3]}, ("no effect in regime ReLU",)),
        ({"regime": "FL", "gate_shifts": [1, 2]}, ("1 numbers, or 5, 1 for each layer, not 2",)),
        ({"regime": "FL", "gate_shifts": []}, ("not 0",)),
        ({**GATED_CONV, "gate_shifts": [1]}, ("2 numbers, or 8, 2 for each layer, not 1",)),
        ({"regime": "FL", "gate_shifts": 3}, ("list of shifts",)),
        ({"regime": "FL", "gate_turns": [1]}, ("FC has none",)),
        ({**GATED_CONV, "gate_turns": [4]}, ("from 0 to 3",)),
        ({**GATED_CONV, "gate_turns": []}, ("from 0 to 3",)),
        ({**GATED_CONV, "gate_turns": [0, 1, 2]}, ("equal groups of channels, not 3",)),
        ({**DAVID, "feature_activation": "linear"}, ("feature_activation is not defined in DAVIDNET",)),
        ({**DAVID, "feature_width": 32}, ("feature_width is not defined in DAVIDNET",)),
        ({**DAVID, "gate_turns": [1]}, ("gate_turns is not defined in DAVIDNET",)),
        ({**DAVID, "gate_shifts": [1, 0]}, ("gate_shifts is not defined in DAVIDNET",)),
        ({"regime": "DL", "probe": "kernel-norms", "feature_activation": "linear"}, ("probe kernel-norms needs",)),
        ({"regime": "DL", "probe": "kernel-norms", "gate_shifts": [1]}, ("probe kernel-norms needs",)),
        ({"regime": "FL", "probe": "hard-gates"}, ("probe hard-gates needs regime DL",)),
    ],
    ids=str,
)
def test_a_bad_value_is_answered_by_one_sentence_that_says_what_is_valid(fields, words):
    with pytest.raises(SpecError) as caught:
        RunSpec.from_dict(fields)
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("fields", "routing"),
    [
        ({"regime": "FL"}, Routing()),
        ({"regime": "FL", "gate_permutation": [4, 3, 2, 1, 0]}, Routing((4, 3, 2, 1, 0))),
        ({"regime": "FL", "feature_width": 32, "gate_shifts": [7]}, Routing(tiles=4, shifts=((7,),))),
        ({"regime": "FL", "gate_shifts": [1, 2, 3, 4, 5]}, Routing(shifts=((1,), (2,), (3,), (4,), (5,)))),
        ({**GATED_CONV, "gate_shifts": [8, 5]}, Routing(shifts=((8, 5),))),
        ({**GATED_CONV, "gate_shifts": [1, 2, 3, 4, 5, 6, 7, 8]}, Routing(shifts=((1, 2), (3, 4), (5, 6), (7, 8)))),
        ({**GATED_CONV, "feature_width": 64, "gate_turns": [0, 3]}, Routing(tiles=2, turns=(0, 3))),
        ({"regime": "FL", "architecture": "GCONV", "gate_shifts": [1, 2] * 3 + [0, 0]}, None),
    ],
    ids=str,
)
def test_fields_become_one_routing(fields, routing):
    expected = routing or Routing(shifts=((1, 2), (1, 2), (1, 2), (0, 0)))  # dense layers have no positions
    assert RunSpec.from_dict(fields).routing == expected


def test_what_stands_between_the_layers_of_the_feature_network():
    linear = {"regime": "DL", "feature_activation": "linear"}
    for fields, inner in (
        ({"regime": "DL"}, HardGate()),
        (linear, OpenGate()),
        ({"regime": "FL"}, HardGate()),
        ({"regime": "FL", "gates_from": linear}, OpenGate()),
        ({"regime": "FL", "gates_from": {"regime": "DL"}}, HardGate()),
        ({"regime": "FR-DI", "feature_activation": "linear"}, OpenGate()),
    ):
        assert RunSpec.from_dict(fields).inner_gate == inner


def test_the_feature_network_is_as_wide_as_it_says():
    spec = RunSpec.from_dict({**GATED_CONV, "feature_width": 32})
    assert [layer.weight for layer in spec.feature_network.weight_shapes()][1] == (32, 32, 3, 3)
    assert [layer.weight for layer in spec.network.weight_shapes()][1] == (128, 128, 3, 3)
    assert RunSpec.from_dict(GATED_CONV).feature_network is RunSpec.from_dict(GATED_CONV).network


@given(specs())
def test_the_teacher_is_the_relu_run_of_the_same_seed_and_protocol(spec):
    if spec.regime is not Regime.FL:
        assert spec.teacher is None
        return
    teacher = spec.teacher
    assert teacher is not None
    assert teacher.regime is Regime.RELU
    assert teacher.teacher is None
    own = {"regime", "value_input", "gate_permutation", "gate_shifts", "teacher_checkpoint", "probe", "probe_every"}
    assert teacher.width == (spec.feature_width or spec.width)
    for name in DEFAULTS.keys() - own - {"width", "feature_width"}:
        assert getattr(teacher, name) == getattr(spec, name)

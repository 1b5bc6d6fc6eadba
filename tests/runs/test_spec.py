"""Specs: validated once, one key for one run, keys that never change."""

from __future__ import annotations

import dataclasses
import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.data import DATASETS
from companion.networks.gates import HardGate, SoftGate
from companion.notation import Regime
from companion.runs.fields import SpecError
from companion.runs.spec import PROTOCOL_VERSION, RunSpec
from support.strategies import spec_fields, specs

DEFAULTS = {field.name: field.default for field in dataclasses.fields(RunSpec)}

CIFAR: dict[str, Any] = {"dataset": "cifar10"}
PINNED: dict[str, dict[str, Any]] = {
    "44136fa355b3678a": {},
    "9239defb0194f03b": {"epochs": 300},
    "d3512581816434c3": {"epochs": 300, "regime": "FL", "seed": 4},
    "79d01802134f827b": {"optimiser": "adam", "learning_rate": 1e-4, "regime": "FL", "seed": 4},
    "02fc142b21fc2187": {"optimiser": "adam", "learning_rate": 3e-4},
    "2b01b54a82ad5234": CIFAR | {"architecture": "VCONV", "optimiser": "adam", "learning_rate": 3e-4, "epochs": 80},
    "7b710552f3b3f11b": CIFAR | {"architecture": "GCONV", "learning_rate": 0.1, "regime": "FL", "seed": 4},
    "ec537c476931c078": {
        "dataset": "digits",
        "width": 32,
        "depth": 4,
        "regime": "FR-II",
        "learning_rate": 0.05,
        "batch_size": 16,
        "epochs": 30,
        "seed": 2,
    },
    "0793a13e8f3578e4": {"regime": "DL", "gate_beta": 10, "gate_eps": 0},
    "4482cbb19eb302d0": CIFAR
    | {
        "architecture": "C4GAP",
        "regime": "FR-II",
        "value_input": "ones",
        "gate_permutation": [2, 0, 1, 3],
        "optimiser": "adam",
        "learning_rate": 3e-4,
    },
    "ff15a3bfa4c04b68": {
        "width": 37,
        "depth": 3,
        "bias": False,
        "regime": "FR-DI",
        "value_input": "noise",
        "precision": "bfloat16",
    },
    "112febbacc6dcb25": {
        "classes": [4, 7],
        "width": 100,
        "bias": False,
        "loss": "squared-error",
        "initialisation": "sign",
        "optimiser": "rmsprop",
        "learning_rate": 1e-4,
        "batch_size": 64,
        "epochs": 50,
        "probe": "label-alignment",
        "probe_every": 2,
        "label_noise": 1.0,
    },
    "21ebd3684dfe33ea": {"regime": "FL", "holdout": 5000, "teacher_checkpoint": "selected"},
}
"""Keys as they have always been: records in the store are found by them.  Never edit a line of this table."""


@pytest.mark.parametrize(("key", "fields"), PINNED.items(), ids=PINNED.keys())
def test_keys_stay_what_they_were(key, fields):
    assert RunSpec.from_dict(fields).key == key


@given(specs())
def test_a_spec_survives_the_way_through_json(spec):
    again = RunSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again == spec
    assert again.key == spec.key
    assert hash(again) == hash(spec)


@given(specs())
def test_the_key_ignores_defaults(spec):
    full = {name: getattr(spec, name) for name in DEFAULTS}
    assert RunSpec.from_dict(full).key == spec.key
    assert not [name for name, value in spec.to_dict().items() if value == DEFAULTS[name]]


@given(specs(), specs())
def test_two_specs_are_equal_exactly_if_their_keys_are(a, b):
    assert (a == b) == (a.key == b.key)


@given(spec_fields())
def test_the_order_of_fields_does_not_matter(fields):
    backwards = dict(reversed(list(fields.items())))
    assert RunSpec.from_dict(backwards).key == RunSpec.from_dict(fields).key


CHANGES: dict[str, tuple[dict[str, Any], Any]] = {
    "dataset": ({}, "cifar10"),
    "architecture": ({}, "C4GAP"),
    "width": ({}, 127),
    "depth": ({}, 5),
    "bias": ({}, False),
    "regime": ({}, "FR-DI"),
    "value_input": ({"regime": "FR-II"}, "ones"),
    "gate_permutation": ({"regime": "FR-II"}, [1, 0, 2, 3, 4]),
    "feature_width": ({"regime": "FR-II"}, 32),
    "feature_activation": ({"regime": "DL"}, "linear"),
    "gate_shifts": ({"regime": "FL"}, [3]),
    "gate_turns": ({"regime": "FL", "architecture": "C4GAP"}, [1]),
    "gate_beta": ({"regime": "DL"}, 10.0),
    "gate_eps": ({"regime": "DL"}, 0.0),
    "optimiser": ({}, "adam"),
    "learning_rate": ({}, 0.02),
    "batch_size": ({}, 64),
    "epochs": ({}, 101),
    "seed": ({}, 1),
    "train_size": ({}, 1000),
    "test_size": ({}, 1000),
    "holdout": ({}, 5000),
    "teacher_checkpoint": ({"regime": "FL"}, "last"),
    "precision": ({}, "bfloat16"),
    "classes": ({}, [4, 7]),
    "downscale": ({}, 2),
    "label_noise": ({}, 0.5),
    "noise_kind": ({"label_noise": 0.5}, "wrong"),
    "loss": ({"classes": [4, 7]}, "squared-error"),
    "initialisation": ({}, "sign"),
    "probe": ({"regime": "DL"}, "kernel-norms"),
    "probe_every": ({"regime": "DL", "probe": "kernel-norms"}, 5),
    "teacher_epochs": ({"regime": "FL"}, 30),
    "gates_from": ({"regime": "FL"}, {"label_noise": 0.5}),
    "start_from": ({}, {"label_noise": 0.5}),
    "start_checkpoint": ({"start_from": {}}, "best_test"),
    "early_stop": ({}, 10),
    "standardise": ({}, True),
    "augmentation": ({}, "crop-cutout"),
    "momentum": ({}, 0.9),
    "nesterov": ({"momentum": 0.9}, True),
    "weight_decay": ({}, 5e-4),
    "schedule": ({}, "triangle"),
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_the_key_depends_on_every_field(name, monkeypatch):
    if name == "protocol_version":
        monkeypatch.setattr("companion.runs.spec.PROTOCOL_VERSION", 2)
        context, value = {}, 2
    else:
        context, value = CHANGES[name]
    spec, changed = RunSpec.from_dict(context), RunSpec.from_dict({**context, name: value})
    assert spec.key != changed.key
    assert spec != changed
    assert name in changed.to_dict()


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ({"width": 128}, {}),
        ({"depth": 6}, {}),
        ({"architecture": "GCONV", "dataset": "cifar10", "width": 64}, {"architecture": "GCONV", "dataset": "cifar10"}),
        ({"train_size": 60_000, "test_size": 10_000}, {}),
        ({"regime": "DL", "gate_permutation": [0, 1, 2, 3, 4]}, {"regime": "DL"}),
        ({"regime": "DL", "depth": 3, "gate_permutation": (0, 1)}, {"regime": "DL", "depth": 3}),
        ({"regime": Regime.DL, "gate_beta": 10}, {"regime": "DL", "gate_beta": 10.0}),
        ({"regime": "DL", "gate_eps": -0.0}, {"regime": "DL", "gate_eps": 0.0}),
        ({"epochs": 300.0}, {"epochs": 300}),
        ({"gate_permutation": [0, 1, 2, 3, 4]}, {}),
        ({"classes": list(range(10))}, {}),
        ({"label_noise": -0.0}, {"label_noise": 0}),
    ],
)
def test_one_run_written_in_two_ways_is_one_run(written, canonical):
    a, b = RunSpec.from_dict(written), RunSpec.from_dict(canonical)
    assert a == b
    assert a.key == b.key


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"dataset": "minst"}, ("mnist", "cifar10", "digits")),
        ({"dataset": 3}, ("dataset", "a word")),
        ({"architecture": "fc"}, ("FC", "VCONV", "GCONV", "C4GAP")),
        ({"regime": "frii"}, ("ReLU", "FR-II", "FR-DI", "DL", "FL")),
        ({"regime": None}, ("ReLU", "FR-II")),
        ({"regime": ["FL"]}, ("ReLU", "FR-II")),
        ({"value_input": "one", "regime": "DL"}, ("image", "ones", "noise")),
        ({"optimiser": "adagrad"}, ("sgd", "adam", "rmsprop")),
        ({"loss": "hinge"}, ("cross-entropy", "squared-error")),
        ({"loss": "squared-error"}, ("two classes", "[4, 7]")),
        ({"initialisation": "he"}, ("glorot", "sign")),
        ({"probe": "norms", "regime": "DL"}, ("label-alignment", "kernel-norms")),
        ({"probe": "kernel-norms"}, ("regime DL",)),
        ({"probe": "label-alignment"}, ("two classes",)),
        ({"probe": "label-alignment", "classes": [4, 7], "regime": "DL"}, ("regime ReLU",)),
        ({"probe_every": 2}, ("no effect without a probe",)),
        ({"regime": "DL", "probe": "kernel-norms", "probe_every": 0}, ("at least 1",)),
        ({"classes": [3]}, ("at least two",)),
        ({"classes": [3, 3]}, ("different",)),
        ({"classes": [3, 10]}, ("from 0 to 9",)),
        ({"classes": 3}, ("list of class numbers",)),
        ({"label_noise": 1.5}, ("from 0 to 1",)),
        ({"label_noise": 0.5, "noise_kind": "right"}, ("uniform", "wrong")),
        ({"noise_kind": "wrong"}, ("no effect without label_noise", "uniform")),
        ({"downscale": 0}, ("downscale", "at least 1")),
        ({"downscale": 3}, ("divide", "28", "1, 2, 4, 7, 14, 28", "not 3")),
        ({"dataset": "cifar10", "architecture": "GCONV", "downscale": 32}, ("more than one pixel",)),
        ({"precision": "float64"}, ("float32", "bfloat16")),
        ({"teacher_checkpoint": "first", "regime": "FL"}, ("best_test", "last", "selected")),
        ({"epochs": 0}, ("epochs", "at least 1")),
        ({"epochs": 2.5}, ("epochs", "a whole number")),
        ({"epochs": "10"}, ("epochs", "a whole number")),
        ({"epochs": None}, ("epochs", "a whole number")),
        ({"epochs": True}, ("epochs", "a whole number")),
        ({"epochs": float("inf")}, ("epochs", "a whole number")),
        ({"batch_size": 0}, ("at least 1",)),
        ({"seed": -1}, ("at least 0",)),
        ({"bias": 1}, ("true or false",)),
        ({"width": 0}, ("width", "at least 1")),
        ({"width": "wide"}, ("a whole number or null",)),
        ({"depth": 1}, ("at least 2",)),
        ({"architecture": "GCONV", "depth": 6}, ("GCONV", "depth 7")),
        ({"learning_rate": 0}, ("positive",)),
        ({"learning_rate": float("nan")}, ("learning_rate", "number")),
        ({"learning_rate": 10**400}, ("learning_rate", "number")),
        ({"learning_rate": "1e-3"}, ("learning_rate", "number")),
        ({"regime": "DL", "gate_beta": -1}, ("gate_beta", "positive")),
        ({"regime": "DL", "gate_eps": -0.1}, ("gate_eps", "at least 0")),
        ({"train_size": 60_001}, ("from 1 to 60000",)),
        ({"test_size": 0}, ("from 1 to 10000",)),
        ({"holdout": 60_000}, ("from 0 to 59999",)),
        ({"train_size": 1, "holdout": 1}, ("from 0 to 0",)),
        ({"train_size": 100, "holdout": 100}, ("from 0 to 99",)),
        ({"protocol_version": PROTOCOL_VERSION + 1}, (f"from 1 to {PROTOCOL_VERSION}",)),
        ({"regime": "DL", "gate_permutation": [0, 1]}, ("0..4",)),
        ({"regime": "DL", "gate_permutation": [0, 0, 1, 2, 3]}, ("0..4",)),
        ({"regime": "DL", "gate_permutation": "20134"}, ("list of layer numbers",)),
        ({"regime": "DL", "gate_permutation": [0, 1.5]}, ("list of layer numbers",)),
        (
            {"architecture": "VCONV", "regime": "DL", "gate_permutation": [2, 1, 0, 3, 4, 5]},
            ("unlike shape", "VCONV"),
        ),
        ({"value_input": "ones"}, ("no effect in regime ReLU", "image")),
        ({"gate_permutation": [1, 0, 2, 3, 4]}, ("no effect in regime ReLU",)),
        ({"regime": "FR-II", "gate_beta": 10}, ("no effect in regime FR-II", "4.0")),
        ({"regime": "DL", "teacher_checkpoint": "last"}, ("no effect in regime DL",)),
        ({"regime": "FL", "teacher_checkpoint": "selected"}, ("holdout",)),
        ({"permutation": [0]}, ("gate_permutation", "did you mean", "learning_rate")),
        ({"zzz": 1}, ("unknown parameter 'zzz'", "valid are dataset, classes")),
    ],
    ids=str,
)
def test_a_bad_value_is_answered_by_one_sentence_that_says_what_is_valid(fields, words):
    with pytest.raises(SpecError) as caught:
        RunSpec.from_dict(fields)
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words), message


@given(spec_fields(), st.sampled_from(sorted(DEFAULTS)), st.data())
def test_no_value_whatever_brings_anything_but_a_spec_error(fields, name, data):
    anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    value = data.draw(anything | st.lists(anything, max_size=3) | st.dictionaries(st.text(max_size=3), anything))
    try:
        spec = RunSpec.from_dict({**fields, name: value})
    except SpecError:
        return
    assert RunSpec.from_dict(spec.to_dict()) == spec


def test_students_of_one_teacher_share_it():
    student = RunSpec(regime=Regime.FL)
    others = (
        student.replace(value_input="ones"),
        student.replace(gate_permutation=[4, 3, 2, 1, 0]),
        student.replace(teacher_checkpoint="last"),
    )
    assert {other.teacher for other in others} == {student.teacher} == {RunSpec()}


def test_replace_validates_and_leaves_the_original_alone():
    spec = RunSpec(epochs=3)
    assert spec.replace(seed=2) == RunSpec(epochs=3, seed=2)
    assert spec.seed == 0
    with pytest.raises(SpecError, match="at least 1"):
        spec.replace(epochs=0)
    with pytest.raises(SpecError, match="did you mean epochs"):
        spec.replace(epoch=3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.seed = 3


def test_soft_gates_belong_to_dl_alone():
    assert RunSpec(regime=Regime.DL).gate == SoftGate(4.0, 0.1)
    assert RunSpec(regime=Regime.DL, gate_beta=10, gate_eps=0).gate == SoftGate(10.0, 0.0)
    for regime in set(Regime) - {Regime.DL}:
        assert RunSpec(regime=regime).gate == HardGate()


def test_the_network_follows_the_fields():
    spec = RunSpec(dataset="digits", width=5, depth=3, bias=False)
    assert spec.network.gate_shapes() == ((5,), (5,))
    assert spec.network.input_shape == DATASETS["digits"].input_shape
    assert not spec.network.bias
    assert RunSpec(dataset="cifar10").network.weight_shapes()[0].fan_in == 3072


def test_a_record_of_an_older_protocol_is_stale(monkeypatch):
    monkeypatch.setattr("companion.runs.spec.PROTOCOL_VERSION", 2)
    assert RunSpec().stale
    assert RunSpec().key in PINNED
    assert not RunSpec(protocol_version=2).stale


def test_a_spec_can_be_sent_to_another_process():
    spec = RunSpec(regime=Regime.DL, gate_permutation=(1, 0, 2, 3, 4))
    assert pickle.loads(pickle.dumps(spec)) == spec

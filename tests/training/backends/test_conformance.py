"""Every backend and every field of a run: it refuses with a reason, or it trains as the reference does."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

from companion.runs.spec import RunSpec
from companion.training.backends import Backend, ReferenceBackend
from companion.training.backends.base import AROUND, strange
from companion.training.backends.choose import BACKENDS, choose_backend
from companion.training.state import TrainState
from support.backends import TOLERANCE, data, difference, initial, order

FIELDS = {field.name for field in dataclasses.fields(RunSpec)}
DENSE: dict[str, Any] = {"dataset": "digits", "width": 9, "depth": 4, "batch_size": 7, "learning_rate": 0.1}
CONVOLUTIONAL: dict[str, Any] = {**DENSE, "architecture": "C4GAP", "width": 4, "depth": 4}
STEPS = 4

CHANGES: dict[str, tuple[dict[str, Any], Any]] = {
    "dataset": ({"dataset": "digits"}, "digits"),
    "architecture": ({"depth": None, "width": 4}, "GCONV"),
    "width": ({}, 5),
    "depth": ({}, 3),
    "bias": ({}, False),
    "regime": ({}, "FL"),
    "value_input": ({"regime": "FR-II"}, "ones"),
    "gate_permutation": ({"regime": "FL"}, [2, 0, 1]),
    "gate_shifts": ({"regime": "FL", "architecture": "C4GAP", "width": 4}, [1, 2]),
    "gate_turns": ({"regime": "FL", "architecture": "C4GAP", "width": 4}, [1, 3]),
    "feature_width": ({"regime": "FL"}, 1),
    "feature_activation": ({"regime": "DL"}, "linear"),
    "gate_beta": ({"regime": "DL"}, 10.0),
    "gate_eps": ({"regime": "DL"}, 0.0),
    "gates_from": ({"regime": "FL"}, {"label_noise": 0.5}),
    "teacher_checkpoint": ({"regime": "FL"}, "last"),
    "teacher_epochs": ({"regime": "FL"}, 30),
    "optimiser": ({"learning_rate": 3e-3}, "adam"),
    "learning_rate": ({}, 0.02),
    "batch_size": ({}, 5),
    "epochs": ({}, 101),
    "early_stop": ({}, 10),
    "start_from": ({}, {"label_noise": 0.5}),
    "start_checkpoint": ({"start_from": {}}, "best_test"),
    "precision": ({}, "bfloat16"),
    "seed": ({}, 1),
    "train_size": ({}, 1000),
    "test_size": ({}, 300),
    "holdout": ({}, 50),
    "classes": ({}, [4, 7]),
    "label_noise": ({}, 0.5),
    "noise_kind": ({"label_noise": 0.5}, "wrong"),
    "loss": ({"classes": [4, 7]}, "squared-error"),
    "standardise": ({}, True),
    "augmentation": ({}, "crop-flip-cutout"),
    "momentum": ({}, 0.9),
    "nesterov": ({"momentum": 0.9}, True),
    "weight_decay": ({}, 0.01),
    "schedule": ({"epochs": 2}, "triangle"),
    "initialisation": ({}, "sign"),
    "probe": ({"regime": "DL"}, "kernel-norms"),
    "probe_every": ({"regime": "DL", "probe": "kernel-norms"}, 5),
}
"""Every field changed once.  A new one belongs here, beside the backends that know it."""

MOVED = (
    *("value_input", "gate_permutation", "gate_shifts", "gate_turns", "feature_activation", "gate_beta", "gate_eps"),
    *("optimiser", "learning_rate", "batch_size", "precision", "augmentation"),
    *("momentum", "nesterov", "weight_decay", "schedule"),
)
"""Fields that change the steps of networks of the same shape."""
LOOSE = 0.05
"""Relative difference that reduced precision may make here, or weights of one size: sums of them that are zero in one
order of addition and next to zero in another open other gates."""


def trained(backend: Backend, spec: RunSpec, like: RunSpec, state: TrainState) -> TrainState:
    """A few steps on the CPU, from a state and through the examples of another run."""
    engine = backend.start([spec], [state], data(like), "cpu", 1)
    engine.epoch([order(like, STEPS)])
    (end,) = engine.states()
    return end


def same(a: TrainState, b: TrainState) -> bool:
    return all(torch.equal(tensor, b.model.value[name]) for name, tensor in a.model.value.items())


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("base", [DENSE, CONVOLUTIONAL], ids=["dense", "convolutional"])
@pytest.mark.parametrize("backend", BACKENDS.values(), ids=lambda backend: backend.name)
def test_a_field_is_refused_with_a_reason_or_trained_as_the_reference_trains_it(backend, base, name, monkeypatch):
    """What is a GPU's own is tried on the CPU, where it runs the same code."""
    context, value = CHANGES[name]
    plain, spec = RunSpec.from_dict({**base, **context}), RunSpec.from_dict({**base, **context, name: value})
    with monkeypatch.context() as patch:
        patch.setattr("torch.cuda.is_available", lambda: True)
        reason = backend.refusal(spec)
    if reason is not None:
        assert len(reason) > 10
        assert "\n" not in reason
        return
    state = initial(spec)
    end = trained(backend, spec, spec, state)
    reference = ReferenceBackend()
    usual = reference.refusal(spec) is None
    expected = trained(reference, spec if usual else plain, spec, state)
    assert difference(end, expected) < (TOLERANCE if usual and spec.initialisation == "glorot" else LOOSE)
    assert difference(end, expected) > 0 or usual
    if plain.network == spec.network and backend.refusal(plain) is None:
        if name in AROUND:
            assert same(trained(backend, plain, spec, state), end)
        elif name in MOVED:
            assert not same(trained(backend, plain, spec, state), end)


def test_every_field_is_tried():
    assert CHANGES.keys() == FIELDS - {"protocol_version"}


@pytest.mark.parametrize("backend", BACKENDS.values(), ids=lambda backend: backend.name)
def test_backends_know_fields_that_there_are(backend):
    assert AROUND <= backend.KNOWS <= FIELDS
    assert not backend.KNOWS & AROUND & set(MOVED)


@pytest.mark.parametrize("name", [name for name in CHANGES if name != "dataset"])
@pytest.mark.parametrize("backend", BACKENDS.values(), ids=lambda backend: backend.name)
def test_a_field_that_a_backend_has_not_heard_of_is_refused(backend, name, monkeypatch):
    """As if the field had been added to runs, and nobody had taught the backend."""
    base = CONVOLUTIONAL if backend.name in ("lanes", "chains") else DENSE
    context, value = CHANGES[name]
    spec = RunSpec.from_dict({**base, **context, name: value})
    patched = [cls for cls in type(backend).__mro__ if "KNOWS" in vars(cls)]
    for cls in {*patched, *(type(b) for b in BACKENDS.values() if b.name == "stacked")}:
        monkeypatch.setattr(cls, "KNOWS", cls.KNOWS - {name})
    reason = backend.refusal(spec)
    assert reason is not None
    if backend.name != "lanes" or spec.network.convolutional:
        assert f"it does not know {name}" in reason or f", {name} " in reason


def test_a_new_field_stops_every_backend_until_one_knows_it():
    @dataclasses.dataclass(frozen=True)
    class Longer(RunSpec):
        dropout: float = 0.0

    spec = Longer.from_dict({**DENSE, "dropout": 0.9})
    assert spec.to_dict()["dropout"] == 0.9
    for backend in BACKENDS.values():
        assert backend.refusal(spec)
    with pytest.raises(ValueError, match=r"reference: it does not know dropout 0\.9\): valid here are none"):
        choose_backend(spec)
    assert choose_backend(Longer.from_dict(DENSE), "reference").name == "reference"
    assert strange(ReferenceBackend.KNOWS | {"dropout"}, spec) is None

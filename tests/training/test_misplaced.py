"""A file in the wrong place is not believed, and compiled code never sees what does not fit."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from companion.data import load
from companion.records import provenance
from companion.records.store import RecordError
from companion.records.weights import weights_digest
from companion.runs.examples import Examples, split
from companion.runs.regimes import initial_model
from companion.runs.spec import RunSpec
from companion.training import workspace
from companion.training.backends import ChainsBackend, FusedBackend, PlanesBackend
from companion.training.backends.chains.engine import ChainsEngine
from companion.training.state import TrainState
from companion.training.workspace import Checkpoint
from support.laboratory import Laboratory, always_save, tiny
from support.records import alter

ADAM = {"optimiser": "adam", "learning_rate": 0.01}


@pytest.fixture
def lab(tmp_path):
    return Laboratory(tmp_path)


class Stop(list):
    """Ends a run after so many epochs."""

    def __init__(self, after: int) -> None:
        self.after = after

    def append(self, told) -> None:
        if told.epoch > self.after:
            raise InterruptedError


def interrupted(lab: Laboratory, spec: RunSpec, patch: pytest.MonkeyPatch, backend: str = "reference"):
    """The file of the checkpoint of a run that was stopped after its second epoch."""
    with patch.context() as inner:
        always_save(inner)
        lab.progress = Stop(2)
        with pytest.raises(InterruptedError):
            lab.run(spec, backend=backend)
    lab.progress = []
    return lab.workspace.folder / "checkpoints" / f"{spec.key}.pt"


@pytest.mark.parametrize("backend", ["auto", "reference"])
@pytest.mark.parametrize("change", [{"width": 16}, {"seed": 1}, {"depth": 4}, {"optimiser": "sgd"}], ids=str)
def test_the_checkpoint_of_another_run_is_not_taken(lab, tmp_path, monkeypatch, caplog, change, backend):
    spec = tiny(width=8, epochs=4, **ADAM)
    other = spec.replace(**change)
    taken = interrupted(lab, other, monkeypatch, backend)
    shutil.copy(taken, taken.with_name(f"{spec.key}.pt"))
    lab.run(spec, backend=backend)
    assert [p.epoch for p in lab.progress] == [1, 2, 3, 4]
    assert [m for m in caplog.messages if "not used" in m] == [
        f"{taken.with_name(spec.key)}.pt is not used: it holds 'checkpoint' of the run '{other.key}'"
    ]
    alone = Laboratory(tmp_path / "alone")
    alone.run(spec, backend=backend)
    assert lab.content(spec) == alone.content(spec)


def relabelled(content: dict, key: str) -> None:
    content["label"]["key"] = key


@pytest.mark.parametrize("backend", ["auto", "reference"])
@pytest.mark.parametrize(
    ("change", "spoil", "says"),
    [
        ({"width": 16}, relabelled, r"weight.0 of the value network must be float32 \[64, 8\], not float32 \[64, 16\]"),
        ({"optimiser": "sgd"}, relabelled, "after 10 steps of adam there must be first moments"),
        ({"regime": "ReLU"}, relabelled, "weight.0 of the feature network|the feature network must have weight.0"),
        ({}, lambda c, _: c["first"].pop("value/bias.0"), "the first moments must have value/weight.0, value/bias.0"),
        (
            {},
            lambda c, _: c["second"].update({"value/bias.0": torch.zeros(3)}),
            r"value/bias.0 of the second moments must be float32 \[8\], not float32 \[3\]",
        ),
        (
            {},
            lambda c, _: c["model"]["value"].update({"bias.0": torch.zeros(8, dtype=torch.float64)}),
            r"bias.0 of the value network must be float32 \[8\], not float64 \[8\]",
        ),
        ({}, lambda c, _: c["kept"]["best_test"][1]["value"].pop("bias.0"), "the value network must have weight.0"),
        ({}, lambda c, _: c.update(step=-1), "the number of steps must be a whole number from 0, not -1"),
        ({}, lambda c, _: c["curves"]["train_loss"].pop(), r"curves of lengths \[1, 2\] are none of a run of 4 epochs"),
        ({}, lambda c, _: c.pop("label"), "it does not say whose it is"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_not_taken(
    lab, monkeypatch, caplog, change: dict, spoil: Callable, says: str, backend: str
):
    spec = tiny("DL", width=8, epochs=4, **ADAM)
    other = spec.replace(**change)
    taken = interrupted(lab, other, monkeypatch, backend)
    content = torch.load(taken, weights_only=True)
    spoil(content, spec.key)
    torch.save(content, taken.with_name(f"{spec.key}.pt"))
    lab.run(spec, backend=backend)
    assert [p.epoch for p in lab.progress] == [1, 2, 3, 4]
    (message,) = [m for m in caplog.messages if "is not used" in m]
    assert re.search(says, message)


def test_a_checkpoint_of_the_run_is_taken_and_says_by_what_code_it_was_made(lab, monkeypatch):
    spec = tiny(epochs=4)
    with monkeypatch.context() as patch:
        patch.setattr(workspace, "sources_digest", lambda: "0123456789abcdef")
        interrupted(lab, spec, patch)
    lab.run(spec)
    assert [p.epoch for p in lab.progress] == [3, 4]
    made = lab.record(spec).content["provenance"]
    assert made["sources_before"] == ["0123456789abcdef"]
    assert made["sources"] == provenance.sources_digest()
    lab.run(tiny(epochs=4, seed=1))
    assert "sources_before" not in lab.record(tiny(epochs=4, seed=1)).content["provenance"]


def test_an_interruption_without_a_change_is_no_change_of_sources(lab, monkeypatch):
    interrupted(lab, tiny(epochs=4), monkeypatch)
    lab.run(tiny(epochs=4))
    assert "sources_before" not in lab.record(tiny(epochs=4)).content["provenance"]


# Weights


def test_the_weights_of_another_run_teach_nobody(lab, caplog):
    """Neither under a name that is not theirs, nor where the file was made to say that it is."""
    spec = tiny("FL")
    other = spec.teacher.replace(seed=1)
    lab.run(spec.teacher, other)
    place = lab.workspace.folder / "weights"
    shutil.copy(place / f"{other.key}.pt", place / f"{spec.teacher.key}.pt")
    assert lab.workspace.load_weights(spec.teacher.key, "best_test") is None
    assert f"it holds 'weights' of the run '{other.key}'" in caplog.text
    params = lab.workspace.load_weights(other.key, "best_test").params
    lab.workspace.save_weights(spec.teacher.key, 1, {"best_test": (1, params)})
    assert lab.workspace.load_weights(spec.teacher.key, "best_test") is None
    assert "take 1 of its run has no record that names its weights 'best_test'" in caplog.text
    assert lab.run(spec) == 2  # the teacher once more, as a further take
    teacher = lab.record(spec).content["teacher"]
    assert teacher["take"] == 2
    named = lab.store.read(lab.store.path(spec.teacher.key, 2)).content["weights"]["best_test"]
    assert teacher["weights"] == named


def test_a_reason_is_told_once(lab, caplog):
    lab.run(tiny())
    path = lab.workspace.folder / "weights" / f"{tiny().key}.pt"
    path.write_bytes(b"")
    for _ in range(3):
        assert lab.workspace.load_weights(tiny().key, "last") is None
    assert len([m for m in caplog.messages if "not used" in m]) == 1


def test_weights_whose_record_was_never_written_are_not_taken(lab):
    """A run that was killed between its weights and its record is trained to its end once more."""
    lab.run(tiny())
    lab.store.path(tiny().key).unlink()
    assert lab.workspace.load_weights(tiny().key, "best_test") is None
    assert lab.run(tiny("FL")) == 2


@pytest.mark.parametrize("kept", [False, True], ids=["workspace", "beside the record"])
def test_the_right_numbers_in_other_shapes_are_no_weights(lab, kept):
    """The digest sees names and bytes, not shapes."""
    lab.run(tiny())
    params = dict(lab.workspace.load_weights(tiny().key, "last").params)
    turned = {**params, "weight.1": params["weight.1"].reshape(4, 9)}
    assert weights_digest(turned) == weights_digest(params)
    if kept:
        with pytest.raises(ValueError, match=r"weight.1 of the weights last of \w+ must be float32 \[6, 6\]"):
            lab.store.keep_weights(tiny().key, turned)
    else:
        lab.workspace.save_weights(tiny().key, 1, {"last": (3, turned)})
        assert lab.workspace.load_weights(tiny().key, "last") is None


def test_weights_of_a_damaged_record_are_not_taken_in_silence(lab):
    lab.run(tiny())
    path = lab.store.path(tiny().key)
    path.write_text(path.read_text().replace("finished", "finishes"))
    with pytest.raises(RecordError, match=f"{path.name} is damaged"):
        lab.workspace.load_weights(tiny().key, "last")


def test_a_record_that_names_other_weights_is_believed_more_than_the_file(lab):
    lab.run(tiny())
    alter(lab.store.path(tiny().key), lambda content: content["weights"].update(last="0" * 16))
    assert lab.workspace.load_weights(tiny().key, "last") is None


# Compiled code


NATIVE = {
    "fused": (FusedBackend(), tiny("DL", width=8, **ADAM)),
    "planes": (PlanesBackend(), tiny("DL", architecture="C4GAP", depth=3, width=8, **ADAM)),
}


def began(backend, spec: RunSpec, state: TrainState, data: Examples):
    if isinstance(backend, ChainsBackend):
        return ChainsEngine([spec], [state], data, "cpu")
    return backend.start([spec], [state], data, "cpu", 1)


def narrower(spec: RunSpec, state: TrainState, data: Examples):
    return TrainState(initial_model(spec.replace(width=4))), data


def of_no_moments(spec: RunSpec, state: TrainState, data: Examples):
    return replace(state, step=3), data


def of_short_moments(spec: RunSpec, state: TrainState, data: Examples):
    moments = state.model.trainable(spec.regime)
    first = {name: tensor[:1] for name, tensor in moments.items()}
    return replace(state, first=first, second=moments, step=3), data


def of_doubles(spec: RunSpec, state: TrainState, data: Examples):
    value = {name: tensor.double() for name, tensor in state.model.value.items()}
    return TrainState(replace(state.model, value=value)), data


def of_odd_images(spec: RunSpec, state: TrainState, data: Examples):
    return state, Examples(data.inputs[..., :5], data.labels)


def of_a_class_too_many(spec: RunSpec, state: TrainState, data: Examples):
    return state, Examples(data.inputs, data.labels + 1)


@pytest.mark.parametrize("name", [*NATIVE, "chains"])
@pytest.mark.parametrize(
    "spoil", [narrower, of_no_moments, of_short_moments, of_doubles, of_odd_images, of_a_class_too_many]
)
def test_compiled_code_gets_no_pointer_to_what_does_not_fit(name, spoil):
    backend, spec = NATIVE.get(name) or (ChainsBackend(), NATIVE["planes"][1])
    if name in NATIVE and backend.refusal(spec) is not None:
        pytest.skip("no C compiler")
    data = split(spec, load("digits")).train
    state, data = spoil(spec, TrainState(initial_model(spec)), data)
    with pytest.raises(ValueError, match=r"must (be|have)"):
        began(backend, spec, state, data)


@pytest.mark.parametrize("name", NATIVE)
@pytest.mark.parametrize("wrong", [-1, 70])
def test_compiled_code_gets_no_number_of_an_example_that_is_not_there(name, wrong):
    backend, spec = NATIVE[name]
    if backend.refusal(spec) is not None:
        pytest.skip("no C compiler")
    data = split(spec, load("digits")).train
    engine = began(backend, spec, TrainState(initial_model(spec)), data)
    order = torch.arange(len(data))
    order[5] = wrong
    with pytest.raises(ValueError, match="an order must hold numbers of the 70 examples"):
        engine.epoch([order])


def test_what_fits_is_taken_as_it_is(lab):
    spec = tiny("DL", **ADAM)
    state = TrainState(initial_model(spec))
    lab.workspace.save_checkpoint(spec, Checkpoint.fresh(state, {}))
    found = lab.workspace.load_checkpoint(spec)
    assert found is not None
    assert found.state.model.value.keys() == state.model.value.keys()

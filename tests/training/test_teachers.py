"""Fixed learnt gates and the runs that they come from."""

from __future__ import annotations

import shutil

import pytest

from companion.records.store import RecordError
from companion.training.jobs import SourceMissingError
from companion.training.loop import train
from support.laboratory import timeless, tiny

# Teachers


@pytest.mark.parametrize("checkpoint", ["best_test", "last", "selected"])
def test_fl_names_its_teacher(lab, checkpoint):
    spec = tiny("FL", teacher_checkpoint=checkpoint, holdout=10, epochs=5)
    assert lab.run(spec) == 2
    teacher = lab.record(spec.teacher).content
    epochs = {"best_test": teacher["best_epoch"], "last": 5, "selected": teacher["selected_epoch"]}
    assert lab.record(spec).content["teacher"] == {
        "key": spec.teacher.key,
        "take": 1,
        "checkpoint": checkpoint,
        "epoch": epochs[checkpoint],
        "weights": teacher["weights"][checkpoint],
    }


@pytest.mark.parametrize("loss", ["deleted", "damaged"])
def test_a_lost_teacher_is_trained_again_as_a_further_take(lab, loss):
    spec = tiny("FL")
    lab.run(spec.teacher)
    first = lab.record(spec.teacher)
    path = lab.workspace.folder / "weights" / f"{spec.teacher.key}.pt"
    if loss == "deleted":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-100])
    assert lab.run(spec) == 2
    assert lab.store.takes(spec.teacher) == 2
    assert lab.record(spec.teacher).content == first.content
    second = lab.store.read(lab.store.path(spec.teacher.key, 2))
    assert timeless(second) == timeless(first)
    assert lab.record(spec).content["teacher"]["take"] == 2


def test_a_teacher_whose_weights_are_there_is_not_trained_again(lab):
    lab.run(tiny("FL"))
    assert lab.run(tiny("FL", value_input="ones")) == 1
    assert lab.store.takes(tiny()) == 1


@pytest.mark.parametrize("checkpoint", ["best_test", "last"])
def test_a_teacher_that_diverged_has_no_students_and_is_not_tried_again(lab, checkpoint):
    spec = tiny("FL", learning_rate=1e30, teacher_checkpoint=checkpoint)
    assert lab.run(spec) == 1
    assert not lab.record(spec.teacher).finished
    assert spec not in lab.store
    assert lab.run(spec) == 0
    assert lab.store.takes(spec.teacher) == 1


def test_training_without_the_teacher_names_it(lab):
    spec = tiny("FL")
    with pytest.raises(SourceMissingError, match=spec.teacher.key):
        train([spec], lab.workspace, lambda record: None)


# Teachers whose weights are kept beside their record


def elsewhere(lab, folder):
    """Another machine: the records and what is kept beside them, and an empty workspace."""
    shutil.copytree(lab.store.folder, folder / "results")
    return type(lab)(folder)


def test_an_fl_run_is_trained_elsewhere_from_the_kept_weights_of_its_teacher(lab, tmp_path):
    spec = tiny("FL")
    lab.run(spec.teacher)
    weights = lab.workspace.load_weights(spec.teacher.key, "best_test")
    lab.store.keep_weights(spec.teacher.key, weights.params)
    other = elsewhere(lab, tmp_path / "elsewhere")
    assert other.run(spec) == 1  # the student alone
    assert other.store.takes(spec.teacher) == 1
    lab.run(spec)
    assert other.content(spec) == lab.content(spec)  # to the last bit
    assert other.record(spec).content["teacher"]["take"] == 1
    assert [reason for _, reason in other.store.verify() if reason] == []


def test_without_the_weights_that_the_run_needs_the_teacher_is_trained_again(lab, tmp_path):
    spec = tiny("FL", teacher_checkpoint="last")
    lab.run(spec.teacher)
    teacher = lab.record(spec.teacher).content
    assert teacher["weights"]["last"] != teacher["weights"]["best_test"], "this run must not be best at its end"
    lab.store.keep_weights(spec.teacher.key, lab.workspace.load_weights(spec.teacher.key, "best_test").params)
    other = elsewhere(lab, tmp_path / "elsewhere")
    assert other.run(spec) == 2
    assert other.store.takes(spec.teacher) == 2


def test_damaged_weights_beside_a_record_stop_the_run_by_name(lab, tmp_path):
    spec = tiny("FL")
    lab.run(spec.teacher)
    path = lab.store.keep_weights(spec.teacher.key, lab.workspace.load_weights(spec.teacher.key, "best_test").params)
    path.write_bytes(path.read_bytes()[:-10])
    other = elsewhere(lab, tmp_path / "elsewhere")
    with pytest.raises(RecordError, match=f"weights/{path.name} is damaged"):
        other.run(spec)
    assert spec not in other.store

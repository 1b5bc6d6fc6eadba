"""Fixed learnt gates and the runs that they come from."""

from __future__ import annotations

import pytest

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


def test_a_teacher_that_diverged_has_no_students_and_is_not_tried_again(lab):
    spec = tiny("FL", learning_rate=1e30)
    assert lab.run(spec) == 1
    assert not lab.record(spec.teacher).finished
    assert spec not in lab.store
    assert lab.run(spec) == 0
    assert lab.store.takes(spec.teacher) == 1


def test_training_without_the_teacher_names_it(lab):
    spec = tiny("FL")
    with pytest.raises(SourceMissingError, match=spec.teacher.key):
        train([spec], lab.workspace, lambda record: None)

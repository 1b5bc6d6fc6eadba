"""The queue: what is recorded is left alone, whatever is missing, and a length that is behind us is trained anew."""

from __future__ import annotations

import pytest

from companion.training import loop
from companion.training.queue import run_missing
from support.laboratory import Laboratory, tiny


@pytest.fixture
def lab(tmp_path):
    return Laboratory(tmp_path)


def test_a_recorded_student_needs_no_teacher(lab):
    """Its teacher's weights are gone: nobody misses them."""
    spec = tiny("FL", epochs=2)
    lab.run(spec)
    (lab.workspace.folder / "weights" / f"{spec.teacher.key}.pt").unlink()
    assert lab.run(spec) == 0
    assert lab.store.takes(spec.teacher) == 1
    assert lab.run(spec, spec.replace(value_input="ones")) == 2  # the teacher, for another student
    assert lab.store.takes(spec.teacher) == 2


def test_a_recorded_run_is_no_matter_of_backends(lab):
    spec = tiny(epochs=2, optimiser="rmsprop", learning_rate=0.003)
    lab.run(spec, backend="stacked")
    assert run_missing([spec], lab.store, lab.workspace, backend="lanes") == 0


def test_a_length_that_is_behind_a_run_is_trained_by_itself(lab, monkeypatch):
    """The long run was interrupted after its third epoch: a run of two cannot join it."""

    class Plug(list):
        def append(self, told) -> None:
            if told.epoch == 4:
                raise InterruptedError

    long, short = tiny(epochs=6), tiny(epochs=2)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "CHECKPOINT_SECONDS", -1)
        lab.progress = Plug()
        with pytest.raises(InterruptedError):
            lab.run(long)
    lab.progress = []
    assert lab.run(long, short) == 2
    assert [p.epoch for p in lab.progress if p.spec == short] == [1, 2]
    assert [p.epoch for p in lab.progress if p.spec == long] == [4, 5, 6]
    losses = [lab.content(spec)["curves"]["train_loss"] for spec in (short, long)]
    assert losses[0] == losses[1][:2]

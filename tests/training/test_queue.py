"""The queue: what is recorded is left alone, whatever is missing, and a length that is behind us is trained anew."""

from __future__ import annotations

import pytest

from companion.runs.lineage import with_sources
from companion.training.queue import barren, needed, run_missing
from support.laboratory import TINY, Laboratory, always_save, tiny
from support.phases import family


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
        always_save(patch)
        lab.progress = Plug()
        with pytest.raises(InterruptedError):
            lab.run(long)
    lab.progress = []
    assert lab.run(long, short) == 2
    assert [p.epoch for p in lab.progress if p.spec == short] == [1, 2]
    assert [p.epoch for p in lab.progress if p.spec == long] == [4, 5, 6]
    losses = [lab.content(spec)["curves"]["train_loss"] for spec in (short, long)]
    assert losses[0] == losses[1][:2]


def test_a_run_leaves_what_others_need_that_are_trained_later(lab):
    """Run by run, as on many machines: nothing is trained twice, whatever regime a source has."""
    student = family(0.25, **TINY)["M3"]
    runs = with_sources([student])
    assert {spec.regime for spec in runs[:-1]} == {"ReLU", "FL"}
    for spec in runs:
        assert run_missing([spec], lab.store, lab.workspace, others=[student]) == 1
        assert spec in lab.store
    assert [lab.store.takes(spec) for spec in runs] == [1] * len(runs)


def test_lost_weights_that_others_need_are_trained_again_by_whoever_has_their_run(lab):
    student = tiny("FL")
    teacher = student.teacher
    lab.run(teacher)
    (lab.workspace.folder / "weights" / f"{teacher.key}.pt").unlink()
    assert run_missing([teacher, tiny("DL")], lab.store, lab.workspace) == 1  # nobody needs them
    assert run_missing([teacher], lab.store, lab.workspace, others=[tiny("FR-II")]) == 0
    assert run_missing([teacher], lab.store, lab.workspace, others=[student]) == 1
    assert lab.store.takes(teacher) == 2
    assert run_missing([student], lab.store, lab.workspace) == 1
    assert run_missing([teacher], lab.store, lab.workspace, others=[student]) == 0
    assert lab.store.takes(teacher) == 2


def test_lost_weights_of_a_whole_line_of_runs_are_trained_again_one_by_one(lab):
    student = family(0.25, **TINY)["M3"]
    *line, last = with_sources([student])
    lab.run(student)
    lab.store.path(last.key).unlink()
    for file in (lab.workspace.folder / "weights").iterdir():
        file.unlink()
    assert list(needed([student], lab.store, lab.workspace)) == [*line, last]
    for spec in (*line, last):
        assert run_missing([spec], lab.store, lab.workspace, others=[student]) == 1
    assert [lab.store.takes(spec) for spec in line] == [2] * len(line)


def test_what_needs_a_run_that_diverged_is_barren(lab):
    teacher = tiny(learning_rate=1e30)
    student = teacher.replace(regime="FL")
    assert not barren(student, lab.store)
    lab.run(student)
    assert not lab.record(teacher).finished
    assert barren(student, lab.store)
    assert barren(student.replace(start_from={"learning_rate": 0.2}), lab.store)
    assert not barren(teacher, lab.store)

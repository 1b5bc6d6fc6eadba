"""Runs that end at several times, early, or diverged."""

from __future__ import annotations

import math

import pytest

from companion.training.backends import ReferenceBackend
from companion.training.loop import Progress, train
from support.laboratory import Laboratory, tiny
from support.trajectories import trajectory


def test_runs_that_differ_in_their_length_are_trained_once(tmp_path):
    specs = trajectory()
    lab = Laboratory(tmp_path / "together")
    assert lab.run(*specs) == 6
    for spec in specs[:4]:
        assert [p.epoch for p in lab.progress if p.spec == spec] == list(range(1, spec.epochs + 1))
        assert [p.seconds > 0 for p in lab.progress if p.spec == spec] == [spec is specs[0]] * spec.epochs
    for spec in specs[:4]:
        alone = Laboratory(tmp_path / f"alone {spec.epochs}")
        alone.run(spec)
        assert lab.content(spec) == alone.content(spec)
    short, long = (lab.content(spec)["teacher"] for spec in specs[4:])
    assert (short["key"], long["key"]) == (specs[1].key, specs[2].key)
    assert (short["epoch"] <= 2, long["epoch"]) == (True, 5)
    assert long["weights"] == lab.content(specs[2])["weights"]["last"]


def test_a_run_that_diverges_ends_all_its_lengths(lab):
    specs = [tiny(learning_rate=1e30, epochs=epochs) for epochs in (4, 9)]
    assert lab.run(*specs) == 2
    assert [lab.content(spec)["status"] for spec in specs] == ["diverged"] * 2


def test_a_fitted_run_stops_when_its_spec_says_so(lab, monkeypatch):
    monkeypatch.setattr("companion.runs.spec.FITTED", 60.0)
    full, stopped = tiny(epochs=30), tiny(epochs=30, early_stop=3)
    assert lab.run(full, stopped) == 2
    fitted = [accuracy >= 60.0 for accuracy in lab.content(full)["curves"]["train_accuracy"]]
    end = next(epoch for epoch in range(3, 30) if all(fitted[epoch - 3 : epoch]))
    curves = lab.content(stopped)["curves"]
    assert 3 < end < 30
    assert curves == {name: values[:end] for name, values in lab.content(full)["curves"].items()}
    assert lab.content(stopped)["status"] == "finished"
    assert lab.workspace.load_weights(stopped.key, "last").epoch == end


def test_a_shorter_curve_is_a_record_only_of_a_run_that_was_fitted(lab, monkeypatch):
    monkeypatch.setattr("companion.runs.spec.FITTED", 60.0)
    spec = tiny(epochs=30, early_stop=3)
    lab.run(spec)
    assert lab.store.verify() == [(lab.store.path(spec.key), None)]
    monkeypatch.setattr("companion.runs.spec.FITTED", 99.0)
    ((_, reason),) = lab.store.verify()
    assert "one value for each of 30 epochs" in reason


def test_a_run_that_ends_is_recorded_while_others_go_on(lab, monkeypatch):
    monkeypatch.setattr("companion.runs.spec.FITTED", 60.0)
    specs = [tiny(epochs=30, early_stop=3), tiny(epochs=30, seed=1)]
    told = []

    def note(event):
        told.append((event.spec, event.epoch) if isinstance(event, Progress) else event.spec)

    train(specs, lab.workspace, note, backend="reference", on_progress=note)
    assert told.index(specs[0]) < told.index((specs[1], 30)) < told.index(specs[1])
    assert told.count(specs[0]) == told.count(specs[1]) == 1
    assert not any(lab.workspace.load_checkpoint(spec) for spec in specs)


def test_a_fitted_run_ends_all_its_lengths(lab, monkeypatch):
    monkeypatch.setattr("companion.runs.spec.FITTED", 0.0)
    specs = [tiny(epochs=epochs, early_stop=3) for epochs in (20, 10, 4)]
    assert lab.run(*specs) == 3
    assert {len(lab.content(spec)["curves"]["train_accuracy"]) for spec in specs} == {3}


def test_a_teacher_may_train_longer_than_its_student(lab):
    spec = tiny("FL", epochs=2, teacher_epochs=7, teacher_checkpoint="last")
    assert spec.teacher == tiny(epochs=7)
    assert lab.run(spec) == 2
    assert lab.content(spec)["teacher"]["epoch"] == 7
    assert tiny("FL", epochs=2, teacher_epochs=2) == tiny("FL", epochs=2)


# Diverged runs


def test_a_diverged_run_is_a_record_and_does_not_stop_the_others(lab):
    wild, tame = tiny(learning_rate=1e30, epochs=4), tiny(seed=1, epochs=4)
    assert lab.run(wild, tame) == 2
    record = lab.record(wild)
    assert record.content["status"] == "diverged"
    assert record.statistic("best_test") is None
    lengths = {len(curve) for curve in record.curves.values()}
    assert lengths <= {0, 1, 2, 3}
    assert len(lengths) == 1
    assert all(math.isfinite(v) for curve in record.curves.values() for v in curve)
    alone = Laboratory(lab.store.folder.parent / "alone")
    alone.run(tame)
    assert lab.content(tame) == alone.content(tame)
    assert lab.run(wild, tame) == 0


@pytest.mark.parametrize("backend", ["stacked", "auto"])
def test_one_of_a_stack_may_diverge(lab, backend):
    """Runs of one engine that differ in their seed: the rate is such that it is luck who survives."""
    specs = [tiny("DL", seed=seed, learning_rate=11.0, epochs=6) for seed in range(8)]
    assert lab.run(*specs, backend=backend) == 8
    statuses = {spec: lab.record(spec).content["status"] for spec in specs}
    assert set(statuses.values()) == {"finished", "diverged"}
    assert lab.store.verify() == [(path, None) for path in lab.store.files()]


def test_a_run_whose_last_step_overflows_has_diverged(lab, monkeypatch):
    """The loss of an epoch is taken before its last step, so it may be finite when the weights no longer are."""
    spec = tiny(epochs=1)
    start = ReferenceBackend.start

    def overflowing(self, specs, *arguments):
        engine = start(self, specs, *arguments)
        states = engine.states

        def last():
            (state,) = states()
            state.model.value["weight.1"][0, 0] = math.inf
            return [state]

        engine.states = last
        return engine

    monkeypatch.setattr(ReferenceBackend, "start", overflowing)
    lab.run(spec)
    assert lab.record(spec).content["status"] == "diverged"
    assert lab.workspace.load_weights(spec.key, "last") is None

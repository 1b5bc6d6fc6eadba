"""What the training loop must not mix up: teachers, lengths, ages of runs that train together, clocks."""

from __future__ import annotations

import time

import pytest
import torch

from companion.data import load
from companion.notation import Regime
from companion.runs.examples import Examples, split
from companion.runs.regimes import initial_model
from companion.training import jobs
from companion.training.backends import (
    Backend,
    FusedBackend,
    LanesBackend,
    PlanesBackend,
    ReferenceBackend,
    StackedBackend,
)
from companion.training.evaluation import Evaluator
from companion.training.state import TrainState
from support.laboratory import Laboratory, always_save, tiny

ADAM = {"optimiser": "adam", "learning_rate": 0.01}


@pytest.fixture
def lab(tmp_path):
    return Laboratory(tmp_path)


def alike(a: Laboratory, b: Laboratory, spec) -> bool:
    """Whether two laboratories have the same curves for a run, but for rounding: stacks round by their size."""
    mine, theirs = a.record(spec).curves, b.record(spec).curves
    return mine.keys() == theirs.keys() and all(
        mine[name] == pytest.approx(theirs[name], rel=1e-4, abs=1e-4) for name in mine
    )


# What may be trained as one


@pytest.mark.parametrize("backend", ["reference", "stacked", "auto"])
def test_students_of_teachers_of_unlike_length_are_trained_apart(tmp_path, backend):
    """They differ in nothing but ``teacher_epochs``, so nothing but their gates tells them apart."""
    student = tiny("FL", epochs=4, teacher_checkpoint="last", **ADAM)
    specs = [student.replace(teacher_epochs=epochs) for epochs in (1, 3)]
    assert specs[0].course != specs[1].course
    together = Laboratory(tmp_path / "together")
    together.run(*specs, backend=backend)
    for spec in specs:
        alone = Laboratory(tmp_path / f"alone {spec.teacher_epochs}")
        alone.run(spec, backend=backend)
        assert alike(together, alone, spec)
        assert together.content(spec)["teacher"] == alone.content(spec)["teacher"]
        assert together.content(spec)["teacher"]["epoch"] == spec.teacher_epochs
    losses = [together.record(spec).curves["train_loss"] for spec in specs]
    assert losses[0] != pytest.approx(losses[1], rel=1e-3)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"learning_rate": 0.1},
        {"batch_size": 8},
        {"holdout": 10},
        {"train_size": 60},
        {"test_size": 40},
        {"classes": [1, 7, 3]},
        {"label_noise": 0.5},
        {"width": 5},
        {"early_stop": 2},
        {"bias": False},
        {"regime": "FR-II"},
        {"value_input": "ones", "regime": "FR-DI"},
    ],
    ids=str,
)
@pytest.mark.parametrize("epochs", [4, 3])
def test_runs_that_differ_in_anything_train_on_what_is_their_own(tmp_path, change, epochs):
    """Beside a run as long or longer, nothing is shared that is not alike."""
    other, mine = tiny(epochs=4), tiny(epochs=epochs, **change)
    together, alone = Laboratory(tmp_path / "together"), Laboratory(tmp_path / "alone")
    together.run(other, mine)
    alone.run(mine)
    assert together.content(mine) == alone.content(mine)


class Interrupted(Exception):
    """Somebody pulls the plug."""


def interrupt(lab: Laboratory, spec, monkeypatch, epoch: int, backend: str) -> None:
    """Train a run for some epochs, up to a checkpoint."""

    class Plug(list):
        def append(self, told) -> None:
            if told.epoch > epoch:
                raise Interrupted

    with monkeypatch.context() as patch:
        always_save(patch)
        progress, lab.progress = lab.progress, Plug()
        with pytest.raises(Interrupted):
            lab.run(spec, backend=backend)
        lab.progress = progress
    saved = lab.workspace.load_checkpoint(spec)
    assert saved is not None
    assert saved.epoch == epoch


@pytest.mark.parametrize("backend", ["stacked", "reference", "auto"])
@pytest.mark.parametrize("optimiser", [{"optimiser": "adam", "learning_rate": 0.01}, {}], ids=["adam", "sgd"])
def test_a_run_that_goes_on_beside_fresh_ones_keeps_its_own_age(tmp_path, monkeypatch, optimiser, backend):
    """Moments, number of steps and order of examples are each run's own, whoever shares its engine."""
    specs = [tiny("DL", seed=seed, epochs=4, **optimiser) for seed in range(3)]
    whole, mixed = Laboratory(tmp_path / "whole"), Laboratory(tmp_path / "mixed")
    whole.run(*specs, backend=backend)
    interrupt(mixed, specs[1], monkeypatch, 2, backend)
    mixed.run(*specs, backend=backend)
    assert [p.epoch for p in mixed.progress if p.spec == specs[1]] == [3, 4]
    assert [p.epoch for p in mixed.progress if p.spec == specs[0]] == [1, 2, 3, 4]
    for spec in specs:
        assert alike(mixed, whole, spec)


def test_a_stacked_engine_is_given_runs_of_one_age(tmp_path, monkeypatch):
    """It has one count of steps for all of its models."""
    ages = []
    start = StackedBackend.start

    def spy(self, specs, states, *arguments):
        ages.append({state.step for state in states})
        return start(self, specs, states, *arguments)

    lab = Laboratory(tmp_path)
    specs = [tiny(seed=seed, epochs=4, **ADAM) for seed in range(3)]
    interrupt(lab, specs[0], monkeypatch, 2, "stacked")
    monkeypatch.setattr(StackedBackend, "start", spy)
    lab.run(*specs, backend="stacked")
    assert sorted(ages, key=max) == [{0}, {2 * 5}]  # 70 examples in batches of 16


def test_students_of_unlike_length_with_one_teacher_are_trained_once(tmp_path):
    """The shorter says nothing of its teacher's length, the longer does: it is the same teacher."""
    long = tiny("FL", epochs=4, teacher_epochs=2)
    short = tiny("FL", epochs=2)
    assert long.teacher == short.teacher
    lab = Laboratory(tmp_path / "together")
    lab.run(long, short)
    assert [p.seconds for p in lab.progress if p.spec == short] == [0.0, 0.0]
    alone = Laboratory(tmp_path / "alone")
    alone.run(short)
    assert lab.content(short) == alone.content(short)


def test_a_short_run_that_has_begun_goes_on_by_itself(tmp_path, monkeypatch):
    long, short = tiny(epochs=4), tiny(epochs=3)
    lab = Laboratory(tmp_path)
    interrupt(lab, short, monkeypatch, 2, "reference")
    lab.run(long, short)
    assert [p.epoch for p in lab.progress if p.spec == short] == [3]
    assert lab.workspace.load_checkpoint(short) is None
    assert lab.content(short)["curves"]["train_loss"] == lab.content(long)["curves"]["train_loss"][:3]


# What is selected


def scripted(monkeypatch, **curves: list[float]) -> None:
    """Accuracies by the script, epoch after epoch, whatever the model."""
    script = [dict(zip(curves, values, strict=True)) for values in zip(*curves.values(), strict=True)]
    monkeypatch.setattr(Evaluator, "__call__", lambda self, model: script.pop(0))


def test_the_selected_epoch_is_the_holdouts_and_not_the_tests_best(lab, monkeypatch):
    scripted(monkeypatch, test_accuracy=[50.0, 90.0, 70.0, 60.0, 65.0], holdout_accuracy=[10.0, 20.0, 80.0, 80.0, 30.0])
    spec = tiny(epochs=5, holdout=20)
    lab.run(spec)
    content = lab.content(spec)
    assert (content["selected_epoch"], content["selected_test"]) == (3, 70.0)  # the first of the two
    assert (content["best_epoch"], content["best_test"]) == (2, 90.0)
    assert content["last_test"] == 65.0
    assert lab.record(spec).statistic("selected_test") == 70.0
    assert {lab.workspace.load_weights(spec.key, n).epoch for n in ("selected", "best_test", "last")} == {3, 2, 5}
    assert len(set(content["weights"].values())) == 3


def test_an_accuracy_of_nothing_is_still_one_to_keep(lab, monkeypatch):
    scripted(monkeypatch, test_accuracy=[0.0, 0.0, 0.0])
    spec = tiny(epochs=3)
    lab.run(spec)
    assert (lab.content(spec)["best_epoch"], lab.content(spec)["best_test"]) == (1, 0.0)


# Clocks


class Clock:
    """Time that passes only when something is done: six seconds for an epoch of a group, one for each evaluation."""

    def __init__(self, monkeypatch) -> None:
        self.now = 1000.0
        start, measure = ReferenceBackend.start, Evaluator.__call__

        def slow(backend, *arguments):
            engine = start(backend, *arguments)
            epoch = engine.epoch

            def timed(orders):
                self.now += 6.0
                return epoch(orders)

            engine.epoch = timed
            return engine

        def evaluate(evaluator, model):
            self.now += 1.0
            return measure(evaluator, model)

        monkeypatch.setattr(ReferenceBackend, "start", slow)
        monkeypatch.setattr(Evaluator, "__call__", evaluate)
        for name in ("monotonic", "perf_counter"):
            monkeypatch.setattr(time, name, lambda: self.now)


def test_seconds_are_a_runs_share_of_all_epochs_tests_included(lab, monkeypatch):
    Clock(monkeypatch)
    specs = [tiny(seed=seed, epochs=4) for seed in range(3)]
    lab.run(*specs)
    for spec in specs:
        assert lab.record(spec).content["provenance"]["seconds"] == 4 * (6 + 3) / 3
        assert [p.seconds for p in lab.progress if p.spec == spec] == [3.0] * 4


def test_seconds_before_an_interruption_count(lab, monkeypatch):
    Clock(monkeypatch)
    spec = tiny(epochs=4)
    interrupt(lab, spec, monkeypatch, 1, "reference")
    lab.run(spec)
    assert lab.record(spec).content["provenance"]["seconds"] == 4 * 7


def test_the_time_of_a_probe_is_not_the_trainings(lab, monkeypatch):
    clock = Clock(monkeypatch)
    probe = jobs.measure

    def slow(*arguments):
        clock.now += 100.0
        return probe(*arguments)

    monkeypatch.setattr(jobs, "measure", slow)
    spec = tiny("DL", epochs=2, probe="kernel-norms")
    lab.run(spec)
    assert lab.record(spec).content["provenance"]["seconds"] == 2 * 7


# Answers


TIED = {
    "fused": (FusedBackend(), tiny()),
    "stacked": (StackedBackend(), tiny()),
    "reference": (ReferenceBackend(), tiny()),
    "planes": (PlanesBackend(), tiny(architecture="GCONV", width=2, depth=None)),
    "lanes": (LanesBackend(), tiny(architecture="GCONV", width=2, depth=None)),
}


@pytest.mark.parametrize("first", [0, 3])
@pytest.mark.parametrize("name", TIED)
def test_of_equal_outputs_the_first_is_the_answer(name, first):
    """A network without weights gives every class its bias: those from ``first`` on are equally large."""
    backend: Backend
    backend, spec = TIED[name]
    if backend.refusal(spec) is not None:
        pytest.skip("no C compiler")
    spec = spec.replace(learning_rate=1e-9, batch_size=25)
    start = initial_model(spec)
    zero = {n: torch.zeros_like(t) for n, t in start.value.items()}
    zero[f"bias.{spec.network.gated_layers}"][first:] = 0.5
    state = TrainState(start.updated({f"value/{n}": t for n, t in zero.items()}))
    data: Examples = split(spec, load("digits")).train
    (result,) = backend.start([spec], [state], data, "cpu", 1).epoch([torch.arange(len(data))])
    assert result.correct == int((data.labels == first).sum()) > 0
    assert spec.regime is Regime.RELU

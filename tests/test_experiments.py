"""Training what the store lacks: once, by whoever comes first; and the front door for bare machines."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from companion import experiments
from companion.data import DataError
from companion.exhibits import EXHIBITS, cells
from companion.notation import Regime
from companion.project import workspace_folder
from companion.records.store import Store
from companion.runs.lineage import with_sources
from companion.runs.spec import RunSpec
from companion.training import queue as queues
from companion.training.queue import run_missing
from companion.training.workspace import Workspace
from support.laboratory import Laboratory, all_regimes, tiny


@pytest.fixture
def lab(tmp_path):
    return Laboratory(tmp_path)


def test_teachers_come_first_and_once():
    students = [tiny("FL"), tiny("FL", value_input="ones"), tiny("DL"), tiny("FL", seed=1)]
    ordered = with_sources(students)
    assert ordered[:2] == [tiny(), tiny(seed=1)] or set(ordered[:3]) == {tiny(), tiny(seed=1), tiny("DL")}
    assert len(ordered) == len(set(ordered)) == 6
    for spec in students:
        assert spec in ordered
        assert spec.teacher is None or ordered.index(spec.teacher) < ordered.index(spec)


def test_what_is_recorded_is_not_trained_again(lab):
    specs = all_regimes()
    assert lab.run(*specs) == 5
    before = {path: path.read_bytes() for path in lab.store.files()}
    assert lab.run(*specs, *specs) == 0
    assert {path: path.read_bytes() for path in lab.store.files()} == before


def test_a_student_brings_its_teacher_along(lab):
    assert lab.run(tiny("FL")) == 2
    assert tiny() in lab.store


def test_a_run_that_is_asked_for_twice_is_trained_once(lab):
    assert lab.run(tiny("DL"), tiny("DL"), tiny("DL", width=6)) == 1


def test_records_are_told_of_after_they_are_written(lab):
    there = []
    run_missing([tiny()], lab.store, lab.workspace, on_record=lambda record: there.append(record.spec in lab.store))
    assert there == [True]


def test_runs_that_another_process_trains_are_left_to_it(lab):
    with lab.workspace.claim(tiny("DL").key):
        assert lab.run(*all_regimes()) == 4
    assert tiny("DL") not in lab.store
    assert lab.run(*all_regimes()) == 1


def test_a_student_is_left_to_whoever_trains_its_teacher(lab):
    with lab.workspace.claim(tiny().key):
        assert lab.run(tiny("FL"), tiny("DL")) == 1
        with lab.workspace.claim(tiny("FL").key) as free:
            assert free


def test_a_teacher_that_another_process_has_just_finished_is_not_trained_again(lab, monkeypatch):
    """Between looking at the store and claiming the run, the other process has written record and weights."""
    claim = Workspace.claim
    other = Laboratory(lab.store.folder.parent)

    def slow(self, key):
        if self is lab.workspace and key == tiny().key and tiny() not in lab.store:
            other.run(tiny())
        return claim(self, key)

    monkeypatch.setattr(Workspace, "claim", slow)
    assert lab.run(tiny("FL")) == 1
    assert lab.store.takes(tiny()) == 1


def work(folder: Any, start: Any, queue: Any) -> None:
    lab = Laboratory(folder)
    start.wait()
    run_missing(all_regimes(epochs=6), lab.store, lab.workspace, on_record=lambda r: queue.put((r.key, r.take)))
    queue.put(None)


def test_two_processes_on_one_grid_train_every_run_once(tmp_path):
    context = multiprocessing.get_context("fork")
    start, queue = context.Barrier(2), context.Queue()
    workers = [context.Process(target=work, args=(tmp_path, start, queue)) for _ in range(2)]
    for worker in workers:
        worker.start()
    told = []
    while told.count(None) < 2:
        told.append(queue.get(timeout=60))
    for worker in workers:
        worker.join()
    assert sorted(filter(None, told)) == sorted((spec.key, 1) for spec in all_regimes(epochs=6))
    assert all(reason is None for _, reason in Store(tmp_path / "results").verify())


def test_a_backend_that_cannot_train_one_of_the_runs_stops_it_before_anything_is_written(lab):
    with pytest.raises(ValueError, match="valid here are"):
        lab.run(tiny(), tiny(optimiser="rmsprop"), backend="fused")
    with pytest.raises(ValueError, match="unknown backend"):
        lab.run(tiny(), backend="jax")
    assert not lab.store.folder.exists()
    assert not lab.workspace.folder.exists()


def front_door(folder, *more: str) -> int:
    return experiments.main(["A-T2", "--profile", "quick", "--out", str(folder), "--device", "cpu", *more])


def test_the_front_door_trains_a_grid_and_says_so(tmp_path, capsys):
    arguments = ("--seeds", "1", "--rows", "FC/SGD/digits", "--threads", "1")
    assert front_door(tmp_path, *arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert {word for line in lines for word in line.split()} >= set(Regime)
    assert len(Store(tmp_path / "results").files()) == 5
    assert front_door(tmp_path, *arguments) == 0
    assert capsys.readouterr().out == ""


def test_the_front_door_trains_what_several_exhibits_share_once(tmp_path, capsys):
    names = ["A-S-gate", "A-F2-K"]
    assert (
        experiments.main([*names, "--profile", "quick", "--out", str(tmp_path), "--seeds", "1", "--threads", "1"]) == 0
    )
    expected = {cell.spec.key for name in names for cell in cells(name, "quick", 1)}
    assert {path.stem for path in Store(tmp_path / "results").files()} == expected
    assert len(capsys.readouterr().out.splitlines()) == len(expected)


def test_all_exhibits_are_one_grid(tmp_path, monkeypatch):
    asked: list[RunSpec] = []
    monkeypatch.setattr(queues, "run_missing", lambda specs, *rest, **options: asked.extend(specs))
    assert experiments.main(["all", "--profile", "cpu", "--out", str(tmp_path)]) == 0
    assert set(asked) == {
        cell.spec for name, exhibit in EXHIBITS.items() if "cpu" in exhibit.profiles for cell in cells(name, "cpu")
    }


def test_a_grid_is_trained_in_parts_that_leave_each_other_their_weights(tmp_path, capsys):
    """One part by itself, its sources elsewhere, then nothing is left."""
    specs = with_sources(cell.spec for cell in cells("A-T2", "quick", 1, ["FC/SGD/digits"]))
    front = ("--seeds", "1", "--rows", "FC/SGD/digits", "--threads", "1", "--keys")
    for part in (specs[:1], specs[1:]):
        assert front_door(tmp_path, *front, *(spec.key for spec in part)) == 0
        assert len(capsys.readouterr().out.splitlines()) == len(part)
    store = Store(tmp_path / "results")
    assert {record.key for record in store} == {spec.key for spec in specs}
    assert {record.take for record in store} == {1}


def test_a_part_that_another_process_trains_is_not_said_to_be_done(tmp_path, capsys):
    spec = cells("A-T2", "quick", 1)[0].spec
    store = Store(tmp_path / "mine")
    arguments = ["A-T2", "--profile", "quick", "--store", str(store.folder), "--out", str(tmp_path), "--keys", spec.key]
    with Workspace(tmp_path / "workspace", store).claim(spec.key):
        assert experiments.main(arguments) == 1
    assert "1 of 1 runs are being trained by another process" in capsys.readouterr().err
    assert experiments.main(arguments) == 0
    assert spec in store


def test_records_without_a_folder_of_their_own_have_the_workspace_of_their_store(tmp_path, monkeypatch):
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path / "cache"))
    asked: list[Workspace] = []
    monkeypatch.setattr(queues, "run_missing", lambda specs, store, workspace, **options: asked.append(workspace))
    assert experiments.main(["A-T2", "--profile", "quick", "--store", str(tmp_path / "mine")]) == 0
    assert [one.folder for one in asked] == [workspace_folder(tmp_path / "mine")]


@pytest.mark.parametrize("name", ["torch", "numpy"])
def test_ctrl_c_while_libraries_are_loaded_is_one_sentence(tmp_path, name):
    (tmp_path / f"{name}.py").write_text("raise KeyboardInterrupt\n")
    search = os.pathsep.join([str(tmp_path), str(Path(experiments.__file__).parents[1])])
    command = [sys.executable, "-m", "companion.experiments", "A-T2", "--out", str(tmp_path / "out")]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": search}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (130, ""), done.stderr
    assert done.stderr.startswith("Stopped. Every finished run is kept")
    assert not (tmp_path / "out").exists()


def test_the_front_door_must_know_where_records_go(capsys):
    with pytest.raises(SystemExit) as stopped:
        experiments.main(["A-T2"])
    assert stopped.value.code == 2
    assert "--out DIR" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--keys", "0" * 16), ("no run '0000000000000000' is in these exhibits",)),
        (("--seeds", "0"), ("seeds", "at least 1")),
        (("--seeds", "many"), ("--seeds",)),
        (("--rows", "FC/SGD/MNIST"), ("FC/SGD/digits",)),
        (("--rows",), ("rows must be a list of some of",)),
        (("--backend", "jax"), ("auto, fused",)),
        (("--device", "cuda:99"), ("valid on this machine are auto, cpu",)),
        (("--profile", "huge"), ("quick", "cpu", "paper")),
    ],
)
def test_the_front_door_answers_a_bad_word_with_code_2_and_writes_nothing(tmp_path, capsys, arguments, words):
    with pytest.raises(SystemExit) as stopped:
        front_door(tmp_path / "out", *arguments)
    assert stopped.value.code == 2
    message = capsys.readouterr().err
    assert all(word in message for word in words), message
    assert not (tmp_path / "out").exists()


def test_the_front_door_says_what_to_do_without_the_data(tmp_path, capsys, monkeypatch):
    def absent(name):
        raise DataError(f"{name} is not here: fetch it")

    monkeypatch.setattr("companion.training.loop.load", absent)
    assert front_door(tmp_path, "--seeds", "1") == 1
    assert "digits is not here" in capsys.readouterr().err

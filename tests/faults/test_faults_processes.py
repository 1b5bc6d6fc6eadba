"""Several processes on one grid, of which one is killed in the middle: it takes nothing with it but its last epoch."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import defaultdict
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from companion.training import queue
from companion.training.loop import Progress
from support.faults import LONG, SECONDS, STRUCK, visible
from support.laboratory import Laboratory, always_save, tiny

WORK = "a grid of trainings"
"""What the report calls it."""
SMALL = {"epochs": 3, "train_size": 20, "test_size": 20}


@pytest.fixture(autouse=True)
def one_by_one(monkeypatch) -> None:
    """A process claims one run at a time, so that each of several has one; a checkpoint after every epoch."""
    always_save(monkeypatch)
    monkeypatch.setattr(queue, "CLAIMED", 1)
    monkeypatch.setattr(os, "fsync", lambda handle: None)


class Telling(list):
    """What a process has trained; in the second epoch of its first run it says so, and waits for leave to go on."""

    def __init__(self, parent: Connection) -> None:
        self.parent = parent

    def append(self, told: Progress) -> None:
        super().append((told.spec.key, told.epoch))
        if len(self) == 2:
            self.parent.send(told.spec.key)
            self.parent.recv()


def work(folder: Path, specs: list, parent: Connection) -> None:
    signal.alarm(SECONDS)  # who hangs is ended by that, and the test fails
    lab = Laboratory(folder)
    lab.progress = Telling(parent)
    lab.run(*specs)
    parent.send(list(lab.progress))


def claimed(lab: Laboratory, key: str) -> bool:
    with lab.workspace.claim(key) as mine:
        return not mine


@pytest.mark.parametrize("count", (2, 4, 8) if LONG[0] else (2, 4))
def test_one_of_several_processes_that_is_killed_takes_nothing_with_it(tmp_path, count):
    specs = [tiny(regime, seed=seed, **SMALL) for regime in ("ReLU", "FL") for seed in range(2 * count)]
    whole, lab = Laboratory(tmp_path / "whole"), Laboratory(tmp_path / "struck")
    assert whole.run(*specs) == len(specs)
    context = multiprocessing.get_context("fork")
    pipes = [context.Pipe() for _ in range(count)]
    processes = [context.Process(target=work, args=(tmp_path / "struck", specs, theirs)) for _, theirs in pipes]
    for process in processes:
        process.start()
    ours = [here for here, _ in pipes]
    assert all(here.poll(SECONDS) for here in ours)
    at_work = [here.recv() for here in ours]
    assert len(set(at_work)) == count, "two are in the midst of the same run"
    assert all(claimed(lab, key) for key in at_work)

    processes[0].kill()
    processes[0].join()
    STRUCK.append("killed")
    assert [claimed(lab, key) for key in at_work] == [False] + [True] * (count - 1)
    trained = defaultdict(list)
    for here, process in zip(ours[1:], processes[1:], strict=True):
        here.send("go on")
        assert here.poll(SECONDS)
        for key, epoch in here.recv():
            trained[key].append(epoch)
        process.join()
        assert process.exitcode == 0

    before = visible(lab.store.folder)
    lab.run(*specs)
    for told in lab.progress:
        trained[told.spec.key].append(told.epoch)
    lost = at_work[0]  # of which the first epoch is in a checkpoint, and the second is done again
    assert trained == {spec.key: [2, 3] if spec.key == lost else [1, 2, 3] for spec in specs}
    assert [lab.content(spec) for spec in specs] == [whole.content(spec) for spec in specs]
    assert {record.take for record in lab.store} == {1}
    assert set(visible(lab.store.folder)) == set(visible(whole.store.folder))
    assert visible(lab.store.folder).items() >= before.items()
    assert [reason for _, reason in lab.store.verify() if reason] == []
    assert not any(claimed(lab, spec.key) for spec in specs)

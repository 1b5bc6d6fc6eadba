"""Checkpoints come early, then ever less often, and never cost much; who finds everything claimed says by whom."""

from __future__ import annotations

import multiprocessing
import os
import platform
import time
from collections.abc import Iterator

import pytest

from companion.runs.regimes import initial_model
from companion.training import loop
from companion.training.backends import ReferenceBackend
from companion.training.pace import FIRST_SECONDS, SHARE, Pace
from companion.training.state import TrainState
from companion.training.workspace import Workspace
from support.laboratory import Laboratory, tiny

STATE = TrainState(initial_model(tiny()))


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """Time that passes only when a test says so."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def saved(clock, *, epoch: float, epochs: int, cost: float, files: int = 1, kill: float | None = None) -> list[int]:
    """The epochs after which a group saves whose epochs and checkpoints take so many seconds."""
    pace, start, found = Pace([STATE] * files, loop.CHECKPOINT_SECONDS), clock[0], []

    def write() -> None:
        clock[0] += cost

    for done in range(1, epochs):
        clock[0] += epoch
        if kill is not None and clock[0] - start > kill:
            break
        if pace.due(done, epochs - done):
            pace.save(write)
            found.append(done)
    return found


def test_the_first_comes_early_and_the_others_when_twice_the_time_has_passed(clock):
    assert saved(clock, epoch=7, epochs=40, cost=0) == [1, 2, 4, 8, 16, 25, 34]  # at last once a minute


def test_short_epochs_do_not_save_each(clock):
    found = saved(clock, epoch=0.1, epochs=10_000, cost=0)
    assert found[0] == pytest.approx(10 * FIRST_SECONDS, abs=1)
    assert len(found) <= 5 + 1000 / 60


@pytest.mark.parametrize("cost", [0.0, 0.02, 0.5, 3.0])
@pytest.mark.parametrize("epoch", [0.3, 7.0, 45.0])
@pytest.mark.parametrize("epochs", [2, 30, 900])
def test_they_take_at_most_a_fiftieth_of_the_whole_but_for_the_first(clock, cost, epoch, epochs):
    found = saved(clock, epoch=epoch, epochs=epochs, cost=cost, files=2)
    assert max(0, len(found) - 1) * cost <= SHARE * (epoch * epochs + len(found) * cost)
    assert (len(found) == 0) == (epoch * (epochs - 1) < FIRST_SECONDS)


def test_a_group_so_large_that_saving_it_would_take_too_long_waits(clock):
    """48 runs, half a second by the guess: not in ten seconds of training, and at once in an hour of it."""
    assert saved(clock, epoch=1, epochs=10, cost=0.5, files=48) == []
    assert saved(clock, epoch=1, epochs=3600, cost=0.5, files=48)[0] == 5


def test_who_is_killed_again_and_again_in_the_first_minute_gets_on(clock):
    assert saved(clock, epoch=9, epochs=100, cost=0.02, kill=40) == [1, 3]


def test_a_run_saves_by_this_clock(tmp_path, clock, monkeypatch):
    lab, found = Laboratory(tmp_path), []
    start, save = ReferenceBackend.start, Workspace.save_checkpoint

    def slow(backend, *arguments):
        engine = start(backend, *arguments)
        epoch = engine.epoch

        def timed(orders):
            clock[0] += 7.0
            return epoch(orders)

        engine.epoch = timed
        return engine

    def spy(workspace, spec, checkpoint):
        found.append((spec.seed, checkpoint.epoch))
        save(workspace, spec, checkpoint)

    monkeypatch.setattr(ReferenceBackend, "start", slow)
    monkeypatch.setattr(Workspace, "save_checkpoint", spy)
    lab.run(*(tiny(seed=seed, epochs=30) for seed in range(2)))
    assert found == [(seed, epoch) for epoch in (1, 2, 4, 8, 16, 25) for seed in range(2)]


# Who has claimed what


def hold(folder, claimed, finish) -> None:
    with Laboratory(folder).workspace.claim(tiny().key):
        claimed.set()
        finish.wait()


@pytest.fixture
def holder(tmp_path) -> Iterator[multiprocessing.Process]:
    """Another process that trains the run ``tiny()``."""
    context = multiprocessing.get_context("fork")
    claimed, finish = context.Event(), context.Event()
    process = context.Process(target=hold, args=(tmp_path, claimed, finish))
    process.start()
    assert claimed.wait(60)
    yield process
    finish.set()
    process.join()


def test_who_finds_everything_claimed_says_by_whom(tmp_path, holder, caplog):
    assert Laboratory(tmp_path).run(tiny()) == 0
    (message,) = caplog.messages
    assert message.startswith(f"1 run is left to process {holder.pid} on {platform.node()} (since 20")
    assert message.endswith(" UTC)")
    Laboratory(tmp_path).run(tiny())
    found = Laboratory(tmp_path).workspace.holder(tiny().key)
    assert found is not None
    assert found.pid == holder.pid != os.getpid()  # whoever asked in vain has not taken its place


@pytest.mark.parametrize("line", [None, b"", b"[]", b'{"host": 1}', b'{"host": "a", "pid": true, "since": "now"}'])
def test_a_claim_without_a_name_is_still_one(tmp_path, holder, caplog, line):
    place = tmp_path / "workspace" / "claims" / f"{tiny().key}.holder"
    place.unlink()
    if line is not None:
        place.write_bytes(line)
    assert Laboratory(tmp_path).run(tiny()) == 0
    assert caplog.messages == ["1 run is left to another process"]


def test_a_claim_that_ended_has_no_holder(tmp_path):
    lab = Laboratory(tmp_path)
    with lab.workspace.claim(tiny().key):
        assert lab.workspace.holder(tiny().key).pid == os.getpid()
    assert lab.workspace.holder(tiny().key) is None

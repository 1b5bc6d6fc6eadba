"""A grid of which any act on a file fails, is interrupted or is killed: it loses nothing and ends the same."""

from __future__ import annotations

import os
import random
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from companion.records import provenance
from companion.records.weights import weights_digest
from companion.training import claims
from support.disks import sweep
from support.faults import HOW, LONG, STRUCK, strike, strikes, visible
from support.laboratory import Laboratory, always_save, tiny

WORK = "a grid of trainings"
"""What the report calls it."""
SMALL = {"epochs": 2, "train_size": 20, "test_size": 20}
SPECS = [
    tiny(**SMALL),
    tiny(seed=1, learning_rate=1e30, **SMALL),  # diverges
    tiny("FL", probe="hidden-layers", **SMALL),  # takes the weights of the first, and leaves pictures
]


@pytest.fixture(autouse=True)
def quickly(monkeypatch) -> None:
    """A checkpoint after every epoch; and no time for the disk, as no machine loses its power here."""
    always_save(monkeypatch)
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture
def whole(tmp_path) -> Laboratory:
    """Where nothing goes wrong."""
    lab = Laboratory(tmp_path / "whole")
    assert lab.run(*SPECS) == len(SPECS)
    assert [lab.record(spec).finished for spec in SPECS] == [True, False, True]
    return lab


def names(lab: Laboratory) -> set[str]:
    return set(visible(lab.store.folder))


def train(folder: Path) -> int:
    return Laboratory(folder).run(*SPECS)


def assert_ends_as(lab: Laboratory, whole: Laboratory, after: str) -> None:
    """What is left is trained, from the last checkpoint of each run, and all is as where nothing went wrong."""
    before = visible(lab.store.folder)
    done = [spec for spec in SPECS if lab.store.get(spec) is not None]  # raises where one is damaged
    saved = {spec: found.epoch for spec in SPECS if (found := lab.workspace.load_checkpoint(spec)) is not None}
    lab.progress = []
    assert lab.run(*SPECS) == len(SPECS) - len(done), after
    for spec in set(SPECS) - set(done) - {SPECS[1]}:
        epochs = [told.epoch for told in lab.progress if told.spec == spec]
        assert epochs == list(range(saved.get(spec, 0) + 1, spec.epochs + 1)), after
    assert [lab.content(spec) for spec in SPECS] == [whole.content(spec) for spec in SPECS], after
    assert names(lab) == names(whole), after  # no further takes
    assert visible(lab.store.folder).items() >= before.items(), after
    assert [reason for _, reason in lab.store.verify() if reason] == [], after
    weights = lab.workspace.load_weights(SPECS[0].key, "last")
    assert weights is not None, after
    assert weights_digest(weights.params) == lab.content(SPECS[0])["weights"]["last"], after


@pytest.mark.slow
@pytest.mark.parametrize("how", HOW)
def test_whatever_befalls_a_grid_it_ends_as_if_nothing_had(tmp_path, whole, how):
    acts, ends = [], set()
    for folder, act, outcome in strikes(tmp_path / "struck", train, how):
        acts.append(act)
        ends.add(outcome.how)
        lab = Laboratory(folder)
        if how != "killed" and not act.startswith("os.remove"):  # who lives tidies up
            assert list(folder.rglob("*.partial")) == [], act
        assert_ends_as(lab, whole, f"{how}: {act}")
    key = SPECS[0].key
    for name in (f"results/{key}.json", f"workspace/weights/{key}.pt", f"workspace/checkpoints/{key}.pt"):
        folder, _, file = name.rpartition("/")
        steps = ["open", "write", "fsync", "os.rename" if file.endswith("pt") else "os.link", "os.remove", "fsync"]
        places = [f"{folder}/.{file}.partial"] * 3 + [name, f"{folder}/.{file}.partial", folder]
        told = [f"{step} {place}" for step, place in zip(steps, places, strict=True)]
        seen = list(dict.fromkeys(acts[acts.index(told[0]) :]))
        assert seen[: len(told)] == told, "every step of the one writer"
    assert ends == ({"killed"} if how == "killed" else {"error"} if how == "stops" else {"error", "done"})


def test_a_grid_that_is_killed_again_and_again_gets_on(tmp_path, whole):
    """Each process dies where the first one has just saved its first checkpoint."""
    for name in ("one", "struck"):
        (tmp_path / name).mkdir()
    acts = strike(tmp_path / "one", partial(train, tmp_path / "one")).acts
    first = next(at for at, act in enumerate(acts, start=1) if act.startswith("os.rename workspace/checkpoints"))
    folder, deaths = tmp_path / "struck", 0
    while strike(folder, partial(train, folder), first + 1, "killed").how == "killed":
        deaths += 1
        assert deaths < 10
    assert deaths >= 2
    assert_ends_as(Laboratory(folder), whole, "many kills")


@pytest.mark.parametrize("seed", range(25 if LONG[0] else 2))
def test_a_grid_that_is_struck_at_random_again_and_again_gets_on(tmp_path, whole, seed):
    for name in ("one", "struck"):
        (tmp_path / name).mkdir()
    acts = len(strike(tmp_path / "one", partial(train, tmp_path / "one")).acts)
    draw, folder, blows = random.Random(seed), tmp_path / "struck", 0
    while strike(folder, partial(train, folder), draw.randint(1, acts), draw.choice(HOW)).how != "done":
        blows += 1
        assert blows < 100
    assert_ends_as(Laboratory(folder), whole, f"{blows} blows")


def test_a_grid_on_a_disk_that_is_really_full_loses_nothing_and_ends_the_same(disk, whole):
    def check(folder: Path, room: str) -> None:
        assert_ends_as(Laboratory(folder), whole, room)

    ends = disk(lambda made: sweep(made, lambda folder: None, train, check))
    STRUCK.extend(ends)
    assert len(ends) > 20  # less than the first page of a checkpoint is found out before anything trains


# Clocks and locks


class Backwards(datetime):
    """A clock that is set back by a day whenever somebody looks."""

    days = 0

    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        cls.days += 1
        return datetime(2026, 1, 31, tzinfo=tz) - timedelta(days=cls.days)


def test_a_clock_that_is_set_back_changes_no_number(tmp_path, whole, monkeypatch):
    for module in (provenance, claims):
        monkeypatch.setattr(module, "datetime", Backwards)
    monkeypatch.setattr(time, "time", lambda: -Backwards.now(UTC).timestamp())
    folder = tmp_path / "struck"
    folder.mkdir()
    assert strike(folder, partial(train, folder), 40, "killed").how == "killed"
    for number, file in enumerate(sorted(folder.rglob("*"))):
        os.utime(file, (4e9 - 1e6 * number,) * 2)  # files of the future
    lab, Backwards.days = Laboratory(folder), 1000
    assert_ends_as(lab, whole, "set back")
    times = [lab.record(spec).content["provenance"]["time"] for spec in (SPECS[0], SPECS[2])]
    assert times[0] > times[1]


@pytest.mark.parametrize("line", [b'{"host": "gone", "pid": 4194305, "since": "2020-01-01"}', b"{", b""])
def test_a_lock_whose_owner_is_gone_hinders_nobody(tmp_path, whole, line):
    lab = Laboratory(tmp_path / "struck")
    place = lab.workspace.folder / "claims"
    place.mkdir(parents=True)
    for spec in SPECS:
        (place / spec.key).write_bytes(b"")
        (place / f"{spec.key}.holder").write_bytes(line)
    assert_ends_as(lab, whole, "stale locks")
    assert [lab.workspace.holder(spec.key) for spec in SPECS] == [None] * 3

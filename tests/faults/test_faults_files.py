"""Whatever befalls the writing of a file, there is the old one or the new one, and the next try completes it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import nbformat
import numpy as np
import pytest

from companion.data import DatasetInfo, RawArrays, Source, describe, fetch, pack, table, unpack
from companion.data.errors import DataError
from companion.records.store import Store
from companion.records.travel import bring
from companion.records.travel import pack as export
from companion.site import notebooks
from support.disks import sweep
from support.faults import HOW, STRUCK, strikes, visible
from support.laboratory import Laboratory, tiny

WORK = "files one by one"
"""What the report calls it."""
ARRAYS = RawArrays(*(np.arange(n, dtype=np.uint8).reshape(shape) for n, shape in ((8, (2, 1, 2, 2)), (2, (2,))) * 2))
TEACHER = tiny(epochs=2)
TOY = DatasetInfo("toy", "Toy", (1, 2, 2), 2, 2, 2, 255, (1.0,), (1.0,), ARRAYS.digest(), False, "made by the tests")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    """A run whose weights are kept, and one with pictures."""
    lab = Laboratory(tmp_path_factory.mktemp("full"))
    assert lab.run(TEACHER, tiny("FR-II", epochs=2, probe="hidden-layers", probe_every=2)) == 2
    keep(lab, lab.store.folder.parent)
    return lab


@dataclass(frozen=True)
class Kind:
    """A kind of file: what is there before, what writes it, and what says whether it is right."""

    ready: Callable[[Laboratory, Path], object]
    work: Callable[[Laboratory, Path], object]
    sound: Callable[[Path], bool]


def toys() -> list[Source]:
    return [Source("a source", lambda folder: ARRAYS)]


def copied(lab: Laboratory, folder: Path) -> None:
    """The records of a laboratory, without what is kept beside them."""
    folder.joinpath("results").mkdir()
    for file in lab.store.files():
        (folder / "results" / file.name).write_bytes(file.read_bytes())


def keep(lab: Laboratory, folder: Path) -> None:
    kept = lab.workspace.load_weights(TEACHER.key, "best_test")
    assert kept is not None
    Store(folder / "results").keep_weights(TEACHER.key, kept.params)


def notebook(source: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source, id="one")])


def verifies(folder: Path) -> bool:
    return not [reason for _, reason in Store(folder).verify() if reason]


def readable(folder: Path) -> bool:
    return bool(notebooks.read(folder / "a.ipynb").cells)


def whole_set(folder: Path) -> bool:
    return describe(["toy"], folder)[0].ok is not False


def whole_pack(folder: Path) -> bool:
    """A pack that is not whole says so."""
    try:
        unpack(folder / "pack", folder.parent / f"{folder.name} unpacked")
    except DataError as error:
        return "toy" in str(error) or "no packed dataset" in str(error)
    return True


def exported(lab: Laboratory, folder: Path) -> None:
    """An archive that is there is never replaced, so that one which is whole needs no other try."""
    if not (folder / "x.zip").exists():
        export(lab.store, folder / "x.zip")


def unpacks(folder: Path) -> bool:
    file = folder / "x.zip"
    theirs = Store(folder.parent / f"{folder.name} unpacked")
    return not file.exists() or all(one.what in ("imported", "present") for one in bring(file, theirs))


KINDS = {
    "weights beside a record": Kind(copied, keep, lambda folder: verifies(folder / "results")),
    "an export": Kind(lambda lab, folder: None, exported, unpacks),
    "an import": Kind(
        lambda lab, folder: None,
        lambda lab, folder: bring(lab.store.folder, Store(folder)),
        lambda folder: verifies(folder),
    ),
    "a dataset": Kind(lambda lab, folder: None, lambda lab, folder: fetch("toy", folder, sources=toys()), whole_set),
    "a pack of it": Kind(
        lambda lab, folder: fetch("toy", folder / "cache", sources=toys()),
        lambda lab, folder: pack(["toy"], folder / "pack", source=folder / "cache"),
        whole_pack,
    ),
    "a notebook": Kind(
        lambda lab, folder: notebooks.write(notebook("old"), folder / "a.ipynb"),
        lambda lab, folder: notebooks.write(notebook("new"), folder / "a.ipynb"),
        readable,
    ),
}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("kind", KINDS)
def test_there_is_the_old_file_or_the_new_one_and_the_next_try_completes_it(tmp_path, monkeypatch, lab, kind, how):
    monkeypatch.setitem(table._BY_NAME, "toy", TOY)
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    ready, work = partial(KINDS[kind].ready, lab), partial(KINDS[kind].work, lab)
    sound = KINDS[kind].sound
    (before := tmp_path / "before").mkdir()
    ready(before)
    old, new, count = visible(before), {}, 0
    for folder, act, outcome in strikes(tmp_path / "struck", work, how, ready):
        count += 1
        new = new or visible(folder.parent / "undisturbed")
        assert outcome.how == "killed" if how == "killed" else outcome.how in ("error", "done"), act
        for name, content in visible(folder).items():
            assert content in (old.get(name), new.get(name)), f"{act}: {name} is neither the old one nor the new one"
        assert sound(folder), act
        if outcome.how == "done":
            assert visible(folder) == new, f"{act}: it said that it was done"
        work(folder)
        assert visible(folder) == new, act
        assert sound(folder), act
    assert count >= 6
    assert new != old


@pytest.mark.parametrize("kind", KINDS)
def test_on_a_disk_that_is_really_full_there_is_the_old_file_or_the_new_one(tmp_path, monkeypatch, lab, disk, kind):
    monkeypatch.setitem(table._BY_NAME, "toy", TOY)
    ready, work = partial(KINDS[kind].ready, lab), partial(KINDS[kind].work, lab)
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        ready(tmp_path / name)
    work(tmp_path / "new")
    old, new = visible(tmp_path / "old"), visible(tmp_path / "new")

    def check(folder: Path, room: str) -> None:
        for name, content in visible(folder).items():
            assert content in (old.get(name), new.get(name)), f"{room}: {name} is neither the old one nor the new one"
        assert KINDS[kind].sound(folder), room
        work(folder)
        assert visible(folder) == new, room

    ends = disk(lambda made: sweep(made, ready, work, check))
    STRUCK.extend(ends)
    assert ends.count("error") >= 1

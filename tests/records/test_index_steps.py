"""After any sequence of changes a store with an index says what one without says."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.records import survey as surveys
from companion.records.index import Index
from companion.records.store import Store
from support.indexed import SPECS, agree, told
from support.synthetic import record

STEPS: dict[str, Callable[[Path, Path], object]] = {
    "remove": lambda path, spare: _replace(path, lambda: None),
    "write": lambda path, spare: _replace(path, lambda: shutil.copy(spare, path)),
    "flip": lambda path, spare: _replace(path, lambda: path.write_bytes(spare.read_bytes().replace(b"9", b"8", 1))),
    "rename another's": lambda path, spare: _replace(path, lambda: shutil.copy(max(spare.parent.iterdir()), path)),
    "folder": lambda path, spare: _replace(path, path.mkdir),
    "link": lambda path, spare: _replace(path, lambda: path.symlink_to(spare)),
    "dangle": lambda path, spare: _replace(path, lambda: path.symlink_to("nowhere")),
    "cut": lambda path, spare: _replace(path, lambda: path.write_bytes(spare.read_bytes()[:100])),
    "touch": lambda path, spare: os.utime(path, (1, 1)) if path.is_file() else None,
}


def _replace(path: Path, make: Callable[[], object]) -> None:
    path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
    make()


@pytest.fixture(scope="module")
def spares(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("spares"))
    for spec in SPECS:
        store.write(record(spec, 90.0 + spec.seed))
    return store


@settings(max_examples=60)
@given(
    steps=st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 3), st.booleans()), max_size=12),
    settled=st.booleans(),
)
def test_after_any_sequence_of_changes_both_say_the_same(
    tmp_path_factory: pytest.TempPathFactory, spares: Store, steps: list[tuple[str, int, bool]], settled: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        # A file that is replaced within a tick of the clock, in the same place on the disk, is told to be the same:
        # settled or not, a step here takes less than that, so that files count as settled a tick after it.
        patch.setattr(surveys, "MOMENT", 10**7 if settled else surveys.MOMENT)
        place = tmp_path_factory.mktemp("steps")
        store = Store(place / "results", Index(place / "results", place / "index.sqlite"))
        store.folder.mkdir()
        for name, number, forget in steps:
            path = store.path(SPECS[number].key)
            STEPS[name](path, spares.path(SPECS[number].key))
            assert told(store, store.index) == told(store)
            if forget:
                agree(store)

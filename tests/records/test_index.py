"""An index never answers otherwise than the files do, whatever becomes of them and of it."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.records import index as indices
from companion.records import survey as surveys
from companion.records.index import Index, Line
from companion.records.record import RecordError
from companion.records.store import Store
from companion.records.weights import weights_digest
from companion.runs.regimes import initial_model
from support.indexed import SPECS, agree, believed, told
from support.records import alter
from support.synthetic import record

HOURS = 3600 * 10**9


@pytest.fixture
def long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file counts as written long before it is read, as if the tests took their time."""
    monkeypatch.setattr(surveys, "MOMENT", -HOURS)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Four records, with an index of their own."""
    plain = Store(tmp_path / "results")
    for spec in SPECS:
        plain.write(record(spec, 90.0 + spec.seed))
    return Store(plain.folder, Index(plain.folder, tmp_path / "index.sqlite"))


@pytest.mark.usefixtures("long_ago")
def test_what_was_verified_is_believed_and_not_opened(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert believed(store) == [False] * 4
    monkeypatch.setattr(surveys, "regular", lambda *arguments: pytest.fail("a file was opened"))
    assert believed(store) == [True] * 4


def test_a_file_that_has_just_been_written_is_known_by_its_bytes(store: Store) -> None:
    assert believed(store) == [False] * 4
    assert believed(store) == [False] * 4
    agree(store)


def test_a_change_that_the_system_does_not_tell_of_is_noticed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within one tick of its clock a file may change twice and be told to be the same."""
    path, signature = store.path(SPECS[0].key), surveys._signature
    found = signature(path)
    monkeypatch.setattr(surveys, "_signature", lambda one: found if one == path else signature(one))
    agree(store)
    path.write_bytes(path.read_bytes().replace(b"90.0", b"10.0"))
    assert not all(reason is None for _, _, reason, _ in told(store)[:4])
    agree(store)


@pytest.mark.usefixtures("long_ago")
def test_a_change_of_the_same_size_and_time_is_noticed(store: Store) -> None:
    agree(store)
    path = store.path(SPECS[0].key)
    before = path.stat()
    content = path.read_bytes().replace(b"90.0", b"10.0")
    while path.stat().st_ctime_ns == before.st_ctime_ns:  # its clock ticks every few milliseconds
        path.write_bytes(content)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert believed(store) == [seen.path != path for seen in Store(store.folder).survey()]
    assert store.find(SPECS[0]) is None
    agree(store)


def test_after_the_clock_was_set_back_every_byte_is_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surveys.time, "time_ns", lambda: 10**18)  # in 2001
    agree(store)
    assert believed(store) == [False] * 4


@pytest.mark.usefixtures("long_ago")
def test_other_code_believes_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    agree(store)
    monkeypatch.setattr(indices, "code", lambda: "other code")
    assert believed(store) == [False] * 4
    assert believed(store) == [True] * 4


@pytest.mark.usefixtures("long_ago")
def test_a_copy_of_the_store_has_an_index_of_its_own(store: Store, tmp_path: Path) -> None:
    agree(store)
    assert store.index is not None
    copy = Store(shutil.copytree(store.folder, tmp_path / "copy"))
    seen = Store(copy.folder, Index(copy.folder, store.index.file)).survey()
    assert [one.believed for one in seen] == [False] * 4
    assert Index(store.folder).file != Index(copy.folder).file


@pytest.mark.usefixtures("long_ago")
def test_what_is_gone_is_forgotten(store: Store) -> None:
    agree(store)
    store.path(SPECS[0].key).unlink()
    agree(store)
    assert store.index is not None
    assert len(Index(store.folder, store.index.file).names("")) == 3


@pytest.mark.usefixtures("long_ago")
def test_arrays_are_believed_as_long_as_what_vouches_for_them(store: Store) -> None:
    params = dict(initial_model(SPECS[0]).value)
    path = store.path(SPECS[0].key)
    alter(path, lambda content: content.update(weights={"last": weights_digest(params)}))
    assert store.keep_weights(SPECS[0].key, params).exists()
    agree(store)
    assert believed(store) == [True] * 5
    alter(path, lambda content: content.update(weights={}))
    assert "none of the weights" in str(told(store)[4])
    agree(store)


def _table(file: Path, *statements: str) -> None:
    with sqlite3.connect(file) as db:
        for statement in statements:
            db.execute(statement)
    db.close()


def _halved(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def _replaced(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def replace(file: Path) -> None:
        file.unlink(missing_ok=True)
        make(file)

    return replace


SPOILED: dict[str, Callable[[Path], object]] = {
    "deleted": lambda file: file.unlink(),
    "empty": _replaced(Path.touch),
    "noise": _replaced(lambda file: file.write_bytes(bytes(range(256)) * 64)),
    "cut in half": _halved,
    "huge": lambda file: os.truncate(file, indices.LARGEST + 1),
    "of another program": _replaced(lambda file: _table(file, "CREATE TABLE line (a, b)")),
    "with a view": lambda file: _table(file, "CREATE VIEW other AS SELECT * FROM line"),
    "with a trigger": lambda file: _table(file, "CREATE TRIGGER t AFTER INSERT ON line BEGIN DELETE FROM line; END"),
    "with a view in its place": _replaced(lambda file: _table(file, "CREATE VIEW line AS SELECT 1")),
    "with numbers for text": lambda file: _table(file, "UPDATE line SET facts = 7, signature = 1.5"),
    "with bytes for text": lambda file: _table(file, "UPDATE line SET name = CAST(name AS BLOB), digest = x'00'"),
    "with half characters": lambda file: _table(file, "UPDATE line SET facts = CAST(x'ff' AS TEXT)"),
    "with long lines": lambda file: _table(file, "UPDATE line SET facts = zeroblob(3000000)"),
    "with facts of others": lambda file: _table(file, "UPDATE line SET facts = (SELECT max(facts) FROM line)"),
    "with no facts": lambda file: _table(file, "UPDATE line SET facts = NULL"),
    "a pipe": _replaced(os.mkfifo),
    "a folder": _replaced(Path.mkdir),
    "a folder with files": _replaced(lambda file: (file / "a" / "b").mkdir(parents=True)),
    "a dangling link": _replaced(lambda file: file.symlink_to("nowhere")),
    "a device": _replaced(lambda file: file.symlink_to("/dev/zero")),
    "a journal of another": lambda file: file.with_name(file.name + "-journal").write_bytes(b"\xd9\xd5\x05\xf9" * 300),
    "a folder for journal": lambda file: file.with_name(file.name + "-journal").mkdir(),
}


@pytest.mark.usefixtures("long_ago")
@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_an_index_that_was_spoiled_is_made_anew_or_gone_past(store: Store, spoil: Callable[[Path], object]) -> None:
    agree(store)
    assert store.index is not None
    spoil(store.index.file)
    agree(store)


@pytest.mark.usefixtures("long_ago")
def test_a_link_in_its_place_leaves_alone_what_it_leads_to(store: Store, tmp_path: Path) -> None:
    assert store.index is not None
    (tmp_path / "precious").write_text("precious")
    store.index.file.symlink_to(tmp_path / "precious")
    agree(store)
    assert (tmp_path / "precious").read_text() == "precious"
    assert stat.S_ISREG(store.index.file.lstat().st_mode)


def test_where_no_index_can_be_made_everything_works(store: Store, tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    for place in (tmp_path / "a file" / "index.sqlite", Path("/proc/index.sqlite"), Path("/dev/full/index.sqlite")):
        assert told(store, Index(store.folder, place)) == told(store)


def test_a_python_without_sqlite_has_no_index(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sqlite3", None)
    agree(store)
    assert store.index is not None
    assert not store.index.file.exists()


def test_an_index_that_another_holds_is_gone_past(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indices, "PATIENCE", 0.01)
    agree(store)
    assert store.index is not None
    other = sqlite3.connect(store.index.file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    agree(store)
    other.execute("COMMIT")
    other.close()
    assert len(Index(store.folder, store.index.file).lines("", "0", "z")) == 4


def test_nothing_is_ever_left_in_the_store(store: Store) -> None:
    before = {path: path.read_bytes() for path in store.folder.iterdir()}
    agree(store)
    assert {path: path.read_bytes() for path in store.folder.iterdir()} == before


def test_old_indexes_go_when_another_is_made(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "indexes"
    folder.mkdir()
    for name, days in (("old", 91), ("new", 89)):
        (folder / f"{name}.sqlite").touch()
        os.utime(folder / f"{name}.sqlite", (0, time.time() - days * 86_400))
    Index(store.folder, folder / "mine.sqlite").line("", "a")
    assert sorted(path.stem for path in folder.iterdir()) == ["mine", "new"]


@pytest.mark.usefixtures("long_ago")
def test_a_forged_line_vouches_for_a_file_and_says_nothing_of_its_content(store: Store) -> None:
    """What the module says of trust: the seal is no signature, but content is always that of the file."""
    agree(store)
    path, index = store.path(SPECS[0].key), store.index
    assert index is not None
    line = index.line("", path.name)
    assert line is not None
    path.write_bytes(path.read_bytes().replace(b"90.0", b"10.0"))
    forged = line._replace(digest=surveys.digest_of_file(path), signature="", facts="[]")
    index.keep("", forged)
    index.flush()
    found = Store(store.folder, index).get(SPECS[0])
    assert found is not None
    assert found.statistic("best_test") == 10.0
    with pytest.raises(RecordError):
        Store(store.folder).get(SPECS[0])
    assert [one.reason is None for one in Store(store.folder, index).survey() if one.path == path] == [False]


@given(data=st.data())
def test_flipped_bits_are_noticed(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    place = tmp_path_factory.mktemp("flipped")
    file = place / "index.sqlite"
    lines = {f"{n}.json": Line(f"{n}.json", "1 2 3 4 5", f"{n:064x}", "", f'["{n}"]') for n in range(20)}
    index = Index(place, file)
    for line in lines.values():
        index.keep("", line)
    index.flush()
    content = bytearray(file.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    file.write_bytes(content)
    found = Index(place, file).lines("", "0", "z")
    assert all(lines.get(name) == line for name, line in found.items())


@pytest.mark.usefixtures("long_ago")
@pytest.mark.parametrize(
    ("place", "value"),
    [(0, "0" * 16), (1, 2), (1, True), (4, -1), (8, 1e999), (8, -1.0), (9, "{"), (9, "[]"), (9, '{"regime": "none"}')],
)
def test_forged_facts_that_no_sound_record_has_are_none(store: Store, place: int, value: Any) -> None:
    agree(store)
    index, name = store.index, store.files()[0].name
    assert index is not None
    line = index.line("", name)
    assert line is not None
    facts = json.loads(line.facts)
    facts[place] = value
    index.keep("", line._replace(facts=json.dumps(facts)))
    index.flush()
    agree(store)

"""Records travel between stores: nothing is overwritten, nothing unverified is written, nothing lands elsewhere."""

from __future__ import annotations

import os
import shutil
import struct
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.records import parcel
from companion.records.parcel import Shelf
from companion.records.store import RecordError, Store
from companion.records.travel import SHELVES, Arrival, bring, pack
from companion.records.weights import save
from support.laboratory import Laboratory, all_regimes, tiny
from support.records import alter

PICTURED = tiny("FR-II", probe="hidden-layers", probe_every=3)
LENT = tiny()


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with a run of each regime, the weights of one and the pictures of another."""
    lab = Laboratory(tmp_path_factory.mktemp("full"))
    lab.run(*all_regimes(), PICTURED)
    weights = lab.workspace.load_weights(LENT.key, "best_test")
    assert weights is not None
    lab.store.keep_weights(LENT.key, weights.params)
    assert lab.store.pictures(PICTURED.key) is not None
    return lab.store


def files(store: Store) -> dict[str, bytes]:
    return {p.relative_to(store.folder).as_posix(): p.read_bytes() for p in store.folder.rglob("*") if p.is_file()}


def copy(store: Store, folder: Path) -> Store:
    shutil.copytree(store.folder, folder)
    return Store(folder)


def whats(arrivals: list[Arrival]) -> dict[str, str]:
    assert len({one.name for one in arrivals}) == len(arrivals)
    return {one.name: one.what for one in arrivals}


def zipped(path: Path, members: dict[str, bytes | str], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("by", ["zip", "folder"])
def test_a_store_arrives_whole_and_a_second_time_changes_nothing(full: Store, tmp_path: Path, by: str) -> None:
    source = full.folder
    if by == "zip":
        source = tmp_path / "a.zip"
        assert set(pack(full, source)) == set(files(full))
    there = Store(tmp_path / "there")
    assert whats(bring(source, there)) == dict.fromkeys(files(full), "imported")
    assert files(there) == files(full)
    assert all(reason is None for _, reason in there.verify())
    assert whats(bring(source, there)) == dict.fromkeys(files(full), "present")
    assert files(there) == files(full)


def test_the_same_records_make_the_same_archive(full: Store, tmp_path: Path) -> None:
    pack(full, tmp_path / "a.zip")
    pack(copy(full, tmp_path / "copy"), tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_chosen_runs_take_along_what_stands_beside_their_records(full: Store, tmp_path: Path) -> None:
    key = LENT.key
    assert pack(full, tmp_path / "a.zip", {key}) == [f"{key}.json", f"weights/{key}.npz"]
    assert pack(full, tmp_path / "b.zip", {PICTURED.key}) == [f"{PICTURED.key}.json", f"pictures/{PICTURED.key}.npz"]


def test_two_stores_become_one_and_conflicts_are_named(full: Store, tmp_path: Path) -> None:
    """A run that was trained twice, on two machines, is two records of one name."""
    other = Laboratory(tmp_path)
    mine = tiny("DL", seed=7)
    other.run(LENT, mine)
    alter(other.store.path(LENT.key), lambda content: content["provenance"].update(seconds=7.0))
    before = files(other.store)
    arrivals = bring(full.folder, other.store)
    found = whats(arrivals)
    assert found.pop(f"{LENT.key}.json") == "conflict"
    found.pop(f"weights/{LENT.key}.npz")  # the same training: the record that is here vouches for them too
    assert set(found.values()) == {"imported"}
    assert {name: files(other.store)[name] for name in before} == before
    assert set(files(other.store)) == set(before) | set(files(full))
    (conflict,) = [one for one in arrivals if one.what == "conflict"]
    assert conflict.reason == "there is another of this name here"
    assert all(reason is None for _, reason in other.store.verify())


def test_weights_whose_record_is_another_one_here_are_a_conflict(full: Store, tmp_path: Path) -> None:
    there = copy(full, tmp_path / "there")
    (there.weights_path(LENT.key)).unlink()
    alter(there.path(LENT.key), lambda content: content.update(weights=dict.fromkeys(content["weights"], "0" * 16)))
    found = whats(bring(full.folder, there))
    assert found[f"{LENT.key}.json"] == found[f"weights/{LENT.key}.npz"] == "conflict"
    assert not there.weights_path(LENT.key).exists()


def test_weights_arrive_alone_where_their_record_is_already(full: Store, tmp_path: Path) -> None:
    there = copy(full, tmp_path / "there")
    name = f"weights/{LENT.key}.npz"
    there.weights_path(LENT.key).unlink()
    source = zipped(tmp_path / "a.zip", {name: files(full)[name]})
    assert whats(bring(source, there)) == {name: "imported"}
    elsewhere = Store(tmp_path / "elsewhere")
    (arrival,) = bring(source, elsewhere)
    assert arrival.what == "damaged"
    assert "none of the weights that the records of this run name" in str(arrival.reason)
    assert not elsewhere.folder.exists()


def test_what_is_damaged_is_left_out_and_all_else_arrives(full: Store, tmp_path: Path) -> None:
    parts = dict(files(full))
    record, weights = f"{LENT.key}.json", f"weights/{LENT.key}.npz"
    parts[record] = parts[record].replace(b'"finished"', b'"diverged"')
    source, there = zipped(tmp_path / "a.zip", parts), Store(tmp_path / "there")
    found = {one.name: one for one in bring(source, there)}
    assert {name for name, one in found.items() if one.what == "damaged"} == {record, weights}
    assert found[record].reason == ("the digest does not match the content: the file was changed after it was written")
    assert set(files(there)) == set(parts) - {record, weights}


def test_nothing_damaged_is_exported(full: Store, tmp_path: Path) -> None:
    here = copy(full, tmp_path / "here")
    save(here.weights_path(LENT.key), {"a": torch.zeros(3)})
    with pytest.raises(RecordError, match=r"weights/.*is damaged: .*; nothing was exported"):
        pack(here, tmp_path / "a.zip")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here"]
    assert pack(here, tmp_path / "a.zip", {PICTURED.key})


OUTSIDE = [
    "../{key}.json",
    "/{key}.json",
    "weights/../../{key}.npz",
    "..\\{key}.json",
    "C:{key}.json",
    "sub/{key}.json",
    "results/{key}.json",
    ".{key}.json.partial",
    "{key}.JSON",
    "{key}.take0.json",
    "{key}.json\n",
    "{key}.py",
    "weights/{key}.json",
    "pictures/{key}.pkl",
    "a" * 300 + ".json",
    "\u0660" * 16 + ".json",
]


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_name_that_no_store_gives_is_not_written_anywhere(full: Store, tmp_path: Path, name: str) -> None:
    name = name.format(key=LENT.key)
    source = zipped(tmp_path / "a.zip", {name: full.path(LENT.key).read_bytes()})
    (arrival,) = bring(source, Store(tmp_path / "deep" / "there"))
    assert arrival.what == "damaged"
    assert "it has no name that a store gives" in str(arrival.reason)
    assert arrival.name.isprintable()
    assert len(arrival.name) <= 100
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip"]


def test_a_name_that_is_there_twice_is_not_believed(full: Store, tmp_path: Path) -> None:
    source, name = tmp_path / "a.zip", f"{LENT.key}.json"
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr(name, full.path(LENT.key).read_bytes())
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr(name, "{}")
    there = Store(tmp_path / "there")
    assert {(one.what, one.reason) for one in bring(source, there)} == {("damaged", "the archive holds it 2 times")}
    assert not there.folder.exists()


def test_a_member_that_unpacks_to_too_much_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = [Shelf(s.folder, s.name, s.reader, 1000) for s in SHELVES]
    name = f"{LENT.key}.json"
    source = zipped(tmp_path / "a.zip", {name: b" " * 100_000})
    assert source.stat().st_size < 1000
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *arguments: pytest.fail("it was unpacked"))
    (arrival,) = bring(source, Store(tmp_path / "there"), small)
    assert arrival.reason == "it has 100,000 bytes, and no more than 1,000 are taken"


@pytest.mark.parametrize("by", ["zip", "folder"])
def test_arrays_that_unpack_to_too_much_are_not_unpacked(tmp_path: Path, by: str) -> None:
    small = [Shelf(s.folder, s.name, s.reader, 1000) for s in SHELVES]
    folder = tmp_path / "parcel"
    save(folder / "weights" / f"{LENT.key}.npz", {"a": torch.zeros(10_000)})
    content = (folder / "weights" / f"{LENT.key}.npz").read_bytes()
    assert len(content) < 1000
    source = folder if by == "folder" else zipped(tmp_path / "a.zip", {f"weights/{LENT.key}.npz": content})
    (arrival,) = bring(source, Store(tmp_path / "there"), small)
    assert str(arrival.reason).startswith("it has 40,128 bytes")


def test_a_size_that_lies_is_found_out(full: Store, tmp_path: Path) -> None:
    """The directory of the archive says that a member of 100,000 bytes has 10."""
    source = zipped(tmp_path / "a.zip", {f"{LENT.key}.json": b" " * 100_000})
    source.write_bytes(source.read_bytes().replace(struct.pack("<L", 100_000), struct.pack("<L", 10)))
    (arrival,) = bring(source, Store(tmp_path / "there"))
    assert arrival.what == "damaged"
    assert not (tmp_path / "there").exists()


@pytest.mark.parametrize("limit", ["MEMBERS", "TOTAL"])
def test_an_archive_that_is_too_much_altogether_is_refused(
    full: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    pack(full, tmp_path / "a.zip")
    monkeypatch.setattr(parcel, limit, 3)
    with pytest.raises(RecordError, match="are taken at once: export one exhibit at a time"):
        bring(tmp_path / "a.zip", Store(tmp_path / "there"))


def test_another_compression_is_refused(full: Store, tmp_path: Path) -> None:
    source = zipped(tmp_path / "a.zip", {f"{LENT.key}.json": full.path(LENT.key).read_bytes()}, zipfile.ZIP_LZMA)
    (arrival,) = bring(source, Store(tmp_path / "there"))
    assert "compressed by another method" in str(arrival.reason)


def test_only_regular_files_of_a_folder_are_read(full: Store, tmp_path: Path) -> None:
    here = copy(full, tmp_path / "here")
    names = [f"{digit * 16}.json" for digit in "abcd"]
    (here.folder / names[0]).mkdir()
    (here.folder / names[1]).symlink_to(here.path(LENT.key))
    (here.folder / names[2]).symlink_to(tmp_path / "nowhere")
    os.mkfifo(here.folder / names[3])
    (here.folder / "notes.txt").write_text("no part of the store")
    (here.folder / "notes.json").write_text("{}")
    arrivals = bring(here.folder, Store(tmp_path / "there"))
    reasons = {one.name: one.reason for one in arrivals if one.what == "damaged"}
    assert "no name" in str(reasons.pop("notes.json"))
    kinds = ("folder", "link", "link", "pipe")
    assert all(kind in str(reasons.pop(name)) for name, kind in zip(names, kinds, strict=True))
    assert not reasons
    assert files(Store(tmp_path / "there")) == files(full)


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04" + bytes(100), b"PK\x05\x06" + b"\xff" * 18])
def test_what_is_no_archive_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(RecordError, match=r"a\.zip is damaged: it is no zip archive that can be read"):
        bring(tmp_path / "a.zip", Store(tmp_path / "there"))


@pytest.mark.parametrize("text", ["[" * 200_000, "1" + "0" * 5000, '{"format": ' + "1" * 400 + "}", "null", "\x00"])
def test_no_text_stops_the_others(full: Store, tmp_path: Path, text: str) -> None:
    other = "0" * 16 + ".json"
    name = f"{LENT.key}.json"
    source = zipped(tmp_path / "a.zip", {other: text, name: full.path(LENT.key).read_bytes()})
    assert whats(bring(source, Store(tmp_path / "there"))) == {other: "damaged", name: "imported"}


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_flipped_byte_never_changes_a_record(
    full: Store, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    base = tmp_path_factory.mktemp("flipped")
    pack(full, base / "a.zip", {LENT.key})
    content = bytearray((base / "a.zip").read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    (base / "a.zip").write_bytes(content)
    there = Store(base / "there")
    with suppress(RecordError):
        bring(base / "a.zip", there)
    assert files(there).items() <= files(full).items()
    assert {path.name for path in base.iterdir()} <= {"a.zip", "there"}

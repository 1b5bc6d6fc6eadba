"""Records are carried between stores from the command line."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from companion.exhibits import cells
from companion.project import Project
from companion.records.store import Store
from companion.runs.lineage import with_sources
from companion.statements import run_checks
from companion.statements.outcomes import FOLDER, CheckStore
from support.laboratory import Laboratory, tiny
from support.records import alter

ROW = "FC/SGD/digits"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    """A store with two runs, one of them of A-T2, and the outcome of one statement."""
    made = Laboratory(tmp_path_factory.mktemp("lab"))
    made.run(of_the_table(), tiny())
    CheckStore(made.store.folder / FOLDER).store(run_checks(["A-Eq3"]))
    return made


def of_the_table() -> Any:
    return next(cell.spec for cell in cells("A-T2", "quick") if (cell.row, cell.column) == (ROW, "ReLU"))


def test_all_of_a_store_travels_into_that_of_the_project(
    say: Any, checkout: Project, lab: Laboratory, tmp_path: Path
) -> None:
    file = tmp_path / "all.zip"
    said = say("records export --store", str(lab.store.folder), str(file))
    assert (said.code, said.out) == (0, f"{file}\n"), said.err
    assert "2 of records, 1 of checks" in said.err
    said = say("records import --json", str(file))
    assert said.code == 0
    assert {name: said.json[name] for name in ("imported", "present", "conflicts", "damaged")} == {
        "imported": 3,
        "present": 0,
        "conflicts": 0,
        "damaged": 0,
    }
    assert said.json["store"] == str(checkout.results)
    assert say("records import", str(file)).out == "0 imported, 3 present, 0 conflicts, 0 damaged\n"
    assert say("verify").code == 0
    assert len(list(checkout.results.rglob("*.json"))) == 3


def test_runs_are_chosen_by_exhibit_and_profile(say: Any, lab: Laboratory, tmp_path: Path) -> None:
    def exported(name: str, *words: str) -> set[str]:
        said = say("records export --json --store", str(lab.store.folder), str(tmp_path / name), *words)
        assert said.code == 0, said.err
        names = set(zipfile.ZipFile(tmp_path / name).namelist())
        assert said.json["records"] == len(names)
        assert said.json["bytes"] == (tmp_path / name).stat().st_size
        return names

    table = {f"{of_the_table().key}.json"}
    assert exported("a.zip", "--exhibit", "A-T2") == table
    assert exported("b.zip", "--exhibit", "A-T2", "--profile", "quick") == table
    assert exported("c.zip", "--profile", "quick", "--profile", "cpu") == table


def test_conflicts_and_damage_are_named_and_end_with_1(say: Any, lab: Laboratory, tmp_path: Path) -> None:
    other = Laboratory(tmp_path / "other")
    other.run(tiny(), tiny("DL"))
    alter(other.store.path(tiny().key), lambda content: content["provenance"].update(seconds=7.0))
    other.store.path(tiny("DL").key).write_text("{}")
    before = lab.store.path(tiny().key).read_bytes()
    said = say("records import --json", str(other.store.folder), "--store", str(lab.store.folder))
    assert said.code == 1
    assert (said.json["imported"], said.json["conflicts"], said.json["damaged"]) == (0, 1, 1)
    named = {one["file"]: one for one in said.json["named"]}
    assert named[f"{tiny().key}.json"]["what"] == "conflict"
    assert named[f"{tiny('DL').key}.json"]["what"] == "damaged"
    assert f"conflict: {tiny().key}.json: there is another of this name here" in said.err
    assert lab.store.path(tiny().key).read_bytes() == before
    assert tiny("DL") not in lab.store


def test_a_damaged_archive_is_one_sentence(say: Any, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04 and no more")
    said = say("records import", str(tmp_path / "a.zip"))
    assert (said.code, said.out) == (1, "")
    assert len(said.err.splitlines()) == 1
    assert "is no zip archive" in said.err


def test_many_that_are_damaged_are_counted_not_listed(say: Any, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number in range(30):
            archive.writestr(f"{number:016x}.json", json.dumps([number]))
    said = say("records import", str(tmp_path / "a.zip"))
    assert (said.code, said.out) == (1, "0 imported, 0 present, 0 conflicts, 30 damaged\n")
    assert len(said.err.splitlines()) == 11
    assert "and 20 more" in said.err


def test_a_store_that_cannot_be_written_is_one_sentence(say: Any, lab: Laboratory, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = say("records import", str(lab.store.folder), "--store", str(tmp_path / "file" / "below"))
    assert (said.code, said.out) == (2, "")
    assert said.err.endswith("takes no files (a file stands in its place): --store DIR names a folder elsewhere\n")
    said = say("records export", str(tmp_path / "file" / "a.zip"), "--store", str(lab.store.folder))
    assert (said.code, said.out) == (2, "")
    assert said.err.endswith("takes no files (a file stands in its place): FILE.zip names a folder elsewhere\n")


def test_a_disk_that_is_full_half_way_is_one_sentence(
    say: Any, checkout: Project, lab: Laboratory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written, or unpacked to be looked at, is more than what was tried before."""
    from companion.files import whole
    from companion.records import travel

    def full(*arguments: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(travel, "write", full)
    said = say("records import", str(lab.store.folder))
    assert (said.code, said.out) == (2, "")
    assert said.err.endswith("cannot be read or written: No space left on device\n")
    monkeypatch.setattr(whole.os, "fsync", full)
    monkeypatch.setattr("companion.cli.records.room", lambda *places: None)
    said = say("records export", str(tmp_path / "a.zip"), "--store", str(lab.store.folder))
    assert (said.code, said.out) == (2, "")
    assert "a.zip cannot be written: No space left on device" in said.err
    monkeypatch.setattr(Path, "write_bytes", full)
    said = say("records import", str(lab.store.folder))
    assert said.code == 2
    assert "companion-" in said.err  # the folder of the moment, not that of the store
    assert [path.name for path in tmp_path.glob("*.zip*")] == []
    assert list(checkout.results.rglob("*.json")) == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("export a.tar", "must be named FILE.zip"),
        ("export there.zip", "is there already"),
        ("export a.zip --exhibit A-T9", "unknown exhibit 'A-T9': valid are A-T2"),
        ("export a.zip --profile huge", "unknown profile 'huge': valid are quick, cpu, paper"),
        ("export a.zip --exhibit A-F2-K --profile cpu", "A-F2-K has no profile cpu: valid are"),
        ("export a.zip", "no such record in"),
        ("import nowhere.zip", "neither a zip that"),
        ("import notebooks", "holds no record"),
        ("import out", "give that folder"),
        ("import out/results --store there.zip", "--store must be a folder"),
        ("travel", "valid commands of `companion records` are export, import"),
    ],
)
def test_a_wrong_word_ends_with_2_and_says_what_is_valid(
    say: Any, checkout: Project, lab: Laboratory, line: str, words: str
) -> None:
    (checkout.root / "there.zip").write_bytes(b"")
    Store(checkout.root / "out" / "results").write(lab.record(tiny()))
    said = say(f"records {line}")
    assert (said.code, said.out) == (2, "")
    assert words in said.err
    assert not (checkout.root / "a.zip").exists()


def test_sources_travel_with_the_runs_that_need_them() -> None:
    from companion.cli.records import _keys

    keys = _keys(["A-F2-stages"], ["quick"])
    assert keys == {spec.key for spec in with_sources(cell.spec for cell in cells("A-F2-stages", "quick"))}
    assert keys is not None
    assert keys > {cell.spec.key for cell in cells("A-F2-stages", "quick") if not cell.spec.sources}

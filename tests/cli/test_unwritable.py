"""Whatever a command writes, a place that takes no files is found out before anything is loaded, read or made."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import typer

from companion.cli.app import app
from companion.files.quoting import one_line
from companion.project import Project
from support.commands import asked, some_records
from support.projects import make_project

SHOWS = {"list", "status", "plan", "scorecard", "verify", "data list"}
"""Commands that write nothing but what is only a cache, and go on without it."""

WRITES = {
    "run A-T2 --store {store}": ("{store}", "--store DIR"),
    "run all --store {store}": ("{store}", "--store DIR"),
    "run A-T2 --output {file}/a.ipynb": ("{file}", "--output FILE"),
    "run A-T2 -p train false --output {file}/a.ipynb": ("{file}", "--output FILE"),
    "keep-weights 0123456789abcdef --store {here}": ("{here}/weights", "--store DIR"),
    "kernels --store {here}": ("{here}/kernels", "--store DIR"),
    "film --store {here}": ("{here}/films", "--store DIR"),
    "check --save --store {here}": ("{here}/checks", "--store DIR"),
    "gates --model a.b:c --data mnist --out {store}": ("{store}", "--out DIR"),
    "data fetch mnist": ("{data}", "the variable COMPANION_DATA"),
    "data unpack .": ("{data}", "the variable COMPANION_DATA"),
    "data pack mnist {store}": ("{store}", "DIR"),
    "records export {store}/all.zip --store {full}": ("{store}", "FILE.zip"),
    "records import {full} --store {store}": ("{store}", "--store DIR"),
    "book": ("{book}/_build", "a checkout of the book elsewhere"),
    "book --committed --pdf": ("{book}/_build", "a checkout of the book elsewhere"),
    "book --refresh": ("{book}/notebooks", "a checkout of the book elsewhere"),
    "bench dense --save": ("{book}/benchmarks/results", "a checkout elsewhere"),
}
"""Commands, where something stands in the way of the place that is named, and how another place is named."""

FEW = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))"
NO_FILES = "import companion.files.whole as whole\ndef refuse(*a, **b): raise OSError(30, 'Read-only file system')\n"
NO_FILES += "whole.write = refuse"


def commands(group: typer.Typer, before: str = "") -> set[str]:
    found = {f"{before}{one.name or one.callback.__name__.replace('_', '-')}" for one in group.registered_commands}
    return found.union(*(commands(one.typer_instance, f"{before}{one.name} ") for one in group.registered_groups))


def test_every_command_shows_or_writes() -> None:
    lines = set(WRITES)
    writing = {name for name in commands(app) if any(f"{line} ".startswith(f"{name} ") for line in lines)}
    assert writing.isdisjoint(SHOWS)
    assert writing | SHOWS == commands(app)


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    """A file where folders should be, a store in which files stand in the place of all its folders, and one that is."""
    (file := tmp_path / "file").touch()
    (here := tmp_path / "here").mkdir()
    for name in ("weights", "kernels", "films", "checks"):
        (here / name).touch()
    some_records(full := tmp_path / "full", 2)
    book = make_project(tmp_path / "book").root
    (book / "_build").touch()
    (book / "benchmarks").touch()
    return {"file": file, "store": file / "below", "data": file / "data", "here": here, "full": full, "book": book}


def whole(root: Path) -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in root.rglob("*")}


def refused(line: str, places: dict[str, Path], first: str = "") -> list[str]:
    """What a command says that ends with exit code 2; nothing has changed then."""
    root = places["file"].parent
    before = whole(root)
    variables = {"COMPANION_CACHE": root / "cache", "COMPANION_DATA": places["data"]}
    if line.startswith(("book", "bench")):
        variables["COMPANION_ROOT"] = places["book"]
    said = asked(line.format(**places), (2,), first=first, **variables)
    assert whole(root) == before
    return said


@pytest.mark.parametrize("line", WRITES)
def test_a_folder_that_takes_no_files_is_one_sentence_before_anything_else(line: str, places: dict[str, Path]) -> None:
    folder, instead = WRITES[line]
    place = Path(folder.format(**places))
    if line == "book --refresh":  # a folder that is there, on a disk that is read-only
        reason, first = "Read-only file system", NO_FILES
    else:
        reason, first = "a file stands in its place", ""
    sentence = f"{one_line(str(place))} takes no files ({reason}): {instead} names a folder elsewhere"
    assert refused(line, places, first) == [sentence, "heavy:"]


@pytest.mark.parametrize("line", WRITES)
def test_too_few_open_files_are_one_sentence_before_anything_else(line: str, places: dict[str, Path]) -> None:
    said = refused(line, places, FEW)
    assert said[0].startswith("too many files are open")
    assert "ulimit -n 4096" in said[0]
    assert said[1:] == ["heavy:"]


@pytest.mark.parametrize("line", ["run A-T2", "run all"])
def test_a_cache_that_takes_no_files_is_one_sentence_before_anything_else(line: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = asked(f"{line} --store {tmp_path / 'store'}", (2,), COMPANION_CACHE=tmp_path / "file" / "below")
    assert "takes no files (a file stands in its place)" in said[0]
    assert said[0].endswith(": the variable COMPANION_CACHE names a folder elsewhere")
    assert said[1:] == ["heavy:"]


def test_a_folder_for_a_moment_that_takes_no_files_is_one_sentence_too(places: dict[str, Path]) -> None:
    temporary = places["file"].parent / "temporary"
    first = f"import tempfile; tempfile.tempdir = {str(places['file'] / 'temporary')!r}"
    said = refused(f"records import {places['full']} --store {temporary}", places, first)
    assert said[0].endswith("takes no files (a file stands in its place): the variable TMPDIR names a folder elsewhere")
    assert said[1:] == ["heavy:"]


@pytest.mark.parametrize("front", ["companion", "experiments"])
def test_what_lacks_nothing_needs_no_place_to_write(
    front: str, say: Any, checkout: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All its runs are recorded: that is shown, and nothing is written but the notebook."""
    from companion import experiments
    from companion.files import whole as files

    store = some_records(tmp_path / "store", 10_000)
    asks = {
        "companion": lambda: say(f"run A-T2 --store {store.folder} --output {tmp_path / 'shown.ipynb'}").code,
        "experiments": lambda: experiments.main(["A-T2", "--profile", "quick", "--store", str(store.folder)]),
    }
    really = files.write

    def elsewhere(path: Path, *content: Any, **more: Any) -> None:
        if path.is_relative_to(store.folder) or path.is_relative_to(tmp_path / "cache"):
            raise OSError(30, "Read-only file system")
        really(path, *content, **more)

    monkeypatch.setattr(files, "write", elsewhere)
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)
    assert asks[front]() == 0
    assert not any((tmp_path / "cache" / name).exists() for name in ("workspace",))
    store.files()[0].unlink()
    assert asks[front]() == 2

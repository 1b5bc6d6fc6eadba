"""What starts without PyTorch, whose import takes longer than all the rest; and verifying what has not changed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from companion import project
from companion.files.quoting import one_line
from companion.project import Project
from companion.records import survey as surveys
from companion.records.index import Index
from companion.records.store import Store
from support.commands import some_records

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "torchvision", "matplotlib", "seaborn", "sklearn")
ASK = f"""
import sys
from companion.cli import main
code = main(sys.argv[1:])
print("heavy:", *(name for name in {HEAVY!r} if name in sys.modules), file=sys.stderr)
sys.exit(code)
"""


def heavy(line: str, cache: Path) -> list[str]:
    """The large libraries that a command has imported by its end, in a process of its own."""
    return _ask(line, cache, (0, 1))[-1].split()[1:]


def refused(line: str, cache: Path, first: str = "") -> list[str]:
    """What a command says that ends with exit code 2, and then which large libraries it has imported."""
    return _ask(line, cache, (2,), first)


def _ask(line: str, cache: Path, codes: tuple[int, ...], first: str = "") -> list[str]:
    environment = {**os.environ, project.ROOT: str(ROOT), project.CACHE: str(cache)}
    for name in (project.STORE, project.DOWNLOADS):
        environment.pop(name, None)
    command = [sys.executable, "-c", f"{first}\n{ASK}", *line.split()]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in codes, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()


@pytest.mark.parametrize("line", ["list", "list --json", "--version", "--help", "verify --help", "data list --help"])
def test_what_tells_what_there_is_starts_without_pytorch(line: str, tmp_path: Path) -> None:
    assert heavy(line, tmp_path) == []


def test_what_is_indexed_is_judged_without_pytorch(tmp_path: Path) -> None:
    heavy("verify --quick", tmp_path)
    assert heavy("verify --quick", tmp_path) == []
    assert heavy("scorecard --json", tmp_path) == []


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("run A-T2 --store {}", "--store DIR"),
        ("run A-T2 --output {}/a.ipynb", "--output FILE"),
        ("data fetch mnist", "the variable COMPANION_DATA"),
        ("data unpack .", "the variable COMPANION_DATA"),
        ("data pack mnist {}", "DIR"),
        ("gates --model a.b:c --data mnist --out {}", "--out DIR"),
    ],
)
def test_a_folder_that_takes_no_files_is_refused_before_pytorch_is_loaded(
    line: str, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    place = tmp_path / "file" / "below"
    monkeypatch.setenv("COMPANION_DATA", str(place))
    sentence = f"{one_line(str(place))} takes no files (a file stands in its place): {named} names a folder elsewhere"
    assert refused(line.format(place), tmp_path / "cache") == [sentence, "heavy:"]
    assert not (tmp_path / "cache").exists()


def test_a_cache_that_takes_no_files_is_refused_before_pytorch_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = refused("run A-T2", tmp_path / "file" / "below")
    assert "takes no files (a file stands in its place)" in said[0]
    assert said[0].endswith(": the variable COMPANION_CACHE names a folder elsewhere")
    assert said[1:] == ["heavy:"]


@pytest.mark.parametrize("line", ["run A-T2 --store {}", "book"])
def test_too_few_open_files_are_one_sentence(line: str, tmp_path: Path) -> None:
    few = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))"
    said = refused(line.format(tmp_path), tmp_path / "cache", few)
    assert said[0].startswith("too many files are open")
    assert "ulimit -n 4096" in said[0]
    assert said[1:] == ["heavy:"]


def test_verify_quick_believes_what_has_not_changed(
    say: Any, checkout: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surveys, "MOMENT", -(10**12))
    some_records(checkout.results, 3)
    plain = say("verify --json").json
    assert [line.pop("believed") for line in plain] == [False] * len(plain)
    for believed in (0, len(plain)):
        said = say("verify --quick")
        assert said.code == 0
        assert said.out == say("verify").out
        assert said.err.startswith(f"{believed} of {len(plain)} files are as they were when they were verified")
    quick = say("verify --quick --json").json
    assert [line.pop("believed") for line in quick] == [True] * len(plain)
    assert quick == plain
    path = Store(checkout.results).files()[0]
    path.write_bytes(path.read_bytes().replace(b"finished", b"diverged"))
    assert say("verify --quick").err.startswith(say("verify").err.splitlines()[0])
    assert say("verify --quick").code == 1


def test_verify_never_asks_the_index(say: Any, checkout: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    some_records(checkout.results, 3)
    monkeypatch.setattr(Index, "_do", lambda *arguments: pytest.fail("it asked"))
    assert say("verify").code == 0

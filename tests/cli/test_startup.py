"""What starts without PyTorch, whose import takes longer than all the rest; and verifying what has not changed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from companion import project
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
    environment = {**os.environ, project.ROOT: str(ROOT), project.CACHE: str(cache)}
    for name in (project.STORE, project.DOWNLOADS):
        environment.pop(name, None)
    command = [sys.executable, "-c", ASK, *line.split()]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1].split()[1:]


@pytest.mark.parametrize("line", ["list", "list --json", "--version", "--help", "verify --help", "data list --help"])
def test_what_tells_what_there_is_starts_without_pytorch(line: str, tmp_path: Path) -> None:
    assert heavy(line, tmp_path) == []


def test_what_is_indexed_is_judged_without_pytorch(tmp_path: Path) -> None:
    heavy("verify --quick", tmp_path)
    assert heavy("verify --quick", tmp_path) == []
    assert heavy("scorecard --json", tmp_path) == []


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

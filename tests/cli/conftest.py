"""A small project that commands run in, and a way to run them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from companion import project
from companion.cli import main
from companion.project import Project
from support.commands import Said
from support.projects import make_project


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A small project that we stand in, with a cache of its own; calibrations are replaced by one speed."""
    for name in (project.ROOT, project.STORE, project.DOWNLOADS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(project.CACHE, str(tmp_path / "cache"))
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path / "data"))
    monkeypatch.setattr("companion.costs.speeds._calibrate", lambda *arguments: 1e10)
    made = make_project(tmp_path / "book")
    monkeypatch.chdir(made.root)
    return made


@pytest.fixture
def say(checkout: Project, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(line: str, *more: str) -> Said:
        code = main([*line.split(), *more])
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return run

"""Datasets from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from companion.project import Project


def test_data_travels_in_shards(say: Any, checkout: Project, tmp_path: Path) -> None:
    said = say("data pack digits --max-mib 0.02", str(tmp_path / "shards"))
    assert said.code == 0
    files = [Path(line) for line in said.out.splitlines()]
    assert len(files) > 2
    assert all(path.is_file() for path in files)
    assert say("data unpack", str(tmp_path / "shards")).code == 0
    lines = {line["name"]: line for line in say("data list --json").json}
    assert (lines["digits"]["present"], lines["digits"]["ok"]) == (True, True)
    assert lines["mnist"]["present"] is False
    files[0].unlink()
    said = say("data unpack", str(tmp_path / "shards"))
    assert said.code == 1
    assert files[0].name in said.err


def test_fetching_what_is_embedded_reports_progress(say: Any) -> None:
    said = say("data fetch digits")
    assert (said.code, said.out) == (0, "")
    assert "verified" in said.err
    assert "already" in say("data fetch digits").err

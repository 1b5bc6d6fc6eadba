"""What starts without PyTorch, whose import takes longer than all the rest; and verifying what has not changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from companion.project import Project
from companion.records import survey as surveys
from companion.records.index import Index
from companion.records.store import Store
from support.commands import heavy, some_records


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

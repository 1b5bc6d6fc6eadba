"""Commands that tell what there is."""

from __future__ import annotations

from typing import Any

import pytest

from companion.project import Project
from support.commands import some_records
from support.synthetic import grid_of


def test_list(say: Any) -> None:
    lines = say("list --json").json
    assert {"exhibit", "title", "paper", "profiles", "parameters", "chapter"} <= lines[0].keys()
    assert lines[0]["exhibit"] == "A-T2"
    assert lines[0]["profiles"] == ["quick", "cpu", "paper"]
    assert lines[0]["parameters"]["seeds"] is None
    assert "A-T2" in say("list").out


def test_status_counts_what_is_there_and_estimates_the_rest(
    say: Any, checkout: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("companion.exhibits.cells", grid_of)  # grids are slow to make while shapes are checked
    some_records(checkout.results, 7)
    lines = {line["profile"]: line for line in say("status --json").json if line["exhibit"] == "A-T2"}
    assert list(lines["quick"]) == ["exhibit", "profile", "expected", "recorded", "missing", "seconds"]
    assert (lines["quick"]["expected"], lines["quick"]["recorded"], lines["quick"]["missing"]) == (75, 7, 68)
    assert (lines["cpu"]["expected"], lines["cpu"]["missing"]) == (4 * 5 * 3, 60)
    assert (lines["paper"]["expected"], lines["paper"]["missing"]) == (10 * 5 * 5, 250)
    assert 0 < lines["quick"]["seconds"] < lines["cpu"]["seconds"] < lines["paper"]["seconds"]
    assert "paper" in say("status").out

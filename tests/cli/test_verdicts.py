"""Commands that judge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from companion.project import Project
from support.commands import some_records


def test_verify_names_the_first_damaged_record(say: Any, checkout: Project) -> None:
    store = some_records(checkout.results, 3)
    assert say("verify").code == 0
    assert [line["ok"] for line in say("verify --json").json] == [True] * 3
    first, _, last = store.files()
    for path in (first, last):
        path.write_text(path.read_text().replace("50.0", "51.0"))
    said = say("verify")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"{first.name} is damaged")
    assert "2 of 3" in said.err
    said = say("verify --json")
    assert said.code == 1
    assert [(Path(line["file"]).name, line["ok"]) for line in said.json] == [
        (path.name, path not in (first, last)) for path in store.files()
    ]
    assert said.json[0]["reason"].startswith(first.name)
    assert said.json[1]["reason"] is None
    said = say("status --json")
    assert (said.code, said.out) == (1, "")
    assert first.name in said.err


def test_scorecard(say: Any) -> None:
    lines = say("scorecard --json").json
    keys = "id kind exhibit row column source statistic variant paper_mean paper_std mean std n profile verdict rule"
    assert all(set(keys.split()) <= line.keys() for line in lines)
    assert len({line["id"] for line in lines}) == len(lines)
    assert {line["kind"] for line in lines} == {"number", "claim", "statement"}
    assert any(line["mean"] is None for line in lines)
    assert "A-T2" in say("scorecard").out


def test_check(say: Any) -> None:
    said = say("check A-Eq2 --json")
    assert said.code == 0
    assert said.json
    for line in said.json:
        assert {"id", "form", "measured", "expected", "error", "tolerance", "holds", "passed", "stored"} <= line.keys()
        assert line["id"] == "A-Eq2"
    assert say("check A-Eq2").code == 0


def test_a_check_that_fails_is_named(say: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    from companion import statements

    real = statements.run_checks
    monkeypatch.setattr(
        statements, "run_checks", lambda *a, **k: [dataclasses.replace(one, passed=False) for one in real(*a, **k)]
    )
    said = say("check A-Eq2 --json")
    assert said.code == 1
    assert "A-Eq2" in said.err
    assert said.json[0]["passed"] is False

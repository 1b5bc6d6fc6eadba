"""Commands that judge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from companion.project import Project, workspace_folder
from companion.records.store import Store
from companion.runs.spec import RunSpec
from companion.training.queue import run_missing
from companion.training.workspace import Workspace
from support.commands import some_records


def test_the_scorecard_as_a_tree(say: Any) -> None:
    grown = say("scorecard --tree --json").json
    assert list(grown) == ["paper", "cpu"]
    root = grown["paper"]
    assert list(root) == ["name", "weight", "coverage", "agreement", "children"]
    assert [paper["name"] for paper in root["children"]] == ["A", "B", "C"]
    said = say("scorecard --tree")
    assert said.code == 0
    assert "experiments" in said.out
    assert "A-P2.1" not in said.out  # theory is one line: its statements weigh alike


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
    assert said.code == 1
    assert said.json  # what is sound is shown
    assert [line.partition(" ")[0] for line in said.err.splitlines()] == [first.name, last.name, "2"]
    scored = say("scorecard --json")  # of other profiles, and it names them all the same
    assert scored.code == 1
    assert scored.err == said.err
    recorded = next(line["recorded"] for line in said.json if line["profile"] == "quick")
    assert recorded == 1


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


def test_weights_are_kept_verified_and_named_when_damaged(say: Any, checkout: Project, tmp_path: Path) -> None:
    store = Store(checkout.results)
    workspace = Workspace(workspace_folder(store.folder), store)
    spec = RunSpec(dataset="digits", width=4, depth=3, epochs=2, train_size=50, test_size=50)
    run_missing([spec], store, workspace, backend="reference")
    said = say(f"keep-weights {spec.key}")
    assert (said.code, said.err) == (0, "")
    assert Path(said.out.strip()) == store.weights_path(spec.key)
    assert [Path(line["file"]).suffix for line in say("verify --json").json] == [".json", ".npz"]
    assert say("verify").code == 0
    store.weights_path(spec.key).write_bytes(b"rubbish")
    said = say("verify")
    assert said.code == 1
    assert said.err.startswith(f"weights/{spec.key}.npz is damaged")
    assert say(f"keep-weights {spec.key}").code == 0  # the workspace still has them
    assert say("verify").code == 0
    said = say(f"keep-weights 0123 --workspace {tmp_path}")
    assert said.code == 2
    assert "no weights of a run 0123" in said.err

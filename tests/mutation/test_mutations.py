"""The tables of mutations stay true: each applies in exactly one place of today's sources, and its tests are there."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from pathlib import Path

import pytest

SPEC = importlib.util.spec_from_file_location("mutation_run", Path(__file__).with_name("run.py"))
assert SPEC is not None
run = importlib.util.module_from_spec(SPEC)
sys.modules["mutation_run"] = run
SPEC.loader.exec_module(run)

ALL = run.mutations()


@pytest.mark.parametrize("mutation", ALL, ids=lambda m: f"{m.unit}: {m.breaks}")
def test_it_applies_exactly_once(mutation):
    path = run.place(mutation)
    text = path.read_text()
    assert run.broken(mutation, text, path.suffix == ".py") != text
    assert run.paths_of(mutation)


def test_there_are_enough_of_them_in_every_quarter():
    counted = [m for m in ALL if not m.equivalent]
    assert len(counted) >= 250
    assert min(Counter(m.unit for m in counted).values()) >= 8
    assert len({m.breaks for m in ALL}) == len(ALL)
    assert all(m.breaks and m.tests for m in ALL)


def test_a_text_that_moved_is_found_and_one_that_is_gone_is_named(tmp_path):
    mutation = run.Mutation("unit", "something", "a = 1", "a = 2", ("test_store",))
    package = tmp_path / "src" / "companion"
    package.mkdir(parents=True)
    with pytest.raises(LookupError, match="unit: something: its text stands 0 times"):
        run.place(mutation, tmp_path)
    (package / "deep").mkdir()
    (package / "deep" / "new.py").write_text("b = 1\na = 1\n")
    assert run.place(mutation, tmp_path) == package / "deep" / "new.py"
    (package / "old.py").write_text("a = 1\n")
    with pytest.raises(LookupError, match=r"stands 2 times \(new.py, old.py\)"):
        run.place(mutation, tmp_path)


def test_tests_are_named_by_stem_or_by_path(tmp_path):
    for name in ("a/test_one.py", "a/test_same.py", "b/test_same.py"):
        file = tmp_path / "tests" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()

    def paths(*names: str) -> list[str]:
        return run.paths_of(run.Mutation("unit", "something", "a", "b", names), tmp_path)

    assert paths("test_one", "b/test_same") == ["tests/a/test_one.py", "tests/b/test_same.py"]
    with pytest.raises(LookupError, match="2 tests are called test_same"):
        paths("test_same")
    with pytest.raises(LookupError, match="0 tests are called b/test_one"):
        paths("b/test_one")


def test_tests_that_fail_by_themselves_are_named(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(run, "outcome", lambda folder, paths, timeout: asked.append(paths) or says[paths[0]])
    says = {"good": ("unnoticed", ""), "bad": ("noticed", "test_it")}
    whole = run.Whole(tmp_path)
    assert 0 <= whole.seconds(["good"]) < 60
    with pytest.raises(LookupError, match="bad fails without any mutation: test_it"):
        whole.seconds(["good", "bad"])
    assert asked == [["good"], ["bad"]]


def test_what_is_reported_is_counted():
    made = [run.Mutation("store", f"number {i}", "a", "b", ("t",), "why" if i == 3 else "") for i in range(4)]
    states = [("noticed", "t"), ("unnoticed", ""), ("error", "gone"), ("unnoticed", "")]
    late = run.Mutation("store", "number 4", "a", "b", ("t",))
    text = run.report([(m, *state) for m, state in zip(made, states, strict=True)], [late])
    assert "| store | 4 | 3 | 1 |" in text
    assert "Noticed: 33.3% of those that were run." in text
    assert "## Not run\n\n- store: number 4\n" in text
    assert "## Not noticed\n\n- store: number 1\n" in text
    assert "- store: number 2: gone" in text
    assert "- store: number 3: why" in text


def test_what_the_committed_result_names_is_in_the_tables():
    text = run.RESULTS.read_text()
    named = [line[2:] for line in text.splitlines() if line.startswith("- ")]
    known = [f"{m.unit}: {m.breaks}" for m in ALL]
    assert all(any(line.startswith(name) for name in known) for line in named)
    assert "## Errors\n\nNone." in text

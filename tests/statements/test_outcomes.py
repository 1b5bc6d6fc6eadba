"""Stored outcomes of checks: what is written comes back, what was touched is found, and the scorecard reads them."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.cli import main
from companion.exhibits import EXHIBITS
from companion.project import Project
from companion.records.store import RecordError, Store, content_digest
from companion.site.build import generated_pages
from companion.statements import CHECKS, Check, outcomes, run_checks, statements
from companion.statements.outcomes import FOLDER, CheckStore, Outcome, checks_digest
from companion.verdicts.scorecard import scorecard
from companion.verdicts.stats import Verdict

REAL = outcomes.PACKAGE
COMMITTED = Path(__file__).parents[2] / "results" / FOLDER
QUICK = ["A-Hom", "A-L4.1", "B-L4.2", "C-Perm"]
GOOD = Check("A-L4.1", "stated", "hard gates", 3.0, 3.0, 1e-15, 1e-10, True, True)
PRINTED = replace(GOOD, form="printed", aspect="as printed", error=0.5, holds=False, passed=True)
BAD = replace(GOOD, aspect="off", error=0.5, holds=False, passed=False)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def checks(draw: st.DrawFn) -> Check:
    form = draw(st.sampled_from(["stated", "corrected", "printed"]))
    error, tolerance = draw(FINITE), draw(FINITE)
    holds = error <= tolerance
    passed = holds is (form != "printed")
    return Check("A-L4.1", form, draw(st.text(max_size=8)), draw(FINITE), draw(FINITE), error, tolerance, holds, passed)


def falsify(path: Path, **changes: Any) -> None:
    """Change fields of the first comparison, digest and all, so that only their contradiction can tell."""
    content = json.loads(path.read_text())
    content["checks"][0].update(changes)
    content["digest"] = content_digest(content)
    path.write_text(json.dumps(content))


@pytest.fixture
def store(tmp_path: Path) -> CheckStore:
    store = CheckStore(tmp_path / FOLDER)
    store.store([GOOD, PRINTED])
    return store


@given(found=st.lists(checks(), min_size=1, max_size=3))
def test_what_is_written_comes_back(tmp_path_factory: pytest.TempPathFactory, found: list[Check]) -> None:
    store = CheckStore(tmp_path_factory.mktemp("checks"))
    (path,) = store.store(found)
    outcome = store.read(path)
    assert outcome.checks == found
    assert outcome.passed is all(check.passed for check in found)
    assert outcome.current
    assert store.verify() == [(path, None)]
    assert [file.name for file in store.folder.iterdir()] == ["A-L4.1.json"]


def test_one_comparison_that_fails_fails_its_statement(store: CheckStore) -> None:
    assert store.states() == {"A-L4.1": "passes"}
    store.store([GOOD, BAD, replace(GOOD, id="B-L4.1")])
    assert store.states() == {"A-L4.1": "fails", "B-L4.1": "passes"}
    assert [store.state(id) for id in ("A-L4.1", "B-L4.1", "A-Eq2")] == ["fails", "passes", None]


def test_nothing_stored_is_nothing_known(tmp_path: Path) -> None:
    nowhere = CheckStore(tmp_path / "nowhere")
    assert nowhere.states() == nowhere.stale() == {}
    assert nowhere.verify() == []


@given(data=st.data())
def test_a_flipped_byte_is_found_or_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    store = CheckStore(tmp_path_factory.mktemp("flipped"))
    (path,) = store.store([GOOD, PRINTED])
    text = bytearray(path.read_bytes())
    text[data.draw(st.integers(0, len(text) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(text)
    ((_, reason),) = store.verify()
    assert reason is not None or store.read(path).checks == [GOOD, PRINTED]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"error": 1.0}, "says holds = True of error 1.0"),
        ({"holds": False}, "says holds = False of error 1e-15"),
        ({"passed": False}, "says passed = False of a stated form with holds = True"),
        ({"form": "printed"}, "says passed = True of a printed form with holds = True"),
        ({"form": "improved"}, "has the form 'improved', none of stated, corrected, printed"),
        ({"id": "B-L4.1"}, "is one of 'B-L4.1', not of A-L4.1"),
        ({"measured": None}, "not a finite number"),
        ({"verdict": "good"}, "has the fields"),
    ],
)
def test_a_contradiction_is_found_behind_a_right_digest(store: CheckStore, changes: dict[str, Any], said: str) -> None:
    falsify(store.path("A-L4.1"), **changes)
    with pytest.raises(RecordError, match=r"^checks/A-L4.1.json is damaged: ") as caught:
        store.outcomes()
    assert said in str(caught.value)
    assert store.state("A-L4.1") == "damaged"


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "Expecting value"), ("[]", "no JSON object"), ("{}", "fields are missing"), ("{", "damaged")],
)
def test_a_file_that_is_no_outcome_is_named(store: CheckStore, text: str, said: str) -> None:
    store.path("A-L4.1").write_text(text)
    ((path, reason),) = store.verify()
    assert path == store.path("A-L4.1")
    assert reason is not None
    assert reason.startswith("checks/A-L4.1.json is damaged: ")
    assert said in reason


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("format", 2, "format 2 is unknown"),
        ("checks", [], "holds no comparison"),
        ("provenance", {}, "provenance lacks sources, time, torch"),
    ],
)
def test_fields_beside_the_comparisons_are_verified_too(store: CheckStore, field: str, value: Any, said: str) -> None:
    path = store.path("A-L4.1")
    content = json.loads(path.read_text()) | {field: value}
    path.write_text(json.dumps(content | {"digest": content_digest(content)}))
    with pytest.raises(RecordError, match=said):
        store.read(path)


def test_an_outcome_under_another_name_is_found(store: CheckStore) -> None:
    store.path("A-L4.1").rename(store.path("A-Eq2"))
    with pytest.raises(RecordError, match=r"A-Eq2.json is damaged: it holds the outcome of A-L4.1"):
        store.outcomes()


def test_the_same_outcome_leaves_its_file_alone_and_another_replaces_it(
    store: CheckStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = store.path("A-L4.1")
    content = json.loads(path.read_text())
    content["provenance"]["time"] = "2001-01-01T00:00:00+00:00"
    path.write_text(json.dumps(content | {"digest": content_digest(content)}))
    before = path.read_bytes()
    store.store([GOOD, PRINTED])
    assert path.read_bytes() == before
    monkeypatch.setattr(outcomes, "checks_digest", lambda id: "0" * 16)
    assert not store.read(path).current
    store.store([GOOD, PRINTED])
    assert store.read(path).content["provenance"]["sources"] == "0" * 16
    path.write_text("damaged")
    store.store([GOOD])
    assert store.read(path).checks == [GOOD]


def test_an_outcome_without_comparisons_or_of_two_statements_is_refused() -> None:
    with pytest.raises(RecordError, match="at least one comparison"):
        Outcome.build([])
    with pytest.raises(RecordError, match=r"is one of 'B-L4.1', not of A-L4.1"):
        Outcome.build([GOOD, replace(GOOD, id="B-L4.1")])
    with pytest.raises(RecordError, match=r"^A-T2 is no statement that a check decides"):
        Outcome.build([replace(GOOD, id="A-T2")])


def touched(folder: Path, *names: str) -> Path:
    """A copy of the package in which some files have one more line."""
    package = folder / "companion"
    shutil.copytree(REAL, package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in names:
        with (package / name).open("a") as file:
            file.write("\n")
    return package


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("statements/path_kernel.py", {"A-L4.1"}),
        ("statements/check.py", {"A-L4.1", "A-Eq2", "A-FNPF"}),
        ("statements/oracles/longhand.py", {"A-Eq2"}),
        ("kernels/npk.py", {"A-L4.1"}),
        ("kernels/__init__.py", {"A-L4.1"}),
        ("networks/families.py", {"A-L4.1", "A-Eq2", "A-FNPF"}),
        ("networks/routing.py", {"A-L4.1", "A-FNPF"}),
        ("notation.py", {"A-L4.1", "A-Eq2", "A-FNPF"}),
        ("runs/spec.py", {"A-FNPF"}),
        ("data/table.py", {"A-FNPF"}),
        ("site/pages.py", set()),
        ("statements/outcomes.py", set()),
        ("statements/dynamics.py", set()),
        ("statements/__init__.py", set()),
        ("training/loop.py", set()),
        ("__init__.py", set()),
    ],
)
def test_a_digest_follows_what_its_check_imports_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, ids: set[str]
) -> None:
    """A-L4.1 is about kernels, A-Eq2 about paths, A-FNPF about runs."""
    before = {id: checks_digest(id) for id in ("A-L4.1", "A-Eq2", "A-FNPF")}
    monkeypatch.setattr(outcomes, "PACKAGE", touched(tmp_path, name))
    assert {id for id in before if checks_digest(id) != before[id]} == ids


def test_a_digest_follows_its_own_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {id: checks_digest(id) for id in ("A-Eq2", "A-Eq3")}
    known = dict(statements())
    known["A-Eq2"] = replace(known["A-Eq2"], statement="something else")
    monkeypatch.setattr(outcomes, "statements", lambda: known)
    assert {id for id in before if checks_digest(id) != before[id]} == {"A-Eq2"}


@pytest.mark.parametrize("name", ["kernels/npk.py", "site/pages.py"])
def test_an_outcome_of_changed_code_is_stale_wherever_it_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """One source in the closure of the check, one outside it."""
    project = Project(tmp_path / "book")
    store = CheckStore(project.results / FOLDER)
    store.store([GOOD, replace(GOOD, id="A-Eq2")])
    monkeypatch.setattr(outcomes, "PACKAGE", touched(tmp_path, name))
    stale = name == "kernels/npk.py"
    where = ("--store", str(project.results))

    assert store.states() == {"A-L4.1": "stale" if stale else "passes", "A-Eq2": "passes"}
    assert main(["scorecard", "--json", *where]) == 0
    verdicts = {line["id"]: line for line in json.loads(capsys.readouterr().out) if line["kind"] == "statement"}
    assert verdicts["A-L4.1"]["verdict"] == ("stale" if stale else "reproduced")
    assert verdicts["A-Eq2"]["verdict"] == "reproduced"

    assert main(["verify", "--json", *where]) == int(stale)
    said = capsys.readouterr()
    lines = {Path(line["file"]).stem: line for line in json.loads(said.out)}
    assert [lines[id]["stale"] for id in ("A-L4.1", "A-Eq2")] == [stale, False]
    assert lines["A-L4.1"]["ok"] is not stale
    assert lines["A-Eq2"]["ok"] is True
    assert said.err.startswith("checks/A-L4.1.json is stale: the code of its check has changed") is stale

    monkeypatch.setenv("COMPANION_STORE", str(project.results))
    assert main(["check", "A-L4.1", "A-Eq2", "--json"]) == 0
    listed = {(line["id"], line["stored"]) for line in json.loads(capsys.readouterr().out)}
    assert listed == {("A-L4.1", "stale" if stale else "passes"), ("A-Eq2", "passes")}

    elsewhere = tmp_path / "elsewhere"  # other records say nothing of what the project's code has checked
    elsewhere.mkdir()
    page = generated_pages(project)["statements.md"]
    assert generated_pages(project, elsewhere)["statements.md"] == page
    section = page[page.index("### A-L4.1") :].split("\n### ")[0]
    assert ("verdict-stale" in section) is stale
    assert ("verdict-reproduced" in section) is not stale
    assert ("| stated | hard gates |" in section) is not stale

    assert main(["check", "A-L4.1", "--json", "--record", *where]) == 0
    listed = {line["stored"] for line in json.loads(capsys.readouterr().out)}
    assert listed == {"passes"}
    assert main(["verify", *where]) == 0


def test_the_scorecard_reads_what_the_command_stores(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(tmp_path)
    assert main(["check", *QUICK, "--record", "--store", str(tmp_path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    stored = [asdict(check) for id in QUICK for check in CheckStore(tmp_path / FOLDER).outcomes()[id].checks]
    assert told == [{**row, "stored": "passes"} for row in stored]
    verdicts = {entry.id: entry.verdict for entry in scorecard(store) if entry.kind == "statement"}
    assert {verdicts[id] for id in QUICK} == {Verdict.REPRODUCED}
    assert {verdicts[id] for id in CHECKS if id not in QUICK and id not in EXHIBITS} == {Verdict.PENDING}
    assert {e.verdict for e in scorecard(store, {}) if e.id in QUICK} == {Verdict.PENDING}
    CheckStore(tmp_path / FOLDER).store([BAD])
    (entry,) = (e for e in scorecard(store) if e.id == "A-L4.1")
    assert entry.verdict is Verdict.NOT_REPRODUCED


def test_verify_and_the_scorecard_name_a_damaged_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = CheckStore(tmp_path / FOLDER)
    store.store([GOOD])
    assert main(["verify", "--store", str(tmp_path)]) == 0
    falsify(store.path("A-L4.1"), holds=False)
    for command in ("verify", "scorecard"):
        capsys.readouterr()
        assert main([command, "--store", str(tmp_path)]) == 1
        assert "checks/A-L4.1.json is damaged" in capsys.readouterr().err


def test_every_stale_outcome_is_named(
    store: CheckStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store.store([replace(BAD, id="A-Eq2")])
    monkeypatch.setattr(outcomes, "checks_digest", lambda id: "0" * 16)
    assert store.states() == {"A-L4.1": "stale", "A-Eq2": "stale"}  # whatever they came to
    assert main(["verify", "--store", str(store.folder.parent)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "(2 of 2: A-Eq2, A-L4.1)" in said.err


def test_the_outcome_of_a_statement_that_no_check_decides_any_more_is_stale(
    store: CheckStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("companion.statements.CHECKS", {})
    assert store.states() == {"A-L4.1": "stale"}
    assert list(store.stale()) == [store.path("A-L4.1")]


def test_check_takes_a_store_only_to_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "A-L4.1", "--store", str(tmp_path)]) == 2
    assert "give both or neither" in capsys.readouterr().err
    assert main(["check", "A-L4.1", "--json"]) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not COMMITTED.is_dir(), reason="no outcome is committed yet")
def test_every_check_is_committed_and_a_few_come_out_the_same_today() -> None:
    outcomes = CheckStore(COMMITTED).outcomes()
    assert outcomes.keys() == CHECKS.keys()
    again = [(check.form, check.aspect, check.passed) for check in run_checks(QUICK)]
    assert again == [(c.form, c.aspect, c.passed) for id in QUICK for c in outcomes[id].checks]


@pytest.mark.skipif(not COMMITTED.is_dir(), reason="no outcome is committed yet")
def test_no_committed_outcome_is_stale() -> None:
    """When it fails: ``companion check --save``, and commit what it changed in ``results/checks``."""
    assert [path.stem for path in CheckStore(COMMITTED).stale()] == []

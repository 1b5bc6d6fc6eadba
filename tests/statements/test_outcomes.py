"""Stored outcomes of checks: what is written comes back, what was touched is found, and the scorecard reads them."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.cli import main
from companion.exhibits import EXHIBITS
from companion.records.store import RecordError, Store, content_digest
from companion.statements import CHECKS, Check, outcomes, run_checks
from companion.statements.outcomes import FOLDER, CheckStore, Outcome, checks_digest, load_checks
from companion.verdicts.scorecard import scorecard
from companion.verdicts.stats import Verdict

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
    assert load_checks(store.folder) == {"A-L4.1": True}
    store.store([GOOD, BAD, replace(GOOD, id="B-L4.1")])
    assert load_checks(store.folder) == {"A-L4.1": False, "B-L4.1": True}


def test_nothing_stored_is_nothing_known(tmp_path: Path) -> None:
    assert load_checks(tmp_path / "nowhere") == {}
    assert CheckStore(tmp_path / "nowhere").verify() == []


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
        ({"id": "B-L4.1"}, "is one of B-L4.1, not of A-L4.1"),
        ({"measured": None}, "not a finite number"),
        ({"verdict": "good"}, "has the fields"),
    ],
)
def test_a_contradiction_is_found_behind_a_right_digest(store: CheckStore, changes: dict[str, Any], said: str) -> None:
    falsify(store.path("A-L4.1"), **changes)
    with pytest.raises(RecordError, match=r"^checks/A-L4.1.json is damaged: ") as caught:
        load_checks(store.folder)
    assert said in str(caught.value)


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
        load_checks(store.folder)


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
    monkeypatch.setattr(outcomes, "checks_digest", lambda: "other sources")
    assert not store.read(path).current
    store.store([GOOD, PRINTED])
    assert store.read(path).content["provenance"]["sources"] == "other sources"
    path.write_text("damaged")
    store.store([GOOD])
    assert store.read(path).checks == [GOOD]


def test_an_outcome_without_comparisons_or_of_two_statements_is_refused() -> None:
    with pytest.raises(RecordError, match="at least one comparison"):
        Outcome.build([])
    with pytest.raises(RecordError, match=r"is one of B-L4.1, not of A-L4.1"):
        Outcome.build([GOOD, replace(GOOD, id="B-L4.1")])


def test_the_digest_follows_the_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in outcomes.CHECKING_PATH:
        copy, real = tmp_path / name, outcomes.PACKAGE / name
        for file in sorted(real.rglob("*.py")) if real.is_dir() else [real]:
            target = copy / file.relative_to(real) if real.is_dir() else copy
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    here = checks_digest()
    monkeypatch.setattr(outcomes, "PACKAGE", tmp_path)
    assert checks_digest.__wrapped__() == here
    with (tmp_path / "kernels" / "npk.py").open("a") as file:
        file.write("\n")
    assert checks_digest.__wrapped__() != here


def test_the_scorecard_reads_what_the_command_stores(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(tmp_path)
    assert main(["check", *QUICK, "--record", "--store", str(tmp_path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    stored = [asdict(check) for id in QUICK for check in CheckStore(tmp_path / FOLDER).outcomes()[id].checks]
    assert told == [{name: row[name] for name in line} for line, row in zip(told, stored, strict=True)]
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

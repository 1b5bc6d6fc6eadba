"""Records of an older protocol: numbers, claims, trends and statements that rest on them are stale, not decided."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from companion.cli import main
from companion.records.store import Store
from companion.runs import spec
from companion.verdicts.frames import runs
from companion.verdicts.scorecard import headline, scorecard
from companion.verdicts.sentences import claim_results, trend_results
from companion.verdicts.stats import Verdict
from companion.verdicts.trends import TRENDS
from support.scorecards import GRID, ROW
from support.synthetic import Shelf, by_id, fill, grid_of, like_the_paper


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mathematics of runs has changed since every record."""
    monkeypatch.setattr(spec, "PROTOCOL_VERSION", 2)


def test_what_rests_on_stale_records_is_stale_and_the_rest_is_pending(newer: None) -> None:
    here = [cell for cell in GRID if cell.row == ROW]
    entries = scorecard(Shelf(here, like_the_paper()), {})
    found = by_id(entries)
    number, claim = found[f"A-T2:{ROW}:ReLU"], found[f"A-T2:II-is-DI:{ROW}"]
    assert (number.verdict, number.rule) == (Verdict.STALE, "stale: 5 of 5 runs are of an older protocol")
    assert (claim.verdict, claim.rule) == (Verdict.STALE, "stale: 10 of 10 runs are of an older protocol")
    assert (found["A-T2"].verdict, found["A-T2"].rule) == (Verdict.STALE, "stale: 5 of its 30 numbers are")
    assert {e.verdict for e in entries if e.kind == "number" and e.row not in (ROW, None) and e.exhibit == "A-T2"} == {
        Verdict.PENDING,
        Verdict.CITED,
    }
    assert headline(entries)["number"]["stale"] == 5
    assert Verdict.REPRODUCED not in {e.verdict for e in entries}


def test_one_stale_run_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = runs(GRID, Shelf(GRID, like_the_paper()))
    assert not frame["stale"].any()
    first = frame.index[(frame["row"] == ROW) & (frame["column"] == "DL")][0]
    frame.loc[first, "stale"] = True
    results = {(claim.id, ours.row): ours for claim, ours, _ in claim_results("A-T2", frame)}
    assert results["A-T2:gates-learn", ROW].verdict is Verdict.STALE
    assert results["A-T2:gates-learn", ROW].difference is None
    assert results["A-T2:II-is-DI", ROW].verdict is Verdict.REPRODUCED  # DL has no part in it


def test_a_trend_of_stale_runs_is_stale(newer: None) -> None:
    store = Shelf(grid_of("A-F2-nu", "quick"), lambda cell: 99.0)
    falls = next(trend for trend in TRENDS if trend.exhibit == "A-F2-nu")
    assert [result.verdict for result in trend_results(falls, store, "quick")] == [Verdict.STALE]
    assert {result.verdict for result in trend_results(falls, store)} == {Verdict.PENDING}


def test_verify_names_stale_records(newer: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cells = [cell for cell in GRID if cell.row == ROW][:2]
    store = fill(tmp_path, cells, lambda cell: 97.0)
    keys = sorted(cell.spec.key for cell in cells)
    assert store.verify() == [(store.path(key), None) for key in keys]
    assert [path.stem for path in store.stale()] == keys
    assert main(["verify", "--store", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"{keys[0]}.json is stale: protocol 1 is not today's")
    assert f"(2 of 2: {keys[0]}, {keys[1]})" in said.err
    assert main(["verify", "--store", str(tmp_path), "--json"]) == 1
    assert [(line["ok"], line["stale"]) for line in json.loads(capsys.readouterr().out)] == [(False, True)] * 2


def test_no_committed_record_is_stale() -> None:
    store = Store(Path(__file__).parents[2] / "results")
    assert list(store.stale()) == []

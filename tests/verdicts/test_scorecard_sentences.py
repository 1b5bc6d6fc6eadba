"""The scorecard's sentences: what is cited, statements, claims, other profiles, the data files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from companion.exhibits import Cell
from companion.papers.numbers import numbers
from companion.papers.statements import statements
from companion.records.store import Record, Store
from companion.verdicts.frames import runs
from companion.verdicts.scorecard import Entry, headline, scorecard
from companion.verdicts.sentences import claim_results, trend_results
from companion.verdicts.stats import Verdict
from companion.verdicts.trends import TRENDS
from support.scorecards import GRID, ROW, printed
from support.synthetic import (
    MNIST,
    STAIRS,
    Shelf,
    by_id,
    grid_of,
    like_the_paper,
    main_cells,
    spread,
    stairs,
)

OURS = 39
"""Rows of sentences that no paper says: 30 of A-machine, 9 of C-T2."""


class TestCited:
    def test_the_readmes_numbers_and_quotations_are_cited_whatever_is_recorded(self, full: list[Entry]) -> None:
        cited = {line["id"] for line in printed("yes")}
        assert {e.id for e in full if e.verdict is Verdict.CITED} == cited
        assert {f"A-T2:GCONV/Adam/CIFAR-10:{c}:README" for c in ("FR-II", "FR-DI", "DL", "FL", "ReLU")} <= cited

    def test_they_stay_out_of_the_headline(self, empty: list[Entry], full: list[Entry]) -> None:
        for entries in (empty, full):
            counts = headline(entries)
            assert sum(counts["number"].values()) == len(printed("no"))
            assert sum(counts["claim"].values()) == sum(e.kind == "claim" and not e.ours for e in entries)
            assert sum(e.ours for e in entries) == OURS
            assert sum(counts["statement"].values()) == len(statements())
            assert "cited" not in counts["number"]

    def test_variants_stay_out_too(self, variant: list[Entry]) -> None:
        assert set(headline(variant)["number"]) == {"pending"}

    def test_they_do_not_count_in_the_statement_about_their_table(self, full: list[Entry]) -> None:
        assert " of 30 reproduced" in by_id(full)["A-T2"].rule


class TestStatements:
    def test_checks_decide_theirs(self, tmp_path: Path) -> None:
        found = by_id(scorecard(Store(tmp_path), {"A-Eq2": "passes", "A-Eq3": "fails", "A-Eq5": "stale"}))
        assert (found["A-Eq2"].verdict, found["A-Eq2"].rule) == (Verdict.REPRODUCED, "all of its checks pass")
        assert (found["A-Eq3"].verdict, found["A-Eq3"].rule) == (Verdict.NOT_REPRODUCED, "a check fails")
        assert found["A-Eq4"].verdict is Verdict.PENDING
        assert found["A-Eq5"].verdict is Verdict.STALE
        assert found["A-Eq5"].rule.startswith("stale: ")

    def test_what_cannot_be_checked_says_why(self, empty: list[Entry]) -> None:
        reasons = {s.id: s.not_checkable for s in statements().values() if s.not_checkable}
        assert len(reasons) > 3
        assert {e.id: e.rule for e in empty if e.verdict is Verdict.NOT_CHECKABLE} == reasons

    def test_a_failing_row_among_others_makes_a_statement_partly(self) -> None:
        paper = like_the_paper()

        def score(cell: Cell) -> float:
            usual = paper(cell)
            assert isinstance(usual, float)
            weak = cell.row == ROW and cell.column.startswith("FR")
            return usual + (5 if weak else 0)

        found = by_id(scorecard(Shelf(GRID, score), {}))
        assert found[f"A-T2:gates-learn:{ROW}"].verdict is Verdict.NOT_REPRODUCED
        assert found["A-Claim2"].verdict is Verdict.PARTLY
        assert found["A-Claim2"].rule == "all rows must be: 5 of 6 reproduced, 1 not reproduced, 0 pending"


class TestClaimsAboutViews:
    """Claims whose rows and columns are not those of the table."""

    def test_what_pooling_gains_is_judged_by_optimiser(self, full: list[Entry]) -> None:
        found = {e.row: e for e in full if e.id.startswith("A-T2:GAP-gains-ten:")}
        assert list(found) == ["SGD/CIFAR-10", "Adam/CIFAR-10"]
        sgd, adam = found.values()
        assert (sgd.verdict, sgd.mean, sgd.n) == (Verdict.NOT_REPRODUCED, pytest.approx(78.52 - 63.06), 5)
        assert (adam.verdict, adam.mean, adam.n) == (Verdict.NOT_REPRODUCED, pytest.approx(66.42 - 64.86), 5)
        assert sgd.column is not None
        assert sgd.column.startswith("VCONV FR-II, VCONV FR-DI")

    @pytest.mark.parametrize(
        ("last", "verdict", "reproduced"),
        [(79.43, Verdict.REPRODUCED, 3), (78.0, Verdict.PARTLY, 2), (67.0, Verdict.NOT_REPRODUCED, 0)],
    )
    def test_three_claims_make_the_statement_about_stages(self, last: float, verdict: Verdict, reproduced: int) -> None:
        store = Shelf(grid_of("A-F2-stages", "paper"), stairs([*STAIRS[:6], last]))
        found = by_id(scorecard(store, {}))
        mine = [e for e in found.values() if e.id.startswith("A-F2-stages:") and e.kind == "claim"]
        assert [e.n for e in mine] == [3, 3, 3]
        assert sum(e.verdict is Verdict.REPRODUCED for e in mine) == reproduced
        assert found["A-F2-stages"].verdict is verdict
        assert found["A-F2-stages"].rule == (
            f"all rows must be: {reproduced} of 3 reproduced, {3 - reproduced} not reproduced, 0 pending"
        )

    def test_to_a_paper_without_deviations_the_rules_are_put_by_its_means(self, tmp_path: Path) -> None:
        results = claim_results("A-F2-stages", runs(grid_of("A-F2-stages", "paper"), Store(tmp_path)))
        assert [claim.id for claim, _, _ in results] == [
            "A-F2-stages:rises",
            "A-F2-stages:never-falls",
            "A-F2-stages:crosses",
        ]
        assert {theirs.verdict for _, _, theirs in results if theirs} == {Verdict.REPRODUCED}
        assert [round(theirs.difference, 2) for _, _, theirs in results if theirs and theirs.difference] == [
            12.34,  # 79.43 - 67.09
            -0.3,  # 78.4 - 78.7: none falls
            2.0,  # 79.43 - 77.43
        ]
        assert all("printed without deviations" in theirs.rule for _, _, theirs in results if theirs)


class TestClaimsAboutDivergedRuns:
    @pytest.mark.parametrize(
        ("fate", "verdict"), [("diverged", Verdict.INCONCLUSIVE), (None, Verdict.PENDING), (97.9, Verdict.REPRODUCED)]
    )
    def test_a_row_that_is_all_recorded_does_not_wait(self, fate: float | str | None, verdict: Verdict) -> None:
        paper = like_the_paper()

        def score(cell: Cell) -> float | str | None:
            return fate if (cell.column, cell.spec.seed) == ("DL", 3) else paper(cell)

        grid = [cell for cell in main_cells() if cell.row == MNIST[0]]
        results = claim_results("A-T2", runs(grid, Shelf(grid, score)))
        ours = {claim.id: result for claim, result, _ in results if result.row == MNIST[0]}
        assert ours["A-T2:gates-learn"].verdict is verdict
        if fate == "diverged":
            assert ours["A-T2:gates-learn"].rule == "1 of 25 runs diverged"
        assert ours["A-T2:II-is-DI"].verdict is Verdict.REPRODUCED  # DL has no part in it


class TestOtherProfiles:
    """The small runs for two cores decide claims too, but no number of the paper stands beside them."""

    def test_three_seeds_decide_and_the_paper_has_no_say(self) -> None:
        grid = grid_of("A-T2", "cpu")
        means = {"FR-II": 60.0, "FR-DI": 60.0, "DL": 70.0, "FL": 70.0, "ReLU": 70.0}
        row = "GCONV/Adam/CIFAR-10"
        store = Shelf([c for c in grid if c.row == row], spread(means))
        results = claim_results("A-T2", runs(grid, store), "cpu")
        assert len(results) == 4 * 4 + 2
        assert {theirs for _, _, theirs in results} == {None}
        assert {ours.verdict for _, ours, _ in results if ours.row == row} == {Verdict.REPRODUCED}
        assert {ours.verdict for _, ours, _ in results if ours.row != row} == {Verdict.PENDING}

    def test_the_quoted_line_is_for_networks_of_the_papers_size_alone(self, tmp_path: Path) -> None:
        found = claim_results("A-F2-stages", runs(grid_of("A-F2-stages", "cpu"), Store(tmp_path)), "cpu")
        assert [claim.id for claim, _, _ in found] == ["A-F2-stages:rises", "A-F2-stages:never-falls"]

    def test_a_trend_is_decided_by_the_profiles_own_number_of_seeds(self) -> None:
        grid = grid_of("A-F2-nu", "quick")
        store = Shelf(grid, lambda cell: 99.0)
        for spec, made in list(store.records.items()):
            falling = {"epoch": [0, 20], "nu": [1000.0, 10.0 + spec.seed]}
            store.records[spec] = made and Record({**made.content, "probes": falling})
        falls = next(trend for trend in TRENDS if trend.exhibit == "A-F2-nu")
        assert [result.verdict for result in trend_results(falls, store, "quick")] == [Verdict.REPRODUCED]
        assert {result.verdict for result in trend_results(falls, store)} == {Verdict.PENDING}
        del store.records[next(cell.spec for cell in grid if not cell.variant)]
        assert [result.verdict for result in trend_results(falls, store, "quick")] == [Verdict.PENDING]


class TestTheDataFiles:
    def test_each_paper_cell_has_its_number_and_each_number_its_cells(self) -> None:
        places = [(line["row"], line["column"]) for line in printed("no") if line["exhibit"] == "A-T2"]
        assert len(places) == len(set(places)) == 30
        assert Counter((c.row, c.column) for c in GRID) == dict.fromkeys(places, 5)

    def test_pandas_reads_what_is_printed(self) -> None:
        table = numbers().set_index("id")
        for line in printed("no") + printed("yes"):
            assert table.loc[line["id"], "mean"] == float(line["mean"])
            for name in ("row", "column", "source", "statistic", "cited"):
                assert table.loc[line["id"], name] == line[name]
        assert not table.drop(columns=["std", "n_runs"]).isna().any().any()

    def test_claims_beside_what_the_same_rule_says_of_the_paper(self, tmp_path: Path) -> None:
        results = claim_results("A-T2", runs(GRID, Store(tmp_path)))
        assert len(results) == 4 * 6 + 2
        for _, ours, theirs in results:
            assert theirs is not None
            assert ours.row == theirs.row
            assert ours.verdict is Verdict.PENDING
            assert theirs.verdict is not Verdict.PENDING
        (gap,) = (
            t.difference for c, _, t in results if t and (c.id, t.row) == ("A-T2:FL-near-ReLU", "GCONV/Adam/CIFAR-10")
        )
        assert gap == pytest.approx(80.32 - 79.28)  # of the table, not of the README's other numbers

"""The scorecard of made-up stores: right verdicts, nothing before its time, nothing in a place that is not its own."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import ttest_ind_from_stats

from companion.exhibits import Cell
from companion.exhibits.grid import HOLDOUT
from companion.papers.numbers import numbers
from companion.papers.statements import rows as statements
from companion.records.store import Record, RecordError, Store
from companion.verdicts.frames import runs
from companion.verdicts.scorecard import Entry, claim_results, headline, number_entries, scorecard, trend_results
from companion.verdicts.stats import Verdict
from companion.verdicts.trends import TRENDS
from synthetic import (
    MNIST,
    OFFSETS,
    STAIRS,
    Shelf,
    by_id,
    fill,
    grid_of,
    like_the_paper,
    main_cells,
    record,
    spread,
    stairs,
)

GRID = main_cells()
MNIST_GRID = [cell for cell in GRID if cell.row in MNIST]
ROW = MNIST[0]
RELU = [cell for cell in GRID if (cell.row, cell.column) == (ROW, "ReLU")]
HELD = [c for c in grid_of("A-T2", "paper") if (c.row, c.column, c.variant) == (ROW, "ReLU", HOLDOUT)]
NUMBER = f"A-T2:{ROW}:ReLU"


def printed(cited: str) -> list[dict[str, str]]:
    """The lines of the data file as the standard library reads them."""
    text = (resources.files("companion.papers") / "numbers.csv").read_text()
    return [line for line in csv.DictReader(text.splitlines()) if line["cited"] == cited]


def entry(folder: Path, grid: Iterable[Cell], *fates: float | str | None) -> Entry:
    """The entry of one printed number, 97.85 ± 0.09, where our seeds had these fates."""
    store = fill(folder, grid, lambda cell: fates[cell.spec.seed])
    return by_id(number_entries("A-T2", runs(RELU, store)))[NUMBER]


@pytest.fixture(scope="module", autouse=True)
def _one_grid() -> Iterator[None]:
    """Grids do not change between tests, and are slow to make anew while shapes are checked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("companion.verdicts.scorecard.cells", grid_of)
        yield


@pytest.fixture(scope="module")
def variant(tmp_path_factory: pytest.TempPathFactory) -> list[Entry]:
    """Nothing recorded but the runs of a variant."""
    variants = [c for c in grid_of("A-T2", "paper") if c.variant]
    return scorecard(fill(tmp_path_factory.mktemp("variant") / "results", variants, lambda cell: 98.0))


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> list[Entry]:
    return scorecard(Store(tmp_path_factory.mktemp("empty") / "results"))


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> list[Entry]:
    """Two rows of six recorded, as the paper has them."""
    return scorecard(fill(tmp_path_factory.mktemp("half") / "results", MNIST_GRID, like_the_paper()))


@pytest.fixture(scope="module")
def full() -> list[Entry]:
    """All rows recorded, as the paper has them."""
    return scorecard(Shelf(GRID, like_the_paper()), {})


class TestANumber:
    @pytest.mark.parametrize(
        ("shift", "verdict"),
        [
            (0.0, Verdict.REPRODUCED),
            (0.1, Verdict.REPRODUCED),
            (-0.1, Verdict.REPRODUCED),
            (0.25, Verdict.INCONCLUSIVE),
            (-0.25, Verdict.INCONCLUSIVE),
            (0.4, Verdict.NOT_REPRODUCED),
            (-0.4, Verdict.NOT_REPRODUCED),
        ],
    )
    def test_the_verdict_is_that_of_the_known_truth(self, tmp_path: Path, shift: float, verdict: Verdict) -> None:
        found = entry(tmp_path, RELU, *(97.85 + shift + 0.1 * offset for offset in OFFSETS))
        assert found.verdict is verdict
        assert (found.n, found.mean, found.std) == (5, pytest.approx(97.85 + shift), pytest.approx(0.1))
        assert (found.paper_mean, found.paper_std) == (97.85, 0.09)

    def test_seeds_that_differ_widely_decide_nothing(self, tmp_path: Path) -> None:
        found = entry(tmp_path, RELU, *(97.85 + offset for offset in OFFSETS))
        assert found.verdict is Verdict.INCONCLUSIVE

    def test_the_rule_holds_the_interval_that_scipy_finds(self, tmp_path: Path) -> None:
        found = entry(tmp_path, RELU, *(97.9 + 0.1 * offset for offset in OFFSETS))
        rescale = (5 / 4) ** 0.5
        theirs = ttest_ind_from_stats(97.9, 0.1 * rescale, 5, 97.85, 0.09 * rescale, 5, equal_var=False)
        error = (0.1**2 / 4 + 0.09**2 / 4) ** 0.5
        assert theirs.statistic == pytest.approx(0.05 / error)
        assert found.rule == ("equivalence: ours - paper = 0.05 points, 90% interval -0.08 to 0.18, margin 0.25")

    def test_equal_seeds_are_no_error(self, tmp_path: Path) -> None:
        found = entry(tmp_path, RELU, *[97.85] * 5)
        assert (found.verdict, found.std) == (Verdict.REPRODUCED, 0.0)

    @pytest.mark.parametrize("recorded", range(5))
    def test_a_cell_is_pending_until_its_last_seed(self, tmp_path: Path, recorded: int) -> None:
        fates = [97.85] * recorded + [None] * (5 - recorded)
        found = entry(tmp_path, RELU, *fates)
        assert found.verdict is Verdict.PENDING
        assert found.rule == f"pending: {recorded} of 5 seeds recorded"
        assert found.n == recorded

    def test_a_run_that_diverged_is_no_reason_to_judge_early(self, tmp_path: Path) -> None:
        found = entry(tmp_path, RELU, "diverged", 97.85, None, None, None)
        assert (found.verdict, found.rule) == (Verdict.PENDING, "pending: 2 of 5 seeds recorded")

    def test_a_run_that_diverged_is_not_dropped_without_a_word(self, tmp_path: Path) -> None:
        found = entry(tmp_path, RELU, 97.85, 97.85, "diverged", 97.85, 97.85)
        assert (found.verdict, found.rule) == (Verdict.NOT_REPRODUCED, "1 of 5 runs diverged")
        assert found.n == 4

    def test_all_diverged(self, tmp_path: Path) -> None:
        found = entry(tmp_path, RELU, *["diverged"] * 5)
        assert (found.verdict, found.mean, found.n) == (Verdict.NOT_REPRODUCED, None, 0)


class TestHeldOutImages:
    """The variant ``holdout`` is judged at the epoch that held-out images chose, not at the best test epoch."""

    def entries(self, folder: Path, score: float, selected: float | None) -> dict[str, Entry]:
        store = Store(folder)
        for cell in HELD:
            store.write(record(cell.spec, score, selected=selected))
        return by_id(number_entries("A-T2", runs([*RELU, *HELD], store)))

    def test_the_chosen_epoch_stands_beside_the_papers_number(self, tmp_path: Path) -> None:
        found = self.entries(tmp_path, 99.0, selected=97.85)
        held, main = found[f"{NUMBER}:holdout"], found[NUMBER]
        assert (held.verdict, held.mean, held.n) == (Verdict.REPRODUCED, 97.85, 5)
        assert (held.statistic, held.variant) == ("selected_test", "holdout")
        assert (main.verdict, main.statistic, main.n) == (Verdict.PENDING, "best_test", 0)

    def test_the_best_test_epoch_does_not_stand_in_for_it(self, tmp_path: Path) -> None:
        held = self.entries(tmp_path, 97.85, selected=90.0)[f"{NUMBER}:holdout"]
        assert (held.verdict, held.mean) == (Verdict.NOT_REPRODUCED, 90.0)

    def test_without_a_choice_it_is_pending(self, tmp_path: Path) -> None:
        held = self.entries(tmp_path, 97.85, selected=None)[f"{NUMBER}:holdout"]
        assert (held.verdict, held.mean, held.n) == (Verdict.PENDING, None, 0)


class TestOnlyTheExhibitsOwnRunsCount:
    def test_nothing_else_stands_in_the_papers_column(self, tmp_path: Path) -> None:
        changes: list[dict[str, Any]] = [
            {"epochs": 10},
            {"train_size": 10_000},
            {"learning_rate": 3e-3},
            {"holdout": 5000},
            {"precision": "bfloat16"},
            {"width": 64},
        ]
        others = [c.spec.replace(**change) for change in changes for c in RELU[:2]]
        others += [c.spec.replace(seed=c.spec.seed + 5) for c in RELU]
        others += [c.spec for profile in ("cpu", "quick") for c in grid_of("A-T2", profile, 1)]
        store = fill(tmp_path, [replace(RELU[0], spec=spec) for spec in others], lambda cell: 97.85)
        assert len(store.files()) == len(others)
        entries = scorecard(store)
        assert {e.verdict for e in entries} <= {Verdict.PENDING, Verdict.CITED, Verdict.NOT_CHECKABLE}
        assert all(e.mean is None and e.n == 0 for e in entries)

    def test_a_variant_has_an_entry_of_its_own(self, variant: list[Entry]) -> None:
        found = by_id(variant)
        main, other = (found[f"A-T2:FC/Adam/MNIST:ReLU{suffix}"] for suffix in ("", ":step 3e-4"))
        assert (main.verdict, main.n, main.mean, main.variant) == (Verdict.PENDING, 0, None, "")
        assert (other.verdict, other.n, other.mean, other.variant) == (Verdict.REPRODUCED, 5, 98.0, "step 3e-4")
        assert main.paper_mean == other.paper_mean == 98.14
        assert {e.verdict for e in variant if e.kind == "claim"} == {Verdict.PENDING}

    def test_a_falsified_record_stops_everything_and_is_named(self, tmp_path: Path) -> None:
        store = fill(tmp_path, RELU, lambda cell: 97.0)
        path = store.path(RELU[2].spec.key)
        path.write_text(path.read_text().replace('"best_test": 97.0', '"best_test": 97.9'))
        with pytest.raises(RecordError, match=path.name):
            scorecard(store)


class TestTheWhole:
    def test_ids_are_unique(self, full: list[Entry]) -> None:
        assert max(Counter(e.id for e in full).values()) == 1

    def test_it_is_json_without_nan_in_the_promised_keys(self, empty: list[Entry], full: list[Entry]) -> None:
        promised = (
            "id kind exhibit row column source statistic variant paper_mean paper_std mean std n profile verdict rule"
        )
        for entries in (empty, full):
            read = json.loads(json.dumps([e.to_dict() for e in entries], allow_nan=False))
            assert all(list(line) == promised.split() for line in read)
            assert {line["kind"] for line in read} == {"number", "claim", "statement"}
            assert all(type(line["n"]) is int and type(line["verdict"]) is str for line in read)
        assert [f.name for f in fields(Entry)] == promised.split()

    def test_every_printed_number_claim_row_and_statement_is_there_once(self, empty: list[Entry]) -> None:
        main = Counter(e.kind for e in empty if not e.variant)
        assert main["number"] == len(printed("no")) + len(printed("yes"))
        assert sum(e.kind == "claim" and e.exhibit == "A-T2" for e in empty) == 3 * 6 + 2
        assert sum(e.kind == "claim" and e.exhibit == "A-F2-stages" for e in empty) == 3
        assert main["statement"] == len(statements())

    def test_without_records_nothing_is_decided(self, empty: list[Entry]) -> None:
        assert {e.verdict for e in empty} == {Verdict.PENDING, Verdict.CITED, Verdict.NOT_CHECKABLE}
        assert all(e.mean is None for e in empty)

    def test_half_a_table_is_no_verdict_on_the_table(self, half: list[Entry]) -> None:
        found = by_id(half)
        assert found["A-T2:gates-learn:FC/SGD/MNIST"].verdict is Verdict.REPRODUCED
        assert found["A-T2:gates-learn:GCONV/SGD/CIFAR-10"].verdict is Verdict.PENDING
        assert found["A-Claim2"].verdict is Verdict.PENDING
        assert found["A-Claim2"].rule == "all rows must be: 2 of 6 reproduced, 4 pending"
        assert found["A-T2"].verdict is Verdict.PENDING
        assert found["A-T2"].rule == "all numbers must be: 10 of 30 reproduced, 20 pending"

    def test_a_whole_table_like_the_papers(self, full: list[Entry]) -> None:
        found = by_id(full)
        assert found["A-Claim2"].verdict is Verdict.REPRODUCED
        assert found["A-Obs"].verdict is Verdict.PARTLY
        near = [e.verdict for e in full if e.id.startswith("A-T2:FL-near-ReLU:")]
        assert Counter(near) == {Verdict.NOT_REPRODUCED: 5, Verdict.REPRODUCED: 1}

    def test_what_the_papers_own_spread_leaves_open(self, full: list[Entry]) -> None:
        """Our runs hit the printed mean exactly: what is still open can never be closed at this margin."""
        mine = [e for e in full if e.exhibit == "A-T2" and e.kind == "number" and not e.variant]
        open_ = {f"{e.row} {e.column}" for e in mine if e.verdict is Verdict.INCONCLUSIVE}
        assert open_ == {"VCONV/Adam/CIFAR-10 FR-II"}
        assert by_id(full)["A-T2"].verdict is Verdict.INCONCLUSIVE

    def test_a_claim_is_about_differences(self, full: list[Entry]) -> None:
        found = by_id(full)["A-T2:FL-near-ReLU:VCONV/SGD/CIFAR-10"]
        assert found.mean == pytest.approx(67.02 - 63.06)
        assert (found.n, found.paper_mean, found.std) == (5, None, None)
        assert found.column == "FL against ReLU"


class TestCited:
    def test_the_readmes_numbers_and_quotations_are_cited_whatever_is_recorded(self, full: list[Entry]) -> None:
        cited = {line["id"] for line in printed("yes")}
        assert {e.id for e in full if e.verdict is Verdict.CITED} == cited
        assert {f"A-T2:GCONV/Adam/CIFAR-10:{c}:README" for c in ("FR-II", "FR-DI", "DL", "FL", "ReLU")} <= cited

    def test_they_stay_out_of_the_headline(self, empty: list[Entry], full: list[Entry]) -> None:
        for entries in (empty, full):
            counts = headline(entries)
            assert sum(counts["number"].values()) == len(printed("no"))
            assert sum(counts["claim"].values()) == sum(e.kind == "claim" for e in entries)
            assert sum(counts["statement"].values()) == len(statements())
            assert "cited" not in counts["number"]

    def test_variants_stay_out_too(self, variant: list[Entry]) -> None:
        assert set(headline(variant)["number"]) == {"pending"}

    def test_they_do_not_count_in_the_statement_about_their_table(self, full: list[Entry]) -> None:
        assert " of 30 reproduced" in by_id(full)["A-T2"].rule


class TestStatements:
    def test_checks_decide_theirs(self, tmp_path: Path) -> None:
        found = by_id(scorecard(Store(tmp_path), {"A-Eq2": True, "A-Eq3": False}))
        assert (found["A-Eq2"].verdict, found["A-Eq2"].rule) == (Verdict.REPRODUCED, "all of its checks pass")
        assert (found["A-Eq3"].verdict, found["A-Eq3"].rule) == (Verdict.NOT_REPRODUCED, "a check fails")
        assert found["A-Eq4"].verdict is Verdict.PENDING

    def test_what_cannot_be_checked_says_why(self, empty: list[Entry]) -> None:
        reasons = {s["id"]: s["not_checkable"] for s in statements() if s["not_checkable"]}
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
        assert found["A-Claim2"].rule == "all rows must be: 5 of 6 reproduced, 0 pending"


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
        assert [e.n for e in mine] == [5, 5, 5]
        assert sum(e.verdict is Verdict.REPRODUCED for e in mine) == reproduced
        assert found["A-F2-stages"].verdict is verdict
        assert found["A-F2-stages"].rule == f"all rows must be: {reproduced} of 3 reproduced, 0 pending"

    def test_a_paper_without_deviations_decides_nothing_itself(self, tmp_path: Path) -> None:
        results = claim_results("A-F2-stages", runs(grid_of("A-F2-stages", "paper"), Store(tmp_path)))
        assert [claim.id for claim, _, _ in results] == [
            "A-F2-stages:rises",
            "A-F2-stages:never-falls",
            "A-F2-stages:crosses",
        ]
        assert {theirs for _, _, theirs in results} == {None}


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
        store = Shelf([c for c in grid if c.row == ROW], spread(means))
        results = claim_results("A-T2", runs(grid, store), "cpu")
        assert len(results) == 3 * 6 + 2
        assert {theirs for _, _, theirs in results} == {None}
        assert {ours.verdict for _, ours, _ in results if ours.row == ROW} == {Verdict.REPRODUCED}
        assert {ours.verdict for _, ours, _ in results if ours.row != ROW} == {Verdict.PENDING}

    def test_the_quoted_line_is_for_networks_of_the_papers_size_alone(self, tmp_path: Path) -> None:
        found = claim_results("A-F2-stages", runs(grid_of("A-F2-stages", "cpu"), Store(tmp_path)), "cpu")
        assert [claim.id for claim, _, _ in found] == ["A-F2-stages:rises", "A-F2-stages:never-falls"]

    def test_a_trend_is_decided_by_the_profiles_own_number_of_seeds(self) -> None:
        grid = grid_of("A-F2-nu", "cpu")
        store = Shelf(grid, lambda cell: 99.0)
        for spec, made in list(store.records.items()):
            falling = {"epoch": [0, 20], "nu": [1000.0, 10.0 + spec.seed]}
            store.records[spec] = made and Record({**made.content, "probes": falling})
        falls = next(trend for trend in TRENDS if trend.exhibit == "A-F2-nu")
        assert [result.verdict for result in trend_results(falls, store, "cpu")] == [Verdict.REPRODUCED]
        assert {result.verdict for result in trend_results(falls, store)} == {Verdict.PENDING}
        del store.records[next(cell.spec for cell in grid if not cell.variant)]
        assert [result.verdict for result in trend_results(falls, store, "cpu")] == [Verdict.PENDING]


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
        assert len(results) == 3 * 6 + 2
        for _, ours, theirs in results:
            assert theirs is not None
            assert ours.row == theirs.row
            assert ours.verdict is Verdict.PENDING
            assert theirs.verdict is not Verdict.PENDING
        (gap,) = (
            t.difference for c, _, t in results if t and (c.id, t.row) == ("A-T2:FL-near-ReLU", "GCONV/Adam/CIFAR-10")
        )
        assert gap == pytest.approx(80.32 - 79.28)  # of the table, not of the README's other numbers

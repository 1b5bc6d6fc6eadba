"""The scorecard of made-up stores: right verdicts, nothing before its time, nothing in a place that is not its own."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import ttest_ind_from_stats

from companion.exhibits import Cell
from companion.exhibits.grid import HOLDOUT
from companion.papers.statements import statements
from companion.records.store import RecordError, Store
from companion.verdicts.frames import runs
from companion.verdicts.scorecard import Entry, number_entries, scorecard
from companion.verdicts.stats import Verdict
from support.scorecards import GRID, ROW, printed
from support.synthetic import (
    MNIST,
    OFFSETS,
    by_id,
    fill,
    grid_of,
    like_the_paper,
    record,
)

MNIST_GRID = [cell for cell in GRID if cell.row in MNIST]
RELU = [cell for cell in GRID if (cell.row, cell.column) == (ROW, "ReLU")]
HELD = [c for c in grid_of("A-T2", "paper") if (c.row, c.column, c.variant) == (ROW, "ReLU", HOLDOUT)]
NUMBER = f"A-T2:{ROW}:ReLU"


def entry(folder: Path, grid: Iterable[Cell], *fates: float | str | None) -> Entry:
    """The entry of one printed number, 97.85 ± 0.09, where our seeds had these fates."""
    store = fill(folder, grid, lambda cell: fates[cell.spec.seed])
    return by_id(number_entries("A-T2", runs(RELU, store)))[NUMBER]


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> list[Entry]:
    """Two rows of six recorded, as the paper has them."""
    return scorecard(fill(tmp_path_factory.mktemp("half") / "results", MNIST_GRID, like_the_paper()))


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
            "id kind exhibit row column source statistic variant paper_mean paper_std mean std n profile verdict rule "
            "papers_own"
        )
        for entries in (empty, full):
            read = json.loads(json.dumps([e.to_dict() for e in entries], allow_nan=False))
            assert all(list(line) == [*promised.split(), "word", "papers", "counts"] for line in read)
            assert {line["kind"] for line in read} == {"number", "claim", "statement"}
            assert all(type(line["n"]) is int and type(line["verdict"]) is str for line in read)
        assert [f.name for f in fields(Entry)] == promised.split()

    def test_every_printed_number_claim_row_and_statement_is_there_once(self, empty: list[Entry]) -> None:
        main = Counter(e.kind for e in empty if not e.variant)
        assert main["number"] == len(printed("no")) + len(printed("yes"))
        assert sum(e.kind == "claim" and e.exhibit == "A-T2" for e in empty) == 4 * 6 + 2
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
        assert found["A-Claim2"].rule == "all rows must be: 2 of 6 reproduced, 0 not reproduced, 4 pending"
        assert found["A-T2"].verdict is Verdict.PENDING
        assert found["A-T2"].rule == "all numbers must be: 10 of 30 reproduced, 0 not reproduced, 20 pending"

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

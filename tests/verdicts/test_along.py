"""Tables along an axis: rows and columns take their names from typed values, and nothing else changes."""

from __future__ import annotations

import pandas as pd
import pytest

from companion.exhibits import Cell
from companion.exhibits.a_f2_stages import CNTK
from companion.papers.numbers import numbers
from companion.verdicts.along import along, pairs_of, placed
from companion.verdicts.frames import STATISTICS, places, runs, scores
from support.claims import CROSSES, GAIN, LEARN, PAPER_A, RISES
from support.synthetic import STAIRS, Shelf, grid_of, stairs

NAME = CNTK.name


def told(cell: Cell) -> float:
    """A score that tells the run."""
    return len(cell.row) + len(cell.column) / 100 + len(cell.variant) / 1000 + cell.spec.seed / 10000


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Every run of Table 2, with a score that tells which."""
    grid = grid_of("A-T2", "paper")
    return runs(grid, Shelf(grid, told))


@pytest.fixture(scope="module")
def curve() -> pd.DataFrame:
    """Every run of the stages; the last seed of stage 0 is missing."""
    grid, paper = grid_of("A-F2-stages", "paper"), stairs(STAIRS, std=0.5)
    return runs(grid, Shelf(grid, lambda c: None if (c.row, c.spec.seed) == ("stage-0", 2) else paper(c)))


def test_a_claim_about_columns_leaves_the_table_as_it_is(table: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(along(LEARN, table), table)
    assert pairs_of(LEARN) == list(LEARN.pairs)


def test_the_frame_that_is_given_is_left(table: pd.DataFrame, curve: pd.DataFrame) -> None:
    for claim in PAPER_A:
        frame = {"A-T2": table, "A-F2-stages": curve}[claim.exhibit]
        before = frame.copy()
        along(claim, frame)
        pd.testing.assert_frame_equal(frame, before)


def test_names_of_rows_decide_nothing(table: pd.DataFrame, curve: pd.DataFrame) -> None:
    """Rows with any other names give the same table: what stands where is told by the axes alone."""
    for claim, frame in ((GAIN, table), (CROSSES, curve)):
        renamed = frame.assign(row=[f"r{i % 3}" for i in range(len(frame))])
        pd.testing.assert_frame_equal(along(claim, renamed), along(claim, frame))


class TestNetworksSideBySide:
    def test_there_is_a_row_for_each_optimiser(self, table: pd.DataFrame) -> None:
        view = along(GAIN, table)
        assert set(view["row"]) == {"SGD/CIFAR-10", "Adam/CIFAR-10"}
        regimes = ("ReLU", "FR-II", "FR-DI", "DL", "FL")
        names = {f"{network} {regime}" for network in ("VCONV", "GCONV") for regime in regimes}
        for row in set(view["row"]):
            assert set(view.loc[view["row"] == row, "column"]) == names
        assert {name for pair in pairs_of(GAIN) for name in pair} == names

    @pytest.mark.parametrize("optimiser", ["SGD", "Adam"])
    @pytest.mark.parametrize("network", ["VCONV", "GCONV"])
    def test_every_run_keeps_its_score(self, table: pd.DataFrame, network: str, optimiser: str) -> None:
        for regime in ("ReLU", "FR-II", "FR-DI", "DL", "FL"):
            mine = scores(along(GAIN, table), f"{optimiser}/CIFAR-10", f"{network} {regime}")
            assert mine.to_dict() == scores(table, f"{network}/{optimiser}/CIFAR-10", regime).to_dict()
            assert len(mine) == 5

    def test_what_is_not_convolutional_is_left_out_and_variants_stay_variants(self, table: pd.DataFrame) -> None:
        view = along(GAIN, table)
        assert len(view) == (4 + 1) * 5 * 5
        assert set(view["dataset"]) == {"cifar10"}
        held = view[view["variant"] == "holdout"]
        assert set(held["column"].str.split().str[0]) == {"GCONV"}

    def test_the_papers_numbers_have_the_same_names(self) -> None:
        printed = numbers().query("exhibit == 'A-T2' and cited == 'no'")
        view = along(GAIN, placed(printed, places(grid_of("A-T2", "paper"))))
        assert len(view) == 4 * 5
        found = view.set_index(["row", "column"])["mean"]
        assert found["Adam/CIFAR-10", "GCONV FL"] == 79.28
        assert found["SGD/CIFAR-10", "VCONV ReLU"] == 67.02


class TestStages:
    def test_they_are_columns_of_one_row(self, curve: pd.DataFrame) -> None:
        view = along(CROSSES, curve)
        assert set(view["row"]) == {"gates of FL"}
        assert set(view["column"]) == {NAME, "stage-0", "stage-6"}
        for stage in (0, 6):
            mine = scores(view, "gates of FL", f"stage-{stage}")
            assert mine.to_dict() == scores(curve, f"stage-{stage}", "FL").to_dict()
            assert len(mine) == (2 if stage == 0 else 3)
        assert NAME not in set(along(RISES, curve)["column"])

    def test_teachers_are_left_out_and_variants_stay_variants(self, curve: pd.DataFrame) -> None:
        view = along(CROSSES, curve)
        assert len(view) == 2 * 3 + 3 + 3  # two stages, the last by the text too, and the line
        assert set(view.loc[view["variant"] != "", "column"]) == {"stage-6"}

    def test_the_quoted_accuracy_is_the_same_for_every_seed_recorded_or_not(self, curve: pd.DataFrame) -> None:
        assert scores(along(CROSSES, curve), "gates of FL", NAME).to_dict() == dict.fromkeys(range(3), 77.43)

    @pytest.mark.parametrize("statistic", [name for name in STATISTICS if name != "selected_test"])
    def test_it_is_so_by_every_statistic_of_these_runs(self, curve: pd.DataFrame, statistic: str) -> None:
        assert set(scores(along(CROSSES, curve), "gates of FL", NAME, statistic=statistic)) == {77.43}

    def test_the_papers_curve_has_the_same_names_and_no_line_of_reference_of_its_own(self) -> None:
        printed = placed(numbers().query("exhibit == 'A-F2-stages'"), places(grid_of("A-F2-stages", "paper")))
        assert dict(zip(printed["stage"], printed["mean"], strict=True)) == dict(enumerate(STAIRS))
        view = along(CROSSES, printed)
        means = dict(zip(view["column"], view["mean"], strict=True))
        assert means == {NAME: 77.43, "stage-0": STAIRS[0], "stage-6": STAIRS[6]}

    def test_a_grid_without_scores_can_be_seen_too(self) -> None:
        grid = pd.DataFrame({"row": "r", "column": ["FL", "ReLU", "FL"], "stage": [0, 6, 6], "dataset": "x"})
        assert along(CROSSES, grid)[["row", "column"]].to_dict("records") == [
            {"row": "gates of FL", "column": column} for column in ("stage-0", "stage-6", NAME)
        ]

"""Views: rows and columns change their names, and nothing else changes."""

from __future__ import annotations

import pandas as pd
import pytest

from companion.exhibits import Cell
from companion.exhibits.views import CNTK, as_printed, pooled, staged
from companion.papers.numbers import numbers
from companion.verdicts.frames import STATISTICS, runs, scores
from support.synthetic import STAIRS, Shelf, grid_of, stairs

VIEWS = [as_printed, pooled, staged]


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
    return runs(grid, Shelf(grid, lambda c: None if (c.row, c.spec.seed) == ("stage-0", 4) else paper(c)))


def test_what_is_printed_is_left_as_it_is(table: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(as_printed(table), table)


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_leaves_the_frame_that_it_is_given(view, table: pd.DataFrame, curve: pd.DataFrame) -> None:
    for frame in (table, curve, numbers()):
        before = frame.copy()
        view(frame)
        pd.testing.assert_frame_equal(frame, before)


class TestPooled:
    def test_networks_stand_side_by_side_in_a_row_for_each_optimiser(self, table: pd.DataFrame) -> None:
        view = pooled(table)
        assert set(view["row"]) == {"SGD/CIFAR-10", "Adam/CIFAR-10"}
        regimes = ("ReLU", "FR-II", "FR-DI", "DL", "FL")
        for row in set(view["row"]):
            columns = view.loc[view["row"] == row, "column"]
            assert set(columns) == {f"{network} {regime}" for network in ("VCONV", "GCONV") for regime in regimes}

    @pytest.mark.parametrize("optimiser", ["SGD", "Adam"])
    @pytest.mark.parametrize("network", ["VCONV", "GCONV"])
    def test_every_run_keeps_its_score(self, table: pd.DataFrame, network: str, optimiser: str) -> None:
        for regime in ("ReLU", "FR-II", "FR-DI", "DL", "FL"):
            mine = scores(pooled(table), f"{optimiser}/CIFAR-10", f"{network} {regime}")
            assert mine.to_dict() == scores(table, f"{network}/{optimiser}/CIFAR-10", regime).to_dict()
            assert len(mine) == 5

    def test_what_is_not_convolutional_is_left_out_and_variants_stay_variants(self, table: pd.DataFrame) -> None:
        view = pooled(table)
        assert len(view) == (4 + 1) * 5 * 5
        assert set(view["dataset"]) == {"cifar10"}
        held = view[view["variant"] == "holdout"]
        assert set(held["column"].str.split().str[0]) == {"GCONV"}

    def test_the_papers_numbers_have_the_same_names(self) -> None:
        view = pooled(numbers().query("exhibit == 'A-T2' and cited == 'no'"))
        assert len(view) == 4 * 5
        found = view.set_index(["row", "column"])["mean"]
        assert found["Adam/CIFAR-10", "GCONV FL"] == 79.28
        assert found["SGD/CIFAR-10", "VCONV ReLU"] == 67.02


class TestStaged:
    def test_stages_are_columns_of_one_row(self, curve: pd.DataFrame) -> None:
        view = staged(curve)
        assert set(view["row"]) == {"gates of FL"}
        assert set(view["column"]) == {CNTK, *(f"stage-{i}" for i in range(7))}
        for stage in range(7):
            mine = scores(view, "gates of FL", f"stage-{stage}")
            assert mine.to_dict() == scores(curve, f"stage-{stage}", "FL").to_dict()
            assert len(mine) == (4 if stage == 0 else 5)

    def test_teachers_are_left_out_and_variants_stay_variants(self, curve: pd.DataFrame) -> None:
        view = staged(curve)
        assert len(view) == 7 * 5 + 6 * 5 + 5  # stages, the same by the text, and the line
        assert set(view.loc[view["variant"] != "", "column"]) == {f"stage-{i}" for i in range(1, 7)}

    def test_the_quoted_accuracy_is_the_same_for_every_seed_recorded_or_not(self, curve: pd.DataFrame) -> None:
        assert scores(staged(curve), "gates of FL", CNTK).to_dict() == dict.fromkeys(range(5), 77.43)

    @pytest.mark.parametrize("statistic", [name for name in STATISTICS if name != "selected_test"])
    def test_it_is_so_by_every_statistic_of_these_runs(self, curve: pd.DataFrame, statistic: str) -> None:
        assert set(scores(staged(curve), "gates of FL", CNTK, statistic=statistic)) == {77.43}

    def test_the_papers_curve_has_the_same_names_and_no_line_of_reference_of_its_own(self) -> None:
        view = staged(numbers().query("exhibit == 'A-F2-stages'"))
        means = dict(zip(view["column"], view["mean"], strict=True))
        assert means == {CNTK: 77.43, **{f"stage-{i}": mean for i, mean in enumerate(STAIRS)}}

    def test_a_grid_without_scores_can_be_seen_too(self) -> None:
        grid = pd.DataFrame({"row": ["stage-0", "stage-1", "stage-1"], "column": ["FL", "ReLU", "FL"], "dataset": "x"})
        assert staged(grid).to_dict("records") == [
            {"row": "gates of FL", "column": column, "dataset": "x"} for column in ("stage-0", "stage-1", CNTK)
        ]

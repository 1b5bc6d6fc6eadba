"""What a change does: variants of made-up runs whose differences are known."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from companion.exhibits import Cell
from companion.verdicts.frames import runs
from companion.verdicts.sensitivity import Shift, gap, lines, shift
from support.synthetic import OFFSETS, Shelf, grid_of

ROW = "FC/Adam/MNIST"
ALL = grid_of("A-S-bias", "paper")
BASE = {"ReLU": 98.0, "FR-II": 96.0, "FR-DI": 96.0, "DL": 98.0, "FL": 97.5}
PLAIN = "no biases"

Score = Callable[[Cell], float | str | None]


def frame_of(change: Score, exhibit: str = "A-S-bias") -> pd.DataFrame:
    """Runs by their regime's mean, in variants with ``change`` added; seeds differ by far more than that, but alike."""

    def score(cell: Cell) -> float | str | None:
        step = change(cell)
        return BASE[cell.column] - 3 * cell.spec.seed + step if isinstance(step, (int, float)) else step

    grid = grid_of(exhibit, "paper")
    return runs(grid, Shelf(grid, score))


def biased(change: float, std: float = 0.0) -> pd.DataFrame:
    """The variant differs by ``change`` with a deviation over seeds."""
    return frame_of(lambda c: (change + std * OFFSETS[c.spec.seed]) * bool(c.variant))


class TestShift:
    @pytest.mark.parametrize(
        ("change", "word"),
        [(0.0, "the same"), (0.2, "the same"), (-0.2, "the same"), (0.3, "higher"), (-0.3, "lower"), (9.0, "higher")],
    )
    def test_the_word_is_that_of_the_known_difference(self, change: float, word: str) -> None:
        found = shift(biased(change), ROW, "DL", PLAIN)
        assert found["verdict"] == word
        assert found["difference"] == pytest.approx(change)
        assert found["low"] == pytest.approx(change)
        assert found["high"] == pytest.approx(change)

    @pytest.mark.parametrize(("change", "word"), [(0.25, "inconclusive"), (-0.25, "inconclusive"), (0.0, "the same")])
    def test_a_difference_at_the_margin_stays_open(self, change: float, word: str) -> None:
        assert shift(biased(change, std=0.05), ROW, "DL", PLAIN)["verdict"] == word

    def test_the_interval_is_students_over_paired_seeds(self) -> None:
        found = shift(biased(0.1, std=0.2), ROW, "FL", PLAIN)
        reach = 2.131847 * 0.2 / 2  # 95% quantile for four degrees of freedom; std / sqrt(5 - 1)
        assert found["low"] == pytest.approx(0.1 - reach, abs=1e-6)
        assert found["high"] == pytest.approx(0.1 + reach, abs=1e-6)
        assert found["verdict"] == "inconclusive"

    def test_mean_and_deviation_are_those_of_the_variant(self) -> None:
        found = shift(biased(1.0), ROW, "ReLU", PLAIN)
        assert (found["mean"], found["std"]) == (pytest.approx(98.0 - 6 + 1), pytest.approx(3 * 2**0.5))
        assert (found["n"], found["expected"]) == (5, 5)

    def test_the_margin_is_that_of_the_dataset(self) -> None:
        grid = grid_of("A-S-bias", "cpu")
        for change, word in ((0.8, "the same"), (1.2, "higher")):
            frame = runs(grid, Shelf(grid, lambda c, change=change: 60.0 + change * bool(c.variant)))
            assert shift(frame, "GCONV/Adam/CIFAR-10", "FL", PLAIN)["verdict"] == word

    def test_the_exhibits_own_runs_are_compared_with_nothing(self) -> None:
        found = shift(biased(1.0), ROW, "ReLU", "")
        assert found == {
            "n": 5,
            "expected": 5,
            "mean": pytest.approx(92.0),
            "std": pytest.approx(18**0.5),
            "verdict": "",
        }

    @pytest.mark.parametrize("variant", ["", PLAIN])
    def test_a_run_that_is_missing_on_either_side_leaves_the_difference_open(self, variant: str) -> None:
        frame = frame_of(lambda c: None if (c.variant, c.column, c.spec.seed) == (variant, "DL", 4) else 0.0)
        found = shift(frame, ROW, "DL", PLAIN)
        assert found["verdict"] == "pending"
        assert "difference" not in found
        assert found["n"] == (5 if variant == "" else 4)
        assert shift(frame, ROW, "DL", "")["verdict"] == ("pending" if variant == "" else "")
        assert shift(frame, ROW, "FL", PLAIN)["verdict"] == "the same"

    def test_nothing_recorded(self) -> None:
        frame = frame_of(lambda c: None)
        assert shift(frame, ROW, "DL", PLAIN) == {"n": 0, "expected": 5, "verdict": "pending"}
        assert shift(frame, ROW, "DL", "") == {"n": 0, "expected": 5, "verdict": "pending"}

    def test_a_single_seed_is_never_enough(self) -> None:
        frame = biased(9.0)
        assert shift(frame[frame["seed"] == 0], ROW, "DL", PLAIN)["verdict"] == "pending"

    def test_another_statistic(self) -> None:
        frame = biased(9.0).assign(last_test=50.0)
        assert shift(frame, ROW, "DL", PLAIN, "last_test")["verdict"] == "the same"
        assert shift(frame, ROW, "DL", PLAIN, "selected_test")["verdict"] == "pending"


class TestGap:
    """``b - a`` within a variant: what random gates lack to ReLU."""

    def of(self, frame: pd.DataFrame, variant: str) -> Shift:
        return gap(frame, ROW, variant, "FR-II", "ReLU")

    @pytest.mark.parametrize(
        ("change", "left", "word"),
        [(0.0, 2.0, "higher"), (-1.9, 0.1, "the same"), (-3.0, -1.0, "lower"), (-1.6, 0.4, "higher")],
    )
    def test_it_is_found_in_each_variant_by_itself(self, change: float, left: float, word: str) -> None:
        frame = frame_of(lambda c: change * (bool(c.variant) and c.column == "ReLU"))
        found, own = self.of(frame, PLAIN), self.of(frame, "")
        assert (found["difference"], found["verdict"]) == (pytest.approx(left), word)
        assert (own["difference"], own["verdict"]) == (pytest.approx(2.0), "higher")

    def test_seeds_that_disagree_leave_it_open(self) -> None:
        frame = frame_of(lambda c: OFFSETS[c.spec.seed] * 4 * (c.column == "ReLU"))
        assert self.of(frame, "")["verdict"] == "inconclusive"

    @pytest.mark.parametrize("column", ["ReLU", "FR-II"])
    def test_a_missing_run_leaves_its_variant_open_and_no_other(self, column: str) -> None:
        frame = frame_of(lambda c: None if (c.variant, c.column, c.spec.seed) == (PLAIN, column, 0) else 0.0)
        assert self.of(frame, PLAIN) == {"verdict": "pending"}
        assert self.of(frame, "")["verdict"] == "higher"

    def test_another_statistic(self) -> None:
        frame = frame_of(lambda c: 0.0).assign(last_test=50.0)
        assert gap(frame, ROW, "", "FR-II", "ReLU", "last_test")["verdict"] == "the same"


class TestLines:
    def test_every_row_regime_and_variant_in_order_the_exhibits_own_under_its_name(self) -> None:
        found = lines(frame_of(lambda c: 0.0, "A-S-step"), "the code's step")
        steps = {
            "FC/SGD/MNIST": ["the code's step", "step 0.1", "step 0.001"],
            "FC/Adam/MNIST": ["the code's step", "step 3e-4"],
        }
        places = [(row, column) for row in steps for column in ("ReLU", "FR-II", "DL", "FL")]
        assert {(line["row"], line["column"]) for line in found} == set(places)
        for row, column in places:
            mine = [line["variant"] for line in found if (line["row"], line["column"]) == (row, column)]
            assert mine == steps[row]
        assert {line["verdict"] for line in found} == {"", "the same"}

    def test_what_has_no_variant_is_left_out(self) -> None:
        """In A-S-teacher the teachers themselves have none."""
        found = lines(frame_of(lambda c: 0.0, "A-S-teacher"), "best test epoch")
        assert [(line["column"], line["variant"]) for line in found] == [
            ("FL", "best test epoch"),
            ("FL", "last epoch"),
            ("FL", "chosen on held-out images"),
        ]

    def test_a_line_is_the_shift_of_its_place(self) -> None:
        frame = biased(0.7)
        (line,) = [l for l in lines(frame, "with biases") if (l["column"], l["variant"]) == ("DL", PLAIN)]
        assert line == {"row": ROW, "column": "DL", "variant": PLAIN, **shift(frame, ROW, "DL", PLAIN)}
        assert line["difference"] == pytest.approx(0.7)

    def test_another_statistic(self) -> None:
        assert {line["verdict"] for line in lines(biased(0.7), "with biases", "selected_test")} == {"pending"}

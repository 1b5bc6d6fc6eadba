"""The claims of Paper A: its own numbers, pooling, stages."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import pytest

from companion.exhibits import CLAIMS, Cell
from companion.exhibits.a_f2_stages import CNTK
from companion.exhibits.claim import Claim
from companion.papers.margins import margin
from companion.papers.numbers import numbers
from companion.papers.statements import statements
from companion.verdicts.along import along, pairs_of, placed
from companion.verdicts.claims import RowResult, evaluate, paper_differences
from companion.verdicts.frames import places
from companion.verdicts.spread import over_models
from companion.verdicts.stats import Verdict
from support.claims import (
    CROSSES,
    FAILED,
    GAIN,
    LEARN,
    NEAR,
    NEVER_FALLS,
    PENDING,
    PRINTED,
    REPRODUCED,
    RISES,
    SAME,
    TABLE,
    UNCLEAR,
    WITHIN,
    frame_of,
    seen,
)
from support.synthetic import OFFSETS, STAGE_OFFSETS, STAIRS, grid_of, main_cells, stairs

PLACES = places(main_cells())


class TestThePapersOwnNumbers:
    @pytest.fixture
    def table(self) -> pd.DataFrame:
        return numbers().query("exhibit == 'A-T2' and cited == 'no'")

    def results(self, table: pd.DataFrame, claim: Claim) -> dict[str, RowResult]:
        rows = [(row, "mnist" if "MNIST" in row else "cifar10") for row in dict.fromkeys(table["row"])]
        return {result.row: result for result in evaluate(claim, rows, paper_differences(table))}

    def test_random_gates_are_behind_in_every_row(self, table: pd.DataFrame) -> None:
        assert {r.verdict for r in self.results(table, LEARN).values()} == {REPRODUCED}

    def test_fixed_learnt_gates_are_near_in_one_row_and_far_in_two(self, table: pd.DataFrame) -> None:
        found = self.results(table, NEAR)
        assert [round(r.difference or 0, 2) for r in found.values()] == [0.75, 0.32, 3.96, 1.03, 0.38, 1.04]
        assert {row for row, r in found.items() if r.verdict is REPRODUCED} == {"GCONV/SGD/CIFAR-10"}
        assert {row for row, r in found.items() if r.verdict is FAILED} == {"FC/SGD/MNIST", "VCONV/SGD/CIFAR-10"}

    def test_the_two_initialisations_agree_or_are_too_noisy(self, table: pd.DataFrame) -> None:
        found = self.results(table, SAME)
        assert {r.verdict for r in found.values()} == {REPRODUCED, UNCLEAR}
        assert found["FC/SGD/MNIST"].difference == 0.0

    def test_pooling_gains_too_little_with_adam_and_perhaps_too_much_with_sgd(self, table: pd.DataFrame) -> None:
        rows = [(row, "cifar10") for row in ("SGD/CIFAR-10", "Adam/CIFAR-10")]
        sgd, adam = evaluate(GAIN, rows, paper_differences(along(GAIN, placed(table, PLACES))))
        assert (sgd.verdict, sgd.difference) == (UNCLEAR, pytest.approx(78.52 - 63.06))
        assert (adam.verdict, adam.difference) == (FAILED, pytest.approx(66.42 - 64.86))

    def test_of_means_without_spread_or_number_the_rule_knows_no_interval(self, table: pd.DataFrame) -> None:
        for missing in ("std", "n_runs"):
            holed = table.copy()
            holed.loc[holed["column"] == "FL", missing] = float("nan")
            for found in self.results(holed, NEAR).values():
                assert found.difference is not None
                assert (found.interval, found.p) == (None, None)
                assert found.verdict is (
                    FAILED if found.difference > margin("mnist" if "MNIST" in found.row else "cifar10") else REPRODUCED
                )
                assert "by means that are printed without deviations" in found.rule
            assert self.results(holed, SAME) == self.results(table, SAME)

    def test_decoupled_learning_is_not_within_three_points_in_paper_as_own_table(self, table: pd.DataFrame) -> None:
        """Papers B and C say less than three of their networks; of Paper A's convolutional ones it is not true."""
        found = self.results(table, WITHIN)
        assert [round(r.difference or 0, 2) for r in found.values()] == [-0.01, -0.08, 3.81, 2.98, 4.33, 3.20]
        failed = {row for row, r in found.items() if r.verdict is FAILED}
        assert failed == {"VCONV/SGD/CIFAR-10", "GCONV/SGD/CIFAR-10"}
        assert {row for row, r in found.items() if r.verdict is REPRODUCED} == {"FC/SGD/MNIST", "FC/Adam/MNIST"}


class TestPoolingGainsTen:
    """Global average pooling against none, optimiser by optimiser; all other differences are none of its business."""

    def results(self, gains: Mapping[str, float], gain: float = 10.0, std: float = 0.0) -> dict[str, RowResult]:
        """``gain`` in every regime but those of ``gains`` (``OPTIMISER/REGIME``), with a spread that is not common."""

        def score(cell: Cell) -> float:
            network, optimiser, _ = cell.row.split("/")
            own = 5.0 * (optimiser == "Adam") + TABLE[cell.column] - 30
            if network == "VCONV":
                return own
            return own + gains.get(f"{optimiser}/{cell.column}", gain) + std * OFFSETS[cell.spec.seed]

        return {result.row: result for result in seen(GAIN, score)}

    @pytest.mark.parametrize(
        ("gain", "verdict"),
        [(10, REPRODUCED), (5.5, REPRODUCED), (14.5, REPRODUCED), (4.5, FAILED), (15.5, FAILED), (-10, FAILED)],
    )
    def test_five_to_fifteen_points_are_about_ten(self, gain: float, verdict: Verdict) -> None:
        results = self.results({}, gain, std=0.1)
        assert {row: result.verdict for row, result in results.items()} == {
            "Adam/CIFAR-10": verdict,
            "SGD/CIFAR-10": verdict,
        }
        assert results["SGD/CIFAR-10"].difference == pytest.approx(gain)

    @pytest.mark.parametrize("gain", [5.0, 15.0])
    def test_a_gain_at_the_edge_stays_open(self, gain: float) -> None:
        assert {result.verdict for result in self.results({}, gain, std=0.5).values()} == {UNCLEAR}

    def test_seeds_that_differ_widely_decide_nothing(self) -> None:
        assert {result.verdict for result in self.results({}, 10, std=8.0).values()} == {UNCLEAR}

    @pytest.mark.parametrize("column", TABLE)
    def test_one_regime_that_gains_too_little_fails_its_optimiser_and_is_named(self, column: str) -> None:
        results = self.results({f"SGD/{column}": 3.0}, 11.0)
        assert results["Adam/CIFAR-10"].verdict is REPRODUCED
        assert results["SGD/CIFAR-10"].verdict is FAILED
        assert results["SGD/CIFAR-10"].difference == pytest.approx(3.0)
        assert f"GCONV {column} - VCONV {column} = 3.00 points" in results["SGD/CIFAR-10"].rule

    def test_the_regime_farthest_from_ten_is_shown_on_either_side(self) -> None:
        results = self.results({"SGD/DL": 8.0, "SGD/FL": 13.0, "Adam/DL": 6.0, "Adam/FL": 13.0})
        assert "GCONV FL - VCONV FL = 13.00 points, 90% interval 13.00 to 13.00" in results["SGD/CIFAR-10"].rule
        assert "GCONV DL - VCONV DL = 6.00 points" in results["Adam/CIFAR-10"].rule

    @pytest.mark.parametrize("network", ["VCONV", "GCONV"])
    def test_a_missing_run_keeps_its_optimiser_open_and_no_other(self, network: str) -> None:
        def score(cell: Cell) -> float | None:
            lost = (cell.row, cell.column, cell.spec.seed) == (f"{network}/Adam/CIFAR-10", "DL", 3)
            return None if lost else 60.0 + 10.0 * cell.row.startswith("GCONV")

        results = {result.row: result.verdict for result in seen(GAIN, score)}
        assert results == {"Adam/CIFAR-10": PENDING, "SGD/CIFAR-10": REPRODUCED}

    def test_runs_of_a_variant_do_not_count(self) -> None:
        results = seen(GAIN, lambda c: 99.0 if c.variant else 60.0 + 10.0 * c.row.startswith("GCONV"))
        assert [result.verdict for result in results] == [REPRODUCED] * 2


class TestStages:
    """Seven accuracies, one for each stage of the teacher's training, and the quoted 77.43 of the tangent kernel."""

    def result(self, claim: Claim, *means: float | None, std: float = 0.02) -> RowResult:
        (result,) = seen(claim, stairs(means, std))
        assert result.row == "gates of FL"
        return result

    @pytest.mark.parametrize("claim", [RISES, NEVER_FALLS, CROSSES], ids=lambda claim: claim.id)
    def test_a_curve_like_the_papers_bears_all_three_out(self, claim: Claim) -> None:
        assert self.result(claim, *STAIRS).verdict is REPRODUCED

    @pytest.mark.parametrize(("last", "verdict"), [(68.2, REPRODUCED), (67.8, FAILED), (67, FAILED), (60, FAILED)])
    def test_it_rises_if_the_last_stage_is_more_than_the_margin_above_the_first(
        self, last: float, verdict: Verdict
    ) -> None:
        result = self.result(RISES, 67.0, 99.0, 1.0, 99.0, 1.0, 99.0, last)
        assert result.verdict is verdict
        assert result.difference == pytest.approx(last - 67.0)
        assert "stage-6 - stage-0" in result.rule

    def test_seeds_that_disagree_leave_the_rise_open(self) -> None:
        def score(cell: Cell) -> float:
            return 70.0 + (3 + 4 * STAGE_OFFSETS[cell.spec.seed]) * (cell.row == "stage-6")

        (result,) = seen(RISES, score)
        assert result.verdict is UNCLEAR

    @pytest.mark.parametrize("stage", range(1, 7))
    def test_a_fall_of_more_than_the_margin_between_neighbours_is_noticed_at_any_stage(self, stage: int) -> None:
        high, low = [70.0] * stage, [68.8] * (7 - stage)
        result = self.result(NEVER_FALLS, *high, *low)
        assert result.verdict is FAILED
        assert result.difference == pytest.approx(1.2)
        assert f"stage-{stage - 1} - stage-{stage} = 1.20 points" in result.rule

    def test_small_falls_are_none_even_if_they_add_up(self) -> None:
        falling = [70.0 - 0.8 * stage for stage in range(7)]
        assert self.result(NEVER_FALLS, *falling).verdict is REPRODUCED
        assert self.result(RISES, *falling).verdict is FAILED

    def test_seeds_that_disagree_about_a_fall_leave_it_open(self) -> None:
        def score(cell: Cell) -> float:
            return 70.0 + 3 * STAGE_OFFSETS[cell.spec.seed] * (cell.row == "stage-4")

        (result,) = seen(NEVER_FALLS, score)
        assert result.verdict is UNCLEAR

    @pytest.mark.parametrize(
        ("first", "last", "verdict", "gap"),
        [
            (76.3, 78.6, REPRODUCED, f"{CNTK.name} - stage-0 = 1.13"),
            (76.3, 90.0, REPRODUCED, f"{CNTK.name} - stage-0 = 1.13"),
            (76.6, 90.0, FAILED, f"{CNTK.name} - stage-0 = 0.83"),
            (80.0, 90.0, FAILED, f"{CNTK.name} - stage-0 = -2.57"),
            (50.0, 78.2, FAILED, f"stage-6 - {CNTK.name} = 0.77"),
            (50.0, 70.0, FAILED, f"stage-6 - {CNTK.name} = -7.43"),
        ],
    )
    def test_the_line_lies_at_77_43_and_must_be_crossed_by_the_margin_on_both_sides(
        self, first: float, last: float, verdict: Verdict, gap: str
    ) -> None:
        result = self.result(CROSSES, first, 60, 60, 60, 60, 60, last)
        assert result.verdict is verdict
        assert gap in result.rule

    def test_a_last_stage_at_the_margin_above_the_line_stays_open(self) -> None:
        assert self.result(CROSSES, *STAIRS[:6], 77.43 + 1.1, std=0.5).verdict is UNCLEAR

    @pytest.mark.parametrize("missing", range(7))
    def test_a_missing_stage_keeps_open_what_speaks_of_it(self, missing: int) -> None:
        means = [None if stage == missing else mean for stage, mean in enumerate(STAIRS)]
        assert self.result(NEVER_FALLS, *means).verdict is PENDING
        for claim in (RISES, CROSSES):
            assert self.result(claim, *means).verdict is (PENDING if missing in (0, 6) else REPRODUCED)

    def test_neither_the_teachers_own_accuracy_nor_a_variant_counts(self) -> None:
        paper = stairs(STAIRS)
        for claim in (RISES, NEVER_FALLS, CROSSES):
            (result,) = seen(claim, lambda c: 50.0 if c.variant or c.column == "ReLU" else paper(c))
            assert result.verdict is REPRODUCED


class TestTheList:
    def test_ids_are_unique_and_begin_with_their_exhibit(self) -> None:
        assert len({claim.id for claim in CLAIMS}) == len(CLAIMS)
        assert all(claim.id.startswith(f"{claim.exhibit}:") for claim in CLAIMS)

    def test_claims_speak_of_what_there_is(self) -> None:
        known = statements().keys()
        for claim in CLAIMS:
            assert set(claim.statements) <= known
            assert claim.decides is None or claim.decides in set(numbers()["id"])
            for profile in claim.profiles:
                grid = [cell for cell in grid_of(claim.exhibit, profile) if not cell.variant]
                assert all(margin(cell.spec.dataset) > 0 for cell in grid)
                if over_models(claim):
                    continue  # what they find is tested by itself
                rows = along(claim, frame_of(lambda cell: 50.0, grid)).groupby("row")["column"].agg(set)
                assert len(rows) > 0
                assert all({column for pair in pairs_of(claim) for column in pair} <= columns for columns in rows)

    def test_claims_about_the_table_as_it_is_printed(self) -> None:
        mine = (claim for claim in CLAIMS if claim.exhibit.startswith("A-") and not over_models(claim))
        assert tuple(claim for claim in mine if claim.across is None) == PRINTED

"""Claims: stores whose truth is known give the right verdict, in every direction and with every gap in the data."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.exhibits import CLAIMS, Cell, cells
from companion.exhibits.claim import Claim, Relation
from companion.exhibits.views import CNTK, as_printed, pooled
from companion.papers.margins import margin
from companion.papers.numbers import numbers
from companion.papers.statements import rows as statements
from companion.verdicts.claims import RowResult, combine, evaluate, own_differences, paper_differences
from companion.verdicts.stats import Difference, Verdict, above, equivalence, holm
from synthetic import MNIST, OFFSETS, STAIRS, grid_of, main_cells, spread, stairs

REPRODUCED, FAILED, UNCLEAR, PENDING = (
    Verdict.REPRODUCED,
    Verdict.NOT_REPRODUCED,
    Verdict.INCONCLUSIVE,
    Verdict.PENDING,
)
LEARN, SAME, NEAR, GAIN, RISES, NEVER_FALLS, CROSSES = CLAIMS
PRINTED = (LEARN, SAME, NEAR)
"""Claims about the columns of the paper's own table."""
ROWS = [(row, "mnist") for row in MNIST]
GRID = [cell for cell in main_cells() if cell.row in MNIST]
TABLE = {"FR-II": 95.9, "FR-DI": 96.0, "DL": 97.9, "FL": 97.8, "ReLU": 97.9}

Score = Callable[[Cell], float | str | None]


def frame_of(score: Score, grid: Sequence[Cell] = GRID) -> pd.DataFrame:
    """As :func:`companion.verdicts.frames.runs` gives it, without a store."""
    lines = [(c.row, c.column, c.variant, c.spec.seed, score(c)) for c in grid]
    frame = pd.DataFrame(lines, columns=["row", "column", "variant", "seed", "best_test"])
    return frame.assign(best_test=pd.to_numeric(frame["best_test"], errors="coerce"))


def judged(claim: Claim, score: Score, grid: Sequence[Cell] = GRID, seeds: int = 5) -> list[RowResult]:
    return evaluate(claim, ROWS, own_differences(frame_of(score, grid), seeds))


def verdicts(claim: Claim, means: Mapping[str, float], std: float = 0.02) -> list[Verdict]:
    return [result.verdict for result in judged(claim, spread(means, std))]


def seen(claim: Claim, score: Score, order: int | None = None) -> list[RowResult]:
    """A claim in its view of its exhibit's paper runs, all on CIFAR-10; ``order`` shuffles the lines."""
    grid = [c for c in grid_of(claim.exhibit, "paper") if c.spec.dataset == "cifar10"]
    frame = frame_of(score, grid)
    view = claim.view(frame if order is None else frame.sample(frac=1, random_state=order))
    rows = sorted(set(claim.view(frame)["row"]))
    return evaluate(claim, [(row, "cifar10") for row in rows], own_differences(view, 5))


def made_of(found: Mapping[tuple[str, str], Difference | None]) -> Callable[[str, str, str], Difference | None]:
    """The same estimate for a pair of columns in every row."""
    return lambda row, a, b: found[a, b]


class TestTheTruthIsKnown:
    def test_a_table_like_the_papers_bears_all_three_out(self) -> None:
        for claim in PRINTED:
            assert verdicts(claim, TABLE) == [REPRODUCED] * 2

    @pytest.mark.parametrize("a", ["FR-II", "FR-DI"])
    @pytest.mark.parametrize("b", ["DL", "FL", "ReLU"])
    def test_one_random_regime_as_good_as_one_that_learns_is_a_failure(self, a: str, b: str) -> None:
        results = judged(LEARN, spread({"FR-II": 95, "FR-DI": 95, "DL": 99, "FL": 99, "ReLU": 99} | {a: 97.7, b: 97.8}))
        assert [result.verdict for result in results] == [FAILED] * 2
        assert results[0].difference == pytest.approx(0.1)
        assert f"{b} - {a}" in results[0].rule

    def test_a_gap_the_wrong_way_round_is_a_failure(self) -> None:
        upside_down = {column: 2 * 97 - mean for column, mean in TABLE.items()}
        results = judged(LEARN, spread(upside_down))
        assert [result.verdict for result in results] == [FAILED] * 2
        assert all(result.difference is not None and result.difference < 0 for result in results)

    def test_a_gap_below_the_margin_is_none_however_certain(self) -> None:
        means = TABLE | {"FR-II": 97.6, "FR-DI": 97.6}
        assert verdicts(LEARN, means, std=1e-6) == [FAILED] * 2

    def test_a_gap_at_the_margin_stays_open(self) -> None:
        noisy = {0: 0.3, 1: -0.3, 2: 0.2, 3: -0.2, 4: 0.0}
        results = judged(LEARN, lambda c: TABLE[c.column] + (noisy[c.spec.seed] - 1.6) * c.column.startswith("D"))
        assert [result.verdict for result in results] == [UNCLEAR] * 2
        assert "DL - FR-DI" in results[0].rule

    def test_many_uncertain_gaps_need_more_than_one(self) -> None:
        """A gap that is significant by itself is not after Holm's correction for all pairs and rows."""
        noisy = {0: 1.0, 1: -1.0, 2: 0.7, 3: -0.7, 4: 0.0}

        def score(cell: Cell) -> float:
            return TABLE[cell.column] + noisy[cell.spec.seed] * (cell.column in ("DL", "FL", "ReLU"))

        frame = frame_of(score)
        differences = own_differences(frame, 5)
        single = differences(MNIST[0], "FR-DI", "FL")
        assert single is not None
        assert above(single, 0.25) < 0.05
        assert [result.verdict for result in evaluate(LEARN, ROWS, differences)] == [UNCLEAR] * 2

    @pytest.mark.parametrize(("gap", "verdict"), [(0.2, REPRODUCED), (-0.2, REPRODUCED), (0.3, FAILED), (-0.3, FAILED)])
    def test_same_has_two_sides(self, gap: float, verdict: Verdict) -> None:
        assert verdicts(SAME, TABLE | {"FR-DI": TABLE["FR-II"] + gap}, std=0.0) == [verdict] * 2

    def test_same_with_unlike_seeds_is_inconclusive(self) -> None:
        results = judged(SAME, lambda c: 96 + (c.column == "FR-DI") * (c.spec.seed - 2) * 0.4)
        assert [result.verdict for result in results] == [UNCLEAR] * 2
        assert results[0].difference == pytest.approx(0.0)

    @pytest.mark.parametrize(
        ("fl", "verdict"), [(97.7, REPRODUCED), (99.9, REPRODUCED), (97.6, FAILED), (90.0, FAILED)]
    )
    def test_near_has_one_side(self, fl: float, verdict: Verdict) -> None:
        assert verdicts(NEAR, TABLE | {"FL": fl}, std=0.0) == [verdict] * 2

    def test_near_at_the_margin_is_inconclusive(self) -> None:
        results = judged(NEAR, lambda c: 97.9 - (c.column == "FL") * (0.25 + 0.05 * (c.spec.seed - 2)))
        assert [result.verdict for result in results] == [UNCLEAR] * 2


class TestPairing:
    def test_seeds_are_paired(self) -> None:
        """Good and bad seeds differ by far more than the gap, which is the same in each."""
        results = judged(LEARN, lambda c: TABLE[c.column] - 3 * c.spec.seed)
        assert [result.verdict for result in results] == [REPRODUCED] * 2
        assert results[0].interval == pytest.approx((1.8, 1.8))

    def test_the_order_of_lines_does_not_matter(self) -> None:
        frame = frame_of(lambda c: TABLE[c.column] + c.spec.seed**2 * (1 + len(c.column)) / 50)
        shuffled = frame.sample(frac=1, random_state=1)
        for claim in PRINTED:
            expected = evaluate(claim, ROWS, own_differences(frame, 5))
            assert evaluate(claim, ROWS, own_differences(shuffled, 5)) == expected

    @pytest.mark.parametrize("claim", CLAIMS[3:], ids=lambda claim: claim.id)
    def test_nor_does_it_in_a_view(self, claim: Claim) -> None:
        def score(cell: Cell) -> float:
            return 70 + cell.spec.seed**2 * (1 + len(cell.column) + len(cell.row)) / 50

        assert seen(claim, score, order=1) == seen(claim, score)

    def test_seeds_that_are_not_common_do_not_make_up_the_number(self) -> None:
        grid = [c for c in cells("A-T2", "paper", 6, [MNIST[0]]) if c.row in MNIST and c.column.startswith("FR")]
        grid = [c for c in grid if not c.variant]
        absent = {"FR-II": 0, "FR-DI": 5}
        results = judged(SAME, lambda c: None if absent[c.column] == c.spec.seed else TABLE[c.column], grid)
        assert [result.verdict for result in results] == [PENDING] * 2


class TestPending:
    @pytest.mark.parametrize("column", TABLE)
    def test_one_missing_run_keeps_its_row_open_and_no_other(self, column: str) -> None:
        def score(cell: Cell) -> float | None:
            lost = (cell.row, cell.column, cell.spec.seed) == (MNIST[0], column, 4)
            return None if lost else TABLE[cell.column] + 0.01 * cell.spec.seed

        frame = frame_of(score)
        for claim in PRINTED:
            first, second = evaluate(claim, ROWS, own_differences(frame, 5))
            concerned = any(column in pair for pair in claim.pairs)
            assert first.verdict is (PENDING if concerned else REPRODUCED)
            assert second.verdict is REPRODUCED
            if concerned:
                assert (first.difference, first.interval, first.p) == (None, None, None)
                assert first.rule == "pending: not every run has a score yet"

    def test_a_diverged_run_has_no_score(self) -> None:
        results = judged(SAME, lambda c: "diverged" if c.spec.seed == 1 else TABLE[c.column])
        assert [result.verdict for result in results] == [PENDING] * 2

    def test_a_single_seed_is_never_enough(self) -> None:
        grid = [cell for cell in GRID if cell.spec.seed == 0]
        assert [r.verdict for r in judged(SAME, lambda c: TABLE[c.column], grid, seeds=1)] == [PENDING] * 2

    def test_what_is_pending_counts_in_the_family(self) -> None:
        known = Difference(1.0, 0.1, 4)
        places = [(row, *pair) for row, _ in ROWS for pair in LEARN.pairs]
        results = evaluate(LEARN, ROWS, lambda row, a, b: known if row == MNIST[0] else None)
        expected = holm([above(known, 0.25)] * 6, family=len(places))
        assert results[0].p == pytest.approx(max(expected))
        assert results[0].p == pytest.approx(12 * above(known, 0.25))
        assert results[1].verdict is PENDING

    def test_no_record_at_all(self) -> None:
        for claim in PRINTED:
            assert verdicts(claim, {}) == [PENDING] * 2

    @pytest.mark.parametrize("claim", CLAIMS[3:], ids=lambda claim: claim.id)
    def test_no_record_at_all_in_a_view(self, claim: Claim) -> None:
        results = seen(claim, lambda cell: None)
        assert {result.verdict for result in results} == {PENDING}
        assert {result.difference for result in results} == {None}


class TestSeveralPairs:
    """A claim about several pairs is as good as its worst pair, and shows that one."""

    WIDE, CLOSE, FAR = Difference(0.1, 0.5, 4), Difference(0.2, 1e-3, 4), Difference(2.0, 1e-3, 4)

    def results(self, relation: Relation, *found: Difference) -> RowResult:
        pairs = tuple((f"a{i}", f"b{i}") for i in range(len(found)))
        claim = Claim("X:x", "X", None, "made up", relation, pairs)
        (result,) = evaluate(claim, [("row", "mnist")], made_of(dict(zip(pairs, found, strict=True))))
        return result

    @pytest.mark.parametrize("relation", [Relation.SAME, Relation.NEAR])
    def test_an_uncertain_pair_is_not_hidden_by_a_certain_one(self, relation: Relation) -> None:
        result = self.results(relation, self.CLOSE, self.WIDE)
        assert result.verdict is UNCLEAR
        assert "b1 - a1" in result.rule
        assert result.difference == 0.1

    @pytest.mark.parametrize("relation", [Relation.SAME, Relation.NEAR])
    def test_a_failing_pair_decides(self, relation: Relation) -> None:
        result = self.results(relation, self.CLOSE, self.WIDE, self.FAR)
        assert result.verdict is FAILED
        assert result.difference == 2.0

    def test_much_less_shows_the_pair_that_fails_although_another_gap_is_smaller(self) -> None:
        result = self.results(Relation.MUCH_LESS, self.FAR, self.WIDE, self.CLOSE)
        assert result.verdict is FAILED
        assert result.difference == 0.2
        assert result.interval is not None
        assert result.interval[1] < 0.25

    @given(
        st.sampled_from(list(Relation)),
        st.lists(st.tuples(st.floats(-2, 2), st.floats(1e-3, 1)), min_size=1, max_size=4),
    )
    def test_the_row_is_the_worst_of_its_pairs(self, relation: Relation, found: list[tuple[float, float]]) -> None:
        centre, scale = (10, 5) if relation is Relation.ABOUT_TEN else (0, 1)
        differences = [Difference(centre + scale * mean, scale * error, 4) for mean, error in found]
        result = self.results(relation, *differences)
        bounds = [d.interval(0.9) for d in differences]
        if relation is Relation.SAME:
            holds = all(equivalence(d, 0.25) is REPRODUCED for d in differences)
            fails = any(equivalence(d, 0.25) is FAILED for d in differences)
        elif relation is Relation.NEAR:
            holds, fails = all(high < 0.25 for _, high in bounds), any(low > 0.25 for low, _ in bounds)
        elif relation is Relation.ABOUT_TEN:
            holds = all(low > 5 and high < 15 for low, high in bounds)
            fails = any(high < 5 or low > 15 for low, high in bounds)
        else:
            adjusted = holm([above(d, 0.25) for d in differences])
            holds, fails = max(adjusted) < 0.05, any(high < 0.25 for _, high in bounds)
            assert result.p == pytest.approx(max(adjusted))
        assert result.verdict is (FAILED if fails else REPRODUCED if holds else UNCLEAR)
        assert not (holds and fails)


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
        sgd, adam = evaluate(GAIN, rows, paper_differences(pooled(table)))
        assert (sgd.verdict, sgd.difference) == (UNCLEAR, pytest.approx(78.52 - 63.06))
        assert (adam.verdict, adam.difference) == (FAILED, pytest.approx(66.42 - 64.86))

    def test_a_mean_without_spread_or_number_decides_nothing(self, table: pd.DataFrame) -> None:
        for missing in ("std", "n_runs"):
            holed = table.copy()
            holed.loc[holed["column"] == "FL", missing] = float("nan")
            assert {r.verdict for r in self.results(holed, NEAR).values()} == {PENDING}
            assert PENDING not in {r.verdict for r in self.results(holed, SAME).values()}


class TestCombine:
    @pytest.mark.parametrize("length", [1, 2, 3])
    def test_every_row_counts(self, length: int) -> None:
        """Stated anew: open while a row is; unanimous; some hold and some fail: partly; none holds: failed."""
        for kinds in itertools.product([REPRODUCED, FAILED, UNCLEAR, PENDING], repeat=length):
            expected = (
                PENDING
                if PENDING in kinds
                else kinds[0]
                if len(set(kinds)) == 1
                else Verdict.PARTLY
                if FAILED in kinds and REPRODUCED in kinds
                else FAILED
                if FAILED in kinds
                else UNCLEAR
            )
            assert combine(kinds) is expected

    def test_nothing_decides_nothing(self) -> None:
        assert combine([]) is PENDING

    @given(st.permutations([REPRODUCED, FAILED, UNCLEAR]))
    def test_the_order_of_rows_does_not_matter(self, kinds: list[Verdict]) -> None:
        assert combine(kinds) is Verdict.PARTLY


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
            return 70.0 + (3 + 4 * OFFSETS[cell.spec.seed]) * (cell.row == "stage-6")

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
            return 70.0 + 3 * OFFSETS[cell.spec.seed] * (cell.row == "stage-4")

        (result,) = seen(NEVER_FALLS, score)
        assert result.verdict is UNCLEAR

    @pytest.mark.parametrize(
        ("first", "last", "verdict", "gap"),
        [
            (76.3, 78.6, REPRODUCED, f"{CNTK} - stage-0 = 1.13"),
            (76.3, 90.0, REPRODUCED, f"{CNTK} - stage-0 = 1.13"),
            (76.6, 90.0, FAILED, f"{CNTK} - stage-0 = 0.83"),
            (80.0, 90.0, FAILED, f"{CNTK} - stage-0 = -2.57"),
            (50.0, 78.2, FAILED, f"stage-6 - {CNTK} = 0.77"),
            (50.0, 70.0, FAILED, f"stage-6 - {CNTK} = -7.43"),
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
        known = {statement["id"] for statement in statements()}
        for claim in CLAIMS:
            assert claim.statement is None or claim.statement in known
            for profile in claim.profiles:
                grid = [cell for cell in grid_of(claim.exhibit, profile) if not cell.variant]
                assert all(margin(cell.spec.dataset) > 0 for cell in grid)
                rows = claim.view(frame_of(lambda cell: 50.0, grid)).groupby("row")["column"].agg(set)
                assert len(rows) > 0
                assert all({column for pair in claim.pairs for column in pair} <= columns for columns in rows)

    def test_claims_about_the_table_as_it_is_printed_are_the_first_three(self) -> None:
        assert tuple(claim for claim in CLAIMS if claim.view is as_printed) == PRINTED

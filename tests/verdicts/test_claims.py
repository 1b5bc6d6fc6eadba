"""Claims: stores whose truth is known give the right verdict, in every direction and with every gap in the data."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.exhibits import Cell, cells
from companion.exhibits.claim import Claim, Relation
from companion.verdicts.claims import RowResult, combine, evaluate, own_differences
from companion.verdicts.stats import Difference, Verdict, above, equivalence, holm
from support.claims import (
    FAILED,
    GRID,
    LEARN,
    NEAR,
    PAPER_A,
    PENDING,
    PRINTED,
    REPRODUCED,
    SAME,
    TABLE,
    UNCLEAR,
    Score,
    frame_of,
    seen,
)
from support.synthetic import MNIST, spread

ROWS = [(row, "mnist") for row in MNIST]


def judged(claim: Claim, score: Score, grid: Sequence[Cell] = GRID, seeds: int = 5) -> list[RowResult]:
    return evaluate(claim, ROWS, own_differences(frame_of(score, grid), seeds))


def verdicts(claim: Claim, means: Mapping[str, float], std: float = 0.02) -> list[Verdict]:
    return [result.verdict for result in judged(claim, spread(means, std))]


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

    @pytest.mark.parametrize("claim", PAPER_A[3:], ids=lambda claim: claim.id)
    def test_nor_does_it_along_an_axis(self, claim: Claim) -> None:
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

    @pytest.mark.parametrize("claim", PAPER_A[3:], ids=lambda claim: claim.id)
    def test_no_record_at_all_along_an_axis(self, claim: Claim) -> None:
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
        st.sampled_from([relation for relation in Relation if relation is not Relation.ROBUST]),
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


class TestCombine:
    @pytest.mark.parametrize("length", [1, 2, 3])
    def test_every_row_counts(self, length: int) -> None:
        """Stated anew: some hold, some fail: partly; one fails: failed; else open while one is; unanimous; unclear."""
        for kinds in itertools.product([REPRODUCED, FAILED, UNCLEAR, PENDING], repeat=length):
            expected = (
                Verdict.PARTLY
                if FAILED in kinds and REPRODUCED in kinds
                else FAILED
                if FAILED in kinds
                else PENDING
                if PENDING in kinds
                else kinds[0]
                if len(set(kinds)) == 1
                else UNCLEAR
            )
            assert combine(kinds) is expected

    def test_nothing_decides_nothing(self) -> None:
        assert combine([]) is PENDING

    @given(st.permutations([REPRODUCED, FAILED, UNCLEAR, PENDING]))
    def test_the_order_of_rows_does_not_matter(self, kinds: list[Verdict]) -> None:
        assert combine(kinds) is Verdict.PARTLY

"""Many models of one row: the worst one's gap, corrected for the maximum, on grids whose truth is known."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats as distributions

from companion.exhibits import Cell, cells
from companion.exhibits.b_f4_permutations import CIFAR_FIRST, CLAIMS, IDENTITY, ORDERS, REVERSE
from companion.records.store import Store
from companion.verdicts.frames import runs
from companion.verdicts.scorecard import number_entries
from companion.verdicts.sentences import claim_results
from companion.verdicts.spread import over_models, worst
from companion.verdicts.stats import Difference, Verdict, paired_difference
from support.models import CNN, GRID, LEARN, MEAN, NEAR, ONES, ORDER, SAME, WOBBLE, Score, known, results
from support.synthetic import Shelf, by_id


class TestWorst:
    def test_a_single_gap_has_its_own_one_sided_bounds(self) -> None:
        gap = paired_difference([79.0, 80.0, 81.0], [79.3, 80.1, 81.5])
        found = worst({"reverse": gap})
        assert (found.low, found.high) == pytest.approx(gap.interval(0.9))
        assert (found.name, found.compared, found.difference) == ("reverse", 1, gap)

    @pytest.mark.parametrize("many", [2, 5, 23])
    def test_bounds_are_students_at_five_percent_over_their_number(self, many: int) -> None:
        gaps = {str(i): Difference(i / 10, 0.2, 2) for i in range(many)}
        found = worst(gaps)
        reach = distributions.t.ppf(1 - 0.05 / many, 2) * 0.2
        assert found.name == str(many - 1)
        assert found.high == pytest.approx((many - 1) / 10 + reach)
        assert found.low == pytest.approx((many - 1) / 10 - reach)

    def test_an_uncertain_gap_counts_though_another_is_larger(self) -> None:
        found = worst({"large": Difference(0.5, 0.01, 2), "wide": Difference(0.1, 1.0, 2)})
        assert found.name == "large"
        assert found.high > 4 > 0.6 > found.low > 0.4
        assert found.verdict(1.0) is Verdict.INCONCLUSIVE

    @pytest.mark.parametrize(
        ("mean", "verdict"), [(0.0, Verdict.REPRODUCED), (1.0, Verdict.INCONCLUSIVE), (3.0, Verdict.NOT_REPRODUCED)]
    )
    def test_the_verdict_has_three_ways(self, mean: float, verdict: Verdict) -> None:
        assert worst({"a": Difference(mean, 0.1, 2), "b": Difference(-5.0, 0.1, 2)}).verdict(1.0) is verdict

    def test_none_has_no_worst(self) -> None:
        with pytest.raises(ValueError, match="empty"):
            worst({})

    def test_more_orders_make_the_bound_wider(self) -> None:
        bounds = [worst({str(i): Difference(0.0, 0.2, 2) for i in range(m)}).high for m in (1, 2, 6, 23)]
        assert all(a < b for a, b in pairwise(bounds))

    def test_the_bound_holds_for_the_maximum_in_nineteen_cases_of_twenty(self) -> None:
        """The uncorrected bound of the largest mean need not: here the truth is 0 for all of eight orders."""
        random = np.random.default_rng(0)
        missed = 0
        for _ in range(400):
            scores = random.normal(size=(8, 3))
            gaps = {str(i): paired_difference([0.0] * 3, list(line)) for i, line in enumerate(scores)}
            missed += worst(gaps).low > 0  # the truth, the largest gap, is 0
        assert missed / 400 <= 0.05 + 3 * (0.05 * 0.95 / 400) ** 0.5


class TestOrder:
    def test_all_claims_are_put_to_many_models(self) -> None:
        assert all(map(over_models, CLAIMS))

    def test_where_no_order_differs_every_regime_is_robust(self) -> None:
        found = results(ORDER, known)
        assert {row: r.verdict for row, r in found.items()} == {
            f"{CNN}:{regime}": Verdict.REPRODUCED for regime in ("FR-II", "FR-DI", "DL", "FL")
        }
        assert all("46 of 46 comparisons recorded" in r.rule for r in found.values())
        assert all("corrected for the largest of 23" in r.rule for r in found.values())

    @pytest.mark.parametrize("order", [REVERSE, (2, 0, 3, 1)])
    @pytest.mark.parametrize("value", ["image", "ones"])
    def test_one_bad_order_with_one_input_decides_its_regime_and_is_named(
        self, order: tuple[int, ...], value: str
    ) -> None:
        def score(cell: Cell) -> float:
            bad = cell.column == "DL" and cell.axes == {"permutation": order, "value_input": value}
            return known(cell) - 3.0 * bad

        found = results(ORDER, score)
        assert {row for row, r in found.items() if r.verdict is Verdict.NOT_REPRODUCED} == {f"{CNN}:DL"}
        name = "reverse" if order == REVERSE else "3 1 4 2"
        assert found[f"{CNN}:DL"].pair == f"identity − {name} ({value})"
        assert found[f"{CNN}:DL"].difference == pytest.approx(3.0)

    def test_an_order_that_is_better_than_the_identity_harms_nothing(self) -> None:
        found = results(ORDER, lambda c: known(c) + 5.0 * (c.axes["permutation"] == REVERSE))
        assert {r.verdict for r in found.values()} == {Verdict.REPRODUCED}

    def test_the_identity_is_that_of_the_same_input(self) -> None:
        found = results(ORDER, lambda c: known(c) - 20.0 * (c.axes["value_input"] == "ones"))
        assert {r.verdict for r in found.values()} == {Verdict.REPRODUCED}

    def test_only_what_has_all_its_seeds_is_compared_and_it_is_counted(self) -> None:
        """One order whole, one with two of three seeds, which is far behind but does not count."""

        def score(cell: Cell) -> float | None:
            order = cell.axes["permutation"]
            if cell.column != "FL" or cell.axes["value_input"] != "image" or order not in CIFAR_FIRST[:3]:
                return None
            if order == CIFAR_FIRST[2]:
                return None if cell.spec.seed == 2 else 1.0
            return known(cell)

        found = results(ORDER, score)
        fl = found.pop(f"{CNN}:FL")
        assert fl.verdict is Verdict.PENDING
        assert fl.rule.startswith("so far reproduced: ")
        assert fl.rule.endswith("corrected for the largest of 1, margin 1; 1 of 46 comparisons recorded")
        assert {r.verdict for r in found.values()} == {Verdict.PENDING}
        assert {r.rule for r in found.values()} == {"pending: 0 of 46 comparisons recorded"}

    def test_seeds_that_disagree_leave_it_open(self) -> None:
        wide = (-3.0, 0.0, 3.0)
        found = results(ORDER, lambda c: known(c) + wide[c.spec.seed] * (c.axes["permutation"] == REVERSE))
        assert {r.verdict for r in found.values()} == {Verdict.INCONCLUSIVE}


class TestOnes:
    def test_it_is_judged_in_each_regime_by_its_worst_order(self) -> None:
        def score(cell: Cell) -> float:
            bad = cell.column == "FL" and cell.axes == {"permutation": REVERSE, "value_input": "ones"}
            return known(cell) - 2.0 * bad

        found = results(ONES, score)
        assert {row for row, r in found.items() if r.verdict is Verdict.NOT_REPRODUCED} == {f"{CNN}:FL"}
        assert found[f"{CNN}:FL"].pair == "image − ones (reverse)"
        assert all(r.rule.endswith("24 of 24 comparisons recorded") for r in found.values())

    def test_both_sides_are_needed(self) -> None:
        found = results(ONES, lambda c: None if c.axes["value_input"] == "ones" else known(c))
        assert {r.verdict for r in found.values()} == {Verdict.PENDING}


class TestColumns:
    def test_gates_that_learn_are_compared_model_by_model(self) -> None:
        result = results(LEARN, known)[CNN]
        assert result.verdict is Verdict.REPRODUCED
        assert result.difference == pytest.approx(12.5)
        assert "48 of 48 comparisons" in result.rule
        upset = results(LEARN, lambda c: known(c) - 12.4 * (c.column == "FL" and c.axes["permutation"] == ORDERS[7]))
        assert upset[CNN].verdict is Verdict.NOT_REPRODUCED
        assert upset[CNN].pair.startswith("FL − FR-II (")

    def test_holms_family_is_what_is_recorded(self) -> None:
        def first(cell: Cell) -> float | None:
            alone = cell.axes["permutation"] in (None, IDENTITY) and cell.axes["value_input"] in (None, "image")
            return known(cell) + WOBBLE[cell.spec.seed] * (cell.column == "FL") if alone else None

        one, all_ = (
            results(LEARN, first)[CNN],
            results(LEARN, lambda c: known(c) + WOBBLE[c.spec.seed] * (c.column == "FL")),
        )
        assert one.p is not None
        assert all_[CNN].p == pytest.approx(48 * one.p)

    def test_relu_stands_beside_the_identity_with_the_image_alone(self) -> None:
        def score(cell: Cell) -> float:
            own = cell.axes == {"permutation": IDENTITY, "value_input": "image"}
            return known(cell) - 10.0 * (cell.column == "FL" and not own)

        assert results(NEAR, score)[CNN].verdict is Verdict.REPRODUCED
        assert results(NEAR, score)[CNN].difference == pytest.approx(0.5)
        assert results(MEAN, score)[CNN].verdict is Verdict.NOT_REPRODUCED
        assert results(MEAN, score)[CNN].difference == pytest.approx(0.5 + 10 * 47 / 48)

    def test_the_mean_is_over_what_is_recorded_and_says_so(self) -> None:
        result = results(MEAN, lambda c: None if c.axes["permutation"] == REVERSE else known(c))[CNN]
        assert "FL (mean of 46 of 48 models)" in result.rule
        assert result.verdict is Verdict.PENDING
        assert result.rule.startswith("so far reproduced: ")

    def test_one_model_can_refute_what_is_said_of_all_but_not_of_their_mean(self) -> None:
        def score(cell: Cell) -> float | None:
            if cell.axes["permutation"] not in (None, IDENTITY, REVERSE):
                return None
            return known(cell) - 20.0 * (cell.column == "FL" and cell.axes["permutation"] == REVERSE)

        assert results(LEARN, score)[CNN].verdict is Verdict.NOT_REPRODUCED
        assert results(ORDER, score)[f"{CNN}:FL"].verdict is Verdict.NOT_REPRODUCED
        mean = results(MEAN, score)[CNN]
        assert mean.verdict is Verdict.PENDING
        assert mean.rule.startswith("so far not reproduced: ")

    def test_the_two_initialisations(self) -> None:
        assert results(SAME, known)[CNN].verdict is Verdict.REPRODUCED
        apart = results(SAME, lambda c: known(c) + 2.0 * (c.column == "FR-DI" and c.axes["permutation"] == REVERSE))
        assert apart[CNN].verdict is Verdict.NOT_REPRODUCED


class TestPrintedMeans:
    """The last rule: a mean over 48 models is pending while one is missing; its n is that of seeds."""

    def entry(self, score: Score):
        return by_id(number_entries("C-E1", runs(GRID, Shelf(GRID, score))))[f"C-E1:{CNN}:FL"]

    def test_inference_is_over_seeds(self) -> None:
        def score(cell: Cell) -> float:
            far = 4.0 * (cell.axes["permutation"] == REVERSE)  # a spread over orders, which is no error
            return 79.4 + WOBBLE[cell.spec.seed] * (cell.column == "FL") - far + 4.0 / 24

        entry = self.entry(score)
        assert (entry.n, entry.mean) == (3, pytest.approx(79.4))
        assert entry.std == pytest.approx(np.std(WOBBLE))
        assert entry.verdict is Verdict.REPRODUCED

    def test_one_missing_run_keeps_it_open(self) -> None:
        lost = next(c for c in GRID if c.column == "FL" and c.axes["permutation"] == ORDERS[7] and c.spec.seed == 1)
        entry = self.entry(lambda c: None if c is lost else known(c))
        assert (entry.verdict, entry.rule) == (Verdict.PENDING, "pending: 143 of 144 runs recorded")
        assert entry.n == 2


def test_regimes_that_a_profile_does_not_have_are_not_asked_for() -> None:
    asked = {result.row for claim, result, _ in claim_results("C-E1", runs(cells("C-E1", "cpu"), Store("none")), "cpu")}
    assert asked == {"C4GAP/CIFAR-10", "C4GAP/CIFAR-10:FR-II", "C4GAP/CIFAR-10:FL"}

"""Every formula against scipy, every rule against an independent statement of it, and error rates by simulation."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats as reference

from companion.papers import margins
from companion.verdicts import stats
from companion.verdicts.stats import Difference, Verdict

SCORES = st.lists(st.floats(90, 99).map(lambda x: round(x, 2)), min_size=2, max_size=8)
FEW = settings(max_examples=40)
P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def paired_lists(draw: st.DrawFn) -> tuple[list[float], list[float]]:
    n = draw(st.integers(2, 8))
    part = st.lists(st.floats(90, 99).map(lambda x: round(x, 2)), min_size=n, max_size=n)
    return draw(part), draw(part)


PAIRED = st.composite(paired_lists)()


def spread_out(*samples: list[float]) -> bool:
    return all(np.std(sample) > 1e-3 for sample in samples)


def published(sample: list[float]) -> tuple[float, float, int]:
    """As the papers print it: mean, deviation with ``ddof = 0``, number of runs."""
    return float(np.mean(sample)), float(np.std(sample)), len(sample)


class TestSummary:
    @FEW
    @given(SCORES)
    def test_it_agrees_with_scipy(self, scores: list[float]) -> None:
        assume(spread_out(scores))
        summary = stats.summarise(scores)
        low, high = reference.t.interval(0.95, len(scores) - 1, np.mean(scores), reference.sem(scores))
        assert summary.mean == pytest.approx(np.mean(scores))
        assert summary.std == pytest.approx(np.std(scores, ddof=0))
        assert summary.n == len(scores)
        assert summary.half_width == pytest.approx((high - low) / 2)

    def test_a_single_score_has_no_interval(self) -> None:
        assert stats.summarise([97.5]) == stats.Summary(97.5, 0.0, 1, None)

    def test_equal_scores_have_an_interval_of_no_width(self) -> None:
        assert stats.summarise([97.5] * 5) == stats.Summary(97.5, 0.0, 5, 0.0)

    def test_no_score_is_refused(self) -> None:
        with pytest.raises(ValueError, match="at least one score"):
            stats.summarise([])


class TestWelch:
    @FEW
    @given(SCORES, SCORES)
    def test_published_figures_give_what_scipy_gets_from_the_scores(self, a: list[float], b: list[float]) -> None:
        assume(spread_out(a, b))
        ours = stats.welch_difference(published(a), published(b))
        theirs = reference.ttest_ind(b, a, equal_var=False)
        assert ours.mean == pytest.approx(np.mean(b) - np.mean(a))
        assert ours.df == pytest.approx(theirs.df, rel=1e-6)
        assert ours.interval(0.9) == pytest.approx(tuple(theirs.confidence_interval(0.9)), rel=1e-6)

    def test_the_deviation_of_the_papers_is_rescaled(self) -> None:
        a, b = (95.85, 0.10, 5), (97.10, 0.09, 5)
        ours = stats.welch_difference(a, b)
        theirs = reference.ttest_ind_from_stats(
            b[0], b[1] * math.sqrt(5 / 4), 5, a[0], a[1] * math.sqrt(5 / 4), 5, equal_var=False
        )
        assert ours.mean / ours.error == pytest.approx(theirs.statistic)
        assert 2 * stats.above(ours, 0.0) == pytest.approx(theirs.pvalue)

    @FEW
    @given(SCORES, st.sampled_from([(95.0, None, None), (95.0, None, 5.0), (95.0, 0.0, 5.0), (95.0, 0.3, None)]))
    def test_a_mean_without_spread_counts_as_exact(self, scores: list[float], paper: stats.Published) -> None:
        assume(spread_out(scores))
        ours = stats.welch_difference(paper, published(scores))
        theirs = reference.ttest_1samp(scores, 95.0)
        assert ours.interval(0.9) == pytest.approx(
            tuple(bound - 95.0 for bound in theirs.confidence_interval(0.9)), abs=1e-9
        )
        assert ours.df == pytest.approx(len(scores) - 1)

    @FEW
    @given(SCORES, SCORES)
    def test_exchanging_the_sides_changes_the_sign_alone(self, a: list[float], b: list[float]) -> None:
        forth, back = (stats.welch_difference(published(x), published(y)) for x, y in ((a, b), (b, a)))
        assert (forth.mean, forth.error) == pytest.approx((-back.mean, back.error))

    def test_no_spread_at_all_leaves_the_bare_difference(self) -> None:
        difference = stats.welch_difference((95.0, 0.0, 5), (96.0, 0.0, 5))
        assert difference.interval(0.9) == (1.0, 1.0)
        assert difference.df == 4


class TestPaired:
    @FEW
    @given(PAIRED)
    def test_it_agrees_with_scipy(self, pair: tuple[list[float], list[float]]) -> None:
        a, b = pair
        assume(spread_out([y - x for x, y in zip(a, b, strict=True)]))
        ours, theirs = stats.paired_difference(a, b), reference.ttest_rel(b, a)
        assert ours.interval(0.9) == pytest.approx(tuple(theirs.confidence_interval(0.9)))
        assert ours.df == theirs.df
        assert stats.above(ours, 0.0) == pytest.approx(reference.ttest_rel(b, a, alternative="greater").pvalue)

    def test_the_second_minus_the_first(self) -> None:
        assert stats.paired_difference([90.0, 91.0], [95.0, 97.0]).mean == 5.5

    def test_what_pairs_have_in_common_cancels(self) -> None:
        common = [90.0, 93.0, 96.0]
        assert stats.paired_difference(common, [x + 1 for x in common]).interval(0.9) == (1.0, 1.0)

    @pytest.mark.parametrize(("a", "b"), [([], []), ([95.0], [96.0]), ([95.0], [95.0, 96.0]), ([95.0] * 3, [95.0] * 2)])
    def test_what_is_no_pairing_is_refused(self, a: list[float], b: list[float]) -> None:
        with pytest.raises(ValueError, match="as many on both sides, at least two"):
            stats.paired_difference(a, b)


class TestEquivalence:
    @FEW
    @given(SCORES, st.floats(0.05, 3))
    def test_reproduced_means_that_both_one_sided_tests_reject(self, gaps: list[float], within: float) -> None:
        gaps = [gap - 95 for gap in gaps]
        assume(spread_out(gaps))
        upper = reference.ttest_1samp(gaps, within, alternative="less").pvalue
        lower = reference.ttest_1samp(gaps, -within, alternative="greater").pvalue
        assume(abs(max(upper, lower) - 0.05) > 1e-9)
        verdict = stats.equivalence(stats.paired_difference([0.0] * len(gaps), gaps), within)
        assert (verdict is Verdict.REPRODUCED) == (max(upper, lower) < 0.05)

    @FEW
    @given(SCORES, st.floats(0.05, 3))
    def test_not_reproduced_means_that_the_difference_is_too_large(self, gaps: list[float], within: float) -> None:
        gaps = [gap - 95 for gap in gaps]
        assume(spread_out(gaps))
        beyond = min(
            reference.ttest_1samp(gaps, within, alternative="greater").pvalue,
            reference.ttest_1samp(gaps, -within, alternative="less").pvalue,
        )
        assume(abs(beyond - 0.05) > 1e-9)
        verdict = stats.equivalence(stats.paired_difference([0.0] * len(gaps), gaps), within)
        assert (verdict is Verdict.NOT_REPRODUCED) == (beyond < 0.05)

    @pytest.mark.parametrize(
        ("mean", "verdict"),
        [
            (0.0, Verdict.REPRODUCED),
            (0.24, Verdict.REPRODUCED),
            (-0.24, Verdict.REPRODUCED),
            (0.25, Verdict.NOT_REPRODUCED),
            (-0.25, Verdict.NOT_REPRODUCED),
            (3.0, Verdict.NOT_REPRODUCED),
        ],
    )
    def test_without_spread_the_mean_decides_and_the_margin_itself_is_outside(
        self, mean: float, verdict: Verdict
    ) -> None:
        assert stats.equivalence(Difference(mean, 0.0, 4), 0.25) is verdict

    @FEW
    @given(st.floats(-5, 5), st.floats(1e-3, 5), st.floats(1, 40), st.floats(0.05, 3))
    def test_the_sign_of_a_difference_does_not_matter(
        self, mean: float, error: float, df: float, within: float
    ) -> None:
        verdicts = {stats.equivalence(Difference(sign * mean, error, df), within) for sign in (1, -1)}
        assert len(verdicts) == 1

    def test_a_wide_interval_decides_nothing(self) -> None:
        assert stats.equivalence(Difference(0.0, 1.0, 4), 0.25) is Verdict.INCONCLUSIVE


def test_rules_err_as_rarely_as_they_promise() -> None:
    """Five seeds, a true difference exactly at the margin: each one-sided decision is wrong in 5% of experiments."""
    noise = np.random.default_rng(0).normal(0.25, 0.1, size=(2000, 5))
    estimates = [stats.paired_difference([0.0] * 5, list(gaps)) for gaps in noise]
    verdicts = [stats.equivalence(estimate, 0.25) for estimate in estimates]
    p_values = [stats.above(estimate, 0.25) for estimate in estimates]
    for wrong in (
        np.mean([v is Verdict.REPRODUCED for v in verdicts]),
        np.mean([v is Verdict.NOT_REPRODUCED for v in verdicts]),
        np.mean([p < 0.05 for p in p_values]),
    ):
        assert wrong == pytest.approx(0.05, abs=4 * math.sqrt(0.05 * 0.95 / 2000))


class TestAbove:
    @FEW
    @given(SCORES, st.floats(-3, 3))
    def test_it_agrees_with_scipy(self, gaps: list[float], bound: float) -> None:
        gaps = [gap - 95 for gap in gaps]
        assume(spread_out(gaps))
        ours = stats.above(stats.paired_difference([0.0] * len(gaps), gaps), bound)
        assert ours == pytest.approx(reference.ttest_1samp(gaps, bound, alternative="greater").pvalue, abs=1e-12)

    def test_it_is_the_lower_bound_of_the_90_percent_interval(self) -> None:
        difference = Difference(1.0, 0.4, 4)
        assert stats.above(difference, difference.interval(0.9)[0]) == pytest.approx(0.05)

    @pytest.mark.parametrize(("mean", "p"), [(1.1, 0.0), (1.0, 1.0), (0.9, 1.0)])
    def test_without_spread_the_mean_decides(self, mean: float, p: float) -> None:
        assert stats.above(Difference(mean, 0.0, 4), 1.0) == p


class TestHolm:
    @FEW
    @given(P_VALUES, st.integers(0, 6), st.sampled_from([0.01, 0.05, 0.2]))
    def test_it_rejects_what_stepping_down_rejects(self, p_values: list[float], pending: int, alpha: float) -> None:
        family = len(p_values) + pending
        assume(all(abs(p * k - alpha) > 1e-9 for p in p_values for k in range(1, family + 1)))
        rejected, left = set(), family
        for i in sorted(range(len(p_values)), key=p_values.__getitem__):
            if p_values[i] > alpha / left:
                break
            rejected.add(i)
            left -= 1
        adjusted = stats.holm(p_values, family)
        assert {i for i, p in enumerate(adjusted) if p < alpha} == rejected

    @FEW
    @given(P_VALUES)
    def test_it_lies_between_no_correction_and_bonferroni(self, p_values: list[float]) -> None:
        adjusted = stats.holm(p_values)
        assert all(p <= a <= min(1, len(p_values) * p) + 1e-12 for p, a in zip(p_values, adjusted, strict=True))
        ranked = [a for _, a in sorted(zip(p_values, adjusted, strict=True))]
        assert all(a <= b for a, b in pairwise(ranked))

    @FEW
    @given(P_VALUES, st.randoms(use_true_random=False))
    def test_the_order_of_the_tests_does_not_matter(self, p_values: list[float], random: object) -> None:
        order = list(range(len(p_values)))
        random.shuffle(order)  # type: ignore[attr-defined]
        shuffled = stats.holm([p_values[i] for i in order])
        assert shuffled == [stats.holm(p_values)[i] for i in order]

    @FEW
    @given(P_VALUES, P_VALUES)
    def test_no_rejection_is_taken_back_when_pending_tests_arrive(self, now: list[float], later: list[float]) -> None:
        before = stats.holm(now, family=len(now) + len(later))
        after = stats.holm([*now, *later])[: len(now)]
        assert all(a <= b + 1e-12 for a, b in zip(after, before, strict=True))

    def test_a_known_case(self) -> None:
        assert stats.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
        assert stats.holm([0.01], family=6) == pytest.approx([0.06])
        assert stats.holm([]) == []

    def test_a_family_that_is_too_small_is_refused(self) -> None:
        with pytest.raises(ValueError, match="a family of 1 tests cannot hold 2"):
            stats.holm([0.1, 0.2], family=1)


class TestRules:
    def test_what_was_fixed_beforehand_stays_fixed(self) -> None:
        rules = {name: value for name, value in margins.rules().items() if name != "meaning"}
        assert rules == {
            "points": {"mnist": 0.25, "cifar10": 1.0, "digits": 1.0},
            "equivalence_confidence": 0.9,
            "interval_confidence": 0.95,
            "significance": 0.05,
        }

    def test_the_confidence_levels_belong_together(self) -> None:
        rules = margins.rules()
        assert 1 - rules["equivalence_confidence"] == pytest.approx(2 * rules["significance"])

    def test_an_unknown_dataset_has_no_margin(self) -> None:
        assert margins.margin("mnist") == 0.25
        with pytest.raises(ValueError, match="'cifar100': there are margins for mnist, cifar10, digits"):
            margins.margin("cifar100")

    def test_verdicts_are_words(self) -> None:
        assert json.dumps(list(Verdict)) == (
            '["reproduced", "not reproduced", "partly", "inconclusive", "pending", "stale", "cited", "not checkable"]'
        )

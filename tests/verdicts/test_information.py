"""The share of a gap that gates close: its interval is what a paired test says, its table what the scores say."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from torch import nn

from companion.decoupling.information import ROWS, Row, Score
from companion.notation import Regime
from companion.verdicts.information import gate_information, information_frame, share_held

MODEL, GATES, RANDOM = Row(Regime.RELU), Row(Regime.FL), Row(Regime.FR_II)


def scores(model, gates, random):
    return [
        Score(row, seed, 0.0, value)
        for row, values in ((MODEL, model), (GATES, gates), (RANDOM, random))
        for seed, value in enumerate(values)
    ]


accuracies = st.floats(0, 100).map(lambda value: round(value, 2))


@given(st.lists(st.tuples(accuracies, accuracies, accuracies), min_size=3, max_size=8))
def test_at_both_ends_the_paired_test_says_one_in_twenty(triples):
    model, gates, random = (np.array(column) for column in zip(*triples, strict=True))
    assume(np.ptp(model - random) > 0.1 and np.ptp(gates - random) > 0.1)
    share = share_held(scores(model, gates, random))
    gap = model - random
    clear = stats.ttest_1samp(gap, 0).pvalue
    assume(abs(clear - 0.05) > 1e-3)
    assert math.isfinite(share.low) == share.known == (clear < 0.05 and gap.mean() > 0)
    if math.isfinite(share.low):
        assert share.low <= share.estimate <= share.high
        for end in (share.low, share.high):
            rest = gates - random - end * gap
            assume(np.ptp(rest) > 1e-3)
            assert stats.ttest_1samp(rest, 0).pvalue == pytest.approx(0.05, abs=1e-4)


def test_a_share_by_hand():
    share = share_held(scores([90, 92, 91], [88, 90, 89], [80, 82, 81]))
    assert (share.estimate, share.n) == (0.8, 3)
    assert share.low == share.high == pytest.approx(0.8)
    with pytest.raises(ValueError, match="at least 2 seeds"):
        share_held(scores([90], [88], [80]))
    for none in (
        share_held(scores([90, 80], [88, 89], [80, 90])),
        share_held(scores([80, 82, 81], [88, 90, 89], [90, 92, 91])),
    ):
        assert (none.low, none.high, none.known) == (-math.inf, math.inf, False)
    none = share_held(scores([90, 80], [88, 89], [80, 90]))
    assert (none.low, none.high) == (-math.inf, math.inf)


def test_the_table():
    frame = information_frame(scores([90, 92, 94], [88, 90, 89], [80, 82, 81]))
    assert list(frame["regime"]) == ["ReLU", "FL", "FR-II"]
    assert list(frame["n"]) == [3, 3, 3]
    assert list(frame["test"]) == [92, 89, 81]
    half = stats.t.ppf(0.975, 2) * np.std([2, 2, 5], ddof=1) / math.sqrt(3)
    assert list(frame.loc[1, ["gap", "gap_low", "gap_high"]]) == pytest.approx([3, 3 - half, 3 + half])
    assert math.isnan(frame.loc[0, "gap"])


def test_one_question_one_answer():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
    x = torch.randn(80, 4)
    data = x, (x[:, 0] * x[:, 1] > 0).long()
    answer = gate_information(model, data, data, regimes=ROWS[:3], seeds=range(3), epochs=2)
    assert len(answer.scores) == 9
    assert len(answer.table) == 3
    assert answer.share.n == 3
    assert "n = 3" in str(answer)
    wide = type(answer)(answer.scores, answer.table, share_held(scores([90, 92], [88, 90], [80, 82])))
    assert str(wide).startswith("Of the gap between random gates and the model, its gates hold 80% (95% interval 80%")
    with pytest.raises(ValueError, match="needs the regimes ReLU, FL and FR-II"):
        gate_information(model, data, data, regimes=ROWS[:2])
    with pytest.raises(ValueError, match="at least 2 seeds"):
        gate_information(model, data, data, seeds=[0])

"""Gates that move within their layer, and linear feature networks: every backend trains them as the reference does."""

from __future__ import annotations

import pytest

from companion.notation import Regime
from companion.training.backends import ReferenceBackend
from companion.training.backends.choose import BACKENDS
from support.backends import (
    MOMENTS,
    MOVED,
    RUNS,
    TOLERANCE,
    advance,
    apart,
    difference,
    initial,
    moments_apart,
    name,
    order,
)

HERE = [backend for backend in BACKENDS.values() if backend.name != "reference" and backend.refusal(RUNS[0]) is None]
STEPS = 20


@pytest.mark.parametrize("backend", HERE, ids=lambda backend: backend.name)
@pytest.mark.parametrize("spec", MOVED, ids=name)
def test_weights_agree_where_gates_are_moved_or_features_are_linear(backend, spec):
    if (reason := backend.refusal(spec)) is not None:
        assert "not gates within their layer" in reason
        assert spec.regime is Regime.DL
        return
    start, examples = initial(spec), [order(spec, STEPS)]
    (mine,), (result,) = advance(backend, [spec], [start], examples)
    (theirs,), (expected,) = advance(ReferenceBackend(), [spec], [start], examples)
    assert difference(mine, theirs) < TOLERANCE
    assert moments_apart(mine, theirs) < max(MOMENTS, TOLERANCE)
    assert result.loss == pytest.approx(expected.loss, rel=1e-5)
    assert apart(mine.model.value, start.model.value) > 1000 * TOLERANCE
    learns = apart(mine.model.feature, start.model.feature) > 100 * TOLERANCE
    assert learns is (spec.regime is Regime.DL)


def test_runs_of_one_stack_may_have_shifts_of_their_own():
    spec = MOVED[2]
    specs = [spec, spec.replace(gate_shifts=(1, 2, 3)), spec.replace(gate_shifts=None, seed=1)]
    assert len({one.stackable for one in specs}) == 1
    states, orders = [initial(one) for one in specs], [order(spec, STEPS)] * 3
    together, _ = advance(BACKENDS["stacked"], specs, states, orders)
    alone, _ = advance(ReferenceBackend(), specs, states, orders)
    for mine, theirs in zip(together, alone, strict=True):
        assert difference(mine, theirs) < TOLERANCE

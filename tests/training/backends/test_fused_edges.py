"""The compiled kernel at its edges: logits and gates so large that exponentials overflow, gradients next to nothing."""

from __future__ import annotations

import math

import pytest
import torch

from companion.runs.examples import Examples
from companion.runs.regimes import initial_model
from companion.runs.spec import RunSpec
from companion.training import gate_cache
from companion.training.backends import FusedBackend, ReferenceBackend
from companion.training.backends.base import longest_first
from companion.training.gate_cache import GateCache
from companion.training.state import EpochResult, TrainState
from support.laboratory import tiny

FUSED, REFERENCE = FusedBackend(), ReferenceBackend()
needs_a_compiler = pytest.mark.skipif(FUSED.refusal(tiny()) is not None, reason="no C compiler")

STILL = 1e-30
"""A learning rate at which nothing moves."""


def step(backend, spec: RunSpec, weights: dict[str, torch.Tensor], labels: list[int]) -> tuple[TrainState, EpochResult]:
    """One epoch over black images, from given weights; all others are zero, so that biases alone speak."""
    model = initial_model(spec)
    zero = {name: torch.zeros_like(tensor) for name, tensor in model.trainable(spec.regime).items()}
    state = TrainState(model.updated({**zero, **weights}))
    data = Examples(torch.zeros(len(labels), 1, 8, 8), torch.tensor(labels))
    engine = backend.start([spec], [state], data, "cpu", 1)
    (result,) = engine.epoch([torch.arange(len(labels))])
    return engine.states()[0], result


@needs_a_compiler
@pytest.mark.parametrize("size", [1.0, 90.0, 1e4])
def test_large_logits_have_a_finite_loss(size):
    spec = RunSpec(dataset="digits", width=3, depth=2, learning_rate=STILL)
    bias = torch.zeros(10)
    bias[0], bias[1] = size, -size
    losses = [step(b, spec, {"value/bias.1": bias}, [0, 1, 2])[1].loss for b in (FUSED, REFERENCE)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    assert math.isfinite(losses[0])


def gate_by_the_kernel(q: float, expected: float) -> float:
    """A soft gate read from a loss: the first logit is the gate times a number that makes it twenty or so."""
    spec = RunSpec(dataset="digits", width=1, depth=2, regime="DL", learning_rate=STILL)
    scale = 20.0 / expected
    out = torch.zeros(1, 10)
    out[0, 0] = scale
    weights = {
        "value/bias.0": torch.ones(1),
        "value/weight.1": out,
        "feature/bias.0": torch.full((1,), q),
    }
    loss = step(FUSED, spec, weights, [1])[1].loss
    # loss = log(exp(t) + 9) for the logit t, label 1 being one of the nine
    return (loss + math.log1p(-9 * math.exp(-loss))) / scale


@needs_a_compiler
@pytest.mark.parametrize("q", [round(-20.01 + 0.63 * i, 2) for i in range(50)])
def test_soft_gates_are_exact_to_single_precision(q):
    single = torch.tensor(q).double().item()
    expected = 1.1 / (1 + math.exp(-4 * single))
    assert gate_by_the_kernel(q, expected) == pytest.approx(expected, rel=6e-7)


@needs_a_compiler
@pytest.mark.parametrize("q", [-1e4, -200.0, -60.0, -22.0, 22.0, 60.0, 200.0, 1e4])
def test_gates_wide_open_or_shut_are_one_or_nothing(q):
    """``exp(4 q)`` would overflow: the gate is what it tends to."""
    spec = RunSpec(dataset="digits", width=1, depth=2, regime="DL", learning_rate=STILL)
    weights = {
        "value/bias.0": torch.ones(1),
        "value/weight.1": torch.arange(10.0)[None],
        "feature/bias.0": torch.full((1,), q),
    }
    states, losses = zip(
        *((s, r.loss) for s, r in (step(b, spec, weights, [3]) for b in (FUSED, REFERENCE))), strict=True
    )
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    logits = torch.arange(10.0, dtype=torch.float64) * (1.1 if q > 0 else 0.0)
    assert losses[0] == pytest.approx(float(logits.logsumexp(0) - logits[3]), rel=1e-6)
    assert all(t.isfinite().all() for state in states for t in state.model.value.values())


@needs_a_compiler
@pytest.mark.parametrize("size", [3.0, 15.0, 18.0])
def test_epsilon_counts_where_gradients_are_small(size):
    """At 15 a gradient is about as small as epsilon itself: it is added after the correction of the moments."""
    spec = RunSpec(dataset="digits", width=3, depth=2, optimiser="adam", learning_rate=0.01)
    bias = torch.zeros(10)
    bias[0] = size
    ends = [step(b, spec, {"value/bias.1": bias}, [0, 0])[0].model.value["bias.1"] - bias for b in (FUSED, REFERENCE)]
    assert torch.allclose(ends[0][1:], ends[1][1:], rtol=2e-3, atol=0)
    g = math.exp(-size) / (1 + 9 * math.exp(-size))
    assert float(ends[0][1]) == pytest.approx(-0.01 * g / (g + 1e-7), rel=5e-3)


def test_the_longest_run_goes_first_and_equals_keep_their_order():
    specs = [tiny(regime) for regime in ("ReLU", "DL", "FR-II", "DL", "FL")]
    assert longest_first(specs) == [1, 3, 0, 2, 4]


def test_gates_are_kept_only_within_the_budget(monkeypatch):
    """One byte a layer of up to eight units, an example and a seed: permutations and value inputs share theirs."""
    specs = [tiny("FR-II", seed=s, value_input=v) for s in (0, 1) for v in ("image", "ones")]
    features = [initial_model(spec).feature for spec in specs]
    images = torch.rand(10, 1, 8, 8)
    needed = 2 * 10 * 2  # seeds, examples, layers
    assert 2 * GateCache.size(specs[0], 10) == needed
    for budget, kept in ((needed, True), (needed - 1, False)):
        monkeypatch.setattr(gate_cache, "GATE_BUDGET", {"cpu": budget})
        assert (GateCache.within(1.0, specs, features, images) is not None) is kept
        assert (GateCache.within(0.5, specs, features, images) is not None) is False
    monkeypatch.setattr(gate_cache, "GATE_BUDGET", {"cpu": 2 * needed})
    cache = GateCache.within(0.5, specs, features, images)
    assert cache is not None
    assert [len(p) for p in cache.packed] == [10, 10]
    assert cache.place == [0, 0, 1, 1]

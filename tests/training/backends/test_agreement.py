"""Every backend answers to the reference: after twenty steps the weights agree to 1e-5, whatever is trained."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from companion.networks.forward import forward
from companion.notation import Regime
from companion.runs.spec import RunSpec
from companion.training.backends import Backend, FusedBackend, LanesBackend, ReferenceBackend, StackedBackend
from companion.training.backends.choose import BACKENDS
from companion.training.state import EpochResult, TrainState
from support.backends import (
    MOMENTS,
    OTHERS,
    RUNS,
    STEPS,
    TOLERANCE,
    UNBIASED,
    advance,
    apart,
    begin,
    data,
    difference,
    initial,
    moments_apart,
    name,
    order,
)

REFERENCE = ReferenceBackend()
HERE = [backend for backend in BACKENDS.values() if backend.refusal(RUNS[0]) is None]
"""Those that this machine can use: ``cuda`` needs a GPU, ``fused`` a C compiler."""
each_other = pytest.mark.parametrize("backend", [b for b in HERE if b.name != "reference"], ids=lambda b: b.name)
each_backend = pytest.mark.parametrize("backend", HERE, ids=lambda backend: backend.name)
each_run = pytest.mark.parametrize("spec", RUNS, ids=name)


@cache
def by_reference(spec: RunSpec, steps: int) -> tuple[TrainState, EpochResult]:
    """Where the reference comes to, computed once for all who are compared with it."""
    (state,), (result,) = advance(REFERENCE, [spec], [initial(spec)], [order(spec, steps)])
    return state, result


def agree(
    backend: Backend, spec: RunSpec, steps: int = STEPS, tolerance: float = TOLERANCE
) -> tuple[TrainState, TrainState]:
    """Train one run by a backend and by the reference, and compare; returns the first state and the last."""
    start, examples = initial(spec), [order(spec, steps)]
    (mine,), (result,) = advance(backend, [spec], [start], examples)
    theirs, expected = by_reference(spec, steps)
    assert mine.step == theirs.step == steps
    assert difference(mine, theirs) < tolerance
    assert moments_apart(mine, theirs) < max(MOMENTS, tolerance)
    assert result.loss == pytest.approx(expected.loss, rel=1e-5)
    assert result.examples == expected.examples == len(examples[0])
    return start, mine


@each_other
@each_run
def test_weights_agree_after_twenty_steps(backend, spec):
    start, end = agree(backend, spec)
    assert apart(end.model.value, start.model.value) > 1000 * TOLERANCE  # and it was no small way


@each_other
@pytest.mark.parametrize("spec", UNBIASED, ids=name)
def test_weights_agree_without_biases(backend, spec):
    start, end = agree(backend, spec)
    assert not [n for n in end.model.value if n.startswith("bias")]
    assert apart(end.model.value, start.model.value) > 1000 * TOLERANCE


@pytest.mark.parametrize("spec", OTHERS, ids=name)
def test_what_the_kernel_leaves_to_others_agrees_too(spec):
    assert FusedBackend().refusal(spec)
    start, end = agree(StackedBackend(), spec)
    assert apart(end.model.value, start.model.value) > 1000 * TOLERANCE


@each_other
@pytest.mark.parametrize("depth", [2, 5])
@pytest.mark.parametrize("width", [3, 16, 33])
def test_any_width_and_depth(backend, width, depth):
    fields = {"dataset": "digits", "width": width, "depth": depth, "batch_size": 5}
    for regime in (Regime.RELU, Regime.DL, Regime.FR_II):
        agree(backend, RunSpec.from_dict({**fields, "regime": regime, "learning_rate": 0.05}), steps=5)


@each_other
@settings(max_examples=20)
@given(
    regime=st.sampled_from(Regime),
    width=st.integers(2, 40),
    depth=st.integers(2, 6),
    batch=st.integers(1, 40),
    optimiser=st.sampled_from(["sgd", "adam"]),
    seed=st.integers(0, 100),
)
@example(regime=Regime.DL, width=17, depth=5, batch=1, optimiser="adam", seed=0)
@example(regime=Regime.FR_DI, width=16, depth=2, batch=16, optimiser="sgd", seed=0)
@example(regime=Regime.FL, width=15, depth=3, batch=33, optimiser="adam", seed=0)
def test_any_run(backend, regime, width, depth, batch, optimiser, seed):
    """Adam divides a gradient by its own size: where that is next to nothing, rounding is divided by it too."""
    agree(
        backend,
        RunSpec.from_dict(
            {
                "dataset": "digits",
                "regime": regime,
                "width": width,
                "depth": depth,
                "batch_size": batch,
                "optimiser": optimiser,
                "learning_rate": 0.05 if optimiser == "sgd" else 1e-3,
                "seed": seed,
            }
        ),
        steps=5,
        tolerance=TOLERANCE if optimiser == "sgd" else 20 * TOLERANCE,
    )


RESUMED = [spec for spec in (*RUNS, *OTHERS) if spec.gate_permutation is None and spec.value_input != "noise"]


@pytest.mark.parametrize(
    ("backend", "spec"),
    [pytest.param(b, s, id=f"{b.name} {name(s)}") for b in HERE for s in RESUMED if b.refusal(s) is None],
)
def test_half_the_steps_twice_are_all_of_them(backend, spec):
    """A state holds all that it takes to go on: weights, moments, and the number of steps."""
    start, first, second = initial(spec), order(spec, 5, seed=1), order(spec, 5, seed=2)
    engine = begin(backend, [spec], [start])
    engine.epoch([first])
    engine.epoch([second])
    (straight,) = engine.states()
    (middle,), _ = advance(backend, [spec], [start], [first])
    (resumed,), _ = advance(backend, [spec], [middle], [second])
    assert straight.step == resumed.step == 10
    if backend.name == "fused" and spec.value_input == "ones":  # which adds up the rows of its first layer anew
        assert difference(resumed, straight) < TOLERANCE
    else:
        assert difference(resumed, straight) == moments_apart(resumed, straight) == 0


@pytest.mark.parametrize("to", HERE, ids=lambda backend: f"to {backend.name}")
@pytest.mark.parametrize("start", HERE, ids=lambda backend: f"from {backend.name}")
@pytest.mark.parametrize("regime", [Regime.DL, Regime.FR_DI])
def test_a_run_can_go_on_with_another_backend(start, to, regime):
    spec = next(s for s in RUNS if s.optimiser == "adam" and s.regime is regime)
    first, second = order(spec, 5, seed=1), order(spec, 5, seed=2)
    (middle,), _ = advance(start, [spec], [initial(spec)], [first])
    (end,), _ = advance(to, [spec], [middle], [second])
    engine = begin(REFERENCE, [spec], [initial(spec)])
    engine.epoch([first])
    engine.epoch([second])
    assert difference(end, engine.states()[0]) < TOLERANCE


@each_backend
def test_frozen_parameters_do_not_move(backend):
    for spec in RUNS:
        start = initial(spec)
        (end,), _ = advance(backend, [spec], [start], [order(spec, 3)])
        if start.model.feature is None:
            assert end.model.feature is None
            continue
        moved = [not torch.equal(end.model.feature[n], tensor) for n, tensor in start.model.feature.items()]
        assert all(moved) if spec.regime is Regime.DL else not any(moved)
        for layer in range(spec.network.depth):
            assert not torch.equal(end.model.value[f"bias.{layer}"], start.model.value[f"bias.{layer}"])


@each_backend
def test_the_state_that_an_engine_starts_from_is_left_alone(backend):
    for spec in RUNS:
        if spec.optimiser == "adam":
            (middle,), _ = advance(backend, [spec], [initial(spec)], [order(spec, 2)])
            before = {
                n: t.clone() for part in (middle.model.value, middle.first, middle.second) for n, t in part.items()
            }
            states, _ = advance(backend, [spec], [middle], [order(spec, 2)])
            after = {n: t for part in (middle.model.value, middle.first, middle.second) for n, t in part.items()}
            assert all(torch.equal(before[n], after[n]) for n in before)
            assert states[0].step == 4
            assert middle.step == 2


@each_backend
def test_states_stay_when_the_engine_goes_on(backend):
    spec = next(s for s in RUNS if s.optimiser == "adam" and s.regime is Regime.DL)
    engine = begin(backend, [spec], [initial(spec)])
    engine.epoch([order(spec, 3)])
    (state,) = engine.states()
    copies = {n: t.clone() for n, t in (state.model.value | state.first).items()}
    engine.epoch([order(spec, 3)])
    assert all(torch.equal(t, copies[n]) for n, t in (state.model.value | state.first).items())


@each_backend
@pytest.mark.parametrize("regime", Regime)
def test_runs_of_one_group_train_as_they_would_alone(backend, regime):
    """Seeds, value inputs and permutations may share an engine, each with its own order of examples."""
    specs = [spec for spec in RUNS if (spec.optimiser, spec.regime) == ("adam", regime)]
    specs += [spec.replace(seed=3) for spec in specs]
    assert len({backend.group(spec) for spec in specs}) == 1
    orders = [order(spec, 3, seed=i) for i, spec in enumerate(specs)]
    together, results = advance(backend, specs, [initial(s) for s in specs], orders)
    for spec, own, state, result in zip(specs, orders, together, results, strict=True):
        (alone,), (expected,) = advance(backend, [spec], [initial(spec)], [own])
        assert difference(state, alone) < TOLERANCE
        assert result.correct == expected.correct


def test_stacked_runs_of_unlike_protocol_are_kept_apart():
    spec = RUNS[0]
    changes = ({"learning_rate": 0.2}, {"batch_size": 8}, {"width": 14}, {"optimiser": "adam"}, {"regime": "DL"})
    groups = {StackedBackend().group(spec.replace(**change)) for change in changes}
    assert len(groups | {StackedBackend().group(spec)}) == len(changes) + 1


CONVOLUTIONAL = {"sgd": {"batch_size": 5, "learning_rate": 0.1}, "adam": {"batch_size": 5, "learning_rate": 3e-3}}
"""Normalisation over a batch of five would enlarge rounding errors; there, batches are larger and steps smaller."""
CONVOLUTIONS = [
    RunSpec.from_dict(
        {
            "dataset": "digits",
            "architecture": architecture,
            "width": 3,
            "optimiser": optimiser,
            **({"batch_size": 20, "learning_rate": 0.01} if architecture == "DAVIDNET" else CONVOLUTIONAL[optimiser]),
            "regime": regime,
        }
    )
    for architecture, optimiser in (("GCONV", "sgd"), ("C4GAP", "adam"), ("VCONV", "sgd"), ("DAVIDNET", "sgd"))
    for regime in Regime
]


@pytest.mark.parametrize("backend", [StackedBackend(), LanesBackend()], ids=lambda backend: backend.name)
@pytest.mark.parametrize("spec", CONVOLUTIONS, ids=lambda spec: f"{spec.architecture} {spec.regime}")
def test_convolutions_agree(spec, backend):
    permuted = {"gate_permutation": [1, 0, *range(2, spec.network.gated_layers)], "value_input": "ones"}
    if spec.network.pooled:
        del permuted["gate_permutation"]
    specs = [spec, spec.replace(seed=1)] + ([] if spec.regime is Regime.RELU else [spec.replace(**permuted)])
    orders = [order(s, 3, seed=i) for i, s in enumerate(specs)]
    states, _ = advance(backend, specs, [initial(s) for s in specs], orders)
    for one, own, state in zip(specs, orders, states, strict=True):
        (alone,), _ = advance(REFERENCE, [one], [initial(one)], [own])
        assert difference(state, alone) < TOLERANCE


@pytest.mark.parametrize(
    "spec",
    [s for s in CONVOLUTIONS if s.optimiser == "sgd" and not s.network.normalised],
    ids=lambda s: f"{s.architecture} {s.regime}",
)
def test_bfloat16_goes_the_same_way_in_float32_weights(spec):
    """Eight bits of mantissa: what twenty steps change agrees to a few parts in a hundred, and weights stay float32."""
    exact, start = spec.replace(learning_rate=0.01), initial(spec)
    (mine,), (result,) = advance(LanesBackend(), [exact.replace(precision="bfloat16")], [start], [order(exact)])
    (theirs,), (expected,) = advance(REFERENCE, [exact], [start], [order(exact)])
    for part in ("value", "feature") if spec.regime is Regime.DL else ("value",):
        before, after, other = (getattr(state.model, part) for state in (start, mine, theirs))
        assert {tensor.dtype for tensor in after.values()} == {torch.float32}
        change, wanted = (torch.cat([(end[n] - before[n]).flatten() for n in before]) for end in (after, other))
        assert 0 < float((change - wanted).norm() / wanted.norm()) < 0.1
    assert result.loss == pytest.approx(expected.loss, rel=0.01)


def test_lanes_train_runs_of_all_kinds_side_by_side_and_threads_change_nothing():
    specs = CONVOLUTIONS[:5]
    orders = [order(spec, 3, seed=i) for i, spec in enumerate(specs)]
    ends = []
    for threads in (1, 3):
        engine = LanesBackend().start(specs, [initial(s) for s in specs], data(specs[0]), "cpu", threads)
        results = engine.epoch(orders)
        ends.append((engine.states(), results))
    for one, own, state, result, other in zip(specs, orders, *ends[0], ends[1][0], strict=True):
        (alone,), (expected,) = advance(REFERENCE, [one], [initial(one)], [own])
        assert difference(state, alone) < TOLERANCE
        assert difference(state, other) == 0
        assert result.correct == expected.correct


@pytest.mark.parametrize(
    ("backend", "runs"), [(FusedBackend(), RUNS), (LanesBackend(), CONVOLUTIONS)], ids=["fused", "lanes"]
)
def test_runs_that_take_longer_go_first_and_results_keep_their_order(backend, runs):
    short, long = (next(s for s in runs if s.regime is regime) for regime in (Regime.RELU, Regime.DL))
    specs = [short, long, short.replace(seed=7), long.replace(seed=8)]
    _, together = advance(backend, specs, [initial(s) for s in specs], [order(s) for s in specs])
    alone = [advance(backend, [s], [initial(s)], [order(s)])[1][0] for s in specs]
    assert together == alone
    assert len({result.loss for result in together}) == 4


def test_gates_that_do_not_fit_the_cache_are_computed_anew(monkeypatch):
    specs = [s for s in RUNS if s.regime is Regime.FR_II and s.optimiser == "sgd"]
    orders = [order(spec, 5) for spec in specs]
    cached, _ = advance(StackedBackend(), specs, [initial(s) for s in specs], orders)
    monkeypatch.setattr("companion.training.gate_cache.GATE_BUDGET", {"cpu": 0})
    anew, _ = advance(StackedBackend(), specs, [initial(s) for s in specs], orders)
    assert all(difference(a, b) == 0 for a, b in zip(cached, anew, strict=True))


def test_fixed_gates_are_those_of_float32_in_bfloat16_too(monkeypatch):
    """Kept or computed anew, they are the same; rounded features would open other gates."""
    (spec,) = [s.replace(precision="bfloat16") for s in CONVOLUTIONS if s.regime is Regime.FR_II][:1]
    cached, _ = advance(LanesBackend(), [spec], [initial(spec)], [order(spec)])
    monkeypatch.setattr("companion.training.gate_cache.GATE_BUDGET", {"cpu": 0})
    anew, _ = advance(LanesBackend(), [spec], [initial(spec)], [order(spec)])
    assert all(difference(a, b) == 0 for a, b in zip(cached, anew, strict=True))


@each_backend
def test_loss_and_hits_are_those_of_the_weights_while_training(backend):
    spec = RUNS[0].replace(batch_size=50, learning_rate=1e-9)
    start = initial(spec)
    _, (result,) = advance(backend, [spec], [start], [torch.arange(200)])
    examples = data(spec)
    logits = forward(spec.network, start.model.value, examples.inputs)
    expected = torch.nn.functional.cross_entropy(logits, examples.labels, reduction="sum").item()
    assert result.loss == pytest.approx(expected, rel=1e-5)
    assert result.correct == int((logits.argmax(1) == examples.labels).sum())


def test_the_first_adam_step_is_the_learning_rate_in_every_direction():
    """With bias correction the first step is the sign of the gradient, wherever that is well above epsilon."""
    spec = next(s for s in RUNS if s.optimiser == "adam" and s.regime is Regime.RELU)
    for backend in HERE:
        start = initial(spec)
        (end,), _ = advance(backend, [spec], [start], [order(spec, 1)])
        moved = (end.model.value["bias.3"] - start.model.value["bias.3"]).abs()
        torch.testing.assert_close(moved, torch.full_like(moved, 3e-3), rtol=1e-3, atol=0)

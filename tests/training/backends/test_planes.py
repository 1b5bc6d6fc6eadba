"""The kernel for convolutional networks: any shape, any regime, every set of instructions, against float64."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from companion.networks.forward import forward, trace
from companion.notation import Regime, ValueInput
from companion.runs.examples import Examples
from companion.runs.regimes import Model, feature_gates, gates, value_input
from companion.runs.spec import RunSpec
from companion.training.backends import ReferenceBackend
from companion.training.backends.planes import kernel
from companion.training.state import TrainState
from support.backends import advance, begin, difference, initial, moments_apart, order
from support.planes import KINDS, PLANES, SMALL, begun, images, like, run

pytestmark = pytest.mark.skipif(PLANES.refusal(SMALL) is not None, reason="no C compiler")


def exact_gradients(spec: RunSpec, model: Model, data: Examples) -> dict[str, torch.Tensor]:
    """By autograd in float64."""
    double = Model(
        *({n: t.double() for n, t in part.items()} if part else None for part in (model.value, model.feature))
    )
    leaves = {n: t.requires_grad_() for n, t in double.trainable(spec.regime).items()}
    x = data.inputs.double()
    G = None if double.feature is None else gates(spec, double.feature, x, spec.regime is Regime.DL)
    logits = forward(spec.network, double.value, value_input(spec, x), G)
    loss = torch.nn.functional.cross_entropy(logits, data.labels)
    return dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))


def clear(spec: RunSpec, model: Model, data: Examples) -> bool:
    """Whether no gate is so near to its edge that rounding could open or shut it."""
    own = model.value if model.feature is None else model.value | model.feature  # which has no output layer
    qs = trace(spec.network, {n: t.double() for n, t in own.items()}, data.inputs.double(), gate=spec.inner_gate).q
    return all(float(q.abs().min()) > 3e-6 * float(q.norm()) / q.numel() ** 0.5 for q in qs)


def gradients(spec: RunSpec, state: TrainState, data: Examples) -> dict[str, torch.Tensor]:
    """What one step of SGD, so long that rounding does not count, takes off the weights."""
    rate = 2.0**10
    step = like(spec, optimiser="sgd", learning_rate=rate, batch_size=len(data))
    engine = PLANES.start([step], [state], data, "cpu", 1)
    engine.epoch([torch.arange(len(data))])
    (after,) = engine.states()
    before, moved = (s.model.trainable(spec.regime) for s in (state, after))
    return {n: (before[n].double() - moved[n].double()) / rate for n in before}


def check_gradients(spec: RunSpec, n: int, state: TrainState | None = None, data: Examples | None = None) -> None:
    """Of given weights for given images, or of the first that are drawn and clear."""
    if state is None or data is None:
        drawn = ((begun(spec, seed), images(spec, n, seed)) for seed in range(100))
        state, data = next(pair for pair in drawn if clear(spec, pair[0].model, pair[1]))
    expected, found = exact_gradients(spec, state.model, data), gradients(spec, state, data)
    whole = max(float(g.norm()) for g in expected.values())
    assert found.keys() == expected.keys()
    for name, g in expected.items():
        assert float((found[name] - g).norm()) <= 2e-5 * float(g.norm()) + 1e-6 * whole, name


# Gradients

SHAPES = st.tuples(st.integers(1, 4), st.integers(2, 19), st.integers(2, 19))


@settings(max_examples=60, deadline=None)
@given(
    shape=SHAPES,
    architecture=st.sampled_from(["GCONV", "VCONV", "C4GAP"]),
    width=st.integers(1, 9),
    depth=st.integers(2, 4),
    regime=st.sampled_from(Regime),
    value=st.sampled_from(list(ValueInput)),
    bias=st.booleans(),
    linear=st.booleans(),
    classes=st.integers(2, 20),
    n=st.integers(1, 9),
    kind=st.sampled_from(KINDS),
    seed=st.integers(0, 1000),
)
@example((3, 16, 16), "GCONV", 4, 7, Regime.DL, ValueInput.IMAGE, True, False, 10, 5, "native", 0)
@example((1, 8, 8), "VCONV", 5, 7, Regime.FR_II, ValueInput.ONES, False, True, 17, 9, "native", 1)
@example((3, 8, 8), "C4GAP", 9, 4, Regime.FL, ValueInput.NOISE, True, False, 3, 6, "portable", 2)
@example((2, 3, 16), "C4GAP", 7, 3, Regime.RELU, ValueInput.IMAGE, True, False, 2, 1, "native", 3)
def test_one_gradient_of_any_network_is_that_of_float64(
    shape, architecture, width, depth, regime, value, bias, linear, classes, n, kind, seed
):
    fields = {"architecture": architecture, "width": width, "bias": bias, "regime": regime, "seed": seed}
    if architecture == "C4GAP":
        fields["depth"] = depth
    if regime is not Regime.RELU:
        fields["value_input"] = value
    if linear and regime in (Regime.DL, Regime.FR_II):
        fields["feature_activation"] = "linear"
    spec = run(shape, classes, **fields)
    state, data = begun(spec, seed), images(spec, n, seed)
    assume(clear(spec, state.model, data))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(kernel.WANTED, kind)
        check_gradients(spec, n, state, data)


@pytest.mark.parametrize("width", [4, 5, 6, 7, 8, 9, 11, 16, 31, 64, 127, 128])
def test_any_number_of_filters(width, vectors):
    check_gradients(run((3, 5, 6), architecture="C4GAP", width=width, depth=3), 3)


@pytest.mark.parametrize("side", [1, 2, 7, 8, 9, 15, 16, 17, 28, 32, 33, 40])
def test_any_side_of_an_image(side, vectors):
    for height, width in {(side, side), (side, 8), (3, side)}:
        check_gradients(run((2, height, width), architecture="C4GAP", width=4, depth=3), 2)


@pytest.mark.parametrize("linear", [False, True], ids=["", "linear"])
@pytest.mark.parametrize("regime", [Regime.FR_II, Regime.FR_DI, Regime.DL, Regime.FL])
def test_gates_of_all_regimes_with_layers_exchanged(regime, linear, vectors):
    more = {"feature_activation": "linear"} if linear and regime in (Regime.FR_II, Regime.DL) else {}
    for architecture, turned in (("C4GAP", [2, 0, 3, 1]), ("GCONV", [1, 0, 3, 2, 5, 4])):
        fields = {"architecture": architecture, "width": 4, "regime": regime, "gate_permutation": turned}
        check_gradients(run((3, 8, 8), **fields, **more), 4)


def test_spans_and_groups_change_nothing_but_the_order_of_sums(vectors):
    for regime in Regime:
        for architecture in ("GCONV", "VCONV"):
            spec = run((3, 8, 8), architecture=architecture, width=4, regime=regime, batch_size=7, learning_rate=0.05)
            ends = []
            for span, group in ((1, 1), (3, 2), (7, 7), (7, 3)):
                engine = PLANES.start([spec], [begun(spec)], images(spec, 20), "cpu", 1)
                engine.runs[0].struct.span, engine.runs[0].struct.group = span, group
                (result,) = engine.epoch([torch.arange(20)])
                ends.append((engine.states()[0], result))
            for (one, told), (other, said) in pairwise(ends):
                assert 0 <= difference(one, other) < 1e-5
                assert told.loss == pytest.approx(said.loss, rel=1e-6)
                assert told.correct == said.correct


# Trajectories


RULES = {
    "sgd": {"optimiser": "sgd", "learning_rate": 0.05},
    "heavy ball": {"optimiser": "sgd", "learning_rate": 0.02, "momentum": 0.9, "weight_decay": 0.01},
    "nesterov": {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "schedule": "triangle", "epochs": 1},
    "adam": {"optimiser": "adam", "learning_rate": 1e-3, "weight_decay": 0.01},
    "rmsprop": {"optimiser": "rmsprop", "learning_rate": 3e-4},
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("regime", Regime)
@pytest.mark.parametrize("architecture", ["GCONV", "VCONV", "C4GAP"])
def test_twenty_steps_end_as_near_to_float64_as_the_reference_does(architecture, regime, rule):
    """Adam and RMSprop divide by what may be next to nothing, and enlarge rounding with it: for everybody alike."""
    spec = run((3, 8, 8), batch_size=6, architecture=architecture, width=4, regime=regime, **RULES[rule])
    state, data, own = begun(spec), images(spec, 60), order(spec, 20) % 60
    exact = ReferenceBackend().start([spec], [doubled(state)], Examples(data.inputs.double(), data.labels), "cpu", 1)
    ends = [b.start([spec], [state], data, "cpu", 1) for b in (PLANES, ReferenceBackend())]
    results = [engine.epoch([own])[0] for engine in (exact, *ends)]
    goal, mine, theirs = (engine.states()[0] for engine in (exact, *ends))
    assert next(iter(goal.model.value.values())).dtype == torch.float64
    assert difference(mine, goal) < max(1e-5, 3 * difference(theirs, goal))
    assert results[1].loss == pytest.approx(results[0].loss, rel=1e-5)
    assert results[1].correct == results[0].correct


def doubled(state: TrainState) -> TrainState:
    value, feature = (
        None if part is None else {n: t.double() for n, t in part.items()}
        for part in (state.model.value, state.model.feature)
    )
    return TrainState(Model(value, feature))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("regime", [Regime.DL, Regime.FR_II])
def test_half_the_steps_twice_are_all_of_them(regime, rule):
    spec = SMALL.replace(regime=regime, **RULES[rule] | {"epochs": 2})
    start, first, second = initial(spec), order(spec, 5, seed=1), order(spec, 5, seed=2)
    (middle,), _ = advance(PLANES, [spec], [start], [first])
    (resumed,), _ = advance(PLANES, [spec], [middle], [second])
    engine = begin(PLANES, [spec], [start])
    engine.epoch([first])
    engine.epoch([second])
    (straight,) = engine.states()
    assert straight.step == resumed.step == 10
    assert difference(resumed, straight) == moments_apart(resumed, straight) == 0
    remembered = {"sgd": (False, False), "adam": (True, True), "rmsprop": (False, True)}.get(rule, (True, False))
    assert (bool(resumed.first), bool(resumed.second)) == remembered


def test_threads_change_nothing():
    specs = [SMALL.replace(regime=regime, seed=seed) for regime in Regime for seed in (0, 1)]
    orders = [order(spec, 4, seed=i) for i, spec in enumerate(specs)]
    data, ends = images(run((1, 8, 8)), 200), []
    for threads in (1, 3):
        engine = PLANES.start(specs, [initial(s) for s in specs], data, "cpu", threads)
        ends.append((engine.epoch(orders), engine.states()))
    assert ends[0][0] == ends[1][0]
    assert all(difference(a, b) == 0 for a, b in zip(ends[0][1], ends[1][1], strict=True))


# Gates


def test_gates_are_kept_once_for_all_who_share_them_and_are_the_same_computed_anew(monkeypatch, vectors):
    fixed = {"regime": "FR-II", "learning_rate": 0.05}
    permuted = {"gate_permutation": [1, 0, 3, 2, 4, 5], "value_input": "ones"}
    specs = [SMALL.replace(**fixed), SMALL.replace(**fixed, **permuted), SMALL.replace(**fixed, seed=1)]
    orders, states, data = [order(s, 5) for s in specs], [initial(s) for s in specs], images(run((1, 8, 8)), 200)
    engine = PLANES.start(specs, states, data, "cpu", 2)
    bits = [one.bits for one in engine.runs]
    assert bits[0] is bits[1] is not None
    assert bits[2] is not bits[0]
    size = bits[0].nbytes
    assert size == engine.runs[0].gate_bytes
    ends = []
    for budget, kept in ((2 * size, 3), (size, 2), (0, 0)):
        monkeypatch.setattr("companion.training.gate_cache.GATE_BUDGET", {"cpu": budget})
        engine = PLANES.start(specs, states, data, "cpu", 2)
        assert sum(one.bits is not None for one in engine.runs) == kept
        engine.epoch(orders)
        ends.append(engine.states())
    for others in ends[1:]:
        assert all(difference(a, b) == 0 for a, b in zip(ends[0], others, strict=True))


def test_kept_gates_are_those_of_the_feature_network(vectors):
    """Counted: as many are open, layer by layer, as PyTorch opens."""
    spec = run((3, 9, 9), architecture="GCONV", width=5, regime="FR-II")
    state, data = begun(spec), images(spec, 30)
    engine = PLANES.start([spec], [state], data, "cpu", 1)
    found = torch.from_numpy(engine.runs[0].bits)
    opened = sum(int(((found >> k) & 1).sum()) for k in range(8))
    expected = sum(int(layer.sum()) for layer in feature_gates(spec, state.model.feature, data.inputs))
    assert abs(opened - expected) <= 2

"""The hand-written backward pass of the chains backend against the reference, and its kernels against plain PyTorch."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import product

import pytest
import torch

from companion.notation import Regime
from companion.runs.spec import RunSpec
from companion.training.backends import LanesBackend, ReferenceBackend, StackedBackend
from companion.training.backends.chains import ChainsBackend, ChainsEngine, is_chain
from support.backends import TOLERANCE, apart, data, difference, initial, moments_apart, name, order


def gpu(test):
    """Needs a GPU."""
    return pytest.mark.gpu(pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")(test))


BASE = {"dataset": "digits", "batch_size": 7, "width": 4}
RUNS = [
    RunSpec.from_dict({**BASE, "architecture": architecture, "regime": regime, **how, **variant})
    for (architecture, how), regime, variant in product(
        (
            ("GCONV", {"optimiser": "sgd", "learning_rate": 0.1}),
            ("VCONV", {"optimiser": "sgd", "learning_rate": 0.02, "bias": False}),
            ("C4GAP", {"optimiser": "adam", "learning_rate": 3e-3}),
            ("C4GAP", {"optimiser": "rmsprop", "learning_rate": 1e-3, "depth": 3, "bias": False}),
        ),
        Regime,
        ({}, {"value_input": "ones"}),
    )
    if regime is not Regime.RELU or not variant
]
PERMUTED = [
    RunSpec.from_dict({**BASE, "architecture": "C4GAP", "regime": regime, "gate_permutation": order, **more})
    for regime, order, more in (
        ("FR-II", [3, 2, 1, 0], {"value_input": "noise"}),
        ("FL", [1, 0, 3, 2], {"value_input": "ones"}),
        ("DL", [2, 0, 3, 1], {}),
    )
]

LINEAR = {"feature_activation": "linear"}
MOVED = [
    RunSpec.from_dict({**BASE, "architecture": architecture, "optimiser": "adam", "learning_rate": 3e-3, **more})
    for architecture, more in (
        ("C4GAP", {"regime": "FL", "feature_width": 2, "gate_turns": [0, 3]}),
        ("C4GAP", {"regime": "FL", "gate_shifts": [3, 1, 0, 2, 5, 5, 7, 1], "gate_permutation": [3, 0, 1, 2]}),
        ("GCONV", {"regime": "FR-II", "gate_shifts": [3, 1], "gate_turns": [2], "value_input": "ones"}),
        ("C4GAP", {"regime": "FR-II", "feature_width": 1, **LINEAR}),
        ("C4GAP", {"regime": "FL", "gates_from": {"regime": "DL", **LINEAR}}),
        ("C4GAP", {"regime": "DL", **LINEAR}),
        ("GCONV", {"regime": "DL", **LINEAR, "value_input": "ones"}),
    )
]


def train(specs, steps=20):
    """Chains and reference side by side."""
    states, orders = [initial(spec) for spec in specs], [order(spec, steps) for spec in specs]
    engine = ChainsEngine(specs, states, data(specs[0]), "cpu")
    results = engine.epoch(orders)
    reference = ReferenceBackend().start(specs, states, data(specs[0]), "cpu", 1)
    return states, list(zip(engine.states(), results, reference.epoch(orders), reference.states(), strict=True))


@pytest.mark.parametrize("spec", [*RUNS, *PERMUTED, *MOVED], ids=name)
def test_agrees_with_the_reference(spec):
    (start,), [(mine, result, expected, theirs)] = train([spec])
    assert difference(mine, theirs) < TOLERANCE
    assert moments_apart(mine, theirs) < 5 * TOLERANCE
    assert result.loss == pytest.approx(expected.loss, rel=1e-5)
    assert (result.correct, result.examples) == (expected.correct, expected.examples)
    assert apart(mine.model.value, start.model.value) > 100 * TOLERANCE


def test_regimes_train_side_by_side():
    specs = [
        RunSpec.from_dict({**BASE, "architecture": "C4GAP", "regime": regime, "seed": seed})
        for regime, seed in product(Regime, (0, 1))
    ]
    _, runs = train(specs, 5)
    for mine, _, _, theirs in runs:
        assert difference(mine, theirs) < TOLERANCE


def test_goes_on_from_states_with_different_numbers_of_steps():
    spec = RunSpec.from_dict({**BASE, "architecture": "C4GAP", "optimiser": "adam"})
    other, o = spec.replace(seed=1), order(spec, 5)
    (ahead,), _ = [ReferenceBackend().start([spec], [initial(spec)], data(spec), "cpu", 1)], None
    ahead.epoch([o])
    states = [*ahead.states(), initial(other)]
    engine = ChainsEngine([spec, other], states, data(spec), "cpu")
    engine.epoch([o, o])
    for one, state, mine in zip((spec, other), states, engine.states(), strict=True):
        reference = ReferenceBackend().start([one], [state], data(one), "cpu", 1)
        reference.epoch([o])
        (theirs,) = reference.states()
        assert mine.step == theirs.step
        assert difference(mine, theirs) < TOLERANCE


def test_gates_too_many_to_keep_are_computed_anew():
    spec = RunSpec.from_dict({**BASE, "architecture": "C4GAP", "regime": "FR-II", "gate_permutation": [1, 0, 2, 3]})
    state, o = initial(spec), order(spec, 5)
    kept, computed = (ChainsEngine([spec], [state], data(spec), "cpu", share) for share in (1.0, 0.0))
    assert kept.caches
    assert not computed.caches
    for engine in (kept, computed):
        engine.epoch([o])
    assert difference(kept.states()[0], computed.states()[0]) < 1e-6


def test_bfloat16_stays_near_float32():
    specs = [RunSpec.from_dict({**BASE, "architecture": "C4GAP", "regime": r, "optimiser": "adam"}) for r in Regime]
    low = [spec.replace(precision="bfloat16") for spec in specs]
    states, orders = [initial(s) for s in specs], [order(s, 20) for s in specs]
    ends = []
    for some in (specs, low):
        engine = ChainsEngine(some, states, data(specs[0]), "cpu")
        results = engine.epoch(orders)
        ends.append((results, engine.states()))
    for (a, s), (b, t) in zip(zip(*ends[0], strict=True), zip(*ends[1], strict=True), strict=True):
        assert 0 < difference(s, t) < 0.2
        assert a.loss == pytest.approx(b.loss, rel=0.01)


@pytest.mark.parametrize(
    ("architecture", "chain"), [("GCONV", True), ("VCONV", True), ("C4GAP", True), ("FC", False), ("DAVIDNET", False)]
)
def test_which_networks_are_chains(architecture, chain):
    assert is_chain(RunSpec(dataset="cifar10", architecture=architecture).network) is chain


@pytest.mark.parametrize(
    ("change", "together"),
    [
        *(({name: value}, True) for name, value in (("regime", "DL"), ("seed", 1), ("start_from", {}))),
        *(({name: value}, False) for name, value in (("optimiser", "adam"), ("learning_rate", 0.1), ("batch_size", 5))),
        ({"precision": "bfloat16"}, False),
    ],
    ids=str,
)
def test_runs_go_together_if_their_weights_move_in_the_same_way(change, together):
    spec = RunSpec.from_dict({**BASE, "architecture": "C4GAP"})
    group = ChainsBackend().group
    assert (group(spec) == group(spec.replace(**change))) is together


@pytest.mark.parametrize("backend", [LanesBackend(), StackedBackend()], ids=lambda backend: backend.name)
@pytest.mark.parametrize("spec", MOVED, ids=name)
def test_backends_on_the_cpu_agree_on_moved_gates_and_linear_features(backend, spec):
    state, o = initial(spec), order(spec, 10)
    ends = []
    for one in (backend, ReferenceBackend()):
        engine = one.start([spec], [state], data(spec), "cpu", 1)
        engine.epoch([o])
        ends += engine.states()
    assert difference(*ends) < TOLERANCE


def test_learnt_gates_that_move_within_their_layer_are_refused(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    spec = RunSpec.from_dict({**BASE, "architecture": "C4GAP", "regime": "DL"})
    assert ChainsBackend().refusal(spec) is None
    for more in ({"gate_shifts": (1, 0)}, {"gate_turns": (1,)}, {"feature_width": 2}):
        assert "not gates within their layer" in (ChainsBackend().refusal(spec.replace(**more)) or "")


def test_needs_a_gpu():
    refusal = ChainsBackend().refusal(RunSpec(dataset="cifar10", architecture="C4GAP"))
    assert refusal == (None if torch.cuda.is_available() else "there is no GPU here")


KERNELS = """
import torch
from companion.training.backends.chains.epilogues import Bits, backward, fast_backward, fast_forward, forward

generator = torch.Generator('cpu').manual_seed(0)
for shape in ((5, 12, 7, 7), (3, 130, 4, 4), (4, 256), (6, 10)):
    for dtype, near in ((torch.float32, 1e-5), (torch.bfloat16, 2e-2)):
        layout = torch.channels_last if len(shape) == 4 else torch.contiguous_format
        q = torch.randn(shape, generator=generator).to(dtype).contiguous(memory_format=layout)
        dz = torch.randn(shape, generator=generator).to(dtype).contiguous(memory_format=layout)
        flat = torch.randn(shape[:2], generator=generator).to(dtype)
        flat = flat.view(*shape[:2], *(1,) * (len(shape) - 2)).expand(shape)
        packed = torch.randint(256, (9, q[0].numel() // 8 + 6), generator=generator).to(torch.uint8)
        batch = torch.randint(9, shape[:1], generator=generator)
        for gate in (None, Bits(packed, batch, 3)):
            for bias in (None, torch.randn(shape[1], generator=generator)):
                z = forward(q, bias, gate)
                torch.testing.assert_close(fast_forward(q, bias, gate), z, rtol=near, atol=near)
            for gradient in (dz, flat):
                for mine, plain in zip(fast_backward(gradient, z, gate), backward(gradient, z, gate), strict=True):
                    torch.testing.assert_close(mine, plain, rtol=1e-4, atol=1e-4)
print("equal")
"""


def run_kernels(setting: dict[str, str], device: str) -> None:
    source = f"import torch\ntorch.set_default_device('{device}')\n" + KERNELS.replace("cpu", device)
    environment = {**os.environ, **setting}
    done = subprocess.run([sys.executable, "-c", source], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "equal", done.stderr


def test_kernels_equal_plain_pytorch():
    """Triton's interpreter runs them on the CPU, line by line."""
    pytest.importorskip("triton")
    run_kernels({"TRITON_INTERPRET": "1"}, "cpu")


@gpu
def test_kernels_equal_plain_pytorch_on_a_gpu():
    run_kernels({}, "cuda")


@gpu
@pytest.mark.parametrize("spec", [*RUNS, *PERMUTED, *MOVED], ids=name)
def test_agrees_with_the_reference_on_a_gpu(spec):
    """With graphs, streams, and a short last batch; twice, so that the second epoch is replayed throughout."""
    state, o = initial(spec), order(spec, 20)
    engine = ChainsEngine([spec, spec], [state, state], data(spec), "cuda")
    reference = ReferenceBackend().start([spec], [state], data(spec), "cuda", 1)
    for _ in range(2):
        results = engine.epoch([o, o])
        (expected,) = reference.epoch([o])
    (theirs,) = reference.states()
    for mine, result in zip(engine.states(), results, strict=True):
        assert difference(mine, theirs) < 20 * TOLERANCE  # other algorithms, and Adam amplifies
        assert result.loss == pytest.approx(expected.loss, rel=1e-4)

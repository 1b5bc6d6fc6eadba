"""What the tests of the backends share: a little data, initial states, and how far apart two states are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import torch

from companion.data import load
from companion.networks.architectures import Architecture
from companion.networks.gates import OpenGate
from companion.networks.initialise import initialise
from companion.notation import Regime
from companion.runs.examples import Examples, split
from companion.runs.regimes import initial_model
from companion.runs.spec import RunSpec
from companion.training.backends import Backend, Engine
from companion.training.state import EpochResult, TrainState

STEPS = 20
TOLERANCE = 1e-5
"""Relative difference in weights that backends are allowed after 20 steps."""
MOMENTS = 2e-5
"""The same for Adam's moments: in float32 arithmetic ``1 - beta2`` is 1.3e-5 off, which bias correction makes good."""
EXAMPLES = 200
"""Digits that a run sees."""


def data(spec: RunSpec) -> Examples:
    """The first examples that a run sees."""
    return split(spec, load("digits")).train[:EXAMPLES]


def initial(spec: RunSpec) -> TrainState:
    """The state before the first step; the teacher of FL and the start of a run are networks nobody has trained."""

    def untrained(network: Architecture, seed: int) -> dict[str, torch.Tensor]:
        return initialise(network, torch.Generator().manual_seed(seed))

    teacher = untrained(spec.feature_network, 77) if spec.regime is Regime.FL else None
    start = untrained(spec.network, 78) if spec.start_from is not None else None
    return TrainState(initial_model(spec, teacher, start))


def order(spec: RunSpec, steps: int = STEPS, seed: int = 0) -> torch.Tensor:
    """Examples for so many steps, the last of them short where a batch has more than one example."""
    size = steps * spec.batch_size - (spec.batch_size > 1)
    return torch.randint(EXAMPLES, (size,), generator=torch.Generator().manual_seed(seed))


def begin(backend: Backend, specs: Sequence[RunSpec], states: Sequence[TrainState]) -> Engine:
    """An engine on the device that the backend is for."""
    return backend.start(specs, states, data(specs[0]), "cuda" if backend.name == "cuda" else "cpu", 1)


def advance(
    backend: Backend, specs: Sequence[RunSpec], states: Sequence[TrainState], orders: Sequence[torch.Tensor]
) -> tuple[list[TrainState], list[EpochResult]]:
    """One epoch of some runs."""
    engine = begin(backend, specs, states)
    results = engine.epoch(orders)
    return engine.states(), results


def apart(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    """The largest relative distance between two tensors of one name."""
    assert a.keys() == b.keys()
    return max((float((a[n] - b[n]).norm() / b[n].norm().clamp_min(1e-12)) for n in b), default=0.0)


def difference(a: TrainState, b: TrainState) -> float:
    """The largest relative distance between the weights of two states after equally many steps."""
    assert a.step == b.step
    feature, other = a.model.feature, b.model.feature
    assert (feature is None) == (other is None)
    return max(apart(a.model.value, b.model.value), apart(feature or {}, other or {}))


def moments_apart(a: TrainState, b: TrainState) -> float:
    """The largest relative distance between the moments of two states."""
    return max(apart(a.first, b.first), apart(a.second, b.second))


def fields(optimiser: str) -> dict[str, object]:
    """An odd little fully connected network, so trained that twenty steps move it well."""
    return {
        "dataset": "digits",
        "width": 13,
        "depth": 4,
        "batch_size": 7,
        "optimiser": optimiser,
        "learning_rate": {"sgd": 0.1, "adam": 3e-3, "rmsprop": 1e-3}[optimiser],
    }


VARIANTS: tuple[dict[str, object], ...] = (
    {},
    {"gate_permutation": [2, 0, 1]},
    {"value_input": "ones"},
    {"value_input": "noise"},
    {"value_input": "ones", "gate_permutation": [1, 2, 0]},
)

RUNS: tuple[RunSpec, ...] = tuple(
    RunSpec.from_dict({**fields(optimiser), "regime": regime, **variant})
    for optimiser, regime, variant in product(("sgd", "adam"), Regime, VARIANTS)
    if regime is not Regime.RELU or not variant
)
"""What the fused kernel takes, with biases."""

UNBIASED: tuple[RunSpec, ...] = tuple(
    spec.replace(bias=False) for spec in RUNS if spec.gate_permutation is None and spec.value_input != "noise"
)
"""The same without."""

LINEAR = {"feature_activation": "linear"}
LEARNT_LINEAR = {"gates_from": {"regime": "DL", **LINEAR}}
MOVED: tuple[RunSpec, ...] = tuple(
    RunSpec.from_dict({**fields("adam"), "width": 12, **more})
    for more in (
        {"regime": "FL", "feature_width": 4},
        {"regime": "FL", "feature_width": 3, "gate_shifts": [5, 2, 1], "gate_permutation": [2, 0, 1]},
        {"regime": "FL", "gate_shifts": [5], "value_input": "ones"},
        {"regime": "FL", **LEARNT_LINEAR},
        {"regime": "FR-II", "feature_width": 4, **LINEAR},
        {"regime": "FR-DI", **LINEAR},
        {"regime": "DL", **LINEAR},
        {"regime": "DL", **LINEAR, "gate_permutation": [1, 2, 0], "value_input": "ones", "bias": False},
        {"regime": "DL", "feature_width": 4, "gate_shifts": [5]},
    )
)
"""Gates that are tiled and shifted, and feature networks without activations."""

TWO_CLASSES = {"classes": [4, 7], "loss": "squared-error"}
OTHERS: tuple[RunSpec, ...] = tuple(
    RunSpec.from_dict({**fields("rmsprop"), **more})
    for more in (
        {"regime": "DL", "gate_permutation": [2, 0, 1]},
        {"regime": "FR-II", "value_input": "ones"},
        {"bias": False},
        {"bias": False, **TWO_CLASSES},
        {"regime": "DL", "optimiser": "adam", **TWO_CLASSES},
        {"regime": "FL", "optimiser": "sgd", "learning_rate": 0.01, "bias": False, **TWO_CLASSES},
    )
)
"""What it leaves to the others: RMSprop and the squared error."""


def name(spec: RunSpec) -> str:
    """A short name for a test's report."""
    order = "".join(map(str, spec.gate_permutation or ()))
    loss = "" if spec.loss == "cross-entropy" else spec.loss
    bias = "" if spec.bias else "no biases"
    moves = {"tiled": spec.feature_width, "shifted": spec.gate_shifts, "turned": spec.gate_turns}
    moved = " ".join(f"{word} {value}" for word, value in moves.items() if value)
    linear = "linear" if isinstance(spec.inner_gate, OpenGate) else ""
    return " ".join(filter(None, (spec.optimiser, spec.regime, spec.value_input, order, moved, linear, loss, bias)))

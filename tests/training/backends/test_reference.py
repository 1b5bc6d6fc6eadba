"""The reference answers to the textbook: update rules written out in double precision, with PyTorch's own gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from companion.notation import Regime
from companion.runs.objectives import losses
from companion.runs.regimes import Model, output
from companion.runs.spec import RunSpec
from companion.training.backends import ReferenceBackend
from support.backends import EXAMPLES, OTHERS, RUNS, TOLERANCE, advance, data, fields, initial, name, order

STEPS = 6
BETA1, BETA2, DECAY, EPSILON = 0.9, 0.999, 0.9, 1e-7


def update(spec: RunSpec, g: torch.Tensor, m: torch.Tensor, v: torch.Tensor, t: int) -> torch.Tensor:
    """The step of one parameter, of whose gradient the decay is part; ``m`` and ``v`` are changed in place."""
    rate = spec.learning_rate
    if spec.schedule == "triangle":  # 200 digits a run, of an epoch each
        rate *= np.interp(t / -(-EXAMPLES // spec.batch_size), [0, spec.epochs * 5 / 24, spec.epochs], [0, 1, 0])
    if spec.optimiser == "sgd":
        m.copy_(spec.momentum * m + g)
        return rate * (g + spec.momentum * m if spec.nesterov else m)
    if spec.optimiser == "rmsprop":
        v.copy_(DECAY * v + (1 - DECAY) * g**2)
        return rate * g / (v.sqrt() + EPSILON)
    m.copy_(BETA1 * m + (1 - BETA1) * g)
    v.copy_(BETA2 * v + (1 - BETA2) * g**2)
    return rate * (m / (1 - BETA1**t)) / ((v / (1 - BETA2**t)).sqrt() + EPSILON)


def textbook(spec: RunSpec) -> dict[str, torch.Tensor]:
    """Weights after some steps."""
    start, examples = initial(spec).model, data(spec)
    frozen = None if start.feature is None else {n: t.double() for n, t in start.feature.items()}
    theta = {n: t.double().requires_grad_() for n, t in start.trainable(spec.regime).items()}
    m, v = ({n: torch.zeros_like(t) for n, t in theta.items()} for _ in range(2))
    for t, batch in enumerate(order(spec, STEPS).split(spec.batch_size), start=1):
        model = Model({n: p.double() for n, p in start.value.items()}, frozen).updated(theta)
        loss = losses64(spec, output(spec, model, examples.inputs[batch].double()), examples.labels[batch])
        gradients = torch.autograd.grad(loss, list(theta.values()))
        with torch.no_grad():
            for (n, p), g in zip(theta.items(), gradients, strict=True):
                p -= update(spec, g + spec.weight_decay * p, m[n], v[n], t)
    return {n: t.detach() for n, t in theta.items()}


def losses64(spec: RunSpec, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The mean loss, by its definition."""
    if spec.loss == "squared-error":
        return ((logits[:, 0] - (2 * labels - 1)) ** 2).mean()
    return -(logits.softmax(-1)[torch.arange(len(labels)), labels]).log().mean()


STEPPED = [
    RunSpec.from_dict({**fields(optimiser), "regime": regime, **more})
    for optimiser, more in (
        ("sgd", {"momentum": 0.9}),
        ("sgd", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
        ("sgd", {"schedule": "triangle", "epochs": 1}),
        ("adam", {"weight_decay": 0.01, "schedule": "triangle", "epochs": 2}),
        ("rmsprop", {"weight_decay": 0.01}),
    )
    for regime in ("ReLU", "DL")
]
"""Momentum, decay and schedule."""
PLAIN = [s for s in RUNS if not s.gate_permutation and s.value_input == "image"]


@pytest.mark.parametrize("spec", [*PLAIN, *OTHERS, *STEPPED], ids=name)
def test_the_reference_makes_the_textbooks_steps(spec):
    (state,), _ = advance(ReferenceBackend(), [spec], [initial(spec)], [order(spec, STEPS)])
    trained = state.model.trainable(spec.regime)
    for n, expected in textbook(spec).items():
        assert float((trained[n] - expected).norm() / expected.norm().clamp_min(1e-12)) < 2 * TOLERANCE, n


def test_a_loss_is_single_precision_at_least():
    labels = torch.arange(7)
    for given, kept in (
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ):
        assert losses(RunSpec(), torch.ones(7, 10, dtype=given), labels).dtype == kept


def test_the_loss_of_an_example_is_what_it_is_called():
    logits, labels = torch.randn(7, 10, generator=torch.Generator().manual_seed(0)), torch.arange(7)
    spec = RunSpec(regime=Regime.RELU)
    assert losses(spec, logits, labels).mean().item() == pytest.approx(losses64(spec, logits, labels).item(), rel=1e-6)
    two = spec.replace(classes=(3, 8), loss="squared-error")
    answers = torch.tensor([[0.5], [-2.0]])
    assert losses(two, answers, torch.tensor([1, 0])).tolist() == [0.25, 1.0]
    assert losses(two, answers, torch.tensor([0, 1])).tolist() == [2.25, 9.0]

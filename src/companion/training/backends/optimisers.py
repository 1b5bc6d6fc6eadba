"""PyTorch's optimisers with the papers' settings, and their state in the form that every backend shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from companion.notation import Tensor
from companion.runs.spec import RunSpec

__all__ = ["ADAM_BETA1", "ADAM_BETA2", "EPSILON", "make", "moments", "resume", "set_rate"]

ADAM_BETA1, ADAM_BETA2, RMSPROP_DECAY, EPSILON = 0.9, 0.999, 0.9, 1e-7
"""Keras' defaults, which the official code uses; updates are written as in PyTorch (bias-corrected, then epsilon)."""

MOMENTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "sgd": (("first", "momentum_buffer"),),
    "adam": (("first", "exp_avg"), ("second", "exp_avg_sq")),
    "rmsprop": (("second", "square_avg"),),
}
"""Optimiser to (our name, PyTorch's name) of what it remembers of every parameter; sgd does with momentum only."""


def make(
    spec: RunSpec, leaves: Sequence[Tensor], *, fused: bool = False, capturable: bool = False
) -> torch.optim.Optimizer:
    """The optimiser of a run over some leaves; ``fused`` asks for one kernel over all, where PyTorch has it."""
    rate, decay = spec.learning_rate, spec.weight_decay
    if spec.optimiser == "sgd":
        momentum, nesterov = spec.momentum, spec.nesterov
        return torch.optim.SGD(leaves, rate, momentum, weight_decay=decay, nesterov=nesterov, fused=fused)
    if spec.optimiser == "rmsprop":
        return torch.optim.RMSprop(leaves, rate, RMSPROP_DECAY, EPSILON, decay, capturable=capturable)
    betas = (ADAM_BETA1, ADAM_BETA2)
    return torch.optim.Adam(leaves, rate, betas, EPSILON, decay, fused=fused, capturable=capturable)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """The learning rate of the next step."""
    for group in optimiser.param_groups:
        group["lr"] = rate


def resume(
    optimiser: torch.optim.Optimizer, spec: RunSpec, leaf: Tensor, step: int, state: Mapping[str, Tensor]
) -> None:
    """Put a leaf's state back: ``state`` maps ``first`` and ``second`` to tensors like the leaf."""
    if step and state:
        known = {theirs: state[ours] for ours, theirs in MOMENTS[spec.optimiser]}
        counter = {} if spec.optimiser == "sgd" else {"step": torch.tensor(float(step), device=leaf.device)}
        optimiser.state[leaf] = counter | known


def moments(optimiser: torch.optim.Optimizer, spec: RunSpec, leaf: Tensor) -> dict[str, Tensor]:
    """What the optimiser remembers of a leaf, by our names; nothing before the first step."""
    known = optimiser.state.get(leaf, {})
    return {ours: known[theirs] for ours, theirs in MOMENTS[spec.optimiser] if known.get(theirs) is not None}

"""The stacked backend: ``M`` models as one, in plain PyTorch, on any device.

Parameters have a leading axis ``M``; one forward and backward pass serves all models, and one fused optimiser step.
Gates of frozen feature networks are computed once for the whole training set where they fit.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import torch
from torch.nn import functional as F

from companion.backends.base import (
    ADAM_BETA1,
    ADAM_BETA2,
    ADAM_EPSILON,
    EpochResult,
    TrainingSet,
    TrainState,
)
from companion.networks import Params, forward
from companion.notation import Int, Tensor
from companion.regimes import RULES, Model, gates, value_input
from companion.spec import RunSpec

__all__ = ["StackedBackend", "stack", "unstack"]

GATE_BUDGET = 2**31
"""Bytes that the cached gates of one engine may take."""


def stack(many: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """``M`` dictionaries of like tensors as one, with a leading axis ``M``."""
    return {name: torch.stack([one[name] for one in many]) for name in many[0]}


def unstack(stacked: dict[str, Tensor]) -> list[dict[str, Tensor]]:
    """The inverse of :func:`stack`, on the CPU, detached."""
    if not stacked:
        return []
    size = len(next(iter(stacked.values())))
    return [{name: tensor[m].detach().cpu().clone() for name, tensor in stacked.items()} for m in range(size)]


class StackedBackend:
    """Trains many like models at once."""

    name = "stacked"

    def supports(self, spec: RunSpec) -> bool:
        """Every run."""
        return True

    def group(self, spec: RunSpec) -> Hashable:
        """Runs that differ in nothing but seed, value input and gate permutation."""
        return spec.replace(seed=0, value_input="image", gate_permutation=None)

    def start(
        self, specs: Sequence[RunSpec], states: Sequence[TrainState], data: TrainingSet, device: str, threads: int
    ) -> _Engine:
        """One engine for all runs."""
        torch.set_num_threads(threads)
        return _Engine(specs, states, data, device)


class _Engine:
    def __init__(self, specs: Sequence[RunSpec], states: Sequence[TrainState], data: TrainingSet, device: str) -> None:
        self.specs, self.device, self.spec = list(specs), device, specs[0]
        self.inputs, self.labels = data.inputs.to(device), data.labels.to(device)
        self.initial = list(states)
        self.step = states[0].step
        regime = self.spec.regime
        self.trainable = {
            name: tensor.to(device).requires_grad_()
            for name, tensor in stack([state.model.trainable(regime) for state in states]).items()
        }
        self.features = [
            None if s.model.feature is None else {k: v.to(device) for k, v in s.model.feature.items()} for s in states
        ]
        self.learnt = RULES[regime].trains_feature
        self.optimiser = self._optimiser(states)
        self.cache = self._cached_gates() if regime.frozen else None

    def _optimiser(self, states: Sequence[TrainState]) -> torch.optim.Optimizer:
        parameters, rate = list(self.trainable.values()), self.spec.learning_rate
        if self.spec.optimiser == "sgd":
            return torch.optim.SGD(parameters, lr=rate, fused=True)
        betas = (ADAM_BETA1, ADAM_BETA2)
        optimiser = torch.optim.Adam(parameters, lr=rate, betas=betas, eps=ADAM_EPSILON, fused=True)
        if self.step:
            first, second = stack([s.first for s in states]), stack([s.second for s in states])
            for name, tensor in self.trainable.items():
                optimiser.state[tensor] = {
                    "step": torch.tensor(float(self.step), device=self.device),
                    "exp_avg": first[name].to(self.device),
                    "exp_avg_sq": second[name].to(self.device),
                }
        return optimiser

    def _cached_gates(self) -> list[list[Tensor]] | None:
        """Each model's gates of all training examples as booleans, if they fit; models of one seed share theirs."""
        units = sum(math.prod(shape) for shape in self.spec.network.gate_shapes())
        if units * len(self.inputs) * len(self.specs) > GATE_BUDGET:
            return None
        cache = []
        with torch.no_grad():
            for spec, feature in zip(self.specs, self.features, strict=True):
                assert feature is not None
                batches = [[g.bool() for g in gates(spec, feature, x)] for x in self.inputs.split(2000)]
                cache.append([torch.cat(layer) for layer in zip(*batches, strict=True)])
        return cache

    def _stack_of_gates(self, batch: list[Tensor], xs: Tensor) -> list[Tensor] | None:
        """Gates ``[M, n, ...]`` of each layer for one batch of each model."""
        if self.features[0] is None:
            return None
        if self.learnt:
            feature: Params = {k[8:]: v for k, v in self.trainable.items() if k.startswith("feature/")}
            stacks = [g.unbind() for g in gates(self.spec.replace(gate_permutation=None), feature, xs)]
            orders = [s.gate_permutation or range(len(stacks)) for s in self.specs]
            return [torch.stack([stacks[o[l]][m] for m, o in enumerate(orders)]) for l in range(len(stacks))]
        if self.cache is not None:
            rows = [[layer[b] for layer in model] for model, b in zip(self.cache, batch, strict=True)]
        else:
            with torch.no_grad():
                rows = [gates(s, f or {}, x) for s, f, x in zip(self.specs, self.features, xs, strict=True)]
        return [torch.stack(layer) for layer in zip(*rows, strict=True)]

    def epoch(self, orders: Sequence[Int[Tensor, "N"]]) -> list[EpochResult]:
        losses, correct = torch.zeros(len(self.specs)), torch.zeros(len(self.specs))
        batches = zip(*(order.to(self.device).split(self.spec.batch_size) for order in orders), strict=True)
        for batch in batches:
            xs = torch.stack([self.inputs[b] for b in batch])  # [M, n, ...]
            ys = torch.stack([self.labels[b] for b in batch])  # [M, n]
            value = {k[6:]: v for k, v in self.trainable.items() if k.startswith("value/")}
            entering = torch.stack([value_input(s, x) for s, x in zip(self.specs, xs, strict=True)])
            logits = forward(self.spec.network, value, entering, self._stack_of_gates(list(batch), xs))  # [M, n, C]
            each = F.cross_entropy(logits.flatten(0, 1), ys.flatten(), reduction="none").view_as(ys)
            loss = each.mean(1).sum()  # every model has its own mean, and its own gradient
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            self.step += 1
            losses += each.detach().sum(1).cpu()
            correct += (logits.detach().argmax(-1) == ys).sum(1).cpu()
        n = len(orders[0])
        return [EpochResult(float(a), int(c), n) for a, c in zip(losses, correct, strict=True)]

    def states(self) -> list[TrainState]:
        models: list[Model] = []
        for start, trainable in zip(self.initial, unstack(self.trainable), strict=True):
            models.append(start.model.updated(trainable))
        if self.spec.optimiser == "sgd" or not self.step:
            return [TrainState(model, step=self.step) for model in models]
        moments = {name: self.optimiser.state[tensor] for name, tensor in self.trainable.items()}
        first = unstack({name: m["exp_avg"] for name, m in moments.items()})
        second = unstack({name: m["exp_avg_sq"] for name, m in moments.items()})
        return [TrainState(model, a, b, self.step) for model, a, b in zip(models, first, second, strict=True)]

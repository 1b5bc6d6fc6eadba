"""The reference backend: plain PyTorch, one model after the other, nothing clever.  All other backends answer to it."""

from __future__ import annotations

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
from companion.notation import Int, Tensor
from companion.regimes import output
from companion.spec import RunSpec

__all__ = ["ReferenceBackend"]


class ReferenceBackend:
    """Trains anything, slowly and obviously."""

    name = "reference"

    def supports(self, spec: RunSpec) -> bool:
        """Every run in float32."""
        return spec.precision == "float32"

    def group(self, spec: RunSpec) -> Hashable:
        """Any runs may go together: they are trained one by one."""
        return None

    def start(
        self, specs: Sequence[RunSpec], states: Sequence[TrainState], data: TrainingSet, device: str, threads: int
    ) -> _Engine:
        """One engine holding one run per spec."""
        torch.set_num_threads(threads)
        return _Engine([_Run(spec, state, data, device) for spec, state in zip(specs, states, strict=True)])


class _Engine:
    def __init__(self, runs: list[_Run]) -> None:
        self.runs = runs

    def epoch(self, orders: Sequence[Int[Tensor, "N"]]) -> list[EpochResult]:
        return [run.epoch(order) for run, order in zip(self.runs, orders, strict=True)]

    def states(self) -> list[TrainState]:
        return [run.state() for run in self.runs]


class _Run:
    def __init__(self, spec: RunSpec, state: TrainState, data: TrainingSet, device: str) -> None:
        def own(params: dict[str, Tensor]) -> dict[str, Tensor]:
            return {name: tensor.detach().clone().to(device) for name, tensor in params.items()}

        self.spec, self.device, self.step = spec, device, state.step
        self.inputs, self.labels = data.inputs.to(device), data.labels.to(device)
        self.model = type(state.model)(own(state.model.value), state.model.feature and own(state.model.feature))
        self.trainable = self.model.trainable(spec.regime)
        parameters = [tensor.requires_grad_() for tensor in self.trainable.values()]
        self.optimiser: torch.optim.Optimizer
        if spec.optimiser == "sgd":
            self.optimiser = torch.optim.SGD(parameters, lr=spec.learning_rate)
        else:
            self.optimiser = torch.optim.Adam(
                parameters, lr=spec.learning_rate, betas=(ADAM_BETA1, ADAM_BETA2), eps=ADAM_EPSILON
            )
            if state.step:
                for name, tensor in self.trainable.items():
                    self.optimiser.state[tensor] = {
                        "step": torch.tensor(float(state.step)),
                        "exp_avg": state.first[name].clone().to(device),
                        "exp_avg_sq": state.second[name].clone().to(device),
                    }

    def epoch(self, order: Int[Tensor, "N"]) -> EpochResult:
        loss_sum, correct = 0.0, 0
        for batch in order.to(self.device).split(self.spec.batch_size):
            x, y = self.inputs[batch], self.labels[batch]
            logits = output(self.spec, self.model, x)
            loss = F.cross_entropy(logits, y)
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            self.step += 1
            loss_sum += loss.item() * len(batch)
            correct += int((logits.argmax(-1) == y).sum())
        return EpochResult(loss_sum, correct, len(order))

    def state(self) -> TrainState:
        def out(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
            return {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}

        model = self.model.updated(out(self.trainable))
        if self.spec.optimiser == "sgd" or not self.step:
            return TrainState(model, step=self.step)
        moments = {name: self.optimiser.state[tensor] for name, tensor in self.trainable.items()}
        first = out({name: m["exp_avg"] for name, m in moments.items()})
        second = out({name: m["exp_avg_sq"] for name, m in moments.items()})
        return TrainState(model, first, second, self.step)

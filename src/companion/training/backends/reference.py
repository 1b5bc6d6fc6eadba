"""The reference backend: plain PyTorch, one model after the other, nothing clever.  All other backends answer to it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import torch

from companion.notation import Int, Tensor
from companion.runs.examples import Examples
from companion.runs.objectives import losses, predictions
from companion.runs.regimes import output
from companion.runs.spec import RunSpec
from companion.training.augmentation import Augmenter
from companion.training.backends import optimisers
from companion.training.backends.base import AROUND, strange
from companion.training.schedule import learning_rate
from companion.training.state import EpochResult, TrainState

__all__ = ["ReferenceBackend"]


class ReferenceBackend:
    """Trains anything, slowly and obviously.

    Example:
        >>> ReferenceBackend().refusal(RunSpec(precision="bfloat16"))
        'it does not know precision bfloat16'
    """

    name = "reference"
    KNOWS = AROUND | {
        "architecture",
        "width",
        "depth",
        "bias",
        "regime",
        "value_input",
        "gate_permutation",
        "gate_shifts",
        "gate_turns",
        "feature_width",
        "feature_activation",
        "gate_beta",
        "gate_eps",
        "optimiser",
        "learning_rate",
        "momentum",
        "nesterov",
        "weight_decay",
        "schedule",
        "augmentation",
        "batch_size",
        "loss",
    }

    def refusal(self, spec: RunSpec) -> str | None:
        """Nothing that it knows; it knows no precision but float32."""
        return strange(self.KNOWS, spec)

    def group(self, spec: RunSpec) -> Hashable:
        """Any runs may go together: they are trained one by one."""
        return None

    def start(
        self, specs: Sequence[RunSpec], states: Sequence[TrainState], data: Examples, device: str, threads: int
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
    def __init__(self, spec: RunSpec, state: TrainState, data: Examples, device: str) -> None:
        def own(params: dict[str, Tensor]) -> dict[str, Tensor]:
            return {name: tensor.detach().clone().to(device) for name, tensor in params.items()}

        self.spec, self.device, self.step = spec, device, state.step
        self.augmenter = Augmenter(spec, len(data), device)
        self.inputs, self.labels = data.inputs.to(device), data.labels.to(device)
        self.model = type(state.model)(own(state.model.value), state.model.feature and own(state.model.feature))
        self.trainable = self.model.trainable(spec.regime)
        parameters = [tensor.requires_grad_() for tensor in self.trainable.values()]
        self.optimiser = optimisers.make(spec, parameters)
        for name, leaf in self.trainable.items():
            known = {"first": state.first.get(name), "second": state.second.get(name)}
            copies = {moment: tensor.clone().to(device) for moment, tensor in known.items() if tensor is not None}
            optimisers.resume(self.optimiser, spec, leaf, state.step, copies)

    def epoch(self, order: Int[Tensor, "N"]) -> EpochResult:
        loss_sum, correct = 0.0, 0
        for batch in order.to(self.device).split(self.spec.batch_size):
            x, y = self.augmenter(self.inputs[batch], batch, self.step), self.labels[batch]
            logits = output(self.spec, self.model, x, training=True)
            loss = losses(self.spec, logits, y).mean()
            self.optimiser.zero_grad()
            loss.backward()
            optimisers.set_rate(self.optimiser, learning_rate(self.spec, self.step, len(self.inputs)))
            self.optimiser.step()
            self.step += 1
            loss_sum += loss.item() * len(batch)
            correct += int((predictions(self.spec, logits) == y).sum())
        return EpochResult(loss_sum, correct, len(order))

    def state(self) -> TrainState:
        def out(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
            return {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}

        known = {name: optimisers.moments(self.optimiser, self.spec, leaf) for name, leaf in self.trainable.items()}
        first, second = (
            out({name: moments[which] for name, moments in known.items() if which in moments})
            for which in ("first", "second")
        )
        following = self.model.following(self.spec.regime)
        return TrainState(self.model.updated(out(self.trainable | following)), first, second, self.step)

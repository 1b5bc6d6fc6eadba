"""What a backend is: something that takes the states of some runs and trains one epoch at a time.

Everything else (evaluation, stopping, checkpoints, records) is the training loop's, so that it exists once.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from companion.notation import Int, Regime, Tensor
from companion.runs.examples import Examples
from companion.runs.regimes import Model
from companion.runs.spec import RunSpec

__all__ = ["Backend", "Engine", "EpochResult", "TrainState", "longest_first"]


@dataclass(frozen=True)
class TrainState:
    """A run between two epochs: enough to go on, on any backend.  Tensors are on the CPU, float32.

    Args:
        model: both networks.
        first: Adam's first moments by trainable parameter (``value/weight.0``); empty for SGD and before the first
            step.
        second: second moments of Adam and RMSprop.
        step: steps made.
    """

    model: Model
    first: dict[str, Tensor] = field(default_factory=dict)
    second: dict[str, Tensor] = field(default_factory=dict)
    step: int = 0


def longest_first(specs: Sequence[RunSpec]) -> list[int]:
    """Numbers of the runs by how long an epoch takes them, so that threads that share them out end together."""
    passes = {Regime.DL: 6}  # through a network, for one step: forward and back, in DL through two networks
    return sorted(range(len(specs)), key=lambda i: -passes.get(specs[i].regime, 3))


@dataclass(frozen=True)
class EpochResult:
    """Sums over one epoch, taken while training (as Keras reports them): loss in nats, and correct predictions."""

    loss: float
    correct: int
    examples: int


@runtime_checkable
class Engine(Protocol):
    """Some runs in the middle of their training."""

    def epoch(self, orders: Sequence[Int[Tensor, "N"]]) -> list[EpochResult]:
        """Train every run once through its examples in the given order."""
        ...

    def states(self) -> list[TrainState]:
        """Where every run stands, detached from the engine."""
        ...


@runtime_checkable
class Backend(Protocol):
    """A way to train."""

    name: str

    def supports(self, spec: RunSpec) -> bool:
        """Whether this backend can train such a run on this machine."""
        ...

    def group(self, spec: RunSpec) -> Hashable:
        """Runs with equal groups may be trained by one engine."""
        ...

    def start(
        self, specs: Sequence[RunSpec], states: Sequence[TrainState], data: Examples, device: str, threads: int
    ) -> Engine:
        """An engine that goes on from ``states``."""
        ...

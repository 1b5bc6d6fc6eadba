"""What a backend is: something that takes the states of some runs and trains one epoch at a time.

Everything else (evaluation, stopping, checkpoints, records) is the training loop's, so that it exists once.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Protocol, runtime_checkable

from companion.notation import Int, Regime, Tensor
from companion.runs.examples import Examples
from companion.runs.spec import RunSpec
from companion.training.state import EpochResult, TrainState

__all__ = ["Backend", "Engine", "longest_first"]


def longest_first(specs: Sequence[RunSpec]) -> list[int]:
    """Numbers of the runs by how long an epoch takes them, so that threads that share them out end together."""
    passes = {Regime.DL: 6}  # through a network, for one step: forward and back, in DL through two networks
    return sorted(range(len(specs)), key=lambda i: -passes.get(specs[i].regime, 3))


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

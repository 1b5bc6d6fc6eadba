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

__all__ = ["AROUND", "Backend", "Engine", "longest_first", "strange"]

AROUND = frozenset(
    {
        "dataset",
        "classes",
        "downscale",
        "train_size",
        "test_size",
        "holdout",
        "label_noise",
        "noise_kind",
        "standardise",
        "initialisation",
        "gates_from",
        "teacher_checkpoint",
        "teacher_epochs",
        "start_from",
        "start_checkpoint",
        "epochs",
        "early_stop",
        "probe",
        "probe_every",
        "seed",
        "protocol_version",
    }
)
"""Fields that reach any backend as examples, labels, first states and orders, and change nothing in its steps.  A new
field is not among them, nor known to a backend, before somebody has thought about it."""


def strange(knows: frozenset[str], spec: RunSpec) -> str | None:
    """Why a backend refuses a run that has a field which it does not know, away from its default; else ``None``."""
    fields = [f"{name} {value}" for name, value in spec.to_dict().items() if name not in knows]
    return f"it does not know {', '.join(fields)}" if fields else None


def longest_first(specs: Sequence[RunSpec]) -> list[int]:
    """Numbers of the runs by how long an epoch takes them, so that threads that share them out end together."""
    passes = {Regime.DL: 6}  # through a network, for one step: forward and back, in DL through two networks
    return sorted(range(len(specs)), key=lambda i: -passes.get(specs[i].regime, 3))


@runtime_checkable
class Engine(Protocol):
    """Some runs in the middle of their training.

    Example:
        >>> import torch
        >>> from companion.runs.regimes import initial_model
        >>> from companion.training.backends import ReferenceBackend
        >>> spec = RunSpec(dataset="digits", width=2, depth=2)
        >>> data = Examples(torch.ones(4, 1, 8, 8), torch.zeros(4, dtype=torch.int64))
        >>> engine = ReferenceBackend().start([spec], [TrainState(initial_model(spec))], data, "cpu", threads=1)
        >>> engine.epoch([torch.arange(4)])[0].examples, engine.states()[0].step
        (4, 1)
    """

    def epoch(self, orders: Sequence[Int[Tensor, "N"]]) -> list[EpochResult]:
        """Train every run once through its examples in the given order."""
        ...

    def states(self) -> list[TrainState]:
        """Where every run stands, detached from the engine."""
        ...


@runtime_checkable
class Backend(Protocol):
    """A way to train, which is asked for by its ``name``.

    Example:
        >>> from companion.training.backends import ReferenceBackend
        >>> isinstance(ReferenceBackend(), Backend)
        True
    """

    name: str
    KNOWS: frozenset[str]
    """The fields of a run that it understands; it refuses runs in which any other differs from its default."""

    def refusal(self, spec: RunSpec) -> str | None:
        """Why this backend cannot train such a run on this machine; ``None`` where it can."""
        ...

    def group(self, spec: RunSpec) -> Hashable:
        """Runs with equal groups may be trained by one engine."""
        ...

    def start(
        self, specs: Sequence[RunSpec], states: Sequence[TrainState], data: Examples, device: str, threads: int
    ) -> Engine:
        """An engine that goes on from ``states``."""
        ...

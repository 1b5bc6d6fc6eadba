"""The lanes backend: convolutional networks on the CPU, each thread training one model at a time.

The layers of a small convolutional network are too short to be shared out: two threads on one layer wait for each
other more than they work.  So every run is an engine of its own, and threads run over runs, whatever their regimes.
"""

from __future__ import annotations

import queue
from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch

from companion.notation import Int, Tensor
from companion.runs.examples import Examples
from companion.runs.spec import RunSpec
from companion.training.backends.base import longest_first
from companion.training.backends.stacked import StackedBackend, StackedEngine
from companion.training.state import EpochResult, TrainState

__all__ = ["LanesBackend"]


class LanesBackend:
    """Trains convolutional networks side by side.

    Example:
        >>> LanesBackend().refusal(RunSpec(architecture="FC"))
        'it is for networks with convolutions, and FC has none'
    """

    name = "lanes"
    KNOWS = StackedBackend.KNOWS
    """Each lane is a stack of one."""

    def refusal(self, spec: RunSpec) -> str | None:
        """Networks without two-dimensional convolutions, and what the stacked step cannot do."""
        if not spec.network.convolutional:
            return f"it is for networks with convolutions, and {spec.architecture} has none"
        return StackedBackend().refusal(spec)

    def group(self, spec: RunSpec) -> Hashable:
        """Any runs may go together: threads run over models."""
        return None

    def start(
        self, specs: Sequence[RunSpec], states: Sequence[TrainState], data: Examples, device: str, threads: int
    ) -> _Engine:
        """One engine per run; each of its ``threads`` trains one model at a time."""
        share = 1 / len(specs)
        pairs = zip(specs, states, strict=True)
        return _Engine([StackedEngine([spec], [state], data, device, share) for spec, state in pairs], threads)


class _Engine:
    def __init__(self, runs: list[StackedEngine], threads: int) -> None:
        self.runs, self.threads = runs, threads

    def epoch(self, orders: Sequence[Int[Tensor, "N"]]) -> list[EpochResult]:
        workers = min(self.threads, len(self.runs))
        waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        for i in longest_first([run.spec for run in self.runs]):
            waiting.put(i)
        results: dict[int, EpochResult] = {}

        def work(_: int) -> None:
            torch.set_num_threads(self.threads // workers)  # the setting is each thread's own
            while True:
                try:
                    i = waiting.get_nowait()
                except queue.Empty:
                    return
                (results[i],) = self.runs[i].epoch([orders[i]])

        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(work, range(workers)))
        return [results[i] for i in range(len(self.runs))]

    def states(self) -> list[TrainState]:
        return [state for run in self.runs for state in run.states()]

"""The CUDA backend: the stacked step, captured once as a CUDA graph and replayed for every batch.

A step of many small models is hundreds of short kernels; a graph launches them without Python.  The batch indices are
copied into a buffer that the graph reads, the sums into one that it adds to.  The last, shorter batch of an epoch runs
without a graph, and so do all steps of runs whose steps are not alike: whose rate changes or whose images are altered.
Without a GPU the same code runs, only the graph is left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from companion.notation import Int, Tensor
from companion.runs.examples import Examples
from companion.runs.spec import RunSpec
from companion.training.backends.base import strange
from companion.training.backends.stacked import StackedBackend, StackedEngine
from companion.training.state import TrainState

__all__ = ["CudaBackend", "GraphedEngine"]

WARM_UP = 3
"""Steps outside the graph before it is captured: libraries choose their algorithms in them."""


class CudaBackend(StackedBackend):
    """Trains many like models at once on a GPU.

    Example:
        >>> CudaBackend().group(RunSpec(seed=0)) == CudaBackend().group(RunSpec(seed=1))
        True
    """

    name = "cuda"

    def refusal(self, spec: RunSpec) -> str | None:
        """Nothing that the stacked step knows, where there is a GPU."""
        return strange(self.KNOWS, spec) or (None if torch.cuda.is_available() else "there is no GPU here")

    def start(
        self, specs: Sequence[RunSpec], states: Sequence[TrainState], data: Examples, device: str, threads: int
    ) -> GraphedEngine:
        """One engine for all runs."""
        return GraphedEngine(specs, states, data, device)


class GraphedEngine(StackedEngine):
    """A stacked engine whose full batches are replays of one graph."""

    def __init__(self, specs: Sequence[RunSpec], states: Sequence[TrainState], data: Examples, device: str) -> None:
        alike = specs[0].schedule == "constant" and specs[0].augmentation is None
        self.graphed = device.startswith("cuda") and alike
        self.capturable = self.graphed
        super().__init__(specs, states, data, device)
        size = min(self.spec.batch_size, len(self.inputs))
        self.batch = torch.zeros(len(self.specs), size, dtype=torch.int64, device=device)
        self.graph: torch.cuda.CUDAGraph | None = None
        self.warm = 0
        self.side = torch.cuda.Stream(device) if self.graphed else None  # of this device, which may not be the first

    def advance(self, batch: Int[Tensor, "M n"]) -> None:
        """One step of every model, by the graph once it is there."""
        if batch.shape != self.batch.shape:
            super().advance(batch)
            return
        self.batch.copy_(batch)
        if self.graph is not None:
            self.graph.replay()
        elif not self.graphed:
            super().advance(self.batch)
        elif self.warm < WARM_UP:
            self._aside()
        else:
            self._capture()

    def _aside(self) -> None:
        """A warm-up step on a side stream, as graph capture asks for."""
        main = torch.cuda.current_stream(self.device)
        assert self.side is not None
        self.side.wait_stream(main)
        with torch.cuda.stream(self.side):
            super().advance(self.batch)
        main.wait_stream(self.side)
        self.warm += 1

    def _capture(self) -> None:
        """Record the step, then take it: recording itself computes nothing."""
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, stream=self.side):
            super().advance(self.batch)
        self.graph.replay()

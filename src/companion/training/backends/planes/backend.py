"""Convolutional networks on the CPU, one model a thread, as fast as the processor multiplies."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor

from companion.networks.architectures import Architecture, Conv, Dense, Flatten, GlobalAveragePool
from companion.notation import Int, Tensor
from companion.runs.examples import Examples
from companion.runs.regimes import feature_origin
from companion.runs.spec import RunSpec
from companion.training import gate_cache
from companion.training.backends.base import AROUND, longest_first, strange
from companion.training.backends.planes.kernel import OPTIMISERS, library
from companion.training.backends.planes.run import FIXED_GATES, Run
from companion.training.state import EpochResult, TrainState

__all__ = ["PlanesBackend"]

MOST_LAYERS = 63


class PlanesBackend:
    """Trains networks of 3 x 3 convolutions, a global average pool or none, and dense layers.

    Example:
        >>> PlanesBackend().refusal(RunSpec(architecture="FC"))
        'it is for 3 x 3 convolutions and then dense layers, and FC has others'
    """

    name = "planes"
    KNOWS = AROUND | {
        "architecture",
        "width",
        "depth",
        "bias",
        "regime",
        "value_input",
        "gate_permutation",
        "feature_activation",
        "gate_beta",
        "gate_eps",
        "optimiser",
        "learning_rate",
        "momentum",
        "nesterov",
        "weight_decay",
        "schedule",
        "batch_size",
    }

    def refusal(self, spec: RunSpec) -> str | None:
        """Other layers or another order of them, and machines without a C compiler."""
        if (reason := strange(self.KNOWS, spec)) is not None:
            return reason
        if not _fits(spec.network):
            return f"it is for 3 x 3 convolutions and then dense layers, and {spec.architecture} has others"
        if spec.feature_network != spec.network or not spec.routing.within.identity:
            return "it moves whole layers of gates between equal networks, not gates within their layer"
        if spec.network.depth > MOST_LAYERS:
            return f"it takes at most {MOST_LAYERS} layers, not {spec.network.depth}"
        if spec.optimiser not in OPTIMISERS:
            return f"its optimisers are {', '.join(OPTIMISERS)}, not {spec.optimiser}"
        return "no C compiler works here" if library() is None else None

    def group(self, spec: RunSpec) -> Hashable:
        """Any runs may go together: threads run over models."""
        return None

    def start(
        self, specs: Sequence[RunSpec], states: Sequence[TrainState], data: Examples, device: str, threads: int
    ) -> _Engine:
        """One engine; each of its ``threads`` trains one model at a time."""
        plain = Examples(data.inputs.contiguous(), data.labels.contiguous())  # channels first, whatever they were
        return _Engine([Run(spec, state, plain) for spec, state in zip(specs, states, strict=True)], threads)


class _Engine:
    def __init__(self, runs: list[Run], threads: int) -> None:
        self.runs, self.pool = runs, ThreadPoolExecutor(threads)
        self._keep_gates()

    def _keep_gates(self) -> None:
        """The gates of frozen feature networks, those of each network once, as far as the budget goes.

        What does not fit is computed anew for each batch.
        """
        kept: dict[Hashable, Run] = {}
        left = gate_cache.GATE_BUDGET["cpu"]
        fixed = [run for run in self.runs if run.gating == FIXED_GATES]
        for run in fixed:
            origin = feature_origin(run.spec)
            if origin not in kept and run.gate_bytes <= left:
                kept[origin] = run
                left -= run.gate_bytes
        bits = dict(zip(kept, self.pool.map(Run.gates, kept.values()), strict=True))
        for run in fixed:
            if (origin := feature_origin(run.spec)) in bits:
                run.use(bits[origin])

    def epoch(self, orders: Sequence[Int[Tensor, "N"]]) -> list[EpochResult]:
        first = longest_first([run.spec for run in self.runs])
        results = self.pool.map(Run.epoch, [self.runs[i] for i in first], [orders[i] for i in first])
        by_run = dict(zip(first, results, strict=True))
        return [by_run[i] for i in range(len(self.runs))]

    def states(self) -> list[TrainState]:
        return [run.state() for run in self.runs]


def _fits(network: Architecture) -> bool:
    """Whether a network is 3 x 3 convolutions without normalisation, a global average pool or none, dense layers."""
    convolutions = sum(layer == Conv(layer.channels) for layer in network.layers if isinstance(layer, Conv))
    first, rest = network.layers[:convolutions], network.layers[convolutions:]
    return (
        convolutions > 0
        and all(isinstance(layer, Conv) for layer in first)
        and isinstance(rest[0] if rest else None, (Flatten, GlobalAveragePool))
        and all(isinstance(layer, Dense) for layer in rest[1:])
        and network.output_scale == 1
    )

"""What a grid takes before it is begun: seconds, memory of the device, and disk."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from companion.costs.speeds import Speeds
from companion.data import DATASETS
from companion.notation import Regime
from companion.records.store import Store
from companion.runs.examples import same_examples
from companion.runs.spec import RunSpec
from companion.training.loop import GROUP_SIZE

__all__ = ["Needs", "needs"]

NUMBER = 4
"""Bytes of a weight, a moment, an activation: float32."""
TRAINED = 4
"""Numbers a weight while it trains: itself, its gradient and two moments."""
KEPT = 2
"""Checkpoints of the weights of a source that stay on disk: the best, and the last or the selected."""
RECORD = 8192
"""Bytes of a record where none has been made yet."""


@dataclass(frozen=True)
class Needs:
    """What some runs take.

    Args:
        runs: how many.
        seconds: on the device, runs that go together side by side.
        memory: bytes of the device's memory, at the least: images, weights and activations of the largest group.
            Gates are kept beside them as far as there is room.
        disk: bytes of records, of checkpoints on the way and of weights that other runs start from.
    """

    runs: int
    seconds: float
    memory: int
    disk: int


def needs(missing: Iterable[RunSpec], store: Store, speeds: Speeds) -> Needs:
    """What runs take that a store lacks.

    Args:
        missing: the runs, their sources among them.
        store: where their records go; the size of those that it has tells that of others.
        speeds: of the device.
    """
    runs = list(dict.fromkeys(missing))
    sizes = [path.stat().st_size for path in store.files() if path.is_file()]
    record = statistics.mean(sizes) if sizes else RECORD
    sources = {source for spec in runs for source, _ in spec.sources.values()}
    groups: dict[object, list[RunSpec]] = {}
    for spec in {spec.course: spec for spec in runs}.values():
        groups.setdefault((same_examples(spec), spec.network, spec.regime), []).append(spec)
    together = [(group[0], min(len(group), GROUP_SIZE)) for group in groups.values()]
    weights = sum(KEPT * _weights(spec) * NUMBER for spec in sources)
    checkpoints = max((models * TRAINED * _weights(spec) * NUMBER for spec, models in together), default=0)
    return Needs(
        runs=len(runs),
        seconds=speeds.total(runs),
        memory=max((_memory(spec, models) for spec, models in together), default=0),
        disk=round(len(runs) * record) + weights + checkpoints,
    )


def _weights(spec: RunSpec) -> int:
    """Numbers of a run's networks, a frozen feature network among them."""
    networks = [spec.network] if spec.regime is Regime.RELU else [spec.network, spec.feature_network]
    return sum(math.prod(shape) for network in networks for shape in network.parameter_shapes().values())


def _memory(spec: RunSpec, models: int) -> int:
    """Bytes of so many models of a kind: images once, weights, activations of a batch and their gradients a model."""
    info = DATASETS[spec.dataset]
    examples = (spec.train_size or info.train_size) + (spec.test_size or info.test_size)
    activations = sum(math.prod(shape) for shape in spec.network.gate_shapes())
    each = TRAINED * _weights(spec) + 2 * spec.batch_size * activations
    return NUMBER * (examples * math.prod(spec.input_shape) + models * each)

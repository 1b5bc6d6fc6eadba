"""The models of C-E1 on MNIST, random gates: 24 orders and two inputs on one network's gates, or each on its own.

A step begins from nothing: it makes the gates of all training images, and then trains.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations, product

from benchmarks.networks import examples, orders
from companion.costs.bench import Benchmark, Options, Step, Variant
from companion.data import DATASETS
from companion.runs.regimes import feature_origin, initial_model
from companion.runs.spec import RunSpec
from companion.training.backends import Backend, FusedBackend, StackedBackend
from companion.training.gate_cache import GateCache
from companion.training.state import TrainState

SIZE = 2048
"""Images, each of which a model sees once a step."""


def variants(options: Options) -> list[Variant]:
    """The same mix of orders and inputs everywhere; what differs is whose gates they are."""
    layers, size = (2, 64) if options.tiny else (4, SIZE)
    spec = RunSpec(regime="FR-II", depth=layers + 1, optimiser="adam", learning_rate=3e-4)
    ways = list(product(permutations(range(layers)), ("image", "ones")))
    shared = [spec.replace(gate_permutation=order, value_input=value) for order, value in ways]
    own = [one.replace(seed=seed) for seed, one in enumerate(shared)]
    data = examples(spec.dataset, size)
    chosen = orders(len(ways), size, size)

    def train(backend: Backend, specs: Sequence[RunSpec], first: int = 0) -> None:
        states = [TrainState(initial_model(one)) for one in specs]
        started = backend.start(specs, states, data, "cpu", options.threads)
        started.epoch(list(chosen[first : first + len(specs)]))

    def way(name: str, step: Step, networks: int, copies: int) -> Variant:
        held = copies * GateCache.size(spec, DATASETS[spec.dataset].train_size) / 1e6
        words = f"{name}: gates of {networks} network{'s' if networks > 1 else ''}, {held:.1f} MB for all of MNIST"
        return Variant(words, lambda: step, len(ways) * size / 1000)

    def one_by_one() -> None:
        for i, one in enumerate(own):
            train(stacked, [one], i)

    stacked, fused, count = StackedBackend(), FusedBackend(), len(ways)
    assert len({feature_origin(one) for one in shared}) == 1
    found = [way("stacked, one model after another", one_by_one, count, 1)]
    found.append(way(f"stacked, {count} models on their own", lambda: train(stacked, own), count, count))
    found.append(way(f"stacked, {count} models on shared gates", lambda: train(stacked, shared), 1, 1))
    if fused.refusal(spec) is None:
        found.append(way(f"fused, {count} models, a copy each", lambda: train(fused, shared), 1, count))
    return found


GATE_SHARING = Benchmark(
    "gate-sharing",
    "Models on fixed random gates, fully connected, 4 hidden layers of 128, batch 32: gates shared or not",
    "thousand examples/s",
    variants,
    rounds=3,
)

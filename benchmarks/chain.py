"""Models that begin where others end: M1 to M5 of the label-noise experiment, one by one and by the queue."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from companion.costs.bench import Benchmark, Options, Step, Variant
from companion.exhibits.c_t2_label_noise import rows
from companion.records.store import Store
from companion.runs.spec import RunSpec
from companion.training.queue import run_missing, with_sources
from companion.training.workspace import Workspace

FIELDS = {"dataset": "digits", "depth": 5, "optimiser": "adam", "learning_rate": 3e-4, "epochs": 10}
"""C-T2's network for MNIST, on images that are always there."""
SEEDS, GAMMAS = 2, (0, 50)


def queued(specs: Sequence[RunSpec], folder: Path, threads: int) -> None:
    """All that is missing at once: what can train together does."""
    store = Store(folder / "results")
    run_missing(specs, store, Workspace(folder, store), threads=threads)


def one_by_one(specs: Sequence[RunSpec], folder: Path, threads: int) -> None:
    """In the same order, each by itself; its sources are there."""
    for spec in with_sources(specs):
        queued([spec], folder, threads)


def alone(specs: Sequence[RunSpec], folder: Path, threads: int) -> None:
    """Each as if there were no other: it trains all its sources itself."""
    for spec in specs:
        queued([spec], folder / spec.key, threads)


def variants(options: Options) -> list[Variant]:
    """The same runs in three ways, each time in an empty folder."""
    fields, gammas, seeds = ({**FIELDS, "epochs": 1}, (50,), 1) if options.tiny else (FIELDS, GAMMAS, SEEDS)
    specs = [row.spec(row.regimes[0], seed) for row in rows("", fields, gammas) for seed in range(seeds)]
    folder = tempfile.TemporaryDirectory()
    fresh = (Path(folder.name) / str(number) for number in itertools.count())

    def way(train: Callable[[Sequence[RunSpec], Path, int], None]) -> Step:
        return lambda _=folder: train(specs, next(fresh), options.threads)

    ways = {"each with its own sources": alone, "one after the other": one_by_one, "by the queue": queued}
    return [Variant(name, lambda train=train: way(train), len(specs)) for name, train in ways.items()]


CHAIN = Benchmark(
    "chain", "Training M1 to M5 of the label-noise experiment, which build on each other", "runs/s", variants, rounds=3
)

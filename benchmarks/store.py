"""The record store: write, read and verify thousands of records with curves of a hundred epochs."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

from companion.costs.bench import Benchmark, Options, Step, Variant
from companion.records.provenance import provenance
from companion.records.store import Record, Store
from companion.runs.spec import RunSpec

COUNT, EPOCHS = 5000, 100


def record(seed: int) -> Record:
    """A record like those of a real run; the accuracies are made up."""
    spec = RunSpec(seed=seed, epochs=EPOCHS)
    curve = [round(90 + (epoch * 7 + seed) % 1000 / 100, 4) for epoch in range(EPOCHS)]
    losses = [round(1 / (epoch + 1), 6) for epoch in range(EPOCHS)]
    return Record.build(
        spec,
        1,
        status="finished",
        curves={"train_loss": losses, "train_accuracy": curve, "test_accuracy": curve},
        best_test=max(curve),
        best_epoch=curve.index(max(curve)) + 1,
        last_test=curve[-1],
        selected_test=None,
        selected_epoch=None,
        teacher=None,
        weights={},
        provenance=provenance("reference", "cpu", 1, spec, 1.0),
    )


def variants(options: Options) -> list[Variant]:
    """The three things that one does with a store, on one set of records."""
    count = 20 if options.tiny else COUNT
    folder = tempfile.TemporaryDirectory()
    fresh = (Path(folder.name) / str(number) for number in itertools.count())
    records = [record(seed) for seed in range(count)]
    latest: list[Store] = []

    def write() -> None:
        latest[:] = [Store(next(fresh))]
        for one in records:
            latest[0].write(one)

    def read() -> None:
        found = [one.spec.key for one in latest[0]]
        assert len(found) == count

    def verify() -> None:
        assert all(reason is None for _, reason in latest[0].verify())

    steps: dict[str, Step] = {"write": write, "read": read, "verify": verify}
    return [Variant(f"{name} {count} records", lambda step=step, _=folder: step, count) for name, step in steps.items()]


STORE = Benchmark("store", "Records written one by one to the disk, read and verified", "records/s", variants, rounds=3)

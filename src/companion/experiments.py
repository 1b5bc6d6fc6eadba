"""Exhibits as grids of runs: exhibit x profile -> cells, and :func:`run_missing`, which trains what the store lacks.

``python -m companion.experiments EXHIBIT --profile P --out DIR`` does the same on a machine that has nothing but torch.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from companion.notation import Regime
from companion.spec import RunSpec, SpecError
from companion.store import Record, Store
from companion.training import Progress, train
from companion.workspace import Workspace

__all__ = ["EXHIBITS", "PROFILES", "Cell", "Exhibit", "cells", "exhibit", "run_missing", "with_teachers"]

PROFILES = ("quick", "cpu", "paper")
REGIMES = tuple(Regime)


@dataclass(frozen=True)
class Cell:
    """One run in its place in an exhibit.

    Args:
        exhibit: e.g. ``A-T2``.
        profile: ``quick``, ``cpu`` or ``paper``.
        row: the paper's row, e.g. ``FC/SGD/MNIST``.
        column: the paper's column, e.g. ``FR-II``.
        variant: empty for the run that the paper's number is set beside; else what is different about it.
        spec: the run.
    """

    exhibit: str
    profile: str
    row: str
    column: str
    variant: str
    spec: RunSpec


@dataclass(frozen=True)
class Exhibit:
    """A table or a figure.

    Args:
        id: as in the catalogue of statements.
        title: in our words.
        paper: ``A``, ``B`` or ``C``.
        chapter: the notebook's name without suffix.
        profiles: name to the function that lists the cells.
        parameters: what a reader may change, with the exhibit's own values.
    """

    id: str
    title: str
    paper: str
    chapter: str
    profiles: Mapping[str, Callable[[int], list[Cell]]]
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class _Row:
    """One row of A-T2: the fields of its runs that are not defaults."""

    name: str
    fields: Mapping[str, Any]
    variant: str = ""


def _a_t2(profile: str, rows: Sequence[_Row]) -> Callable[[int], list[Cell]]:
    def make(seeds: int) -> list[Cell]:
        return [
            Cell(
                "A-T2",
                profile,
                row.name,
                str(regime),
                row.variant,
                RunSpec.from_dict({**row.fields, "regime": regime, "seed": seed}),
            )
            for row in rows
            for regime in REGIMES
            for seed in range(seeds)
        ]

    return make


def _conv(architecture: str, optimiser: str, rate: float, epochs: int) -> dict[str, Any]:
    return {
        "dataset": "cifar10",
        "architecture": architecture,
        "optimiser": optimiser,
        "learning_rate": rate,
        "epochs": epochs,
    }


_FC_SGD = {"optimiser": "sgd", "learning_rate": 1e-2}
_FC_ADAM = {"optimiser": "adam", "learning_rate": 1e-4}
_A_T2_PAPER = (
    # Settings of the official code where the text is silent; step sizes as in the code, Paper A's 3e-4 as a variant.
    _Row("FC/SGD/MNIST", {**_FC_SGD, "epochs": 300}),
    _Row("FC/Adam/MNIST", {**_FC_ADAM, "epochs": 100}),
    _Row("FC/Adam/MNIST", {**_FC_ADAM, "learning_rate": 3e-4, "epochs": 100}, "step 3e-4"),
    _Row("VCONV/SGD/CIFAR-10", _conv("VCONV", "sgd", 1e-2, 80)),
    _Row("VCONV/Adam/CIFAR-10", _conv("VCONV", "adam", 3e-4, 80)),
    _Row("GCONV/SGD/CIFAR-10", _conv("GCONV", "sgd", 1e-1, 100)),
    _Row("GCONV/Adam/CIFAR-10", _conv("GCONV", "adam", 3e-4, 200)),
)
_CPU = {"train_size": 10_000, "epochs": 30}
_A_T2_CPU = (
    _Row("FC/SGD/MNIST", {**_FC_SGD, **_CPU}),
    _Row("FC/Adam/MNIST", {**_FC_ADAM, **_CPU}),
)
_QUICK = {"dataset": "digits", "width": 32, "depth": 4, "epochs": 30, "batch_size": 16}
_A_T2_QUICK = (
    _Row("FC/SGD/digits", {**_QUICK, "optimiser": "sgd", "learning_rate": 5e-2}),
    _Row("FC/Adam/digits", {**_QUICK, "optimiser": "adam", "learning_rate": 1e-3}),
)

EXHIBITS: Mapping[str, Exhibit] = MappingProxyType(
    {
        e.id: e
        for e in (
            Exhibit(
                id="A-T2",
                title="Test accuracy of fixed random, learnt and fixed learnt gates",
                paper="A",
                chapter="a_t2_accuracy",
                profiles=MappingProxyType(
                    {
                        "quick": _a_t2("quick", _A_T2_QUICK),
                        "cpu": _a_t2("cpu", _A_T2_CPU),
                        "paper": _a_t2("paper", _A_T2_PAPER),
                    }
                ),
                parameters=MappingProxyType({"seeds": 5, "rows": None, "overrides": {}}),
            ),
        )
    }
)


def exhibit(name: str) -> Exhibit:
    """An exhibit by its id; ``SpecError`` lists the valid ones."""
    if name not in EXHIBITS:
        raise SpecError(f"unknown exhibit {name!r}: valid are {', '.join(EXHIBITS)}")
    return EXHIBITS[name]


def cells(
    name: str,
    profile: str,
    seeds: int | None = None,
    rows: Sequence[str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> list[Cell]:
    """The grid of an exhibit.

    Args:
        name: the exhibit's id.
        profile: one that the exhibit has.
        seeds: how many, from 0; ``None`` is the exhibit's own number.
        rows: only these rows.
        overrides: fields of :class:`~companion.spec.RunSpec` to change in every run.

    Raises:
        SpecError: one sentence that lists what is valid.
    """
    chosen = exhibit(name)
    if profile not in chosen.profiles:
        raise SpecError(f"unknown profile {profile!r} for {name}: valid are {', '.join(chosen.profiles)}")
    seeds = chosen.parameters["seeds"] if seeds is None else seeds
    if not isinstance(seeds, int) or isinstance(seeds, bool) or seeds < 1:
        raise SpecError(f"seeds must be a whole number of at least 1, not {seeds!r}")
    grid = chosen.profiles[profile](seeds)
    if rows is not None:
        valid = list(dict.fromkeys(cell.row for cell in grid))
        if isinstance(rows, str) or not set(rows) <= set(valid):
            raise SpecError(f"rows must be a list of {', '.join(valid)}, not {rows!r}")
        grid = [cell for cell in grid if cell.row in rows]
    if overrides:
        if not isinstance(overrides, Mapping) or {"regime", "seed"} & set(overrides):
            raise SpecError("overrides must map fields of RunSpec, other than regime and seed, to values")
        grid = [Cell(c.exhibit, c.profile, c.row, c.column, c.variant, c.spec.replace(**overrides)) for c in grid]
    return grid


def with_teachers(specs: Iterable[RunSpec]) -> list[RunSpec]:
    """The runs and the ReLU runs that they need, each once, teachers first."""
    ordered: dict[RunSpec, None] = {}
    specs = list(specs)
    for spec in specs:
        if spec.teacher is not None:
            ordered.setdefault(spec.teacher)
    for spec in specs:
        ordered.setdefault(spec)
    return sorted(ordered, key=lambda spec: spec.teacher is not None)


def run_missing(
    specs: Iterable[RunSpec],
    store: Store,
    workspace: Workspace,
    *,
    backend: str = "auto",
    device: str = "cpu",
    threads: int = 1,
    on_progress: Callable[[Progress], None] | None = None,
    on_record: Callable[[Record], None] | None = None,
) -> int:
    """Train what the store lacks and write the records as they are finished.

    Runs that another process is training are left to it.  A teacher whose weights are not in the workspace is trained
    again (a further take of its record).

    Args:
        specs: the runs wanted; teachers are added where an FL run needs them.
        store: receives the records.
        workspace: checkpoints and teachers' weights.
        backend, device, threads, on_progress: as in :func:`companion.training.train`.
        on_record: told after each record is written.

    Returns:
        How many runs were trained.
    """
    wanted = [spec for spec in dict.fromkeys(specs) if spec not in store]
    needed = {
        spec.teacher: None
        for spec in wanted
        if spec.teacher is not None and workspace.load_weights(spec.teacher.key, spec.teacher_checkpoint) is None
    }
    students = [spec for spec in wanted if spec.teacher is not None]
    first = list(dict.fromkeys([*needed, *(spec for spec in wanted if spec.teacher is None)]))
    trained = 0

    def finish(record: Record) -> None:
        nonlocal trained
        store.write(record)
        trained += 1
        if on_record:
            on_record(record)

    for stage in (first, students):
        with ExitStack() as claims:
            mine = [spec for spec in stage if claims.enter_context(workspace.claim(spec.key))]
            mine = [spec for spec in mine if spec not in store or spec in needed]
            ready = [
                spec
                for spec in mine
                if spec.teacher is None or workspace.load_weights(spec.teacher.key, spec.teacher_checkpoint) is not None
            ]
            train(ready, workspace, finish, backend=backend, device=device, threads=threads, on_progress=on_progress)
    return trained


def main(arguments: Sequence[str] | None = None) -> int:
    """The front door on a bare machine; prints one line per record."""
    parser = argparse.ArgumentParser(prog="python -m companion.experiments", description=__doc__.splitlines()[0])
    parser.add_argument("exhibit", choices=list(EXHIBITS))
    parser.add_argument("--profile", choices=PROFILES, default="paper")
    parser.add_argument("--out", type=Path, required=True, help="folder for records and checkpoints")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--rows", nargs="*")
    options = parser.parse_args(arguments)
    store = Store(options.out / "results")
    workspace = Workspace(options.out / "workspace", store)
    start = time.monotonic()

    def say(record: Record) -> None:
        spec = record.spec
        print(
            f"{time.monotonic() - start:8.1f} s  {record.key}  {spec.regime} seed {spec.seed}  best {record.content['best_test']}"
        )
        sys.stdout.flush()

    try:
        grid = cells(options.exhibit, options.profile, options.seeds, options.rows)
        run_missing(
            [cell.spec for cell in grid],
            store,
            workspace,
            backend=options.backend,
            device=options.device,
            threads=options.threads,
            on_record=say,
        )
    except ValueError as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())

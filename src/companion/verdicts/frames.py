"""Records as data frames: one row per run, one row per epoch.  The only way from the store to tables and figures.

Every frame of runs has a column for each axis of the exhibit (:mod:`companion.exhibits.axes`), after its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import pandas as pd

from companion.exhibits import Cell
from companion.exhibits.axes import PERMUTATION
from companion.notation import Regime
from companion.records.kernels import FOLDER, KernelRecord, KernelStore, own_order
from companion.records.store import Record, Store
from companion.runs.spec import RunSpec

__all__ = [
    "STATISTICS",
    "bands",
    "by_seed",
    "curves",
    "kernels",
    "places",
    "points",
    "probes",
    "runs",
    "scores",
    "scores_by_cell",
    "stopping",
]

STATISTICS = ("best_test", "last_test", "selected_test")
PLACE = ("exhibit", "profile", "row", "column", "variant")


def _place(cell: Cell) -> dict[str, Any]:
    return {name: getattr(cell, name) for name in PLACE} | dict(cell.axes)


def _columns(cells: Iterable[Cell]) -> list[str]:
    """Names of a place where there may be no line that has them."""
    return [*PLACE, *dict.fromkeys(name for cell in cells for name in cell.axes)]


def places(cells: Iterable[Cell]) -> pd.DataFrame:
    """One row per place of a grid, seeds together: ``exhibit, profile, row, column, variant``, axes and ``dataset``."""
    lines = {(c.row, c.column, c.variant, *c.axes.values()): _place(c) | {"dataset": c.spec.dataset} for c in cells}
    return pd.DataFrame(list(lines.values()))


def _records(cells: Iterable[Cell], store: Store) -> Iterable[tuple[Cell, Record | None]]:
    return ((cell, store.find(cell.spec)) for cell in cells)


def runs(cells: Iterable[Cell], store: Store) -> pd.DataFrame:
    """One row per run of a grid, whether recorded or not.

    Columns: ``exhibit, profile, row, column, variant``, the axes, ``dataset, seed, key, status`` (``finished``,
    ``diverged`` or ``pending``), ``stale`` (recorded by an older protocol), the :data:`STATISTICS` in percent,
    ``best_epoch``, ``seconds`` and ``device``.
    """
    rows = []
    for cell, record in _records(cells, store):
        line = _place(cell) | {"dataset": cell.spec.dataset, "seed": cell.spec.seed, "key": cell.spec.key}
        line["status"] = "pending" if record is None else record.content["status"]
        line["stale"] = record is not None and cell.spec.stale
        line |= {name: None if record is None else record.statistic(name) for name in STATISTICS}
        line["best_epoch"] = None if record is None else record.content["best_epoch"]
        provenance = {} if record is None else record.content["provenance"]
        line |= {"seconds": provenance.get("seconds"), "device": provenance.get("device")}
        rows.append(line)
    frame = pd.DataFrame(rows)
    return frame.astype(dict.fromkeys([*STATISTICS, "seconds"], float))


def curves(cells: Sequence[Cell], store: Store) -> pd.DataFrame:
    """One row per epoch of every recorded run.

    Columns: ``exhibit, profile, row, column, variant, seed, epoch`` (from 1) and one per curve: ``train_loss`` in nats,
    ``train_accuracy`` and ``test_accuracy`` in percent.
    """
    parts = []
    for cell, record in _records(cells, store):
        if record is None:
            continue
        part = pd.DataFrame(dict(record.curves))
        part.insert(0, "epoch", range(1, len(part) + 1))
        for name, value in reversed(list((_place(cell) | {"seed": cell.spec.seed}).items())):
            part.insert(0, name, [value] * len(part))  # a value may be a tuple
        parts.append(part)
    if parts:
        return pd.concat(parts, ignore_index=True)
    return pd.DataFrame(columns=[*_columns(cells), "seed", "epoch", "train_loss", "train_accuracy", "test_accuracy"])


def probes(cells: Sequence[Cell], store: Store) -> pd.DataFrame:
    """One row per measurement of every finished run that has a probe.

    Columns: ``exhibit, profile, row, column, variant``, the axes, ``dataset, seed, epoch`` (epochs done, from 0), and
    one per quantity, see :mod:`companion.measure`.
    """
    parts = []
    for cell, record in _records(cells, store):
        if record is None or not record.finished or "probes" not in record.content:
            continue
        place = _place(cell) | {"dataset": cell.spec.dataset, "seed": cell.spec.seed}
        measured = record.content["probes"]
        length = len(measured["epoch"])
        parts.append(pd.DataFrame({name: [value] * length for name, value in place.items()} | measured))
    if parts:
        return pd.concat(parts, ignore_index=True)
    return pd.DataFrame(columns=[*_columns(cells), "dataset", "seed", "epoch"])


def kernels(cells: Sequence[Cell], store: Store) -> pd.DataFrame:
    """One row per run of a grid that has gates: how its order of them changes the path kernel.

    Columns: ``exhibit, profile, row, column, variant``, the axes, ``seed``, and ``relative`` and ``misaligned`` of
    :func:`companion.measure.kernel_change.kernel_changes`, missing where they are not measured.
    """
    from companion.measure.kernel_change import all_orders

    kept = KernelStore(store.folder / FOLDER)
    found: dict[RunSpec, KernelRecord | None] = {}
    lines = []
    for cell in cells:
        if cell.spec.regime is Regime.RELU:
            continue
        own = own_order(cell.spec)
        if own not in found:
            found[own] = store.kept(partial(kept.get, own))
        line = _place(cell) | {"seed": cell.spec.seed, "relative": None, "misaligned": None}
        if (record := found[own]) is not None:
            changes = record.content["changes"][str(cell.spec.value_input)]
            i = all_orders(own).index(cell.axes[PERMUTATION.name])
            line |= {name: changes[name][i] for name in ("relative", "misaligned")}
        lines.append(line)
    columns = [*_columns(cells), "seed", "relative", "misaligned"]
    return pd.DataFrame(lines, columns=columns).astype({"relative": float, "misaligned": float})


def stopping(cells: Sequence[Cell], store: Store, epochs: int) -> pd.DataFrame:
    """What an early stop would have changed, for every finished run that could have stopped and did not.

    Columns: ``exhibit, profile, row, column, variant, seed``, ``stop``, the epoch at which training accuracy had been
    at least 99.9% for so many ``epochs`` (none if never), and ``moved``, the points of best test accuracy that came
    later.
    """
    lines = []
    for cell, record in _records(cells, store):
        if record is None or not record.finished or cell.spec.early_stop:
            continue
        rule = cell.spec.replace(early_stop=min(epochs, cell.spec.epochs - 1))
        train, test = record.curves["train_accuracy"], record.curves["test_accuracy"]
        stop = next((e for e in range(1, len(train)) if rule.fitted(train[:e])), None)
        moved = 0.0 if stop is None else max(test) - max(test[:stop])
        lines.append(_place(cell) | {"seed": cell.spec.seed, "stop": stop, "moved": moved})
    return pd.DataFrame(lines, columns=[*_columns(cells), "seed", "stop", "moved"])


def bands(frame: pd.DataFrame, value: str = "test_accuracy", by: Sequence[str] = ("row", "column")) -> pd.DataFrame:
    """A frame of :func:`curves` over its seeds: one row per cell and epoch.

    Columns: those that tell cells apart, ``epoch``, ``mean``, ``low`` and ``high`` of ``value`` over the seeds that
    have the epoch, and ``n``, the number of seeds of the cell.

    Args:
        frame: curves.
        value: which of them.
        by: columns that tell cells apart.
    """
    grouped = frame.groupby([*by, "epoch"], sort=False)[value]
    result = grouped.agg(mean="mean", low="min", high="max").reset_index()
    seeds = frame.groupby(list(by), sort=False)["seed"].nunique().rename("n").reset_index()
    return result.merge(seeds, on=list(by), how="left")


def points(frame: pd.DataFrame, statistic: str = "best_test") -> pd.DataFrame:
    """A frame of :func:`runs` that has ``label`` and ``x`` too, over seeds: one row per label and ``x`` with a record.

    Columns: ``label, x``, ``mean``, ``low`` and ``high`` of the statistic in percent, and ``n``.
    """
    done = frame[frame[statistic].notna()]
    grouped = done.groupby(["label", "x"], sort=False)[statistic]
    return grouped.agg(mean="mean", low="min", high="max", n="size").reset_index()


def scores(frame: pd.DataFrame, row: str, column: str, variant: str = "", statistic: str = "best_test") -> pd.Series:
    """The scores of one cell of a frame of :func:`runs`, by seed; missing and diverged runs are left out."""
    mine = (frame["row"] == row) & (frame["column"] == column) & (frame["variant"] == variant)
    return frame.loc[mine, ["seed", statistic]].set_index("seed")[statistic].dropna().sort_index()


def scores_by_cell(frame: pd.DataFrame, statistic: str = "best_test") -> dict[tuple[str, str], dict[int, float]]:
    """The scores of all cells at once, by row and column: seed to score, in the order of seeds.

    Args:
        frame: of :func:`runs`; its variants are left out, and so are cells without any score.
        statistic: which score.

    Example:
        >>> lines = [("FC", "ReLU", "", seed, score) for seed, score in ((1, 98.5), (0, 98.0), (2, None))]
        >>> scores_by_cell(pd.DataFrame(lines, columns=["row", "column", "variant", "seed", "best_test"]))
        {('FC', 'ReLU'): {0: 98.0, 1: 98.5}}
    """
    found: dict[tuple[str, str], dict[int, float]] = {}
    mine = frame[(frame["variant"] == "") & frame[statistic].notna()].sort_values("seed", kind="stable")
    for row, column, seed, score in zip(*(mine[name] for name in ("row", "column", "seed", statistic)), strict=True):
        found.setdefault((row, column), {})[seed] = score
    return found


def by_seed(lines: pd.DataFrame, statistic: str = "best_test") -> list[float]:
    """The scores of one cell by seed: where it is made of several models, each seed's mean over all of them.

    A seed of which any model has no score is left out.
    """
    grouped = lines.groupby("seed")[statistic]
    return grouped.mean()[grouped.count() == grouped.size()].to_list()

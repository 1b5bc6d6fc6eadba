"""Made-up records: stores in which the truth is known, so that verdicts can be checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

from companion.exhibits import Cell, cells
from companion.papers.numbers import numbers
from companion.records.store import Record, Store
from companion.runs.spec import RunSpec
from companion.verdicts.scorecard import Entry
from support.records import ORIGIN, taken

OFFSETS = (-math.sqrt(2), -math.sqrt(0.5), 0.0, math.sqrt(0.5), math.sqrt(2))
"""Five numbers with mean 0 and standard deviation 1 (``ddof = 0``)."""

MNIST = ("FC/SGD/MNIST", "FC/Adam/MNIST")

Score = Callable[[Cell], float | str | None]
"""Best test accuracy of a run; ``"diverged"`` (after one epoch) or ``"diverged at once"``; ``None``: not recorded."""


def record(spec: RunSpec, best: float | str, last: float | None = None, selected: float | None = None) -> Record:
    """A record that verifies, with ``best`` at the second epoch (where there are three) and ``last`` at the end.

    Args:
        spec: the run.
        best: best test accuracy, or how the run diverged.
        last: test accuracy at the end.
        selected: test accuracy at the epoch that held-out images chose.
    """
    diverged = isinstance(best, str)
    if isinstance(best, str):
        test = [55.0] if best == "diverged" else []
    else:
        test = [best - 0.5] * spec.epochs
        test[-1] = best - 0.25 if last is None else last
        test[min(1, spec.epochs - 1)] = best
        if selected is not None:
            test[0] = selected
    return Record.build(
        spec,
        1,
        status="diverged" if diverged else "finished",
        curves={
            "train_loss": [1 / epoch for epoch, _ in enumerate(test, 1)],
            "train_accuracy": [90.0] * len(test),
            "test_accuracy": test,
        },
        best_test=max(test, default=None),
        best_epoch=min(2, len(test)) or None,
        last_test=test[-1] if test else None,
        selected_test=selected,
        selected_epoch=None if selected is None else 1,
        **taken(spec),
        weights={},
        provenance={**ORIGIN, "seconds": 36.0, "device": "a made-up <device>"},
    )


def fill(folder: Path, grid: Iterable[Cell], score: Score) -> Store:
    """A store with a record for each cell that has a score; what is there already stays."""
    store = Store(folder)
    for cell in grid:
        best = score(cell)
        if best is not None:
            store.write(record(cell.spec, best))
    return store


class Shelf(Store):
    """A store in memory, without files and without verification: quick, for many runs at once.

    Args:
        grid: cells.
        score: their scores.
    """

    def __init__(self, grid: Iterable[Cell], score: Score) -> None:
        super().__init__(Path())
        self.records = {cell.spec: self._record(score(cell)) for cell in grid}

    @staticmethod
    def _record(best: float | str | None) -> Record | None:
        finished = isinstance(best, float)
        content = {"status": "finished" if finished else "diverged", "best_epoch": 2, "provenance": {}}
        scores = {"best_test": best, "last_test": best, "selected_test": None}
        return None if best is None else Record(content | scores)

    def __contains__(self, spec: RunSpec) -> bool:
        return self.get(spec) is not None

    def get(self, spec: RunSpec) -> Record | None:
        return self.records.get(spec)


def spread(means: Mapping[tuple[str, str] | str, float], std: float = 0.02) -> Score:
    """Five seeds round the mean of a ``(row, column)`` or a column, with an exact ``std``."""

    def score(cell: Cell) -> float | None:
        mean = means.get((cell.row, cell.column), means.get(cell.column))
        return None if mean is None else mean + std * OFFSETS[cell.spec.seed]

    return score


def like_the_paper(shift: float = 0.0, std: float = 0.02) -> Score:
    """The paper's own means, all shifted alike."""
    table = numbers().query("exhibit == 'A-T2' and cited == 'no'")
    means = zip(table["row"], table["column"], table["mean"], strict=True)
    return spread({(row, column): mean + shift for row, column, mean in means}, std)


STAIRS = (67.09, 72.29, 74.42, 77.0, 78.4, 78.7, 79.43)
"""Paper A's accuracies with gates from the seven stages of a teacher's training."""


STAGE_OFFSETS = (-math.sqrt(1.5), 0.0, math.sqrt(1.5))
"""The same of three, for three seeds."""


def stairs(means: Sequence[float | None] = STAIRS, std: float = 0.02) -> Score:
    """Three seeds round the mean of a stage, teachers a point above; ``None``: not recorded."""

    def score(cell: Cell) -> float | None:
        mean = means[cell.axes["stage"]]
        return None if mean is None else mean + (cell.column == "ReLU") + std * STAGE_OFFSETS[cell.spec.seed % 3]

    return score


grid_of = cache(cells)
"""The grid of an exhibit in a profile, made once."""


def main_cells(profile: str = "paper") -> list[Cell]:
    """The runs of A-T2 that stand in the paper's columns."""
    return [cell for cell in grid_of("A-T2", profile) if not cell.variant]


def by_id(entries: Iterable[Entry]) -> dict[str, Entry]:
    """Entries by their id, which must be unique."""
    entries = list(entries)
    found = {entry.id: entry for entry in entries}
    assert len(found) == len(entries)
    return found

"""A made-up store of C-E1 whose runs learn along curves of their own, and its grid of models."""

from __future__ import annotations

from functools import cache
from random import Random

from companion.chapters.b_f4_grid import model_grid
from companion.chapters.chapter import Chapter
from companion.exhibits import Cell, exhibit
from companion.exhibits.b_f4_permutations import CIFAR_FIRST, IDENTITY
from companion.records.store import Record
from companion.render.model_grid import ModelGrid
from companion.runs.spec import RunSpec
from support.synthetic import Shelf, grid_of

MNIST, CIFAR = "FC/MNIST", "C4GAP/CIFAR-10"
LEVEL = {"FR-II": 95.0, "FR-DI": 95.0, "DL": 98.0, "FL": 98.0}


def recorded(cell: Cell) -> bool:
    """On MNIST all but the last seed of FR-DI's own order with the image; on CIFAR-10 three orders of FL."""
    order, value = cell.axes["permutation"], cell.axes["value_input"]
    if cell.row == CIFAR:
        return cell.column == "FL" and order in CIFAR_FIRST[:3] and (value, order) != ("ones", IDENTITY)
    return cell.column != "ReLU" and (cell.column, order, value, cell.spec.seed) != ("FR-DI", IDENTITY, "image", 2)


class Learning(Shelf):
    """Accuracies in hundredths that rise to the level of a regime, far below it where random gates see ones."""

    def __init__(self, grid: list[Cell]) -> None:
        super().__init__([], lambda cell: None)
        self.records = {cell.spec: self._learnt(cell.spec, cell) for cell in grid if recorded(cell)}

    @staticmethod
    def _learnt(spec: RunSpec, cell: Cell) -> Record:
        draws = Random(f"{cell.row} {cell.column} {cell.axes} {spec.seed}")
        level = LEVEL[cell.column] - 5.0 * (cell.column.startswith("FR") and cell.axes["value_input"] == "ones")
        test = [round(level - 20 / epoch**2 + draws.uniform(-0.5, 0.5), 2) for epoch in range(1, spec.epochs + 1)]
        curves = {"train_loss": [0.1] * spec.epochs, "train_accuracy": test, "test_accuracy": test}
        best = max(test)
        scores = {"best_test": best, "last_test": test[-1], "selected_test": None, "best_epoch": test.index(best) + 1}
        return Record({"status": "finished", "provenance": {"device": "a <device>"}, "curves": curves, **scores})


@cache
def chapter() -> Chapter:
    """Of the paper's profile; read only."""
    grid = grid_of("C-E1", "paper")
    return Chapter(exhibit("C-E1"), "paper", grid, Learning(grid), own=True)


@cache
def grid() -> ModelGrid:
    """What the chapter makes of it."""
    return model_grid(chapter())

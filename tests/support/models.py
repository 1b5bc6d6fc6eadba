"""Runs of C-E1 of which the truth is known, and its claims by name."""

from __future__ import annotations

from collections.abc import Callable

from companion.exhibits import Cell
from companion.exhibits.b_f4_permutations import CLAIMS
from companion.exhibits.claim import Claim
from companion.verdicts.claims import RowResult
from companion.verdicts.frames import runs
from companion.verdicts.spread import spread_results
from support.synthetic import Shelf, grid_of

CNN, FC = "C4GAP/CIFAR-10", "FC/MNIST"
LEARN, NEAR, MEAN, ORDER, ONES, SAME, DL_OVER, WITHIN_THREE, WITHIN_ONE, FAR, SETS, REACHED, RANDOM = CLAIMS
BASE = {"ReLU": 80.0, "FR-II": 67.0, "FR-DI": 67.2, "DL": 77.0, "FL": 79.5}
RANDOM_GATES = ("FR-II", "FR-DI")
WOBBLE = (-0.1, 0.0, 0.1)
GRID = [cell for cell in grid_of("C-E1", "paper") if cell.row == CNN]

Score = Callable[[Cell], float | str | None]


def known(cell: Cell) -> float:
    """The regime's mean, ten points between one seed and the next, and nothing by order or input."""
    return BASE[cell.column] + 10 * cell.spec.seed


def results(claim: Claim, score: Score) -> dict[str, RowResult]:
    """A claim in the rows of one network."""
    return {result.row: result for result in spread_results(claim, runs(GRID, Shelf(GRID, score)), 3)}

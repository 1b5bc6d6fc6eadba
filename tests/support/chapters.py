"""What the tests of chapters share: a store with gaps, and the lines of a table."""

from __future__ import annotations

from typing import Any

from companion.exhibits import Cell, cells
from support.synthetic import MNIST, grid_of, like_the_paper

ROW = MNIST[0]
VARIANT = "step 3e-4"
PAPER = like_the_paper(shift=0.05)


def gappy(cell: Cell) -> float | None:
    """One MNIST row whole, the other and its variant with two of five seeds in one regime."""
    if cell.row not in MNIST:
        return None
    if cell.variant:
        return 98.0 if cell.spec.seed < 2 else None
    score = PAPER(cell)
    assert isinstance(score, float)
    return None if cell.row == MNIST[1] and cell.column == "FL" and cell.spec.seed > 1 else score


def grid(
    name: str, profile: str, seeds: int | None = None, rows: list[str] | None = None, overrides: Any = None
) -> list[Cell]:
    """The grid of an exhibit; whole ones are made once, for they are slow to make while shapes are checked."""
    return cells(name, profile, seeds, rows, overrides) if rows or overrides else grid_of(name, profile, seeds)


def lines(table: Any, row: str) -> dict[str, dict[str, object]]:
    """A block of the number table: label to column to cell."""
    records = table.frame.to_dict("records")
    start = next(i for i, line in enumerate(records) if line["row"] == row)
    block = [records[start], *[r for r in records[start + 1 : start + 5] if r["row"] == ""]]
    return {line[""]: line for line in block}

"""How complete a cell is: one count and one wording, wherever it is told."""

from __future__ import annotations

import ast
import itertools
from pathlib import Path

import pandas as pd
import pytest

import companion
from companion.exhibits import Cell
from companion.verdicts import sensitivity
from companion.verdicts.cells import Completeness
from companion.verdicts.frames import runs
from companion.verdicts.scorecard import number_entries
from support.synthetic import Shelf, by_id, grid_of

ROW = "FC/SGD/MNIST"
FATES = [fates for fates in itertools.product((None, "diverged", 97.0), repeat=3) if fates != (97.0,) * 3]


def frame_of(fates: tuple[float | str | None, ...], exhibit: str, row: str, column: str) -> pd.DataFrame:
    """A cell whose first runs have these fates, the others the last one's."""
    grid = [c for c in grid_of(exhibit, "paper") if (c.row, c.column, c.variant) == (row, column, "")]

    def fate(cell: Cell) -> float | str | None:
        return fates[min(cell.spec.seed, len(fates) - 1)]

    return runs(grid, Shelf(grid, fate))


@pytest.mark.parametrize("fates", FATES)
def test_a_cell_waits_for_what_is_missing_and_for_nothing_that_diverged(fates: tuple[float | str | None, ...]) -> None:
    frame = frame_of(fates, "A-S-step", ROW, "ReLU")
    there = Completeness.of(frame)
    assert (there.scored, there.diverged, there.expected) == (fates.count(97.0), fates.count("diverged"), 3)
    assert there.waiting == (None in fates)
    assert not there.complete
    recorded = 3 - fates.count(None)
    expected = f"pending: {recorded} of 3" if None in fates else f"{fates.count('diverged')} of 3 runs diverged"
    assert there.short == expected
    assert there.word == expected.split(":")[0]
    assert there.long == expected + (" seeds recorded" if None in fates else "")
    assert sensitivity.shift(frame, ROW, "ReLU", "")["verdict"] == there.word


@pytest.mark.parametrize("fates", FATES)
def test_the_scorecard_uses_the_same_words(fates: tuple[float | str | None, ...]) -> None:
    frame = frame_of(fates, "A-T2", ROW, "FL")
    entry = by_id(number_entries("A-T2", frame))[f"A-T2:{ROW}:FL"]
    assert entry.rule == Completeness.of(frame).long


def test_a_whole_cell_has_nothing_to_say_and_a_score_of_another_kind_does_not_make_one() -> None:
    frame = frame_of((97.0,), "A-S-step", ROW, "ReLU")
    assert Completeness.of(frame).complete
    assert Completeness.of(frame).word == Completeness.of(frame).short == Completeness.of(frame).long == ""
    assert Completeness.of(frame, "selected_test").short == "pending: 0 of 3"
    assert Completeness.of(frame[:1], at_least=2).short == "pending: 1 of 2"


def test_nobody_else_counts_what_diverged() -> None:
    """The words are written in one file."""
    package = Path(companion.__file__).parent
    found = []
    for file in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.JoinedStr):
                text = "".join(part.value for part in node.values if isinstance(part, ast.Constant))
                if "diverged" in text or text.startswith("pending:"):
                    found.append(file.relative_to(package).as_posix())
    assert set(found) == {"verdicts/cells.py"}

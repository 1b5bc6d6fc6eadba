"""Numbers that are only said to be about so much, and the statements that they decide along with a claim."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from companion.exhibits import EXHIBITS, Cell
from companion.verdicts import scorecard
from companion.verdicts.frames import runs
from companion.verdicts.scorecard import Entry, claim_results, number_entries
from companion.verdicts.stats import Verdict
from support.synthetic import OFFSETS, Shelf, by_id, grid_of

CNN = "C4GAP/CIFAR-10"
GRID = grid_of("B-F5", "paper")

Score = Callable[[Cell], float | None]


@pytest.fixture(autouse=True)
def grids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made once, for they are slow to make while shapes are checked."""
    monkeypatch.setattr("companion.verdicts.scorecard.cells", grid_of)


def means(relu: float | None, fl: float | None, fr: float | None = 60.0) -> Score:
    """On CIFAR-10; nothing else is recorded."""
    table = {"ReLU": relu, "FL": fl, "FR-II": fr}

    def score(cell: Cell) -> float | None:
        mean = table[cell.column] if cell.row == CNN else None
        return None if mean is None else mean + 0.02 * OFFSETS[cell.spec.seed]

    return score


def entries(score: Score) -> dict[str, Entry]:
    frame = runs(GRID, Shelf(GRID, score))
    counted = number_entries("B-F5", frame)
    claimed = scorecard._claim_entries("B-F5", frame)
    stated = [scorecard._statement(scorecard.statements()[n], counted, claimed, {}) for n in EXHIBITS["B-F5"].states]
    return by_id([*counted, *claimed, *stated])


@pytest.mark.parametrize(
    ("relu", "fl", "verdicts"),
    [
        (81.9, 78.1, ("reproduced", "reproduced")),
        (77.4, 80.0, ("not reproduced", "reproduced")),
        (80.0, 82.6, ("reproduced", "not reproduced")),
        (75.5, 75.5, ("not reproduced", "not reproduced")),
        (80.0, None, ("reproduced", "pending")),
    ],
)
def test_about_eighty_is_within_two_and_a_half_points(relu: float, fl: float | None, verdicts: tuple[str, str]) -> None:
    found = entries(means(relu, fl))
    mine = [found[f"B-F5:{CNN}:{column}"] for column in ("ReLU", "FL")]
    assert tuple(str(entry.verdict) for entry in mine) == verdicts
    assert "margin 2.5" in mine[0].rule


def test_a_pair_that_agrees_but_not_at_eighty_is_not_the_papers() -> None:
    found = entries(means(75.0, 75.0))
    assert found[f"B-F5:as-good:{CNN}"].verdict is Verdict.REPRODUCED
    assert found["B-F5"].verdict is found["C-F3"].verdict is Verdict.NOT_REPRODUCED
    assert found["B-Claim6"].verdict is Verdict.PARTLY
    assert found["B-Claim6"].rule == "all rows and numbers must be: 1 of 3 reproduced, 0 pending"
    assert found["C-F3"].rule == "all numbers must be: 0 of 2 reproduced, 0 pending"


def test_all_three_make_the_statement() -> None:
    assert entries(means(80.2, 80.0))["B-Claim6"].verdict is Verdict.REPRODUCED
    behind = entries(means(82.0, 79.0))
    assert behind["C-F3"].verdict is Verdict.REPRODUCED
    assert behind["B-Claim6"].verdict is Verdict.PARTLY
    assert entries(means(80.0, None))["B-Claim6"].verdict is Verdict.PENDING


def test_a_claim_with_rows_of_its_own_is_put_to_no_other() -> None:
    frame = runs(GRID, Shelf(GRID, means(80.0, 80.0)))
    rows = [(claim.id, ours.row) for claim, ours, _ in claim_results("B-F5", frame)]
    assert rows == [
        ("B-F5:as-good", CNN),
        ("B-F5:as-good-on-MNIST", "FC/MNIST"),
        ("B-F5:gates-learn", CNN),
        ("B-F5:gates-learn", "FC/MNIST"),
    ]

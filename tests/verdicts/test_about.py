"""A number that is only said to be about so much: the claims that decide it, and the statements that these decide."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from companion.exhibits import Cell
from companion.exhibits.b_f5_hidden_layers import ABOUT
from companion.papers.numbers import numbers
from companion.papers.statements import statements
from companion.verdicts import scorecard
from companion.verdicts.frames import runs
from companion.verdicts.scorecard import Entry
from companion.verdicts.sentences import claim_results
from companion.verdicts.stats import Verdict
from support.synthetic import OFFSETS, Shelf, by_id, grid_of

CNN = "C4GAP/CIFAR-10"
GRID = grid_of("B-F5", "paper")

Score = Callable[[Cell], float | None]


@pytest.fixture(autouse=True)
def grids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made once, for they are slow to make while shapes are checked."""
    for module in ("scorecard", "sentences"):
        monkeypatch.setattr(f"companion.verdicts.{module}.cells", grid_of)


def means(relu: float | None, fl: float | None, fr: float | None = 60.0) -> Score:
    """On CIFAR-10; nothing else is recorded."""
    table = {"ReLU": relu, "FL": fl, "FR-II": fr}

    def score(cell: Cell) -> float | None:
        mean = table[cell.column] if cell.row == CNN else None
        return None if mean is None else mean + 0.02 * OFFSETS[cell.spec.seed]

    return score


def entries(score: Score) -> dict[str, Entry]:
    claimed = scorecard._claim_entries("B-F5", runs(GRID, Shelf(GRID, score)), "paper")
    line = numbers().set_index("id", drop=False).loc[ABOUT.number].to_dict()
    (printed,) = scorecard._number(line, None)
    stated = [scorecard._statement(statements()[name], [], claimed, {}) for name in ("B-F5", "C-F3", "B-Claim6")]
    return by_id([scorecard._bound(printed, claimed), *claimed, *stated])


@pytest.mark.parametrize(
    ("relu", "fl", "verdicts"),
    [
        (81.9, 78.1, ("reproduced", "reproduced", "reproduced")),
        (77.4, 80.0, ("not reproduced", "reproduced", "partly")),
        (80.0, 82.6, ("reproduced", "not reproduced", "partly")),
        (75.5, 75.5, ("not reproduced", "not reproduced", "not reproduced")),
        (80.0, None, ("reproduced", "pending", "pending")),
        (75.5, None, ("not reproduced", "pending", "not reproduced")),
    ],
)
def test_about_eighty_is_within_two_and_a_half_points_of_it(
    relu: float, fl: float | None, verdicts: tuple[str, str, str]
) -> None:
    found = entries(means(relu, fl))
    mine = [found[f"B-F5:{column}-about-80:{CNN}"] for column in ("ReLU", "FL")]
    assert tuple(str(entry.verdict) for entry in (*mine, found["B-F5"])) == verdicts
    assert "margin 2.5" in mine[0].rule
    assert found["C-F3"].verdict is found["B-F5"].verdict is found[ABOUT.number].verdict
    assert found[ABOUT.number].rule.startswith("holds if the claims B-F5:ReLU-about-80 and B-F5:FL-about-80 do: ")


def test_a_pair_that_agrees_but_not_at_eighty_is_not_the_papers() -> None:
    found = entries(means(75.0, 75.0))
    assert found[f"B-F5:as-good:{CNN}"].verdict is Verdict.REPRODUCED
    assert found["B-Claim6"].verdict is Verdict.PARTLY


def test_both_rules_make_the_statement() -> None:
    assert entries(means(80.2, 80.0))["B-Claim6"].verdict is Verdict.REPRODUCED
    behind = entries(means(82.0, 79.0))
    assert behind["C-F3"].verdict is Verdict.REPRODUCED
    assert behind["B-Claim6"].verdict is Verdict.PARTLY
    assert entries(means(80.0, None))["B-Claim6"].verdict is Verdict.PENDING


def test_what_the_papers_say_of_cifar_is_put_to_no_other_row() -> None:
    frame = runs(GRID, Shelf(GRID, means(80.0, 80.0)))
    assert [(claim.id, ours.row) for claim, ours, _ in claim_results("B-F5", frame)] == [
        ("B-F5:ReLU-about-80", CNN),
        ("B-F5:FL-about-80", CNN),
        ("B-F5:as-good", CNN),
        ("B-F5:as-good-on-MNIST", "FC/MNIST"),
        ("B-F5:gates-learn", CNN),
        ("B-F5:gates-learn", "FC/MNIST"),
    ]

"""The chapter of many models: what it shows of stores in which some are recorded and the truth is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from companion.chapters.b_f4_permutations import PermutationChapter
from companion.chapters.chapter import Chapter
from companion.exhibits import Cell, exhibit
from companion.exhibits.b_f4_permutations import CIFAR_FIRST, IDENTITY, REVERSE
from companion.records.store import Record
from companion.verdicts.stats import Verdict
from support.synthetic import Shelf, grid_of

CNN = "C4GAP/CIFAR-10"
BASE = {"ReLU": 75.0, "FR-II": 67.0, "FR-DI": 67.0, "DL": 77.0, "FL": 77.0}
GRID = [cell for cell in grid_of("C-E1", "paper") if cell.row == CNN]

Score = Callable[[Cell], float | str | None]


def known(cell: Cell) -> float | None:
    """Seeds a point apart; ReLU, and the orders identity, reverse and one more of FL with both inputs."""
    order = cell.axes["permutation"]
    if cell.column not in ("ReLU", "FL") or order not in (None, *CIFAR_FIRST[:3]):
        return None
    return BASE[cell.column] + cell.spec.seed + 0.5 * (order == CIFAR_FIRST[2])


class Curved(Shelf):
    """A store in memory whose records have curves too: training accuracy rises to a level."""

    def __init__(self, score: Score, level: float, grid: list[Cell] = GRID) -> None:
        super().__init__(grid, score)
        curves = {"train_loss": [1.0] * 32, "train_accuracy": [level - 32 + epoch for epoch in range(1, 33)]}
        curves["test_accuracy"] = curves["train_accuracy"]
        self.records = {
            spec: record and Record({**record.content, "curves": curves, "best_epoch": 30})
            for spec, record in self.records.items()
        }


@pytest.fixture(autouse=True)
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where files go; grids are made once, for they are slow to make while shapes are checked."""
    monkeypatch.setenv("COMPANION_DOWNLOADS", str(tmp_path))
    for module in ("chapters.chapter", "verdicts.scorecard"):
        monkeypatch.setattr(f"companion.{module}.cells", grid_of)
    return tmp_path / "b_f4_permutations"


def made(score: Score = known, level: float = 79.0) -> PermutationChapter:
    return PermutationChapter(Chapter(exhibit("C-E1"), "paper", GRID, Curved(score, level), own=True))


def test_the_identity_the_reverse_and_the_range_of_all_others_stand_side_by_side(downloads: Path) -> None:
    table = made().table()
    found = {line["regime"]: line for line in table.frame.to_dict("records")}
    assert list(found) == ["ReLU", "FR-II", "FR-DI", "DL", "FL"]
    assert found["FL"] == {
        "row": CNN,
        "regime": "FL",
        "paper, mean of its models": "79.40",
        **dict.fromkeys(("identity, image", "identity, ones", "reverse, image", "reverse, ones"), "78.00 ± 0.82"),
        **dict.fromkeys(("other orders, image", "other orders, ones"), "78.50 (1 of 22 orders)"),
    }
    assert found["ReLU"]["identity, image"] == "76.00 ± 0.82"
    assert {found["ReLU"][head] for head in list(found["FL"])[4:]} == {"–"}
    assert found["DL"]["reverse, ones"] == "pending: 0 of 3"
    assert found["DL"]["other orders, ones"] == "pending: 0 of 66"
    assert (downloads / "models.csv").is_file()


def test_a_diverged_run_is_told() -> None:
    def score(cell: Cell) -> float | str | None:
        place = (cell.column, cell.axes["permutation"], cell.axes["value_input"], cell.spec.seed)
        return "diverged" if place == ("FL", REVERSE, "ones", 1) else known(cell)

    found = {line["regime"]: line for line in made(score).table().frame.to_dict("records")}
    assert found["FL"]["reverse, ones"] == "1 of 3 runs diverged"


def test_it_says_plainly_where_relu_was_still_learning() -> None:
    (text,) = made().convergence().lines
    assert text.startswith(
        f"{CNN}: in the last of the 32 epochs that were fixed beforehand the ReLU networks had 79.00%"
    )
    assert "their best test epochs are 30" in text
    assert "FL is 2.17 points above ReLU in test accuracy says nothing about the two at convergence" in text
    assert "does not mean that gates beat their teacher" in text
    (below,) = made(lambda c: None if (s := known(c)) is None else s + 9 * (c.column == "ReLU")).convergence().lines
    assert "6.83 points below ReLU" in below
    (fitted,) = made(level=99.95).convergence().lines
    assert "still learning" not in fitted
    assert made(lambda c: None).convergence().lines == (f"{CNN}: no ReLU network and its gates are recorded yet.",)


def test_how_far_training_went_is_told_of_recorded_runs_alone() -> None:
    table = made().fit().frame.set_index("regime")
    assert list(table.index) == ["ReLU", "FL"]
    assert table.loc["FL"].to_dict() == {
        "row": CNN,
        "runs": "18 of 144",
        "training accuracy in the last epoch": "79.00",
        "epoch of the best test": "30",
        "of": "32",
    }
    assert made(lambda c: None).fit().frame.empty


def test_claims_come_with_their_rules() -> None:
    table = made().claims().frame
    own = "on the paper's own means"
    assert list(table.columns) == ["claim", "row", "gap in points (bounds)", "verdict", own, "rule"]
    found = {(line["claim"].split()[0], line["row"]): line for line in table.to_dict("records")}
    order = found["The", f"{CNN}:FL"]
    assert order[own] == "–"  # of single orders nothing is printed
    assert found["Decoupled", CNN][own] is Verdict.REPRODUCED
    assert order["verdict"] is Verdict.PENDING
    assert order["rule"].startswith("so far reproduced: ")
    assert order["rule"].endswith("corrected for the largest of 2, margin 1; 4 of 46 comparisons recorded")
    assert found["The", f"{CNN}:DL"]["rule"] == "pending: 0 of 46 comparisons recorded"
    small = PermutationChapter(Chapter(exhibit("C-E1"), "quick", grid_of("C-E1", "quick"), Shelf([], known), own=True))
    assert small.claims().frame.empty


def test_the_answer_is_told_of_what_is_recorded() -> None:
    start = f"{CNN}: on fixed learnt gates (FL) fresh value networks reach 78.00 to 78.50% in the mean over 3 seeds, "
    start += "over 6 of the 48 ways to order the gates and to choose the input; ReLU reaches 76.00%"
    assert made(level=99.95).answer().lines == (f"{start}.",)
    assert made().answer().lines == (f"{start} (and was still learning, with 79.00% of its training images right).",)
    (line,) = made(lambda c: known(c) if c.column != "FR-II" else 67.0).answer().lines
    assert line.endswith("right), random gates (FR-II, 48) 67.00%.")
    grid = grid_of("C-E1", "quick")
    small = PermutationChapter(Chapter(exhibit("C-E1"), "quick", grid, Curved(lambda c: 90.0, 99.95, grid), own=True))
    assert "over 6 of the 6 ways to order the gates" in small.answer().lines[0]
    unknown = made(lambda c: known(c) if c.column != "ReLU" else None).answer()
    assert unknown.lines == (f"{CNN}: nothing can be said yet.",)


def test_findings_count_models() -> None:
    assert made().findings().lines == (
        f"{CNN}: models with all their seeds, of 48 in each regime: FR-II 0, FR-DI 0, DL 0, FL 6. "
        "The means of those of FL lie between 78.00 and 78.50.",
    )
    assert made(lambda c: None).findings().lines == (f"{CNN}: no model is recorded yet.",)


def test_the_picture_has_a_dot_for_every_run_and_marks_the_identity_and_the_reverse(downloads: Path) -> None:
    (ax,) = made().figure().axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["ReLU", "FL"]
    dots = [line for line in ax.lines if len(line.get_xdata()) == 1 and line.get_marker() in "oD^"]
    assert len(dots) == 3 + 18
    assert sum(line.get_marker() == "o" for line in dots) == 3 + 6
    assert sum(line.get_fillstyle() == "none" for line in dots) == 9
    (legend,) = ax.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        *("paper, mean of its models", "identity", "reverse", "other orders"),
    ]
    assert (downloads / "models.svg").is_file()
    assert known(next(c for c in GRID if c.axes["permutation"] == IDENTITY and c.column == "FL")) == 77.0


@pytest.mark.filterwarnings("error")
def test_an_empty_store_has_an_empty_picture() -> None:
    figure = made(lambda c: None).figure()
    assert [ax.get_title() for ax in figure.axes] == ["no records yet"]


def test_places_of_the_first_layers_gates_are_told_apart() -> None:
    def score(cell: Cell) -> float | None:
        """In FL the loss is where layer 1's gates stand; ones lose a tenth, and FR-II is half a point below FR-DI."""
        if cell.column == "ReLU":
            return 90.0
        place = cell.axes["permutation"].index(0)
        away = 0.1 * (cell.axes["value_input"] == "ones") + {"FL": place, "FR-II": 0.5}.get(cell.column, 0)
        return BASE["FL"] - away + cell.spec.seed

    chapter = made(score)
    table = chapter.places().frame
    line = table[(table["regime"] == "FL") & (table["input"] == "ones")].iloc[0]
    assert [line[f"in layer {i}"] for i in (1, 2, 3, 4)] == [
        f"{mean:.2f} (6 of 6)" for mean in (77.9, 76.9, 75.9, 74.9)
    ]
    lines = chapter.comparisons().lines
    assert f"{CNN}, FL, image: with the gates of layer 1 in layer 4 rather than in layer 1: -3.00 points" in lines[6]
    assert lines[6].endswith("(95% interval over seeds -3.00 to -3.00; 12 of 12 models).")
    assert any(line.startswith(f"{CNN}: FR-II against FR-DI: -0.50 points") for line in lines)
    assert sum("ones against the image: -0.10 points" in line for line in lines) == 4


def test_places_wait_for_their_orders() -> None:
    line = made().places().frame.set_index(["regime", "input"]).loc[("FL", "image")]
    assert line["in layer 2"].startswith(("pending", "78"))
    assert line["in layer 1"].endswith("of 6)")
    assert all("so far" in text for text in made().comparisons().lines)
    assert made(lambda c: None).comparisons().lines == ("Nothing can be compared yet.",)

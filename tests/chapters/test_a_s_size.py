"""The chapter of sizes, of stores in which every gap is known."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from companion.chapters.a_s_size import SizeChapter
from companion.chapters.chapter import Chapter
from companion.exhibits import Cell, exhibit
from companion.papers.numbers import numbers
from support.synthetic import Shelf, grid_of

GAPS = ["ReLU − FR-II", "FL − FR-II", "ReLU − FL", "ReLU − DL"]
NOISE = (-0.1, 0.0, 0.1)

Score = Callable[[Cell], float | str | None]


@pytest.fixture(autouse=True)
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COMPANION_DOWNLOADS", str(tmp_path))
    return tmp_path / "a_s_size"


def known(cell: Cell) -> float:
    """ReLU gains four points with each doubling of the width, FL the same less 0.1, random gates 1, DL 4 and noise."""
    doublings = math.log2(cell.axes["width"] / 8)
    seed = cell.spec.seed
    return {
        "ReLU": 70 + 4 * doublings,
        "FL": 69.5 + 3.9 * doublings,
        "FR-II": 60 + doublings,
        "DL": 66 + 4 * doublings + (4 * (seed - 1) if doublings else 0.0),
    }[cell.column] + NOISE[seed] * (cell.column == "FR-II") * doublings


def made_of(score: Score = known, profile: str = "cpu") -> SizeChapter:
    grid = grid_of("A-S-size", profile)
    return SizeChapter(Chapter(exhibit("A-S-size"), profile, grid, Shelf(grid, score), own=True))


def lines(made: SizeChapter) -> dict[tuple[str, str], dict[str, str]]:
    found = made.gaps().frame.to_dict("records")
    return {(line.pop(""), line.pop("gap")): line for line in found}


def test_every_gap_stands_at_every_size_with_its_change_and_the_papers() -> None:
    found = lines(made_of())
    assert list(found) == [(row, gap) for row in ("by width", "by resolution") for gap in GAPS]
    wide = found["by width", "ReLU − FR-II"]
    assert wide["smallest size"].startswith("+10.00 ")
    assert wide["middle size"].startswith("+13.00 ")
    assert wide["largest size"].startswith("+16.00 ")
    assert wide["change (90% interval)"].startswith("+6.00 ")
    table = numbers().set_index("id")["mean"]
    paper = table["A-T2:GCONV/Adam/CIFAR-10:ReLU"] - table["A-T2:GCONV/Adam/CIFAR-10:FR-II"]
    assert wide["paper"] == f"{paper:+.2f}" == "+13.90"


def test_a_gap_rises_falls_is_the_same_or_open() -> None:
    found = lines(made_of())
    words = {gap: found["by width", gap]["with size it"] for gap in GAPS}
    assert words == dict(zip(GAPS, ["rises", "rises", "the same", "open"], strict=True))
    assert {found["by resolution", gap]["with size it"] for gap in GAPS} == {"the same"}
    turned = lines(made_of(lambda cell: 140 - known(cell)))
    assert turned["by width", "ReLU − FR-II"]["with size it"] == "falls"


def test_the_answer_says_each_change_with_its_interval() -> None:
    wide, fine = made_of().answer().lines
    assert wide.startswith(
        "From the narrowest to the widest networks, leads in accuracy: that of the ordinary network (ReLU) over random "
        "gates (FR-II) rises (+6.00 ("
    )
    assert "over learnt gates (FL) stays the same (+0.20 (+0.20 to +0.20) points)" in wide
    assert "over gates that learn along (DL) may rise or fall" in wide
    assert fine.startswith("From the coarsest to the finest images, leads in accuracy: ")


def test_what_is_missing_is_pending_and_nothing_else() -> None:
    def score(cell: Cell) -> float | None:
        return None if (cell.column, cell.axes["width"], cell.spec.seed) == ("DL", 32, 2) else known(cell)

    found = lines(made_of(score))
    assert {gap for (row, gap), line in found.items() if line["with size it"] == "pending"} == {"ReLU − DL"}
    assert found["by width", "ReLU − DL"]["largest size"] == "–"
    assert made_of(score).answer().lines[0].endswith("; 1 of 4 leads: pending.")
    assert made_of(lambda cell: None).answer().lines[0].endswith(": 4 of 4 leads: pending.")
    (size,) = [
        line for line in made_of(score).accuracies().frame.to_dict("records") if line["size"] == "32 filters, 16 pixels"
    ]
    assert size["n"] == "2 to 3"
    assert all(line["with size it"] == "pending" for line in lines(made_of(lambda cell: None)).values())


def test_the_papers_values_stand_at_the_papers_size_and_never_as_ours() -> None:
    made = made_of()
    last = made.accuracies().frame.to_dict("records")[-1]
    assert (last["size"], last["ReLU"], last["n"]) == ("paper: 64 filters, 32 pixels", "80.32 ± 0.13", "5")
    for row, end in (("by width", 64), ("by resolution", 32)):
        (ax,) = made.figure(row).axes
        labelled = [line for line in ax.lines if not str(line.get_label()).startswith("_")]
        assert [str(line.get_label()).split(" (n")[0] for line in labelled] == GAPS
        assert {next(iter(line.get_xdata())) for line in ax.lines if line not in labelled} == {end}
        assert max(labelled[0].get_xdata()) == 32
        assert ax.get_ylabel() == "difference in test accuracy [points]"


def test_without_records_the_papers_values_stand_alone() -> None:
    (ax,) = made_of(lambda cell: None).figure("by width").axes
    assert [str(line.get_label()) for line in ax.lines] == [f"{gap}, paper" for gap in GAPS]


def test_digits_have_no_paper_beside_them(downloads: Path) -> None:
    made = made_of(lambda cell: 50.0 + cell.spec.seed, "quick")
    assert "paper" not in made.gaps().frame.columns
    assert len(made.accuracies().frame) == 3
    (ax,) = made.figure("by width").axes
    assert len(ax.lines) == len(GAPS)
    assert (downloads / "gaps-by-width-quick.svg").is_file()

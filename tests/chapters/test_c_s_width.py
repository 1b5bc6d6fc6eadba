"""The chapter of other widths: beside the printed means, where the truth is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from companion.chapters.c_s_width import WidthChapter
from companion.chapters.chapter import Chapter
from companion.exhibits import Cell, exhibit
from support.synthetic import OFFSETS, Score, Shelf, grid_of

GRID = grid_of("C-S-width", "paper")


def known(cell: Cell) -> float | None:
    """Random gates: 93 with 128 units, the printed 94.1 with 256, a point either side for image and ones."""
    if cell.column != "FR-II" or cell.variant == "width 1024":
        return None
    mean = 94.1 if cell.variant else 93.0
    return mean + (1 if cell.axes["value_input"] == "image" else -1) + 0.01 * OFFSETS[cell.spec.seed]


@pytest.fixture(autouse=True)
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COMPANION_DOWNLOADS", str(tmp_path))
    return tmp_path / "c_s_width"


def made(score: Score = known) -> WidthChapter:
    return WidthChapter(Chapter(exhibit("C-S-width"), "paper", GRID, Shelf(GRID, score), own=True))


def test_the_own_width_is_that_of_c_e1() -> None:
    theirs = {cell.spec for cell in grid_of("C-E1", "paper")}
    assert {cell.variant for cell in GRID if cell.spec in theirs} == {""}
    assert {cell.variant for cell in GRID if cell.spec not in theirs} == {"width 256", "width 1024"}
    assert sum(cell.spec not in theirs for cell in GRID) == 2 * 3 * (1 + 4 * 2)


def test_the_printed_mean_is_had_with_a_width_or_not() -> None:
    assert made().answer().lines == (
        "Of the papers' 4 means over all orders, in the gates' own order width 128 has 1 outside; width 256 has 1 "
        "within the margin.",
        "On random gates (FR-II) the papers print 94.10%; ours is 92.99% at width 128 (outside), 94.09% at width 256 "
        "(within the margin); width 1024 pending.",
    )
    table = made().printed().frame
    mine = table[table["regime"] == "FR-II"].set_index("")
    assert mine["the paper's number"].to_dict() == {
        "width 128": "outside",
        "width 256": "within the margin",
        "width 1024": "pending",
    }
    assert mine.loc["width 1024", "n"] == "0 of 3"
    assert made(lambda c: None).answer().lines == ("Nothing can be said yet.",)


def test_a_mean_over_one_input_alone_is_none() -> None:
    table = made(lambda c: known(c) if c.axes["value_input"] == "image" else None).printed().frame
    assert set(table["the paper's number"]) == {"pending"}


def test_the_picture_tells_inputs_apart(downloads: Path) -> None:
    (ax,) = made().width_figure().axes
    assert [line.get_label() for line in ax.lines] == ["FR-II, image (n = 3)", "FR-II, ones (n = 3)"]
    assert (downloads / "widths.svg").is_file()

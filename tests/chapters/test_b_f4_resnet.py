"""The chapter of the residual network: what it says of stores whose truth is known, and its six verdicts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from companion.chapters.b_f4_resnet import ResNetChapter
from companion.chapters.chapter import Chapter
from companion.exhibits import Cell, exhibit
from companion.verdicts.stats import Verdict
from support.synthetic import Shelf, grid_of

ROW = "DavidNet/CIFAR-10"
GRID = grid_of("B-F4-resnet", "paper")
BASE = {"ReLU": 93.0, "FR-II": 80.0, "FR-DI": 80.0, "DL": 91.5, "FL": 92.8}
REPRODUCED, FAILED, PENDING = Verdict.REPRODUCED, Verdict.NOT_REPRODUCED, Verdict.PENDING

Score = Callable[[Cell], float | str | None]


def known(cell: Cell) -> float:
    """The regime's mean and a tenth of a point from one seed to the next."""
    return BASE[cell.column] + 0.1 * cell.spec.seed


def but(column: str, value: str | None, change: float | None) -> Score:
    """The same with one cell higher or lower, or not there."""

    def score(cell: Cell) -> float | None:
        here = cell.column == column and cell.axes["value_input"] in (value, None)
        if not here:
            return known(cell)
        return None if change is None else known(cell) + change + 0.05 * (cell.spec.seed % 2)

    return score


@pytest.fixture(autouse=True)
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COMPANION_DOWNLOADS", str(tmp_path))
    for module in ("chapters.chapter", "verdicts.scorecard"):
        monkeypatch.setattr(f"companion.{module}.cells", grid_of)
    return tmp_path / "b_f4_resnet"


def made(score: Score = known, profile: str = "paper") -> ResNetChapter:
    grid = grid_of("B-F4-resnet", profile)
    return ResNetChapter(Chapter(exhibit("B-F4-resnet"), profile, grid, Shelf(grid, score), own=True))


def verdicts(score: Score) -> list[Verdict]:
    return made(score).claims().frame["verdict"].to_list()


def test_regimes_stand_below_each_other_with_either_input(downloads: Path) -> None:
    table = made().table()
    found = {line["regime"]: line for line in table.frame.to_dict("records")}
    assert list(found) == ["ReLU", "FR-II", "FR-DI", "DL", "FL"]
    image, ones = ("value network sees: image", "value network sees: ones")
    assert (found["ReLU"][image], found["ReLU"][ones]) == ("93.20 ± 0.14", "–")
    assert found["FL"][image] == found["FL"][ones] == "93.00 ± 0.14"
    assert "the paper's table is lost" in table.caption
    assert (downloads / "models.csv").is_file()
    none = made(lambda cell: None).table().frame.set_index("regime")[image].to_dict()
    assert none == dict.fromkeys(found, "pending: 0 of 5")


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (known, [REPRODUCED] * 6),
        (but("FL", "ones", -12.0), [FAILED, *[REPRODUCED] * 2, FAILED, *[REPRODUCED] * 2]),
        (but("DL", "image", -2.0), [REPRODUCED, FAILED, REPRODUCED, FAILED, *[REPRODUCED] * 2]),
        (but("DL", "ones", -2.0), [REPRODUCED, FAILED, REPRODUCED, FAILED, *[REPRODUCED] * 2]),
        (but("FL", "image", -0.9), [*[REPRODUCED] * 2, FAILED, *[REPRODUCED] * 3]),
        (but("FL", "ones", -0.9), [REPRODUCED] * 6),
        (but("FR-DI", "ones", -3.0), [*[REPRODUCED] * 3, FAILED, FAILED, REPRODUCED]),
        (but("FR-DI", "image", -30.0), [*[REPRODUCED] * 3, FAILED, FAILED, FAILED]),
        (but("FR-DI", "image", None), [PENDING, *[REPRODUCED] * 2, *[PENDING] * 3]),
        (but("ReLU", None, None), [REPRODUCED, PENDING, PENDING, *[REPRODUCED] * 3]),
    ],
    ids=[
        *("as said", "FL needs the image", "DL far off", "DL needs it", "FL behind", "FL behind on ones"),
        *("DI needs it", "DI near chance", "no DI", "no ReLU"),
    ],
)
def test_each_sentence_has_the_verdict_that_the_scores_make_true(score: Score, expected: list[Verdict]) -> None:
    assert verdicts(score) == expected


def test_less_than_three_is_three_and_not_the_margin() -> None:
    """DL a point and a half behind fails no rule; two and a half are less than three, three and a half are not."""
    for behind, verdict in ((2.5, REPRODUCED), (3.5, FAILED)):
        found = made(but("DL", "image", 1.5 - behind)).claims().frame
        line = found[found["claim"].str.contains("less than three")].iloc[0]
        assert line["verdict"] is verdict
        assert "margin 3;" in line["rule"]
    near = made().claims().frame
    assert "margin 1;" in near[near["claim"].str.contains("almost as well")].iloc[0]["rule"]


def test_the_answer_is_told_of_what_is_recorded() -> None:
    assert made().answer().lines == (
        f"{ROW}: the ordinary network (ReLU) reaches 93.20% in the mean over 5 runs; value networks that are shown the "
        "image, or ones in its place, reach 93.00% and 93.00% on learnt gates (FL); 91.70% and 91.70% on gates that "
        "learn along (DL); 80.20% and 80.20% on random gates (FR-II).",
    )


def test_an_answer_waits_for_relu() -> None:
    nothing = f"{ROW}: nothing can be said yet, "
    assert made(lambda c: None).answer().lines == (f"{nothing}0 of 45 runs are recorded.",)
    assert made(but("ReLU", None, None)).answer().lines == (f"{nothing}40 of 45 runs are recorded.",)
    (line,) = made(but("FL", "ones", None)).answer().lines
    assert "93.00% and pending on learnt gates" in line


def test_findings_count_verdicts_and_quote_the_author() -> None:
    count, relu = made().findings().lines
    assert count == "Of its 6 sentences: 6 reproduced."
    assert relu.startswith(f"{ROW}: the ordinary network reaches 93.20% here; its author reports a median of 94.08%")
    count, relu = made(lambda c: None).findings().lines
    assert count == "Of its 6 sentences: 6 pending."
    assert "is not recorded yet here" in relu
    assert made(lambda c: 90.0, "quick").findings().lines == ("These runs decide nothing about the paper.",)


def test_the_picture_has_a_dot_for_every_run_and_hollow_ones_for_ones(downloads: Path) -> None:
    (ax,) = made().figure().axes
    dots = [line for line in ax.lines if len(line.get_xdata()) == 1 and line.get_marker() in "oD"]
    assert len(dots) == 45
    assert sum(line.get_fillstyle() == "none" for line in dots) == 20
    (legend,) = ax.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["image", "ones"]
    assert (downloads / "models.svg").is_file()


@pytest.mark.filterwarnings("error")
def test_an_empty_store_has_an_empty_picture() -> None:
    assert [ax.get_title() for ax in made(lambda c: None).figure().axes] == ["no records yet"]

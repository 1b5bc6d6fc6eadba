"""The chapter of the stages: what its table and its figure show of a store whose scores are known."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib.axes import Axes

from companion.chapters.a_f2_stages import StageChapter
from companion.chapters.chapter import Chapter
from companion.exhibits import Cell, exhibit
from companion.exhibits.a_f2_stages import AT_STAGE_END
from companion.verdicts.stats import Shade, Verdict
from support.synthetic import STAIRS, Shelf, grid_of, spread, stairs

NAME = "A-F2-stages"
STAGES = [f"stage-{i}" for i in range(7)]
PAPER, CODE = "paper, FL", "FL, best test checkpoint so far (code)"
TEXT, TEACHER = "FL, weights at the stage's end (text)", "the teacher itself"
LINES = ["CNTK, quoted by the paper", "ReLU, as the paper prints it"]

Score = Callable[[Cell], float | str | None]
usual = stairs(STAIRS, std=0.1)


def known(cell: Cell) -> float:
    """The paper's accuracies by the code, teachers a point above, and two points less by the text."""
    score = usual(cell)
    assert isinstance(score, float)
    return score - 2 * bool(cell.variant)


@pytest.fixture(autouse=True)
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where files go; grids are made once, for they are slow to make while shapes are checked."""
    monkeypatch.setenv("COMPANION_DOWNLOADS", str(tmp_path))
    monkeypatch.setattr("companion.chapters.chapter.cells", grid_of)
    monkeypatch.setattr("companion.verdicts.scorecard.cells", grid_of)
    return tmp_path / "a_f2_stages"


def stage_chapter(score: Score = known, profile: str = "paper", own: bool = True) -> StageChapter:
    grid = grid_of(NAME, profile)
    return StageChapter(Chapter(exhibit(NAME), profile, grid, Shelf(grid, score), own))


def block(made: StageChapter) -> dict[str, dict[str, str]]:
    """Label to stage to cell."""
    lines = made.table().frame.to_dict("records")
    return {str(line.pop("")): line for line in lines}


def test_findings_tell_the_first_the_last_and_the_best_stage() -> None:
    code, text, teacher = stage_chapter().findings().lines
    best = max(STAIRS[1:])
    assert code.startswith(f"{CODE}: {STAIRS[1]:.2f} at stage 1, {STAIRS[6]:.2f} at stage 6, most at stage ")
    assert f"({best:.2f}); random gates have {STAIRS[0]:.2f}." in code
    assert f"{STAIRS[1] - 2:.2f} at stage 1" in text
    assert f"{STAIRS[1] + 1:.2f} at stage 1" in teacher
    labels = (CODE, TEXT, TEACHER)
    assert "behind random ones" not in code
    upset = stage_chapter(stairs((70.0, *STAIRS[1:6], 69.5), std=0.5)).findings().lines[0]
    assert upset.endswith(
        "So at the last stage learnt gates are 0.50 points behind random ones at this size, which is not what the "
        "paper reports of networks of its own."
    )
    assert set(stage_chapter(lambda cell: None).findings().lines) == {f"{label}: pending." for label in labels}


class TestTable:
    def test_stages_stand_side_by_side_the_paper_first(self) -> None:
        table = stage_chapter().table()
        assert list(table.frame.columns) == ["", *STAGES]
        assert list(table.frame[""]) == [PAPER, CODE, TEXT, TEACHER]

    def test_a_whole_store(self) -> None:
        found = block(stage_chapter())
        assert found[PAPER]["stage-0"] == "67.09"
        assert [float(found[PAPER][stage]) for stage in STAGES] == list(STAIRS)
        assert [found[CODE][stage] for stage in STAGES] == [f"{mean:.2f} ± 0.10 (n = 3)" for mean in STAIRS]
        assert [found[TEXT][stage] for stage in STAGES[1:]] == [f"{mean - 2:.2f} ± 0.10 (n = 3)" for mean in STAIRS[1:]]
        assert [found[TEACHER][stage] for stage in STAGES[1:]] == [
            f"{mean + 1:.2f} ± 0.10 (n = 3)" for mean in STAIRS[1:]
        ]

    def test_at_stage_0_there_is_neither_a_teacher_nor_a_checkpoint_to_choose(self) -> None:
        for made in (stage_chapter(), stage_chapter(lambda cell: None)):
            found = block(made)
            assert (found[TEXT]["stage-0"], found[TEACHER]["stage-0"]) == ("", "")

    def test_a_cell_with_gaps_is_pending_and_no_other(self) -> None:
        gaps = {("stage-3", "FL", ""): 2, ("stage-3", "FL", AT_STAGE_END): 0, ("stage-4", "ReLU", ""): 1}

        def score(cell: Cell) -> float | None:
            recorded = gaps.get((cell.row, cell.column, cell.variant), 3)
            return known(cell) if cell.spec.seed < recorded else None

        found, whole = block(stage_chapter(score)), block(stage_chapter())
        assert found[CODE]["stage-3"] == "pending: 2 of 3"
        assert found[TEXT]["stage-3"] == "pending: 0 of 3"
        assert found[TEACHER]["stage-4"] == "pending: 1 of 3"
        changed = {(label, stage) for label in whole for stage in STAGES if found[label][stage] != whole[label][stage]}
        assert changed == {(CODE, "stage-3"), (TEXT, "stage-3"), (TEACHER, "stage-4")}

    @pytest.mark.parametrize(("profile", "own"), [("paper", False), ("cpu", True), ("quick", True), ("cpu", False)])
    def test_the_papers_curve_stands_only_beside_its_own_runs(self, profile: str, own: bool) -> None:
        found = block(stage_chapter(profile=profile, own=own))
        assert list(found) == ([CODE, TEACHER] if profile == "cpu" else [CODE, TEXT, TEACHER])
        seeds = 5 if profile == "quick" else 3
        assert all(cell.endswith(f"(n = {seeds})") for cell in found[CODE].values())

    def test_the_caption_says_exhibit_profile_and_statistic(self) -> None:
        assert stage_chapter(profile="cpu").table().caption == (
            "A-F2-stages, profile cpu, no records yet: best test accuracy in percent, mean ± std; "
            "stage 0 has random gates (FR-II)"
        )

    def test_it_can_be_taken_home(self, downloads: Path) -> None:
        for profile, name in (("paper", "stages.csv"), ("cpu", "stages-cpu.csv")):
            table = stage_chapter(profile=profile).table()
            with (downloads / name).open() as file:
                assert list(csv.DictReader(file)) == table.frame.to_dict("records")


class TestFigure:
    def lines(self, ax: Axes) -> dict[str, tuple[list[float], list[float]]]:
        return {
            str(line.get_label()).split(" (n =")[0]: (list(line.get_xdata()), list(line.get_ydata()))
            for line in ax.lines
        }

    def test_accuracy_by_stage_for_the_code_the_text_and_the_teacher(self) -> None:
        (ax,) = stage_chapter().figure().axes
        found = self.lines(ax)
        assert set(found) == {CODE, TEXT, TEACHER, "paper", *LINES}
        assert found[CODE] == (list(range(7)), pytest.approx(list(STAIRS)))
        assert found[TEXT] == (list(range(1, 7)), pytest.approx([mean - 2 for mean in STAIRS[1:]]))
        assert found[TEACHER] == (list(range(1, 7)), pytest.approx([mean + 1 for mean in STAIRS[1:]]))
        assert ax.get_xlabel() == "stage of the teacher's training"

    def test_the_papers_curve_and_its_two_lines_of_reference(self) -> None:
        (ax,) = stage_chapter().figure().axes
        found = self.lines(ax)
        assert found["paper"] == (list(range(7)), list(STAIRS))
        assert [set(found[label][1]) for label in LINES] == [{77.43}, {80.32}]

    @pytest.mark.parametrize(("profile", "own"), [("paper", False), ("cpu", True), ("quick", True)])
    def test_they_stand_only_beside_the_papers_own_runs(self, profile: str, own: bool) -> None:
        (ax,) = stage_chapter(profile=profile, own=own).figure().axes
        assert set(self.lines(ax)) == {CODE, TEACHER} | (set() if profile == "cpu" else {TEXT})

    @pytest.mark.filterwarnings("error")
    def test_a_store_without_records_shows_the_paper_alone(self, downloads: Path) -> None:
        figure = stage_chapter(lambda cell: None).figure()
        assert set(self.lines(figure.axes[0])) == {"paper", *LINES}
        assert figure.get_suptitle() == "A-F2-stages, profile paper, no records yet"
        assert (downloads / "stages.svg").is_file()
        (ax,) = stage_chapter(lambda cell: None, "cpu").figure().axes
        assert not ax.lines
        assert (downloads / "stages-cpu.svg").is_file()


def test_claims_of_the_small_runs_leave_the_quoted_line_alone() -> None:
    flat = spread({"FL": 60.0, "ReLU": 61.0})
    found = stage_chapter(flat, "cpu").chapter.claims().frame
    assert list(found["verdict"]) == [Verdict.NOT_REPRODUCED, Verdict.REPRODUCED]  # it does not rise, nor does it fall
    paper = stage_chapter().chapter.claims().frame
    assert list(paper["verdict"]) == [Verdict.REPRODUCED] * 3
    assert set(paper["rule on the paper's own numbers"]) == {Shade.HOLDS}  # by its means, without deviations
    assert set(found["rule on the paper's own numbers"]) == {"–"}

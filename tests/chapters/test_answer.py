"""The box at the head of a chapter: what it says of stores in which the answer is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from companion.chapters import open_chapter
from companion.chapters.a_f2_probes import ProbeChapter
from companion.chapters.a_f2_stages import StageChapter
from companion.chapters.a_sensitivity import SensitivityChapter
from companion.chapters.a_t2_accuracy import AccuracyChapter
from companion.chapters.answer import Answer, standing
from companion.chapters.chapter import Chapter
from companion.exhibits import EXHIBITS, Cell, exhibit
from companion.site import notebooks
from support.records import alter
from support.synthetic import Shelf, fill, grid_of

ROOT = Path(__file__).parents[2]
LEVEL = {"ReLU": 98.0, "FL": 97.5, "FR-II": 96.0, "FR-DI": 96.0, "DL": 98.0}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPANION_DOWNLOADS", str(tmp_path))


def level(cell: Cell) -> float:
    return LEVEL[cell.column] - 0.1 * cell.spec.seed


def opened(name: str, score, profile: str = "paper", own: bool = True, kind: type[Chapter] = Chapter) -> Chapter:
    grid = grid_of(name, profile)
    return kind(exhibit(name), profile, grid, Shelf(grid, score), own)


def test_every_exhibit_asks_a_question_of_its_own() -> None:
    asked = [one.question for one in EXHIBITS.values()]
    assert all(question.endswith("?") for question in asked)
    assert len(set(asked)) == len(asked)


@pytest.mark.parametrize("name", EXHIBITS)
def test_the_answer_comes_before_anything_else_that_a_page_shows(name: str) -> None:
    cells = notebooks.read(ROOT / "notebooks" / f"{EXHIBITS[name].chapter}.ipynb").cells
    first = next(i for i, cell in enumerate(cells) if cell.cell_type == "code" and cell.outputs)
    assert [cell.source.startswith("# ") for cell in cells[:first] if cell.cell_type == "markdown"] == [True]
    assert "\n" not in cells[0].source
    assert all("hide-input" in cell.metadata["tags"] for cell in cells[1 : first + 1])
    shown = cells[first].outputs[0]["data"]["text/html"]
    assert 'class="companion-answer"' in shown
    assert EXHIBITS[name].question in cells[first].outputs[0]["data"]["text/plain"]


def test_what_an_answer_stands_on_is_counted() -> None:
    half = opened("A-S-bias", lambda cell: level(cell) if cell.spec.seed < 2 else None)
    seeds = "n = 5 seeds in each complete setting"
    assert standing(half) == f"profile paper · 20 of 50 runs recorded · {seeds} · no device yet"
    none = opened("A-S-bias", lambda cell: None)
    assert standing(none).endswith(f"0 of 50 runs recorded · {seeds} · no device yet")


def test_verdicts_are_counted_by_the_words_of_the_tables(chapter: AccuracyChapter) -> None:
    claims = list(chapter.claims().frame["verdict"])
    numbers = [entry.word for entry in chapter.entries if entry.counts]
    said = standing(chapter)
    for words, what in ((claims, "sentences"), (numbers, "the paper's numbers")):
        part = next(part for part in said.split(" · ") if part.startswith(f"{what}: "))
        counts = dict(reversed(one.split(" ", 1)) for one in part.removeprefix(f"{what}: ").split(", "))
        assert counts == {str(word): str(words.count(word)) for word in set(words)}


def test_other_runs_than_the_exhibits_own_are_given_no_verdict() -> None:
    assert "sentences" not in standing(opened("A-T2", level, own=False))


def test_profiles_stand_below_each_other_each_with_its_own_evidence() -> None:
    answer = Answer.of(opened("A-S-bias", level), ["One."]) + Answer.of(opened("A-S-bias", level, "cpu"), ["<Two>"])
    assert answer.lines == ("One.", "<Two>")
    page = answer._repr_html_()
    assert page.index("One.") < page.index("profile paper") < page.index("&lt;Two&gt;") < page.index("profile cpu")
    assert repr(answer).splitlines()[0] == EXHIBITS["A-S-bias"].question
    assert Answer.of(opened("A-S-bias", level), ()).lines == ("Nothing can be said yet.",)


class TestWhatGatesAreWorth:
    def test_over_all_complete_rows(self) -> None:
        def scores(cell: Cell) -> float | None:
            return None if "VCONV" in cell.row else level(cell) - (cell.column == "FL")

        made = opened("A-T2", scores, "cpu", kind=AccuracyChapter)
        first, second, third = made.answer().lines
        assert "(ReLU) gets 97.90% of" in first
        assert "(FR-II) differ from it by -2.00 points" in first
        assert "(FL), by -1.50." in first
        assert second == "So of what random gates lose, learnt gates win back 25%."
        assert third == (
            "This is about GCONV/SGD/CIFAR-10, GCONV/Adam/CIFAR-10; no complete records: VCONV/SGD/CIFAR-10, "
            "VCONV/Adam/CIFAR-10."
        )

    def test_nothing_is_won_back_where_nothing_was_lost(self) -> None:
        ahead = opened("A-T2", lambda c: 99.0 if c.column == "FR-II" else level(c), "cpu", kind=AccuracyChapter)
        first, second = ahead.answer().lines
        assert "differ from it by +1.10 points" in first
        assert second.startswith("This is about ")
        assert second.endswith(", GCONV/Adam/CIFAR-10.")

    def test_no_row_no_answer(self) -> None:
        assert opened("A-T2", lambda c: None, kind=AccuracyChapter).answer().lines == ("Nothing can be said yet.",)


def test_stages_that_are_missing_are_named() -> None:
    def scores(cell: Cell) -> float | None:
        stage = cell.axes["stage"]
        return None if stage in (2, 4) and cell.column == "FL" else 60.0 + 3 * stage

    said = StageChapter(opened("A-F2-stages", scores)).answer().lines
    assert "gets 60.00% of" in said[0]
    assert said[0].endswith("it gets 63.00% (1), 69.00% (3), 75.00% (5), 78.00% (6).")
    assert said[1:] == ("The ReLU network itself has 78.00% at its end.", "No complete records: gates of stage 2, 4.")


def test_gates_of_another_training_of_the_same_teacher_are_told(tmp_path: Path) -> None:
    grid = grid_of("A-F2-stages", "paper")
    store = fill(tmp_path, grid, lambda cell: 60.0 + 3 * cell.axes["stage"])
    said = StageChapter(Chapter(exhibit("A-F2-stages"), "paper", grid, store, True)).answer().lines
    assert not [line for line in said if "more than once" in line]
    for cell in grid:
        if cell.column == "FL" and not cell.variant and cell.axes["stage"] in (1, 3):
            alter(store.path(cell.spec.key), lambda content: content["teacher"].update(take=2))
    said = StageChapter(Chapter(exhibit("A-F2-stages"), "paper", grid, store, True)).answer().lines
    assert said[2] == (
        "That network was trained more than once, and gates come from each: those of stage 1, 3 from training number "
        "2; those of stage 2, 4, 5, 6 from training number 1."
    )
    one = next(cell for cell in grid if cell.column == "FL" and not cell.variant and cell.axes["stage"] == 6)
    alter(store.path(one.spec.key), lambda content: content["teacher"].update(take=2))
    said = StageChapter(Chapter(exhibit("A-F2-stages"), "paper", grid, store, True)).answer().lines
    assert said[2].endswith("; those of stage 6 from trainings number 1 and 2, by seed.")


class TestSettings:
    def made(self, score, name: str = "A-S-step", profile: str = "paper", base: str = "the code's step"):
        return SensitivityChapter(opened(name, score, profile), base)

    def test_words_the_largest_difference_and_the_gap(self) -> None:
        change = {"step 0.1": 2.0, "step 0.001": -1.0, "step 3e-4": 0.0}

        def scores(cell: Cell) -> float:
            return level(cell) + change.get(cell.variant, 0.0) * (cell.column == "ReLU")

        ahead, sgd, adam, words = self.made(scores).outcome(gap=("FR-II", "ReLU")).lines
        assert ahead == (
            "In 5 of 5 settings the ordinary network (ReLU) is ahead of random gates (FR-II) by more than the margin "
            "of 0.25 points. By how many points it is:"
        )
        assert sgd == "FC/SGD/MNIST: +2.00 (the code's step), +4.00 (step 0.1), +1.00 (step 0.001)."
        assert adam == "FC/Adam/MNIST: +2.00 (the code's step), +2.00 (step 3e-4)."
        assert words == (
            "Accuracies compared with those of “the code's step”, seed by seed, at a margin of 0.25 points fixed "
            "beforehand: 10 the same, 1 higher, 1 lower. Most differs FC/SGD/MNIST, the ordinary network (ReLU), step "
            "0.1, by +2.00 points."
        )

    @pytest.mark.parametrize(
        ("by", "words"),
        [
            ((0.1, 0.1), "No: accuracies compared"),
            ((0.1, -1.0), "Yes, in 1 of 2: accuracies compared"),
            ((0.1, None), "It is not decided: accuracies compared"),
        ],
    )
    def test_a_question_whether_it_matters_is_answered_first(self, by: tuple[float, float | None], words: str) -> None:
        """By less than the margin, by more, or by more and less, seed by seed."""
        change = dict(zip(("beta 4, eps 0", "beta 10, eps 0"), by, strict=True))

        def scores(cell: Cell) -> float:
            by = change.get(cell.variant, 0.0)
            return level(cell) + (cell.spec.seed - 2 if by is None else by)

        (line,) = self.made(scores, "A-S-gate", base="own").outcome().lines
        assert line.startswith(words)

    def test_it_is_no_no_while_a_comparison_waits(self) -> None:
        one, waits = self.made(lambda c: None if c.variant == "beta 4, eps 0" else level(c), "A-S-gate").outcome().lines
        assert one.startswith("It is not decided: accuracies compared")
        assert waits == "1 of 2 comparisons wait for runs."

    def test_a_distance_is_followed_along_an_axis(self) -> None:
        def scores(cell: Cell) -> float:
            return level(cell) + (cell.column == "FR-II") * cell.axes["width"] / 400

        lines = self.made(scores, "A-S-width", base="width 128").outcome(gap=("FR-II", "ReLU"), along="width").lines
        assert lines[0] == (
            "FC/Adam/MNIST: random gates (FR-II) reach 95.98% (width 32), 96.06% (width 64), 96.22% (width 128), "
            "96.54% (width 256), 97.18% (width 512)."
        )
        assert lines[2].endswith("from the smallest to the largest it falls (-1.20 (-1.20 to -1.20) points).")

    def test_what_is_missing_is_counted_and_a_profile_without_records_left_out(self) -> None:
        small = self.made(lambda c: None, profile="cpu")
        answer = self.made(lambda c: level(c) if "SGD" in c.row else None).outcome(small)
        assert len(answer.parts) == 1
        assert answer.lines[-1] == "4 of 12 comparisons wait for runs."

    def test_runs_that_diverged_are_a_setting_and_wait_for_nothing(self) -> None:
        def scores(cell: Cell) -> float | None:
            return None if (cell.column, cell.variant) == ("FR-II", "step 0.1") else level(cell)

        made = self.made(scores)
        frame = made.chapter.runs
        frame.loc[frame["best_test"].isna(), "status"] = "diverged"
        ahead, sgd, *_, last = made.outcome(gap=("FR-II", "ReLU")).lines
        assert ahead.startswith("In 4 of 5 settings ")
        assert sgd == "FC/SGD/MNIST: +2.00 (the code's step), 3 of 6 runs diverged (step 0.1), +2.00 (step 0.001)."
        assert last == "1 of 12 comparisons are with runs that diverged."

    def test_the_runs_compared_with_cannot_have_the_name_of_a_variant(self) -> None:
        with pytest.raises(ValueError, match="'width 8' names a variant of A-S-width"):
            self.made(level, "A-S-width", "cpu", "width 8")


def test_probes_are_told_from_the_first_measurement_to_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMPANION_STORE", raising=False)
    nu = ProbeChapter(open_chapter("A-F2-nu"))
    ends = nu.probes[nu.probes["variant"] == ""].groupby(["row", "epoch"], sort=False)["nu"].median()
    for row, line in zip(("d = 6 (code)", "d = 5 (text)"), nu.alignment().lines, strict=True):
        assert line.startswith(f"{row}: nu")
        assert f"from {ends[row].iloc[0]:,.0f} to {ends[row].iloc[-1]:,.0f} " in line
    size = ProbeChapter(open_chapter("A-F2-K"))
    assert size.sizes().lines == (
        "Below, v is the tangent kernel of the network that has the values, f that of the one that has the gates.",
        *size.largest_ratio("norm_v", "norm_f").lines,
        *size.growth("trace_v", "trace_f").lines,
    )
    assert ProbeChapter(open_chapter("A-F2-K", profile="quick")).sizes().lines == ("Nothing can be said yet.",)

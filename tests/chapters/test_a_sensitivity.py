"""Chapters of variants: their tables and figures of stores in which every difference is known."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib.colors import to_hex

from companion.chapters.a_sensitivity import SensitivityChapter
from companion.chapters.chapter import Chapter
from companion.exhibits import Cell, exhibit
from companion.records.store import Store
from companion.render.style import COLOURS
from support.synthetic import OFFSETS, Shelf, grid_of, record

BASE = {"ReLU": 98.0, "FR-II": 96.0, "FR-DI": 96.0, "DL": 98.0, "FL": 97.5}
STEPS = {"step 0.1": 0.5, "step 0.001": -1.0, "step 3e-4": 0.1}
OWN = "the code's step"

Score = Callable[[Cell], float | str | None]


def known(cell: Cell) -> float:
    """A mean for the regime, three points between one seed and the next, and the same change in every seed."""
    change = STEPS.get(cell.variant, 0.0)
    return BASE[cell.column] - 3 * cell.spec.seed + change * (1 if cell.column == "ReLU" else 2)


@pytest.fixture(autouse=True)
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where files go."""
    monkeypatch.setenv("COMPANION_DOWNLOADS", str(tmp_path))
    return tmp_path


def made_of(
    score: Score = known, name: str = "A-S-step", profile: str = "paper", base: str = OWN, statistic: str = "best_test"
) -> SensitivityChapter:
    grid = grid_of(name, profile)
    return SensitivityChapter(Chapter(exhibit(name), profile, grid, Shelf(grid, score), own=True), base, statistic)


def cells(made: SensitivityChapter) -> dict[tuple[str, str, str], dict[str, str]]:
    """Row, regime and variant to the other cells of the table."""
    lines = made.table().frame.to_dict("records")
    return {(line.pop("row"), line.pop("regime"), line.pop("")): line for line in lines}


def test_findings_group_the_regimes_by_what_came_out() -> None:
    found = made_of().findings().lines
    assert len(found) == 3
    first = next(line for line in found if line.startswith(f"FC/SGD/MNIST, step 0.1, against {OWN}: "))
    for (row, regime, variant), line in cells(made_of()).items():
        if (row, variant) == ("FC/SGD/MNIST", "step 0.1"):
            clause = next(part for part in first.split(": ", 1)[1].rstrip(".").split("; ") if regime in part)
            assert clause.startswith(f"{line['verdict']} in ")
    assert all("pending" in line for line in made_of(lambda cell: None).findings().lines)


class TestTable:
    def test_every_variant_stands_below_the_exhibits_own_runs(self) -> None:
        table = made_of().table()
        assert list(table.frame.columns) == [
            *("row", "regime", "", "measured", "n"),
            *("difference (90% interval)", "verdict"),
        ]
        first = table.frame[(table.frame["row"] == "FC/SGD/MNIST") & (table.frame["regime"] == "ReLU")]
        assert list(first[""]) == [OWN, "step 0.1", "step 0.001"]
        assert len(table.frame) == 4 * 3 + 4 * 2

    def test_differences_and_words_are_those_of_the_known_truth(self) -> None:
        found = cells(made_of())
        assert found["FC/SGD/MNIST", "ReLU", OWN] == {
            "measured": "95.00 ± 2.45",
            "n": "3 of 3",
            "difference (90% interval)": "–",
            "verdict": "",
        }
        assert found["FC/SGD/MNIST", "ReLU", "step 0.1"] == {
            "measured": "95.50 ± 2.45",
            "n": "3 of 3",
            "difference (90% interval)": "+0.50 (+0.50 to +0.50)",
            "verdict": "higher",
        }
        assert found["FC/SGD/MNIST", "FL", "step 0.001"]["difference (90% interval)"] == "-2.00 (-2.00 to -2.00)"
        words = {place: line["verdict"] for place, line in found.items() if place[2] != OWN}
        assert {word for (_, _, variant), word in words.items() if variant == "step 0.1"} == {"higher"}
        assert {word for (_, _, variant), word in words.items() if variant == "step 0.001"} == {"lower"}
        assert {word for (_, _, variant), word in words.items() if variant == "step 3e-4"} == {"the same"}

    def test_seeds_that_disagree_are_inconclusive(self) -> None:
        found = cells(made_of(lambda c: 97 + OFFSETS[c.spec.seed] * bool(c.variant)))
        assert {line["verdict"] for place, line in found.items() if place[2] != OWN} == {"inconclusive"}

    def test_a_cell_with_gaps_is_pending_and_so_is_all_that_is_compared_with_it(self) -> None:
        gaps = {("ReLU", "step 0.1"): 1, ("FL", ""): 2, ("DL", ""): 0}

        def score(cell: Cell) -> float | None:
            return known(cell) if cell.spec.seed < gaps.get((cell.column, cell.variant), 3) else None

        found = cells(made_of(score))
        row = "FC/SGD/MNIST"
        assert found[row, "ReLU", "step 0.1"] == {
            "measured": "pending",
            "n": "1 of 3",
            "difference (90% interval)": "–",
            "verdict": "pending",
        }
        assert found[row, "ReLU", "step 0.001"]["verdict"] == "lower"
        assert (found[row, "FL", OWN]["n"], found[row, "FL", OWN]["verdict"]) == ("2 of 3", "pending")
        assert (found[row, "DL", OWN]["n"], found[row, "DL", OWN]["measured"]) == ("0 of 3", "–")
        for regime in ("FL", "DL"):
            line = found[row, regime, "step 0.1"]
            assert (line["n"], line["verdict"], line["difference (90% interval)"]) == ("3 of 3", "pending", "–")
        assert {found[row, "FR-II", variant]["verdict"] for variant in ("step 0.1", "step 0.001")} == {
            "higher",
            "lower",
        }

    def test_an_empty_store_is_pending_throughout(self) -> None:
        found = cells(made_of(lambda cell: None))
        assert {line["verdict"] for line in found.values()} == {"pending"}
        assert {line["measured"] for line in found.values()} == {"–"}

    def test_regimes_without_variants_are_left_out(self) -> None:
        found = cells(made_of(name="A-S-teacher", base="best test epoch"))
        assert {regime for _, regime, _ in found} == {"FL"}

    @pytest.mark.parametrize(("profile", "seeds"), [("quick", 5), ("cpu", 3)])
    def test_small_runs_are_judged_at_their_margin_of_one_point(self, profile: str, seeds: int) -> None:
        changes = {"ReLU": -0.8, "FL": -1.2}
        found = cells(made_of(lambda c: 90 + bool(c.variant) * changes.get(c.column, 0.0), profile=profile))
        assert {line["n"] for line in found.values()} == {f"{seeds} of {seeds}"}
        words = {(place[1], line["verdict"]) for place, line in found.items() if place[2] != OWN}
        assert words == {("ReLU", "the same"), ("FR-II", "the same"), ("FL", "lower")}

    def test_the_choice_of_held_out_images_is_another_statistic(self, tmp_path: Path) -> None:
        """By the best test epoch nothing differs; by the chosen one the last epoch's gates are worse."""
        grid = [cell for cell in grid_of("A-S-teacher", "paper") if cell.column == "FL"]
        store = Store(tmp_path / "results")
        for cell in grid:
            store.write(record(cell.spec, 99.0, selected=97.0 - (cell.variant == "last epoch")))
        chapter = Chapter(exhibit("A-S-teacher"), "paper", grid, store, own=True)
        best, chosen = (SensitivityChapter(chapter, "best", s) for s in ("best_test", "selected_test"))
        assert [line["verdict"] for line in cells(best).values()] == ["", "the same", "the same"]
        assert [line["verdict"] for line in cells(chosen).values()] == ["", "lower", "the same"]
        assert best.table().caption == (
            "A-S-teacher, profile paper, a made-up <device>: best test accuracy in percent, mean ± std, "
            "and paired differences in points"
        )
        assert "test accuracy of the held-out choice" in chosen.table().caption
        (ax,) = chosen.figure().axes
        assert sorted({float(x) for line in ax.lines for x in line.get_xdata()}) == [96.0, 97.0]

    def test_it_can_be_taken_home(self, downloads: Path) -> None:
        for profile, name in (("paper", "variants.csv"), ("cpu", "variants-cpu.csv")):
            table = made_of(profile=profile).table()
            with (downloads / "a_s_step" / name).open() as file:
                assert list(csv.DictReader(file)) == table.frame.to_dict("records")


class TestGaps:
    """What random gates lack to ReLU: two points, less what the step changes by itself."""

    def test_there_is_one_for_each_row_and_variant(self) -> None:
        table = made_of().gaps("FR-II", "ReLU")
        assert table.caption == "A-S-step, profile paper, no records yet: ReLU minus FR-II in points"
        lines = {(line["row"], line[""]): line for line in table.frame.to_dict("records")}
        column = "ReLU − FR-II (90% interval)"
        assert {place: line[column] for place, line in lines.items()} == {
            ("FC/SGD/MNIST", OWN): "+2.00 (+2.00 to +2.00)",
            ("FC/SGD/MNIST", "step 0.1"): "+1.50 (+1.50 to +1.50)",
            ("FC/SGD/MNIST", "step 0.001"): "+3.00 (+3.00 to +3.00)",
            ("FC/Adam/MNIST", OWN): "+2.00 (+2.00 to +2.00)",
            ("FC/Adam/MNIST", "step 3e-4"): "+1.90 (+1.90 to +1.90)",
        }
        assert {line["verdict"] for line in lines.values()} == {"higher"}

    def test_a_missing_run_leaves_its_variant_open(self) -> None:
        made = made_of(lambda c: None if (c.variant, c.column, c.spec.seed) == ("step 0.1", "ReLU", 2) else known(c))
        verdicts = {line[""]: line["verdict"] for line in made.gaps("FR-II", "ReLU").frame.to_dict("records")}
        assert verdicts == {OWN: "higher", "step 0.1": "pending", "step 0.001": "higher", "step 3e-4": "higher"}

    def test_by_the_choice_of_held_out_images_where_that_is_the_statistic(self, tmp_path: Path) -> None:
        grid = [c for c in grid_of("A-T2", "paper") if (c.row, c.variant) == ("FC/SGD/MNIST", "holdout")]
        store = Store(tmp_path / "results")
        for cell in grid:
            store.write(record(cell.spec, 99.0, selected=BASE[cell.column]))
        made = SensitivityChapter(Chapter(exhibit("A-T2"), "paper", grid, store, own=True), "", "selected_test")
        (line,) = made.gaps("FR-II", "ReLU").frame.to_dict("records")
        assert line["verdict"] == "higher"
        assert line["ReLU − FR-II (90% interval)"].startswith("+2.00")

    def test_it_can_be_taken_home(self, downloads: Path) -> None:
        table = made_of(profile="cpu").gaps("FR-II", "ReLU")
        with (downloads / "a_s_step" / "gaps-cpu.csv").open() as file:
            assert list(csv.DictReader(file)) == table.frame.to_dict("records")


class TestFigures:
    def test_every_run_is_a_dot_on_its_variants_line(self, downloads: Path) -> None:
        figure = made_of().figure()
        panels = [ax for ax in figure.axes if ax.get_visible()]
        assert [ax.get_title() for ax in panels] == [
            f"{row}, {column} (n = 3)"
            for row in ("FC/SGD/MNIST", "FC/Adam/MNIST")
            for column in ("ReLU", "FR-II", "DL", "FL")
        ]
        assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [OWN, "step 0.1", "step 0.001"]
        assert [list(line.get_xdata()) for line in figure.axes[0].lines] == [
            [98.0, 95.0, 92.0],
            [98.5, 95.5, 92.5],
            [97.0, 94.0, 91.0],
        ]
        assert figure.get_suptitle() == "A-S-step, profile paper, no records yet"
        assert (downloads / "a_s_step" / "variants.svg").is_file()

    def test_regimes_without_variants_have_no_panel(self) -> None:
        figure = made_of(name="A-S-teacher", base="best test epoch").figure()
        assert [ax.get_title() for ax in figure.axes] == ["FC/Adam/MNIST, FL (n = 5)"]

    @pytest.mark.filterwarnings("error")
    def test_an_empty_store_has_panels_without_dots(self) -> None:
        panels = [ax for ax in made_of(lambda cell: None).figure().axes if ax.get_visible()]
        assert len(panels) == 8
        assert {ax.get_title().split("(")[1] for ax in panels} == {"n = 0)"}

    @pytest.mark.parametrize(
        ("profile", "widths"), [("paper", [32, 64, 128, 256, 512]), ("cpu", [4, 8, 16]), ("quick", [8, 16, 32, 64])]
    )
    def test_accuracy_by_width_in_order(self, downloads: Path, profile: str, widths: list[int]) -> None:
        made = made_of(lambda c: 50 + c.spec.network.gate_shapes()[0][0] / 16, "A-S-width", profile, "own width")
        (ax,) = made.width_figure().axes
        assert [str(line.get_label()).split()[0] for line in ax.lines] == ["ReLU", "FR-II"]
        for line in ax.lines:
            assert list(line.get_xdata()) == widths
            assert list(line.get_ydata()) == [50 + width / 16 for width in widths]
            assert to_hex(line.get_color()) == COLOURS[str(line.get_label()).split()[0]]
        assert [label.get_text() for label in ax.get_xticklabels()] == [str(width) for width in widths]
        assert (ax.get_xlabel(), ax.get_xscale()) == ("width of the first layer [units or channels]", "log")
        suffix = "" if profile == "paper" else f"-{profile}"
        assert (downloads / "a_s_width" / f"widths{suffix}.svg").is_file()

"""The chapter of label noise: what it shows of stores in which some is recorded and the truth is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from companion.chapters.c_t2_label_noise import NoiseChapter
from companion.chapters.chapter import Chapter
from companion.exhibits import Cell, exhibit
from companion.records.store import Record
from companion.verdicts.stats import Verdict
from support.synthetic import Shelf, grid_of

GRID = grid_of("C-T2", "paper")
BEST = {"M1": 97.0, "M2": 96.0, "M3-upstream": 12.0, "M3": 95.9, "M4": 96.5, "M5": 96.45}
"""With noise; without it everything is a point better, but for M3 upstream."""
EPOCHS = 3

Score = Callable[[Cell], float | None]


def known(cell: Cell) -> float | None:
    """All of MNIST's first recipe but gamma = 75; seeds are a tenth apart."""
    if cell.spec.dataset != "mnist" or cell.axes["noise"] == "wrong" or cell.axes["gamma"] == 75:
        return None
    return BEST[cell.column] + (cell.axes["gamma"] == 0) * (cell.column != "M3-upstream") + cell.spec.seed / 10


class Curved(Shelf):
    """A store in memory whose records have curves too; M1 falls by 20 points for each 25% of noise."""

    def __init__(self, score: Score, grid: list[Cell]) -> None:
        super().__init__(grid, score)
        for cell in grid:
            record, best = self.records[cell.spec], score(cell)
            if record is None or best is None:
                continue
            last = best - 0.8 * cell.axes["gamma"] * (cell.column == "M1")
            curves = {"train_loss": [1.0] * EPOCHS, "train_accuracy": [50.0, 60.0, 70.0 + cell.spec.seed]}
            curves["test_accuracy"] = [best - 1, best, last]
            content = {**record.content, "curves": curves, "best_epoch": 2, "last_test": last}
            self.records[cell.spec] = Record(content)


@pytest.fixture(autouse=True)
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where files go; grids are made once, for they are slow to make while shapes are checked."""
    monkeypatch.setenv("COMPANION_DOWNLOADS", str(tmp_path))
    for module in ("chapters.chapter", "verdicts.sentences"):
        monkeypatch.setattr(f"companion.{module}.cells", grid_of)
    return tmp_path / "c_t2_label_noise"


def made(score: Score = known, profile: str = "paper") -> NoiseChapter:
    grid = grid_of("C-T2", profile)
    return NoiseChapter(Chapter(exhibit("C-T2"), profile, grid, Curved(score, grid), own=True))


def test_the_answer_is_told_of_what_is_complete_and_says_how_sure_it_is() -> None:
    first, both, rest = made().answer().lines
    assert first == (
        "MNIST/any label, 50% of the labels random: a ReLU network climbs to 97.20% and ends at 57.20%. Fresh weights "
        "on its gates reach 96.20% on the true labels: mostly its weights were damaged. Itself it reaches 96.70%, and "
        "without noise 1.50 points more (90% interval +1.50 to +1.50)."
    )
    assert both == (
        "Q1: on the gates that it has then a fresh value network has 0.05 points less than it (-0.05 to -0.05). Its 4 "
        "rules: pending (4 pending). Q2, fixed gates: with random labels first, a value network has 0.10 points less "
        "than without (-0.10 to -0.10). Its 2 rules: pending (1 reproduced, 1 pending)."
    )
    assert rest == "CIFAR-10/any label, MNIST/wrong label: nothing can be said yet."
    assert made(lambda cell: None).answer().lines == (
        "CIFAR-10/any label, MNIST/any label, MNIST/wrong label: nothing can be said yet.",
    )


def test_an_answer_waits_for_all_its_seeds() -> None:
    def score(cell: Cell) -> float | None:
        return None if (cell.column, cell.axes["gamma"], cell.spec.seed) == ("M5", 50, 4) else known(cell)

    (line,) = made(score).answer().lines
    assert line.endswith("nothing can be said yet.")


def test_the_paper_and_ours_stand_one_below_the_other_and_the_end_is_the_last_epoch(downloads: Path) -> None:
    lines = made().table().frame.to_dict("records")
    at = {line["row"]: i for i, line in enumerate(lines) if line["row"]}
    paper, ours, verdict = lines[at["gamma=50"] :][:3]
    assert (paper[""], paper["M1-best"], paper["M1-end"], paper["M5"]) == (
        *("paper", "70.90 ± 0.80", "41.50 ± 1.10", "73.60 ± 0.40"),
    )
    assert (ours[""], ours["M3"]) == ("measured", "pending: 0 of 5")
    assert (verdict[""], verdict["M3"]) == ("verdict", Verdict.PENDING)
    ours, interval, following = lines[at["FC/MNIST, gamma=50"] :][:3]
    assert (ours["M1-best"], ours["M1-end"]) == ("97.20 ± 0.14 (n = 5)", "57.20 ± 0.14 (n = 5)")
    assert (interval[""], interval["M2"]) == ("95% interval", "± 0.20")
    assert following["row"] == "FC/MNIST, gamma=75"
    assert lines[at["FC/MNIST, gamma=0"]]["M4"] == "–"
    assert (downloads / "models.csv").is_file()


def test_each_claim_is_a_line_and_each_dataset_and_recipe_a_column() -> None:
    table = made(lambda cell: known(cell) if cell.axes["gamma"] != 75 else BEST[cell.column] - 0.5).verdicts().frame
    assert list(table.columns) == [
        *("about", "claim", "paper's means alone", "CIFAR-10/any label", "MNIST/any label", "MNIST/wrong label"),
    ]
    assert len(table) == 15
    row = table[table["claim"].str.startswith("A fresh value network on its gates")].iloc[0]
    assert (row["about"], row["paper's means alone"]) == ("C-Q1", Verdict.REPRODUCED)
    assert (row["CIFAR-10/any label"], row["MNIST/any label"]) == (Verdict.PENDING, Verdict.REPRODUCED)
    assert made(lambda cell: 90.0, "quick").verdicts().frame.empty


def test_how_far_training_went_is_told_of_recorded_runs_alone() -> None:
    table = made().fit().frame
    assert set(table["row"]) == {f"FC/MNIST, gamma={gamma}" for gamma in (0, 25, 50)}
    line = table[(table["row"] == "FC/MNIST, gamma=25") & (table["model"] == "M1")].iloc[0].to_dict()
    assert line == {
        "row": "FC/MNIST, gamma=25",
        "model": "M1",
        "n": 5,
        "training accuracy in the last epoch": "70.00 to 74.00",
        "epoch of the best test": "2",
        "of": 3,
        "last test": "77.00 to 77.40",
    }


def test_findings_tell_what_the_gates_keep() -> None:
    cifar, mnist, wrong = made().findings().lines
    assert cifar == "CIFAR-10/any label: no noise is complete yet."
    assert wrong == "MNIST/wrong label: no noise is complete yet."
    assert mnist.startswith(
        "MNIST/any label: gamma = 25%: from 77.20% at the end of M1 its gates alone give 96.20% (M2), 97% of the way "
        "to M4 (96.70%), whose own gates give 96.65% (M5); gamma = 50%: from 57.20%"
    )


def test_the_curves_of_a_recipe_begin_with_those_without_noise_and_go_on_downstream(downloads: Path) -> None:
    figure = made().figure()
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == [
        f"MNIST, {phase}\ngamma={gamma} (n = 5)" for phase in ("upstream", "downstream") for gamma in (0, 25, 50)
    ]
    upstream, downstream = figure.axes[2], figure.axes[5]
    assert [line.get_label() for line in upstream.lines] == ["M1", "M3"]
    assert list(upstream.lines[0].get_xdata()) == [1, 2, 3]
    assert [line.get_label() for line in downstream.lines] == ["M2", "M3", "M4", "M5"]
    assert list(downstream.lines[0].get_xdata()) == [101, 102, 103]
    assert (downloads / "curves-uniform.svg").is_file()
    (empty,) = made().figure("wrong").axes
    assert empty.get_title() == "no records yet"


@pytest.mark.filterwarnings("error")
def test_an_empty_store_has_empty_pictures_and_tables() -> None:
    nothing = made(lambda cell: None)
    assert [ax.get_title() for ax in nothing.figure().axes] == ["no records yet"]
    assert nothing.fit().frame.empty

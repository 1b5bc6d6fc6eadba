"""The chapter of hidden layers: what it shows of stores in which the truth is known, and of runs of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from companion.chapters import live
from companion.chapters.b_f5_hidden_layers import SEEN, WORDS, HiddenLayersChapter
from companion.chapters.chapter import Chapter
from companion.exhibits import Cell, exhibit
from companion.networks.forward import Params
from companion.records.store import Record
from companion.verdicts.stats import Verdict
from support.synthetic import Score, Shelf, grid_of

CNN, FC = "C4GAP/CIFAR-10", "FC/MNIST"
GRID = grid_of("B-F5", "paper")
BASE = {"ReLU": 98.2, "FL": 98.3, "FR-II": 90.0}


def known(cell: Cell) -> float | None:
    """All of MNIST, and the ReLU networks of CIFAR-10; seeds a tenth of a point apart."""
    if cell.row == CNN and cell.column != "ReLU":
        return None
    return (76.0 if cell.row == CNN else BASE[cell.column]) + 0.1 * cell.spec.seed


class Probed(Shelf):
    """A store in memory whose records have curves, probes and pictures."""

    def __init__(self, score: Score, level: float) -> None:
        super().__init__(GRID, score)
        curves = dict.fromkeys(("train_loss", "train_accuracy", "test_accuracy"), [level] * 3)
        for cell in GRID:
            record = self.records[cell.spec]
            if record is not None:
                parts: dict[str, Any] = {"curves": curves}
                if cell.spec.probe:
                    parts["probes"] = probes(cell)
                self.records[cell.spec] = Record({**record.content, **parts})

    def pictures(self, key: str) -> Params | None:
        (cell,) = [cell for cell in GRID if cell.spec.key == key]
        if self.records[cell.spec] is None:
            return None
        found = {"image": torch.rand(3, 1, 4, 4), "input": torch.rand(1, 1, 4, 4).expand(3, -1, -1, -1)}
        return found | {f"{n}.{l}": torch.rand(3, 8) * 2 - 1 for n in ("feature", "value") for l in (1, 2, 3, 4)}


def probes(cell: Cell) -> dict[str, list[float]]:
    """Feature networks are like the image, value networks half as much, before training not at all."""
    values: dict[str, list[float]] = {"epoch": [0, cell.spec.epochs]}
    for network, top in (("feature", 0.8), ("value", 0.4 if cell.column == "FL" else 0.5)):
        for l in (1, 2, 3, 4):
            values[f"{network}_own_{l}"] = [0.0, top - 0.1 * l + 0.01 * cell.spec.seed]
            values[f"{network}_other_{l}"] = [0.0, 0.02]
    return values


@pytest.fixture(autouse=True)
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where files go; grids are made once, for they are slow to make while shapes are checked."""
    monkeypatch.setenv("COMPANION_DOWNLOADS", str(tmp_path))
    for module in ("chapters.chapter", "verdicts.sentences"):
        monkeypatch.setattr(f"companion.{module}.cells", grid_of)
    return tmp_path / "b_f5_hidden_layers"


def made(score: Score = known, level: float = 99.95) -> HiddenLayersChapter:
    return HiddenLayersChapter(Chapter(exhibit("B-F5"), "paper", GRID, Probed(score, level), own=True))


def test_the_answer_comes_row_by_row_with_verdicts_and_what_is_known_first() -> None:
    lines = made().answer().lines
    assert lines == (
        f"{FC}: fresh networks on the gates of ReLU, in reverse order, with one random input for all images, reach "
        "98.40 ± 0.08%; the ReLU networks 98.30 ± 0.08% and fresh networks on untrained gates 90.10 ± 0.08% (n = 3). "
        "Almost as well as ReLU: reproduced; better than on untrained gates: reproduced.",
        f"{CNN}: the ReLU networks reach 76.10 ± 0.08% (n = 3); on reversed gates of ReLU nothing is recorded yet.",
    )
    learning = made(level=88.0).answer().lines
    assert "the ReLU networks, still learning at 88.00% of their training images, 98.30 ± 0.08%" in learning[0]
    assert made(lambda cell: None).answer().lines[0] == f"{CNN}: nothing is recorded yet."
    waiting = made(lambda cell: None if cell.column == "FL" else 70.0 + 0.1 * cell.spec.seed).answer().lines[0]
    assert waiting == (
        f"{CNN}: the ReLU networks reach 70.10 ± 0.08% and fresh networks on untrained gates 70.10 ± 0.08% (n = 3); on "
        "reversed gates of ReLU nothing is recorded yet."
    )


def test_the_table_sets_about_80_beside_ours(downloads: Path) -> None:
    found = {(line["row"], line["regime"]): line for line in made().table().frame.to_dict("records")}
    assert len(found) == 6
    relu, blind = found[CNN, "ReLU"], found[CNN, "FL"]
    assert (relu["papers"], relu["best test"]) == ("about 80", "76.10 ± 0.08")
    assert (blind["papers"], blind["best test"], blind["n"]) == ("about 80", "pending: 0 of 3", "0")
    assert found[FC, "FL"]["network"] == WORDS["FL"]
    assert found[FC, "FL"]["papers"] == found[CNN, "FR-II"]["papers"] == "–"
    assert (downloads / "accuracy.csv").is_file()


def test_the_rules_are_put_to_the_printed_numbers() -> None:
    about, gap = made().printed().lines
    assert "prints 80.4 for ReLU and 79.4 for FL" in about
    assert about.endswith("the farther of the two is 0.6 points from 80, so they keep the rule.")
    assert "“about 80%”, and 1.0 points in that table, against a margin of 1." in gap


def test_claims_come_with_their_gaps() -> None:
    frame = made().claims().frame
    (mine,) = frame[(frame["row"] == FC) & frame["claim"].str.startswith("With its gates")].to_dict("records")
    assert mine["gap in points (90% interval)"] == "-0.10 (-0.10 to -0.10)"
    assert mine["verdict"] is Verdict.REPRODUCED


def test_likeness_is_told_of_each_layer_at_the_end_and_before(downloads: Path) -> None:
    frame = made().likeness().frame.set_index(["row", "network"])
    assert list(frame.loc[FC].index) == list(SEEN)
    assert frame.loc[(FC, "ReLU"), "layer 1"] == "0.71 ± 0.01 (next: 0.02 ± 0.00)"
    assert frame.loc[(FC, WORDS["FL"]), "layer 4"] == "0.01 ± 0.01 (next: 0.02 ± 0.00)"
    assert frame.loc[(FC, WORDS["FR-II"]), "layer 1"] == "0.41 ± 0.01 (next: 0.02 ± 0.00)"
    before = "gates of ReLU reversed, random input, weights untrained"
    assert frame.loc[(FC, before), "layer 1"] == "0.00 ± 0.00 (next: 0.00 ± 0.00)"
    assert set(frame.loc[CNN]["layer 1"]) == {"pending"}
    assert (downloads / "likeness.csv").is_file()


def test_findings_say_whether_accuracy_goes_by_likeness() -> None:
    lines = made().findings().lines
    assert lines[:3] == tuple(f"{CNN}, {label}: pending." for label in list(SEEN)[:3])
    assert lines[3] == (
        f"{FC}, ReLU: more like its own image than like the next one by +0.69 in layer 1, +0.59 in layer 2, "
        "+0.49 in layer 3, +0.39 in layer 4."
    )
    assert "8.30 points ahead of the one with untrained gates" in lines[-1]
    assert lines[-1].endswith("no more like their images, by that measure 0.14 against 0.24 in the mean over layers. "
                              "So accuracy does not go by such likeness here.")  # fmt: skip
    swapped = {"FL": "FR-II", "FR-II": "FL", "ReLU": "ReLU"}
    other = made(lambda c: BASE[swapped[c.column]] if c.row == FC else None).findings().lines[-1]
    assert "8.30 points behind" in other
    assert other.endswith("The two go together here.")


def test_pictures_are_drawn_of_three_networks_and_pending_ones_say_so(downloads: Path) -> None:
    figure = made().pictures(FC)
    assert len(figure.axes) == 3 * 3 * 5
    assert [ax.get_ylabel() for ax in figure.axes[::5]] == ["ReLU", "learnt\ngates", "untrained\ngates"] * 3
    assert [ax.get_title() for ax in figure.axes[:6]] == ["input", *(f"layer {l}" for l in (1, 2, 3, 4)), ""]
    assert (downloads / "layers-FC-MNIST.svg").is_file()
    (ax,) = made().pictures(CNN).axes
    assert ax.texts[0].get_text() == "pending: no such run is recorded yet"


def test_curves_are_drawn_of_what_is_recorded() -> None:
    (ax,) = made().likeness_figure().axes
    assert ax.get_title() == f"{FC} (n = 3)"
    shown = [line for line in ax.lines if len(line.get_xdata())]
    assert [line.get_linestyle() for line in shown] == ["-", ":"] * 3
    assert shown[0].get_ydata() == pytest.approx([0.71, 0.61, 0.51, 0.41])
    (empty,) = made(lambda cell: None).likeness_figure().axes
    assert empty.get_title() == "no records yet"


def test_the_quick_profile_shows_maps_of_runs_that_were_just_made() -> None:
    small = HiddenLayersChapter(live("B-F5", seeds=1))
    assert not small.chapter.store.folder.exists()
    figure = small.pictures("C4GAP/digits")
    assert len(figure.axes) == 3 * 3 * (1 + 2 * 4)
    assert list(small.table().frame.columns) == [
        *("row", "network", "regime", "best test", "last test", "training accuracy at the end", "n"),
    ]
    assert small.printed().lines == made().printed().lines
    assert "pending" not in set(small.likeness().frame["layer 4"])
    assert "±" not in small.answer().lines[0]
    assert len(small.answer().lines) == 1

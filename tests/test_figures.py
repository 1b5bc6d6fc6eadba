"""Figures show what they are given: artists hold the numbers of the frame, pictures are the same byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

from companion.notation import Regime
from companion.render import accuracy, curves, style, variants

TITLE = "A-T2, profile paper, a made-up device"


def runs(fates: dict[tuple[str, str], list[float]]) -> pd.DataFrame:
    lines = [
        {"row": row, "column": column, "seed": seed, "best_test": score}
        for (row, column), scores in fates.items()
        for seed, score in enumerate(scores)
    ]
    return pd.DataFrame(lines, columns=["row", "column", "seed", "best_test"])


NAN = float("nan")
RUNS = runs(
    {
        ("FC/SGD/MNIST", "FL"): [97.1, 97.3, 97.2],
        ("FC/SGD/MNIST", "ReLU"): [97.8, 97.9, NAN],
        ("FC/Adam/MNIST", "FL"): [97.7, 97.7, 97.7],
        ("FC/Adam/MNIST", "ReLU"): [NAN, NAN, NAN],
    }
)
PAPER = pd.DataFrame(
    [("FC/SGD/MNIST", "FL", 97.1, 0.09), ("FC/SGD/MNIST", "ReLU", 97.85, NAN), ("elsewhere", "FL", 50.0, 1.0)],
    columns=["row", "column", "mean", "std"],
)
BANDS = pd.DataFrame(
    [
        (row, column, epoch, 90.0 + epoch + shift, 89.0 + epoch + shift, 91.5 + epoch + shift, n)
        for row, column, shift, n in (("a", "ReLU", 0, 5), ("a", "FR-II", -2, 5), ("b", "FL", 1, 3), ("b", "DL", 0, 5))
        for epoch in range(1, 5)
    ],
    columns=["row", "column", "epoch", "mean", "low", "high", "n"],
)

VARIANTS = pd.DataFrame(
    [
        ("a", "DL", "own", 0, 90.0),
        ("a", "DL", "own", 2, 91.0),
        ("a", "DL", "own", 1, 92.0),
        ("a", "FL", "own", 0, 99.0),
        ("a", "DL", "step 1", 0, 95.0),
        ("a", "DL", "step 1", 1, 94.0),
        ("a", "DL", "step 1", 2, NAN),
        ("b", "FL", "own", 0, NAN),
        ("b", "FL", "other", 0, NAN),
    ],
    columns=["row", "column", "label", "seed", "score"],
)
WIDTHS = pd.DataFrame(
    [
        ("ReLU", 32, 90.0, 88.0, 91.0, 5),
        ("FL", 32, 80.0, 79.0, 81.0, 5),
        ("ReLU", 256, 92.0, 91.0, 93.0, 5),
        ("FL", 64, 85.0, 84.0, 86.0, 5),
        ("FL", 256, 86.0, 85.0, 88.0, 3),
    ],
    columns=["label", "x", "mean", "low", "high", "n"],
)


class TestAccuracyFigure:
    def test_each_panel_names_its_row_and_n_and_each_axis_its_unit(self) -> None:
        first, second = accuracy.accuracy_figure(RUNS, PAPER, TITLE).axes
        assert first.get_title() == "FC/SGD/MNIST (n = 2 to 3)"
        assert second.get_title() == "FC/Adam/MNIST (n = 0 to 3)"
        for ax in (first, second):
            assert ax.get_xlabel() == "test accuracy [%]"
            assert [label.get_text() for label in ax.get_yticklabels()] == ["ReLU", "FL"]

    def test_dots_are_the_runs_and_diamonds_the_papers_means(self) -> None:
        first, _ = accuracy.accuracy_figure(RUNS, PAPER, TITLE).axes
        dots = {to_hex(l.get_color()): l.get_xdata() for l in first.lines if l.get_marker() == "o"}
        assert {colour: list(x) for colour, x in dots.items()} == {
            style.COLOURS["ReLU"]: [97.8, 97.9],
            style.COLOURS["FL"]: [97.1, 97.3, 97.2],
        }
        (diamonds,) = [l for l in first.lines if l.get_marker() == "D"]
        assert sorted(diamonds.get_xdata()) == [97.1, 97.85]
        legend = first.get_legend()
        assert legend is not None
        assert [text.get_text() for text in legend.get_texts()] == ["paper, mean ± std"]

    def test_dots_lie_on_their_regimes_line_and_apart(self) -> None:
        first, _ = accuracy.accuracy_figure(RUNS, PAPER, TITLE).axes
        for place, column in enumerate(("ReLU", "FL")):
            (dots,) = [l for l in first.lines if l.get_marker() == "o" and l.get_color() == style.COLOURS[column]]
            heights = list(dots.get_ydata())
            assert all(abs(y - place) < 0.2 for y in heights)
            assert len(set(heights)) == len(heights)
            assert np.mean(heights) == pytest.approx(place)

    def test_without_numbers_of_a_paper_there_is_no_diamond(self) -> None:
        for ax in accuracy.accuracy_figure(RUNS, PAPER.iloc[:0], TITLE).axes:
            assert {line.get_marker() for line in ax.lines} == {"o"}
            assert ax.get_legend() is None

    @pytest.mark.filterwarnings("error")
    def test_a_first_panel_without_runs_leaves_the_legend_to_the_next(self) -> None:
        frame = pd.concat([RUNS.iloc[-3:].assign(row="nothing yet"), RUNS])
        first, second, _ = accuracy.accuracy_figure(frame, PAPER, TITLE).axes
        assert first.get_title() == "nothing yet"
        assert first.get_legend() is None
        assert second.get_legend() is not None

    def test_no_runs_at_all(self) -> None:
        (ax,) = accuracy.accuracy_figure(runs({}), PAPER, TITLE).axes
        assert ax.get_title() == "no records yet"
        assert not ax.lines


class TestCurveFigure:
    def test_each_panel_names_its_row_and_n_and_each_axis_its_unit(self) -> None:
        first, second = curves.curve_figure(BANDS, TITLE).axes
        assert (first.get_title(), second.get_title()) == ("a (n = 5)", "b (n = 3 to 5)")
        for ax in (first, second):
            assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "test accuracy [%]")
        (ax, _) = curves.curve_figure(BANDS, TITLE, unit="training loss [nats]").axes
        assert ax.get_ylabel() == "training loss [nats]"

    def test_lines_are_the_means_and_bands_the_ranges(self) -> None:
        first, _ = curves.curve_figure(BANDS, TITLE).axes
        lines = {str(line.get_label()): line for line in first.lines}
        assert set(lines) == {"ReLU", "FR-II"}
        assert list(lines["FR-II"].get_ydata()) == [89.0, 90.0, 91.0, 92.0]
        assert all(to_hex(line.get_color()) == style.COLOURS[name] for name, line in lines.items())
        band = first.collections[0].get_paths()[0].get_extents()
        assert (band.ymin, band.ymax) == (90.0, 95.5)

    def test_no_curves_at_all(self) -> None:
        (ax,) = curves.curve_figure(BANDS.iloc[:0], TITLE).axes
        assert ax.get_title() == "no records yet"


class TestVariantFigure:
    def test_there_is_a_panel_for_each_row_and_regime_and_it_says_how_many_runs_it_has(self) -> None:
        panels = variants.variant_figure(VARIANTS, TITLE).axes
        assert [ax.get_title() for ax in panels] == ["a, DL (n = 2 to 3)", "a, FL (n = 1)", "b, FL (n = 0)"]
        assert {ax.get_xlabel() for ax in panels} == {"test accuracy [%]"}

    def test_variants_stand_below_one_another_in_their_order_whether_recorded_or_not(self) -> None:
        found = [
            [label.get_text() for label in ax.get_yticklabels()] for ax in variants.variant_figure(VARIANTS, TITLE).axes
        ]
        assert found == [["own", "step 1"], ["own"], ["own", "other"]]
        for ax in variants.variant_figure(VARIANTS, TITLE).axes:
            bottom, top = ax.get_ylim()
            assert bottom > top

    def test_dots_are_the_runs_in_the_regimes_colour_each_on_its_variants_line(self) -> None:
        first, second, third = variants.variant_figure(VARIANTS, TITLE).axes
        assert [list(line.get_xdata()) for line in first.lines] == [[90.0, 92.0, 91.0], [95.0, 94.0]]
        assert {to_hex(line.get_color()) for line in first.lines} == {style.COLOURS["DL"]}
        assert {to_hex(line.get_color()) for line in second.lines} == {style.COLOURS["FL"]}
        for place, line in enumerate(first.lines):
            heights = list(line.get_ydata())
            assert all(abs(y - place) < 0.2 for y in heights)
            assert heights == sorted(set(heights))
            assert np.mean(heights) == pytest.approx(place)
        assert [len(line.get_xdata()) for line in third.lines] == [0, 0]


class TestBandFigure:
    def test_lines_are_the_means_by_x_and_bands_the_ranges(self) -> None:
        (ax,) = variants.band_figure(WIDTHS.iloc[::-1].reset_index(drop=True), "width", TITLE).axes
        lines = {str(line.get_label()): line for line in ax.lines}
        assert set(lines) == {"ReLU (n = 5)", "FL (n = 3 to 5)"}
        line = lines["FL (n = 3 to 5)"]
        assert (list(line.get_xdata()), list(line.get_ydata())) == ([32, 64, 256], [80.0, 85.0, 86.0])
        bands = sorted(
            (path.get_extents() for band in ax.collections for path in band.get_paths()), key=lambda b: b.ymin
        )
        assert [(band.ymin, band.ymax) for band in bands] == [(79.0, 88.0), (88.0, 93.0)]

    def test_axes_have_their_words_and_the_legend_says_how_many_seeds(self) -> None:
        (ax,) = variants.band_figure(WIDTHS, "width [units]", TITLE).axes
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("width [units]", "test accuracy [%]")
        legend = ax.get_legend()
        assert legend is not None
        assert [text.get_text() for text in legend.get_texts()] == ["ReLU (n = 5)", "FL (n = 3 to 5)"]

    def test_a_regime_has_its_own_colour_whoever_else_is_there(self) -> None:
        for frame in (WIDTHS, WIDTHS[WIDTHS["label"] == "FL"]):
            (ax,) = variants.band_figure(frame, "width", TITLE).axes
            for line in ax.lines:
                assert to_hex(line.get_color()) == style.COLOURS[str(line.get_label()).split()[0]]

    def test_what_a_paper_prints_is_black_and_so_are_lines_of_reference(self) -> None:
        paper = pd.DataFrame({"x": [32, 64], "mean": [81.0, 84.0]})
        (ax,) = variants.band_figure(
            WIDTHS, "width", TITLE, paper=paper, lines={"CNTK": 77.43, "ReLU, printed": 80.3}
        ).axes
        black = {str(line.get_label()): line for line in ax.lines if line.get_color() == "black"}
        assert set(black) == {"paper", "CNTK", "ReLU, printed"}
        assert (list(black["paper"].get_xdata()), list(black["paper"].get_ydata())) == ([32, 64], [81.0, 84.0])
        assert set(black["CNTK"].get_ydata()) == {77.43}
        assert set(black["ReLU, printed"].get_ydata()) == {80.3}
        assert len({line.get_linestyle() for line in black.values() if line.get_label() != "paper"}) == 2
        legend = ax.get_legend()
        assert legend is not None
        assert {text.get_text() for text in legend.get_texts()} > set(black)

    @pytest.mark.parametrize("paper", [None, pd.DataFrame({"x": [], "mean": []})])
    def test_without_numbers_of_a_paper_nothing_is_black(self, paper: pd.DataFrame | None) -> None:
        (ax,) = variants.band_figure(WIDTHS, "width", TITLE, paper=paper).axes
        assert len(ax.lines) == 2
        assert "black" not in {line.get_color() for line in ax.lines}

    def test_what_doubles_has_equal_steps_and_a_tick_at_each_point(self) -> None:
        (ax,) = variants.band_figure(WIDTHS, "width", TITLE, doubling=True).axes
        assert ax.get_xscale() == "log"
        assert list(ax.get_xticks()) == [32, 64, 256]
        assert [label.get_text() for label in ax.get_xticklabels()] == ["32", "64", "256"]
        (plain,) = variants.band_figure(WIDTHS, "width", TITLE).axes
        assert plain.get_xscale() == "linear"

    @pytest.mark.filterwarnings("error")
    @pytest.mark.parametrize("doubling", [False, True])
    def test_no_points_at_all(self, doubling: bool, tmp_path: Path) -> None:
        figure = variants.band_figure(WIDTHS.iloc[:0], "width", TITLE, doubling=doubling)
        style.save_svg(figure, tmp_path / "empty.svg")
        (ax,) = figure.axes
        assert not ax.lines
        assert ax.get_legend() is None


PROBES = pd.DataFrame(
    [("a", "left", "trace v", epoch, 10.0 - epoch, 9.0 - epoch, 12.0 - epoch) for epoch in range(3)],
    columns=["row", "panel", "label", "epoch", "median", "min", "max"],
)


class TestProbeFigure:
    def test_there_is_a_line_of_panels_for_each_row(self) -> None:
        figure = curves.probe_figure(PROBES, ["a", "b"], ["left", "right"], {}, TITLE)
        assert [ax.get_title() for ax in figure.axes] == ["a: left", "a: right", "b: left", "b: right"]
        assert [ax.get_yscale() for ax in figure.axes] == ["log", "linear", "linear", "linear"]

    def test_medians_ranges_and_lines_of_reference(self) -> None:
        lines = {"left": {"a class alone": 5.0}}
        ax, other = curves.probe_figure(PROBES, ["a"], ["left", "right"], lines, TITLE).axes
        assert not other.lines
        median, line = ax.lines
        assert (median.get_label(), list(median.get_ydata())) == ("trace v", [10.0, 9.0, 8.0])
        assert (line.get_label(), set(line.get_ydata())) == ("a class alone", {5.0})
        band = ax.collections[0].get_paths()[0].get_extents()
        assert (band.ymin, band.ymax) == (7.0, 12.0)


class TestPanels:
    @pytest.mark.parametrize(("rows", "across"), [(1, 1), (2, 2), (3, 3), (4, 3), (6, 3), (7, 3)])
    @pytest.mark.parametrize("kind", ["accuracy", "curves", "variants"])
    def test_they_stand_in_lines_of_three_at_most_and_no_frame_is_left_empty(
        self, kind: str, rows: int, across: int
    ) -> None:
        names = [f"row {i}" for i in range(rows)]
        fates = {(name, "FL"): [90.0 + i] for i, name in enumerate(names)}
        bands = pd.concat([BANDS[BANDS["row"] == "a"].assign(row=name) for name in names])
        draw: dict[str, Callable[[], Figure]] = {
            "accuracy": lambda: accuracy.accuracy_figure(runs(fates), PAPER, TITLE),
            "curves": lambda: curves.curve_figure(bands, TITLE),
            "variants": lambda: variants.variant_figure(
                runs(fates).assign(label="own").rename(columns={"best_test": "score"}), TITLE
            ),
        }
        shown = [ax for ax in draw[kind]().axes if ax.get_visible()]
        assert [ax.get_title().split(" (")[0].split(",")[0] for ax in shown] == names
        assert all(ax.lines for ax in shown)
        lefts = {round(ax.get_subplotspec().get_position(ax.figure).x0, 3) for ax in shown}
        assert len(lefts) == across


DRAW: dict[str, Callable[[], Figure]] = {
    "accuracy": lambda: accuracy.accuracy_figure(RUNS, PAPER, TITLE),
    "curves": lambda: curves.curve_figure(BANDS, TITLE),
    "variants": lambda: variants.variant_figure(VARIANTS, TITLE),
    "band": lambda: variants.band_figure(WIDTHS, "width", TITLE, lines={"CNTK": 77.43}, doubling=True),
    "probes": lambda: curves.probe_figure(PROBES, ["a"], ["left"], {"left": {"a class": 5.0}}, TITLE),
}


@pytest.mark.parametrize("draw", DRAW.values(), ids=DRAW)
class TestPictures:
    def test_an_svg_is_the_same_every_time(self, draw: Callable[[], Figure], tmp_path: Path) -> None:
        pictures = []
        for i in range(2):
            np.random.seed(i)  # noqa: NPY002  a library that draws from the global stream would show here
            style.save_svg(draw(), tmp_path / f"{i}.svg")
            pictures.append((tmp_path / f"{i}.svg").read_bytes())
        assert pictures[0] == pictures[1]
        assert b"<dc:date>" not in pictures[0]
        assert ElementTree.fromstring(pictures[0]).tag.endswith("svg")

    def test_figures_are_white_and_closed(self, draw: Callable[[], Figure]) -> None:
        figure = draw()
        assert to_hex(figure.get_facecolor()) == "#ffffff"
        assert all(to_hex(ax.get_facecolor()) == "#ffffff" for ax in figure.axes)
        assert plt.get_fignums() == []

    def test_a_figure_says_where_its_numbers_come_from(self, draw: Callable[[], Figure]) -> None:
        assert draw().get_suptitle() == TITLE

    def test_drawing_leaves_no_setting_behind(self, draw: Callable[[], Figure]) -> None:
        before = dict(plt.rcParams)
        draw()
        assert dict(plt.rcParams) == before


BLINDNESS = {
    "none": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
"""How linear RGB looks without one kind of cone (Machado, Oliveira and Fernandes 2009, full severity)."""


def lab(colour: str, blindness: str) -> np.ndarray:
    """CIE L*a*b* of a colour as seen, white point D65."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(BLINDNESS[blindness]) @ linear, 0, 1)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(np.maximum(to_xyz @ seen / to_xyz.sum(axis=1), 0.008856))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


class TestColours:
    def test_every_regime_has_one(self) -> None:
        assert list(style.COLOURS) == [str(regime) for regime in Regime]

    @pytest.mark.parametrize("blindness", BLINDNESS)
    def test_colour_blind_readers_can_tell_them_apart(self, blindness: str) -> None:
        for a, b in combinations(style.COLOURS, 2):
            distance = np.linalg.norm(lab(style.COLOURS[a], blindness) - lab(style.COLOURS[b], blindness))
            assert distance > 10, (a, b)

"""Variants and bands."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from companion.render import style, variants
from support.figures import TITLE, VARIANTS, WIDTHS


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
        (legend,) = ax.figure.legends
        assert [text.get_text() for text in legend.get_texts()] == ["ReLU (n = 5)", "FL (n = 3 to 5)"]

    def test_a_regime_has_its_own_colour_whoever_else_is_there(self) -> None:
        for frame in (WIDTHS, WIDTHS[WIDTHS["label"] == "FL"]):
            (ax,) = variants.band_figure(frame, "width", TITLE).axes
            for line in ax.lines:
                assert to_hex(line.get_color()) == style.COLOURS[str(line.get_label()).split()[0]]

    def test_two_lines_of_a_regime_have_its_colour_and_what_is_none_has_another(self) -> None:
        labels = {"ReLU": "FL, image", "FL": "FL, ones"}
        both = WIDTHS.assign(label=WIDTHS["label"].map(labels))
        (ax,) = variants.band_figure(pd.concat([both, WIDTHS[:1].assign(label="another")]), "width", TITLE).axes
        image, ones, other = ax.lines
        assert {to_hex(line.get_color()) for line in (image, ones)} == {style.COLOURS["FL"]}
        assert to_hex(other.get_color()) not in style.COLOURS.values()
        looks = [(line.get_linestyle(), line.get_fillstyle()) for line in (image, ones, other)]
        assert looks == [("-", "full"), ("--", "none"), ("-", "full")]

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
        (legend,) = ax.figure.legends
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
    def test_no_points_at_all(self, doubling: bool) -> None:
        figure = variants.band_figure(WIDTHS.iloc[:0], "width", TITLE, doubling=doubling)
        figure.savefig(BytesIO(), format="svg")
        (ax,) = figure.axes
        assert not ax.lines
        assert figure.legends == []

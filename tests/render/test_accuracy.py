"""Figures show what they are given: artists hold the numbers of the frame, pictures are the same byte for byte."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from companion.render import accuracy, style
from support.figures import PAPER, RUNS, TITLE, runs


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
        (legend,) = first.figure.legends
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
            assert ax.figure.legends == []

    @pytest.mark.filterwarnings("error")
    def test_a_first_panel_without_runs_explains_nothing_and_the_next_does(self) -> None:
        frame = pd.concat([RUNS.iloc[-3:].assign(row="nothing yet"), RUNS])
        first, second, _ = accuracy.accuracy_figure(frame, PAPER, TITLE).axes
        assert first.get_title() == "nothing yet"
        assert first.get_legend_handles_labels()[1] == []
        (legend,) = second.figure.legends
        assert [text.get_text() for text in legend.get_texts()] == ["paper, mean ± std"]

    def test_no_runs_at_all(self) -> None:
        (ax,) = accuracy.accuracy_figure(runs({}), PAPER, TITLE).axes
        assert ax.get_title() == "no records yet"
        assert not ax.lines

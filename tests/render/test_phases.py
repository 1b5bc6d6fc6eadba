"""Curves over two phases."""

from __future__ import annotations

import pandas as pd
import pytest

from companion.render.phases import phase_figure
from support.figures import TITLE

COLOURS = {"M1": "#111111", "M2": "#222222"}


def bands() -> pd.DataFrame:
    """Two phases and two conditions, one of which is not downstream yet."""
    lines = [
        ("a set", phase, panel, label, start + epoch, 90.0 + epoch, 89.0 + epoch, 91.0 + epoch, n)
        for phase, panel, label, start, n in (
            ("upstream", "gamma=0", "M1", 0, 5),
            ("upstream", "gamma=50", "M1", 0, 3),
            ("downstream", "gamma=0", "M2", 3, 5),
            ("downstream", "gamma=0", "M1", 3, 4),
        )
        for epoch in (1, 2, 3)
    ]
    return pd.DataFrame(lines, columns=["place", "phase", "panel", "label", "epoch", "mean", "low", "high", "n"])


def test_phases_are_lines_and_conditions_columns() -> None:
    figure = phase_figure(bands(), COLOURS, TITLE)
    assert [ax.get_title() for ax in figure.axes] == [
        "a set, upstream\ngamma=0 (n = 5)",
        "a set, upstream\ngamma=50 (n = 3)",
        "a set, downstream\ngamma=0 (n = 4 to 5)",
        "a set, downstream\ngamma=50: no records yet",
    ]
    assert {ax.get_xlabel() for ax in figure.axes} == {"epoch"}
    assert figure.axes[0].get_ylabel() == figure.axes[2].get_ylabel() == "test accuracy [%]"
    assert figure.get_suptitle() == TITLE


def test_curves_are_means_with_their_ranges_and_each_model_has_its_colour() -> None:
    _, _, ax, empty = phase_figure(bands(), COLOURS, TITLE).axes
    found = {line.get_label(): line for line in ax.lines}
    assert list(found) == ["M1", "M2"]
    assert {name: line.get_color() for name, line in found.items()} == COLOURS
    assert list(found["M2"].get_xdata()) == [4, 5, 6]
    assert list(found["M2"].get_ydata()) == [91.0, 92.0, 93.0]
    band = ax.collections[1].get_paths()[0].get_extents()
    assert (band.ymin, band.ymax) == (90.0, 94.0)
    assert not empty.lines


@pytest.mark.filterwarnings("error")
def test_no_curves_at_all() -> None:
    (ax,) = phase_figure(bands().iloc[:0], COLOURS, TITLE).axes
    assert ax.get_title() == "no records yet"

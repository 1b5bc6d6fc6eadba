"""What all figures have in common."""

from __future__ import annotations

import io
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

from companion.chapters.downloads import Downloads
from companion.notation import Regime
from companion.render import accuracy, curves, strips, style, variants
from support.figures import BANDS, PAPER, PROBES, RUNS, STRIPS, TITLE, VARIANTS, WIDTHS, runs
from support.files import watch_files


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
    "strips": lambda: strips.strip_figure(STRIPS, PAPER, TITLE),
    "probes": lambda: curves.probe_figure(PROBES, ["a"], ["left"], {"left": {"a class": 5.0}}, TITLE),
}


@pytest.mark.parametrize("draw", DRAW.values(), ids=DRAW)
class TestPictures:
    def test_an_svg_is_the_same_every_time(
        self, draw: Callable[[], Figure], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COMPANION_DOWNLOADS", str(tmp_path))
        downloads = Downloads("a_chapter", "paper")
        pictures = []
        for i in range(2):
            np.random.seed(i)  # noqa: NPY002  a library that draws from the global stream would show here
            downloads.figure(str(i), draw())
            pictures.append(downloads.path(f"{i}.svg").read_bytes())
        assert pictures[0] == pictures[1]
        assert b"<dc:date>" not in pictures[0]
        assert ElementTree.fromstring(pictures[0]).tag.endswith("svg")

    def test_no_file_is_written(self, draw: Callable[[], Figure], monkeypatch: pytest.MonkeyPatch) -> None:
        """What is asked of the system is checked, so that no way to open a file is left out."""
        draw()  # fonts are found, and what is imported late is imported
        with monkeypatch.context() as patch:
            opened = watch_files(patch)
            draw()
        assert opened == []

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


COLUMNS = ["row", "column", "epoch", "mean", "low", "high", "n"]

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


def test_a_figure_looks_the_same_whatever_a_user_has_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def drawn() -> bytes:
        frame = pd.DataFrame([("a", "ReLU", epoch, 90.0, 89.0, 91.0, 5) for epoch in (1, 2)], columns=COLUMNS)
        with plt.rc_context(style.STYLE):
            file = io.BytesIO()
            curves.curve_figure(frame, "title").savefig(file, format="svg", metadata={"Date": None})
        return file.getvalue()

    before = drawn()
    for name, value in {"font.size": 33.0, "svg.fonttype": "none", "lines.linewidth": 9.0, "axes.grid": True}.items():
        monkeypatch.setitem(plt.rcParams, name, value)
    assert drawn() == before

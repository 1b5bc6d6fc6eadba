"""Tables and figures show what they are given: text to the letter, figures by their artists, pictures byte for byte."""

from __future__ import annotations

import ast
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex, to_rgb

from companion import render
from companion.claims import RowResult
from companion.notation import Regime
from companion.scorecard import Entry
from companion.stats import Summary, Verdict

ENTRY = Entry(
    id="A-T2:FC/SGD/MNIST:FL",
    kind="number",
    exhibit="A-T2",
    row="FC/SGD/MNIST",
    column="FL",
    source="Paper A, Table 2",
    statistic="best_test",
    variant="",
    paper_mean=97.1,
    paper_std=0.09,
    mean=97.124,
    std=0.0849,
    n=5,
    profile="paper",
    verdict=Verdict.REPRODUCED,
    rule="",
)
RELU = replace(ENTRY, id="A-T2:FC/SGD/MNIST:ReLU", column="ReLU", paper_mean=97.85, paper_std=None)
PENDING = {"mean": None, "std": None, "n": 0, "verdict": Verdict.PENDING}


def cells(table: render.Table) -> list[list[str]]:
    """Text of the body's cells, from HTML that must be well formed, with one cell per column."""
    root = ElementTree.fromstring(table._repr_html_())
    width = len(root.findall("thead/tr/th"))
    lines = [["".join(cell.itertext()) for cell in line] for line in root.findall("tbody/tr")]
    assert {len(line) for line in lines} <= {width}
    return lines


class TestText:
    @pytest.mark.parametrize(
        ("mean", "std", "text"),
        [
            (97.854, 0.0949, "97.85 ± 0.09"),
            (97.0, 0.0, "97.00 ± 0.00"),
            (97.0, None, "97.00"),
            (97.0, float("nan"), "97.00"),
            (None, None, "–"),
            (None, 0.1, "–"),
            (float("nan"), 0.1, "–"),
        ],
    )
    def test_mean_and_deviation(self, mean: float | None, std: float | None, text: str) -> None:
        assert render.plus_minus(mean, std) == text

    def test_html_is_escaped_in_every_place(self) -> None:
        evil = "<script>alert('&')</script>"
        table = render.Table(pd.DataFrame({evil: [evil]}), evil)
        html = table._repr_html_()
        assert "<script>" not in html
        assert html.count("&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt;") == 3
        assert cells(table) == [[evil]]

    def test_a_table_to_the_letter(self) -> None:
        table = render.Table(pd.DataFrame([{"row": "a", "verdict": Verdict.NOT_REPRODUCED}], dtype=object), "Caption.")
        assert table._repr_html_() == (
            '<table class="companion-table"><caption>Caption.</caption>'
            "<thead><tr><th>row</th><th>verdict</th></tr></thead>"
            '<tbody><tr><td>a</td><td class="verdict verdict-not-reproduced">✗ not reproduced</td></tr></tbody></table>'
        )
        assert repr(table).split("\n") == ["Caption.", "row        verdict", "  a not reproduced"]

    @pytest.mark.parametrize("verdict", Verdict)
    def test_each_verdict_has_a_class_a_mark_and_its_word(self, verdict: Verdict) -> None:
        root = ElementTree.fromstring(render.Table(pd.DataFrame({"v": [verdict]}, dtype=object), "")._repr_html_())
        cell = root.find("tbody/tr/td")
        assert cell is not None
        assert cell.get("class") == f"verdict verdict-{verdict.replace(' ', '-')}"
        assert cell.text == f"{render.MARKS[verdict]} {verdict}"

    def test_no_two_verdicts_share_a_mark(self) -> None:
        assert set(render.MARKS) == set(Verdict)
        assert len(set(render.MARKS.values())) == len(Verdict)


class TestNumberTable:
    def test_paper_measured_interval_n_and_verdict(self) -> None:
        table = render.number_table([ENTRY, RELU], {ENTRY.id: 0.1054, RELU.id: None}, "c")
        assert list(table.frame.columns) == ["row", "", "FL", "ReLU"]
        assert cells(table) == [
            ["FC/SGD/MNIST", "paper", "97.10 ± 0.09", "97.85"],
            ["", "measured", "97.12 ± 0.08", "97.12 ± 0.08"],
            ["", "95% interval", "± 0.11", "–"],
            ["", "n", "5", "5"],
            ["", "verdict", "✓ reproduced", "✓ reproduced"],
        ]

    def test_a_row_without_records_shows_the_paper_and_that_it_is_pending(self) -> None:
        table = render.number_table([replace(ENTRY, **PENDING)], {}, "c")
        assert cells(table) == [["FC/SGD/MNIST", "paper", "97.10 ± 0.09"], ["", "verdict", "… pending"]]

    def test_one_recorded_cell_leaves_dashes_in_the_others(self) -> None:
        table = render.number_table([ENTRY, replace(RELU, **PENDING)], {ENTRY.id: 0.1}, "c")
        assert [line[-1] for line in cells(table)] == ["97.85", "–", "–", "0", "… pending"]

    def test_a_partly_recorded_cell_says_how_many_and_gives_no_verdict(self) -> None:
        entry = replace(ENTRY, n=3, verdict=Verdict.PENDING)
        assert [line[-1] for line in cells(render.number_table([entry], {}, "c"))][-2:] == ["3", "… pending"]

    def test_columns_and_rows_keep_the_papers_order_and_gaps_stay_empty(self) -> None:
        other = replace(ENTRY, id="x", row="FC/Adam/MNIST", column="DL", **PENDING)
        table = render.number_table([RELU, ENTRY, other], {}, "c")
        assert list(table.frame.columns) == ["row", "", "ReLU", "FL", "DL"]
        lines = cells(table)
        assert lines[0] == ["FC/SGD/MNIST", "paper", "97.85", "97.10 ± 0.09", ""]
        assert lines[5] == ["FC/Adam/MNIST", "paper", "", "", "97.10 ± 0.09"]

    def test_it_shows_what_it_is_told_and_judges_nothing(self) -> None:
        absurd = replace(ENTRY, mean=1.0, std=2.0, n=5, verdict=Verdict.REPRODUCED)
        assert [line[-1] for line in cells(render.number_table([absurd], {ENTRY.id: 7.0}, "c"))] == [
            "97.10 ± 0.09",
            "1.00 ± 2.00",
            "± 7.00",
            "5",
            "✓ reproduced",
        ]


class TestOtherTables:
    def test_claims(self) -> None:
        ours = RowResult("FC/SGD/MNIST", Verdict.PENDING, None, None, None, "pending")
        theirs = RowResult("FC/SGD/MNIST", Verdict.INCONCLUSIVE, -0.004, (-0.194, 1.186), 0.2, "rule")
        table = render.claim_table([("II = DI", ours, theirs), ("a < b", theirs, ours)], "c")
        assert cells(table) == [
            ["II = DI", "FC/SGD/MNIST", "–", "… pending", "-0.00 (-0.19 to +1.19)", "? inconclusive"],
            ["a < b", "FC/SGD/MNIST", "-0.00 (-0.19 to +1.19)", "? inconclusive", "–", "… pending"],
        ]

    def test_summaries(self) -> None:
        lines: list[tuple[dict[str, str], Summary | str]] = [
            ({"row": "r", "regime": "FL"}, Summary(97.0, 0.1, 3, 0.25)),
            ({"row": "r", "regime": "DL"}, Summary(97.0, 0.0, 1, None)),
            ({"row": "r", "regime": "ReLU"}, "pending: 2 of 3 recorded"),
        ]
        assert cells(render.summary_table(lines, "c")) == [
            ["r", "FL", "97.00 ± 0.10", "± 0.25", "3"],
            ["r", "DL", "97.00 ± 0.00", "–", "1"],
            ["r", "ReLU", "pending: 2 of 3 recorded", "–", "–"],
        ]

    def test_nothing_makes_an_empty_table(self) -> None:
        for table in (render.claim_table([], "c"), render.summary_table([], "c"), render.number_table([], {}, "c")):
            assert cells(table) == []

    def test_verdicts_stay_verdicts_in_every_kind_of_frame(self) -> None:
        """Frames of text columns may turn words of an enumeration into plain words: then marks would vanish."""
        result = RowResult("r", Verdict.PENDING, None, None, None, "")
        for table in (render.number_table([ENTRY], {}, "c"), render.claim_table([("t", result, result)], "c")):
            assert {str(dtype) for dtype in table.frame.dtypes} == {"object"}


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


class TestAccuracyFigure:
    def test_each_panel_names_its_row_and_n_and_each_axis_its_unit(self) -> None:
        first, second = render.accuracy_figure(RUNS, PAPER).axes
        assert first.get_title() == "FC/SGD/MNIST (n = 2 to 3)"
        assert second.get_title() == "FC/Adam/MNIST (n = 0 to 3)"
        for ax in (first, second):
            assert ax.get_xlabel() == "test accuracy [%]"
            assert [label.get_text() for label in ax.get_yticklabels()] == ["ReLU", "FL"]

    def test_dots_are_the_runs_and_diamonds_the_papers_means(self) -> None:
        first, _ = render.accuracy_figure(RUNS, PAPER).axes
        dots = {to_hex(l.get_color()): l.get_xdata() for l in first.lines if l.get_marker() == "o"}
        assert {colour: list(x) for colour, x in dots.items()} == {
            render.COLOURS["ReLU"]: [97.8, 97.9],
            render.COLOURS["FL"]: [97.1, 97.3, 97.2],
        }
        (diamonds,) = [l for l in first.lines if l.get_marker() == "D"]
        assert sorted(diamonds.get_xdata()) == [97.1, 97.85]
        legend = first.get_legend()
        assert legend is not None
        assert [text.get_text() for text in legend.get_texts()] == ["paper, mean ± std"]

    def test_dots_lie_on_their_regimes_line_and_apart(self) -> None:
        first, _ = render.accuracy_figure(RUNS, PAPER).axes
        for place, column in enumerate(("ReLU", "FL")):
            (dots,) = [l for l in first.lines if l.get_marker() == "o" and l.get_color() == render.COLOURS[column]]
            heights = list(dots.get_ydata())
            assert all(abs(y - place) < 0.2 for y in heights)
            assert len(set(heights)) == len(heights)
            assert np.mean(heights) == pytest.approx(place)

    def test_without_numbers_of_a_paper_there_is_no_diamond(self) -> None:
        for ax in render.accuracy_figure(RUNS, PAPER.iloc[:0]).axes:
            assert {line.get_marker() for line in ax.lines} == {"o"}
            assert ax.get_legend() is None

    @pytest.mark.filterwarnings("error")
    def test_a_first_panel_without_runs_leaves_the_legend_to_the_next(self) -> None:
        frame = pd.concat([RUNS.iloc[-3:].assign(row="nothing yet"), RUNS])
        first, second, _ = render.accuracy_figure(frame, PAPER).axes
        assert first.get_title() == "nothing yet"
        assert first.get_legend() is None
        assert second.get_legend() is not None

    def test_no_runs_at_all(self) -> None:
        (ax,) = render.accuracy_figure(runs({}), PAPER).axes
        assert ax.get_title() == "no records yet"
        assert not ax.lines


class TestCurveFigure:
    def test_each_panel_names_its_row_and_n_and_each_axis_its_unit(self) -> None:
        first, second = render.curve_figure(BANDS).axes
        assert (first.get_title(), second.get_title()) == ("a (n = 5)", "b (n = 3 to 5)")
        for ax in (first, second):
            assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "test accuracy [%]")
        (ax, _) = render.curve_figure(BANDS, unit="training loss [nats]").axes
        assert ax.get_ylabel() == "training loss [nats]"

    def test_lines_are_the_means_and_bands_the_ranges(self) -> None:
        first, _ = render.curve_figure(BANDS).axes
        lines = {str(line.get_label()): line for line in first.lines}
        assert set(lines) == {"ReLU", "FR-II"}
        assert list(lines["FR-II"].get_ydata()) == [89.0, 90.0, 91.0, 92.0]
        assert all(to_hex(line.get_color()) == render.COLOURS[name] for name, line in lines.items())
        band = first.collections[0].get_paths()[0].get_extents()
        assert (band.ymin, band.ymax) == (90.0, 95.5)

    def test_no_curves_at_all(self) -> None:
        (ax,) = render.curve_figure(BANDS.iloc[:0]).axes
        assert ax.get_title() == "no records yet"


class TestPictures:
    @pytest.mark.parametrize("draw", [lambda: render.accuracy_figure(RUNS, PAPER), lambda: render.curve_figure(BANDS)])
    def test_an_svg_is_the_same_every_time(self, draw, tmp_path: Path) -> None:
        pictures = []
        for i in range(2):
            np.random.seed(i)  # noqa: NPY002  a library that draws from the global stream would show here
            render.save_svg(draw(), tmp_path / f"{i}.svg")
            pictures.append((tmp_path / f"{i}.svg").read_bytes())
        assert pictures[0] == pictures[1]
        assert b"<dc:date>" not in pictures[0]
        assert ElementTree.fromstring(pictures[0]).tag.endswith("svg")

    def test_figures_are_white_and_closed(self) -> None:
        for figure in (render.accuracy_figure(RUNS, PAPER), render.curve_figure(BANDS)):
            assert to_hex(figure.get_facecolor()) == "#ffffff"
            assert all(to_hex(ax.get_facecolor()) == "#ffffff" for ax in figure.axes)
        assert plt.get_fignums() == []

    def test_drawing_leaves_no_setting_behind(self) -> None:
        before = dict(plt.rcParams)
        render.curve_figure(BANDS)
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
        assert list(render.COLOURS) == [str(regime) for regime in Regime]

    @pytest.mark.parametrize("blindness", BLINDNESS)
    def test_colour_blind_readers_can_tell_them_apart(self, blindness: str) -> None:
        for a, b in combinations(render.COLOURS, 2):
            distance = np.linalg.norm(lab(render.COLOURS[a], blindness) - lab(render.COLOURS[b], blindness))
            assert distance > 10, (a, b)


def test_render_neither_computes_nor_reads() -> None:
    """It imports nothing that trains, tests, loads or averages."""
    tree = ast.parse(Path(render.__file__).read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not {name.split(".")[0] for name in imported} & {"torch", "numpy", "scipy"}
    assert not imported & {f"companion.{name}" for name in ("store", "experiments", "frames", "training", "data")}
    called = {node.func.attr for node in ast.walk(tree) if isinstance(node, ast.Call) and hasattr(node.func, "attr")}
    assert not called & {"mean", "std", "var", "median", "agg", "quantile", "interval"}

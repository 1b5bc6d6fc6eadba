"""A legend covers no data, in any figure: there is one way to draw one, and every figure that uses it is drawn here."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable
from itertools import combinations, product
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import companion
from companion.chapters.base_kernel_and_depth import draw as base
from companion.chapters.composite_kernels.draw import rotation_figure
from companion.chapters.dgn_and_gradients.draw import dgn_figure
from companion.chapters.paths_and_gates.draw import cartoon_figure
from companion.chapters.paths_and_gates.measure import cartoons
from companion.render import accuracy, curves, gates, kernels, machines, maps, phases, scatter, strips, style, variants
from companion.site import performance
from support.figures import BANDS, PAPER, PROBES, RUNS, STRIPS, TITLE, VARIANTS, WIDTHS

PACKAGE = Path(companion.__file__).parent
EPOCHS = np.arange(1, 5)


def lines(labels: dict[str, list[Any]], **columns: Any) -> pd.DataFrame:
    """Every combination of labels, with columns that are alike for all, or given line by line."""
    rows = [dict(zip(labels, values, strict=True)) for values in product(*labels.values())]
    return pd.DataFrame(rows).assign(**columns)


def _probes() -> Figure:
    labels = {
        "row": ["a", "b"],
        "panel": ["left", "right"],
        "label": ["a long name of a quantity", "v"],
        "epoch": [0, 1],
    }
    frame = lines(labels, median=2.0, min=1.0, max=3.0)
    return curves.probe_figure(pd.concat([frame, PROBES]), ["a", "b"], ["left", "right"], {"left": {"one": 1.5}}, TITLE)


def _phases() -> Figure:
    labels = {"place": ["a"], "phase": ["up", "down"], "panel": ["0", "50"], "label": ["M1", "M2"], "epoch": [1, 2]}
    return phases.phase_figure(lines(labels, mean=90.0, low=89.0, high=91.0, n=5), {"M1": "#111", "M2": "#222"}, TITLE)


def _scatter() -> Figure:
    labels = {"row": ["a", "b"], "column": ["FL", "FR-II"], "label": ["image", "ones"]}
    return scatter.scatter_figure(lines(labels, x=1.0, y=2.0, low=1.0, high=3.0), "change", "gap", TITLE)


def _likeness() -> Figure:
    labels = {"row": ["a", "b"], "label": ["FL", "FR-II"], "which": ["own", "other"], "layer": [1, 2]}
    return maps.likeness_figure(lines(labels, mean=0.5, low=0.4, high=0.6, n=5), TITLE)


def _machines() -> Figure:
    labels = {"design": ["them", "others"], "images": [1000, 5000], "kernel": [*machines.LINES], "epoch": [0, 1]}
    return machines.machine_figure(lines(labels, seed=0, accuracy=90.0), ["them", "others"], [1000, 5000], 1, TITLE)


def _gates() -> Figure:
    parts = dict.fromkeys(("active", "constant", "dead", "within", "between"), 0.5)
    return gates.gate_figure(lines({"network": ["a", "b"], "depth": [1, 2]}, examples=9, **parts))


def _bench(name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"benchmark": name, "rows": rows}


def _rates(*variants: str) -> dict[str, Any]:
    rows: list[dict[str, Any]] = [
        {"variant": name, "gflops": 9.0 + i, "of_peak": 0.1} for i, name in enumerate(variants)
    ]
    return _bench("fc", [*rows, {"variant": "multiply-add peak", "gflops": 99.0, "of_peak": 1.0}])


def _seconds(name: str) -> dict[str, Any]:
    ways = (f"a way with a name, {name}", "another")
    return _bench(name, [{"variant": f"{way}, n = {n}", "seconds": n / 9} for way in ways for n in (100, 200)])


POINTS = pd.DataFrame({"layer": [1, 2], "angle": [0.1, 3.0], "fraction": [0.4, 0.1]})
POWERS = lines({"case": ["first", "second"], "w": [8, 16, 32]}, error=0.5)
SIZES = pd.DataFrame(
    {"size": [(2, 3, 4), (2, 4, 4)], "measured": [1.0, 2.0], "right": [1.0, 2.0], "printed": [3.0, 4.0]}
)
WIDE = lines({"width": ["8", "16", "infinite"], "draw": [0, 1], "layer": [1, 2]}, fraction=0.4)

KINDS: dict[str, Callable[[], object]] = {
    "render.accuracy.accuracy_figure": lambda: accuracy.accuracy_figure(RUNS, PAPER, TITLE),
    "render.curves.curve_figure": lambda: curves.curve_figure(BANDS, TITLE),
    "render.curves.probe_figure": _probes,
    "render.gates.gate_figure": _gates,
    "render.kernels.constant_figure": lambda: kernels.constant_figure(SIZES),
    "render.kernels.power_law_figure": lambda: kernels.power_law_figure(
        POWERS, {"first": -0.5, "second": -1.0}, "w", "error", "case", ("width", "distance"), ("limit", 0.5)
    ),
    "render.machines.machine_figure": _machines,
    "render.maps.likeness_figure": _likeness,
    "render.phases.phase_figure": _phases,
    "render.scatter.scatter_figure": _scatter,
    "render.strips.strip_figure": lambda: strips.strip_figure(STRIPS, PAPER, TITLE),
    "render.variants.band_figure": lambda: variants.band_figure(WIDTHS, "width", TITLE, lines={"CNTK": 77.43}),
    "render.variants.variant_figure": lambda: variants.variant_figure(VARIANTS, TITLE),
    "chapters.base_kernel_and_depth.draw.base_kernel_figure": lambda: base.base_kernel_figure(
        POINTS, POINTS.assign(corrected=0.4, printed=-0.1)
    ),
    "chapters.base_kernel_and_depth.draw.deviation_figure": lambda: base.deviation_figure(
        pd.DataFrame({"width": [8, 16], "deviation": [0.1, 0.05]}), pd.Series({8: 0.1, 16: 0.05}), -0.5
    ),
    "chapters.base_kernel_and_depth.draw.recursion_figure": lambda: base.recursion_figure(
        lines({"start": [0.5, 3.0], "layer": [1, 2]}, angle=1.0, asymptote=2.0)
    ),
    "chapters.base_kernel_and_depth.draw.depth_figure": lambda: base.depth_figure(WIDE),
    "chapters.composite_kernels.draw.rotation_figure": lambda: rotation_figure(
        lines({"kernel": ["Gram", "path kernel"], "rotation": [0, 1]}, likeness=0.5)
    ),
    "chapters.dgn_and_gradients.draw.dgn_figure": lambda: dgn_figure((1, 0)),
    "chapters.paths_and_gates.draw.cartoon_figure": lambda: cartoon_figure(cartoons([1.5, -2.0, 0.5])),
    "site.performance._growth": lambda: performance._growth(
        _rates("fused, width 16", "fused, width 32", "stacked, models 1")
    ),
    "site.performance._kernels": lambda: performance._kernels([_seconds("ntk"), _seconds("npk")]),
    "site.performance._roofline": lambda: performance._roofline(_rates("fused", "stacked")),
}
"""Where a figure is laid out to how one is drawn."""


def test_every_figure_that_is_laid_out_is_drawn_here_and_nothing_else_makes_a_legend() -> None:
    laid_out, others = set[str](), set[str]()
    for path in PACKAGE.rglob("*.py"):
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef):
                called = {ast.unparse(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)}
                laid_out |= {f"{module}.{function.name}"} if "lay_out" in called else set()
                others |= {module for name in called if name.endswith(".legend")}
    assert laid_out == KINDS.keys()
    assert others == {"render.style"}


def drawn(name: str, patch: pytest.MonkeyPatch) -> Figure:
    module = importlib.import_module(f"companion.{name.rpartition('.')[0]}")
    kept: list[Figure] = []

    def keep(figure: Figure, *groups: Any, **look: Any) -> None:
        style.lay_out(figure, *groups, **look)
        kept.append(figure)

    patch.setattr(module, "lay_out", keep)
    KINDS[name]()
    (figure,) = kept
    return figure


@pytest.mark.parametrize("name", KINDS)
def test_a_legend_covers_no_panel_no_word_and_no_other_legend(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    figure = drawn(name, monkeypatch)
    boxes = [legend.get_window_extent() for legend in figure.legends]
    panels = [ax.get_tightbbox() for ax in figure.axes if ax.get_visible()]
    assert not [box for box in boxes for panel in panels if box.overlaps(panel)]
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]
    within = figure.bbox
    assert all(within.x0 <= box.x0 and box.x1 <= within.x1 and within.y0 - 1 <= box.y0 for box in boxes)
    assert all(text.get_fontsize() >= 8 for legend in figure.legends for text in legend.get_texts())


@pytest.mark.parametrize("name", KINDS)
def test_a_figure_is_no_wider_than_a_page_and_its_titles_do_not_meet(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    figure = drawn(name, monkeypatch)
    assert figure.get_size_inches()[0] <= style.WIDEST
    titles = [ax.title.get_window_extent() for ax in figure.axes if ax.get_visible() and ax.get_title()]
    assert not [pair for pair in combinations(titles, 2) if pair[0].overlaps(pair[1])]
    assert all(figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 for box in titles)
    heading = figure._suptitle
    if heading is not None:
        box = heading.get_window_extent()
        assert figure.bbox.x0 <= box.x0
        assert box.x1 <= figure.bbox.x1
        assert not [one for one in titles if one.overlaps(box)]


@pytest.mark.parametrize("name", KINDS)
def test_whatever_has_a_name_is_explained_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    figure = drawn(name, monkeypatch)
    named = {label for ax in figure.axes for label in ax.get_legend_handles_labels()[1]}
    for legend in figure.legends:
        words = [text.get_text() for text in legend.get_texts()]
        assert len(words) == len(set(words))
        named -= set(words)
    assert not named
    assert bool(figure.legends) is (name != "render.variants.variant_figure")


class TestHelper:
    def figure(self, *labels: str) -> Figure:
        figure, axes = style.panels_of(2, width=3.0)
        for ax, label in zip(axes, labels, strict=True):
            ax.plot(EPOCHS, EPOCHS, label=label)
        plt.close(figure)
        return figure

    def words(self, figure: Figure) -> list[list[str]]:
        return [[text.get_text() for text in legend.get_texts()] for legend in figure.legends]

    def test_panels_share_one_legend_in_which_a_name_stands_once(self) -> None:
        figure = self.figure("a", "a")
        before = figure.get_size_inches()
        style.lay_out(figure)
        assert self.words(figure) == [["a"]]
        (wide, tall) = figure.get_size_inches()
        assert wide == before[0]
        assert before[1] < tall < before[1] + 0.5

    def test_what_is_wider_than_a_page_is_made_narrower_and_long_titles_are_broken(self) -> None:
        figure, axes = style.panels_of(3, width=4.4)
        for ax in axes:
            ax.set_title("GCONV/Adam/CIFAR-10, with a long name of a variant (n = 3)")
        figure.suptitle(
            "A-S-bias, profile cpu, and a device whose name does not end where others do, not even here " * 2
        )
        style.lay_out(figure)
        plt.close(figure)
        assert figure.get_size_inches()[0] == style.WIDEST
        boxes = [ax.title.get_window_extent() for ax in axes]
        assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]
        assert {len(ax.get_title().splitlines()) for ax in axes} == {2}
        assert axes[0].get_title().replace("\n", " ") == "GCONV/Adam/CIFAR-10, with a long name of a variant (n = 3)"
        heading = figure._suptitle.get_window_extent()
        assert figure.bbox.x0 <= heading.x0
        assert heading.x1 <= figure.bbox.x1
        assert not [box for box in boxes if box.overlaps(heading)]

    def test_what_fits_stays_as_it_is(self) -> None:
        figure, axes = style.panels_of(2, width=3.0)
        axes[0].set_title("short")
        style.lay_out(figure)
        plt.close(figure)
        assert (axes[0].get_title(), figure.get_size_inches()[0]) == ("short", pytest.approx(6.6))

    def test_groups_have_one_each_below_themselves(self) -> None:
        figure = self.figure("a", "b")
        style.lay_out(figure, *([ax] for ax in figure.axes))
        assert self.words(figure) == [["a"], ["b"]]
        lefts = [legend.get_window_extent().x0 for legend in figure.legends]
        assert lefts == pytest.approx([ax.get_window_extent().x0 for ax in figure.axes], abs=6)

    def test_what_is_too_wide_for_a_line_takes_several(self) -> None:
        figure, (ax,) = style.panels_of(1, width=3.0)
        for i in range(9):
            ax.plot(EPOCHS, EPOCHS * i, label=f"the curve with the number {i}")
        style.lay_out(figure)
        plt.close(figure)
        (legend,) = figure.legends
        assert 1 <= legend._ncols < 9
        assert legend.get_window_extent().x1 <= figure.bbox.x1

    def test_where_nothing_has_a_name_there_is_none_and_the_figure_stays_as_it_is(self) -> None:
        figure = self.figure("_one", "_other")
        before = [*figure.get_size_inches()]
        style.lay_out(figure)
        assert figure.legends == []
        assert [*figure.get_size_inches()] == before

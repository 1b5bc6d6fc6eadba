"""What all figures share: colours, style, panels and legends.

Nothing is computed in a figure: what is drawn is what the frame says.  One panel per row of the exhibit, in a palette
that colour-blind readers can tell apart, on white so that dark mode can show them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from textwrap import fill
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.notation import Regime
from companion.render.palette import PALETTE

__all__ = ["COLOURS", "DOTS", "STYLE", "WIDEST", "counted", "lay_out", "panels_of", "range_of"]

COLOURS = dict(zip(map(str, Regime), PALETTE, strict=False))
"""One colour per regime, the same in every figure."""

WIDEST = 9.6
"""Inches across a figure: a page shows it some 800 pixels wide, where letters of 8 points must be read."""
TITLE_GAP = 8
"""Pixels between the titles of two panels."""

DOTS = 0.3
"""Height over which the dots of one regime are spread, in rows of a panel."""

NO_LOOKS = ("backend", "interactive", "toolbar", "tk.", "webagg.", "timezone", "date.epoch", "docstring.")
"""Settings, by how they begin, that say how a program runs and not what a figure looks like."""
STYLE: dict[Any, Any] = {
    **{name: value for name, value in matplotlib.rcParamsDefault.items() if not name.startswith(NO_LOOKS)},
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "svg.hashsalt": "companion",
    "savefig.bbox": "tight",
}


def panels_of(number: int, width: float, height: float = 3.5) -> tuple[Figure, list[Axes]]:
    """So many panels of a size in inches, three in a line at most.

    Args:
        number: of panels.
        width: of one.
        height: of one.

    Example:
        >>> figure, axes = panels_of(4, width=3.0)
        >>> len(axes), len(figure.axes)  # the second line of three has one panel and two that are not shown
        (4, 6)
        >>> plt.close(figure)
    """
    across = min(number, 3)
    lines = -(-number // across)
    figure, axes = plt.subplots(lines, across, figsize=(width * across + 0.6, height * lines + 0.1), squeeze=False)
    for spare in axes.flat[number:]:
        spare.set_visible(False)
    return figure, list(axes.flat[:number])


def _fit(figure: Figure) -> None:
    """Place the panels, at most :data:`WIDEST` across, each title in as many lines as its panel has room for."""
    width, height = figure.get_size_inches()
    figure.set_size_inches(min(width, WIDEST), height)
    figure.tight_layout()
    panels = [ax for ax in figure.axes if ax.get_visible()]
    middles = sorted({round(ax.get_window_extent().x0 + ax.get_window_extent().width / 2) for ax in panels})
    room = min((right - left for left, right in pairwise(middles)), default=figure.bbox.width) - TITLE_GAP
    titles = [(ax.title, room) for ax in panels]
    heading = figure._suptitle  # type: ignore[attr-defined]  # there is no other way to ask for it
    for title, wide in titles + ([(heading, figure.bbox.width)] if heading is not None else []):
        drawn = title.get_window_extent().width
        if drawn > wide:
            longest = max(map(len, title.get_text().splitlines()))
            letters = max(10, int(longest * wide / drawn))
            title.set_text("\n".join(fill(line, letters) for line in title.get_text().splitlines()))
    figure.tight_layout()


def lay_out(figure: Figure, *groups: Iterable[Axes], size: float = 8, handle: float = 2) -> None:
    """Place the panels of a figure, and below them, where it covers no data, what explains them; the figure grows.

    A figure that is wider than a page can show is made narrower, and its titles are broken into lines.

    Args:
        figure: with all its panels and titles.
        groups: panels that share a legend, from left to right; it stands below them.  Without any all panels share one.
        size: of its letters, in points.
        handle: length of its samples, in letters.

    Example:
        >>> figure, (ax,) = panels_of(1, width=3.0)
        >>> lines = ax.plot([0, 1], [0, 1], label="FL")
        >>> lay_out(figure)
        >>> bool(figure.legends[0].get_window_extent().y1 < ax.get_window_extent().y0)
        True
        >>> plt.close(figure)
    """
    _fit(figure)
    shared = [list(group) for group in groups] or [figure.axes]
    lefts = [min(ax.get_position().x0 for ax in group) for group in shared]
    made = []
    for group, left, right in zip(shared, lefts, [*lefts[1:], 1.0], strict=True):
        handles: dict[str, Any] = {}
        for ax in group:
            for sample, label in zip(*ax.get_legend_handles_labels(), strict=True):
                handles.setdefault(label, sample)
        room = (right - left) * figure.bbox.width
        for columns in range(len(handles), 0, -1):
            legend = figure.legend(
                [*handles.values()],
                [*handles],
                loc="upper left",
                ncols=columns,
                fontsize=size,
                handlelength=handle,
                frameon=False,
                borderaxespad=0,
            )
            if columns == 1 or legend.get_window_extent().width <= room:
                made.append((left, legend))
                break
            legend.remove()
    if not made:
        return
    width, height = figure.get_size_inches()
    more = max(legend.get_window_extent().height for _, legend in made) / figure.dpi
    edge = more / (height + more)
    figure.set_size_inches(width, height + more)
    figure.tight_layout(rect=(0, edge, 1, 1))
    for left, legend in made:
        legend.set_bbox_to_anchor((left, edge))


def counted(row: str, mine: pd.DataFrame, columns: Sequence[str]) -> str:
    """A row and how many runs its columns have.

    Args:
        row: its name.
        mine: its runs, with ``column``.
        columns: those that count, whether or not they have runs.

    Example:
        >>> counted("FC", pd.DataFrame({"column": ["ReLU", "ReLU", "FL"]}), ["ReLU", "FL"])
        'FC (n = 1 to 2)'
    """
    return f"{row} ({range_of(mine.groupby('column').size().reindex(list(columns), fill_value=0))})"


def range_of(counts: pd.Series) -> str:
    """``n = 5``, or ``n = 3 to 5`` where the counts differ.

    Example:
        >>> range_of(pd.Series([5, 5])), range_of(pd.Series([3, 5]))
        ('n = 5', 'n = 3 to 5')
    """
    return f"n = {counts.max()}" if counts.min() == counts.max() else f"n = {counts.min()} to {counts.max()}"

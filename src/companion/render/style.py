"""What all figures share: colours, style, panels and legends.

Nothing is computed in a figure: what is drawn is what the frame says.  One panel per row of the exhibit, in a palette
that colour-blind readers can tell apart, on white so that dark mode can show them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import matplotlib
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.notation import Regime
from companion.render.palette import PALETTE

__all__ = ["COLOURS", "DOTS", "STYLE", "counted", "legend_in", "panels_of", "range_of"]

COLOURS = dict(zip(map(str, Regime), PALETTE, strict=False))
"""One colour per regime, the same in every figure."""

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
    """So many panels of a size in inches, three in a line at most."""
    across = min(number, 3)
    lines = -(-number // across)
    figure, axes = plt.subplots(lines, across, figsize=(width * across + 0.6, height * lines + 0.1), squeeze=False)
    for spare in axes.flat[number:]:
        spare.set_visible(False)
    return figure, list(axes.flat[:number])


def legend_in(axes: Iterable[Axes], loc: Literal["lower left", "lower right"]) -> None:
    """One legend, in the first panel that has something to explain."""
    for ax in axes:
        if ax.get_legend_handles_labels()[0]:
            ax.legend(loc=loc, fontsize=8, frameon=False)
            return


def counted(row: str, mine: pd.DataFrame, columns: Sequence[str]) -> str:
    """A row and how many runs its columns have."""
    return f"{row} ({range_of(mine.groupby('column').size().reindex(list(columns), fill_value=0))})"


def range_of(counts: pd.Series) -> str:
    """``n = 5``, or ``n = 3 to 5`` where the counts differ."""
    return f"n = {counts.max()}" if counts.min() == counts.max() else f"n = {counts.min()} to {counts.max()}"

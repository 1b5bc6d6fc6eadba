"""Two quantities of many models against each other, one panel per network."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from companion.render.style import COLOURS, STYLE, lay_out, panels_of

__all__ = ["scatter_figure"]

FILLS = ("full", "none")
"""One for each kind of model, in the order of their first appearance."""


def scatter_figure(frame: pd.DataFrame, x: str, y: str, title: str) -> Figure:
    """A dot for each model, its colour by regime, hollow or not by its kind.

    Args:
        frame: ``row, column``, ``label`` (at most two kinds of model), and ``x``, ``y`` with the reach of ``y`` over
            seeds, ``low`` and ``high``; models that lack one of them are missing.
        x: label of the horizontal axis, with its unit.
        y: label of the vertical one.
        title: of the figure; says profile and device.
    """
    rows = list(dict.fromkeys(frame["row"])) or ["no records yet"]
    labels = list(dict.fromkeys(frame["label"]))
    with plt.rc_context(STYLE):
        figure, axes = panels_of(len(rows), 5.2, 3.8)
        for ax, row in zip(axes, rows, strict=True):
            mine = frame[frame["row"] == row].dropna(subset=["x", "y"])
            ax.set(title=f"{row}, {len(mine)} models" if len(mine) else f"{row}, no records yet")
            if mine.empty:
                ax.set(xticks=[], yticks=[])
                continue
            for (column, label), dots in mine.groupby(["column", "label"], sort=False):
                ax.errorbar(
                    dots["x"],
                    dots["y"],
                    [dots["y"] - dots["low"], dots["high"] - dots["y"]],
                    fmt="o",
                    color=COLOURS[str(column)],
                    fillstyle=FILLS[labels.index(str(label))],
                    markersize=5,
                    elinewidth=0.6,
                    alpha=0.8,
                    label=f"{column}, {label}",
                )
            ax.axhline(0, color="grey", linewidth=0.8)
            ax.set(xlabel=x, ylabel=y)
            ax.grid(alpha=0.3)
        figure.suptitle(title)
        lay_out(figure)
    plt.close(figure)
    return figure

"""Many models of one regime as dots on a line, some of them marked."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from companion.render.style import COLOURS, DOTS, STYLE, counted, lay_out, panels_of

__all__ = ["strip_figure"]

MARKERS = ("o", "D", "^", "s")
"""One for each kind of model, in the order of their first appearance; what comes later shares the last."""


def strip_figure(frame: pd.DataFrame, paper: pd.DataFrame, title: str) -> Figure:
    """Every run as a dot, regime by regime, one panel per row; the shape of a dot tells the kind of its model.

    Args:
        frame: ``row, column``, ``label`` (the kind of model), ``filled`` and ``score`` in percent, in the order in
            which dots stand one below the other; runs without a score are missing.
        paper: the paper's means with ``row``, ``column``, ``mean``; empty where none may stand here.
        title: of the figure; says profile and device.
    """
    rows = list(dict.fromkeys(frame["row"])) or ["no records yet"]
    labels = list(dict.fromkeys(frame["label"]))
    with plt.rc_context(STYLE):
        figure, axes = panels_of(len(rows), 5.6, 3.8)
        for ax, row in zip(axes, rows, strict=True):
            mine = frame[(frame["row"] == row) & frame["score"].notna()]
            columns = [c for c in COLOURS if c in set(mine["column"])]
            if not columns:
                ax.set(title=row, xticks=[], yticks=[])
                continue
            for i, column in enumerate(columns):
                dots = mine[mine["column"] == column]
                for k, (score, label, filled) in enumerate(
                    zip(dots["score"], dots["label"], dots["filled"], strict=True), start=1
                ):
                    ax.plot(
                        score,
                        i + 2 * DOTS * (k / (len(dots) + 1) - 0.5),
                        MARKERS[min(labels.index(label), len(MARKERS) - 1)],
                        color=COLOURS[column],
                        fillstyle="full" if filled else "none",
                        markersize=5,
                        alpha=0.8,
                    )
            theirs = paper[paper["row"] == row].set_index("column").reindex(columns)["mean"]
            if theirs.notna().any():
                ax.plot(
                    theirs, range(len(columns)), "|", color="black", markersize=18, label="paper, mean of its models"
                )
            for marker, label in zip(MARKERS, labels, strict=False):
                ax.plot([], [], marker, color="grey", markersize=5, label=label)
            ax.set(title=counted(row, mine, columns), xlabel="test accuracy [%]", ylabel="")
            ax.set_yticks(range(len(columns)), columns)
            ax.set_ylim(len(columns) - 0.5, -0.5)
            ax.grid(axis="x", alpha=0.3)
        figure.suptitle(title, fontsize=10)
        lay_out(figure)
    plt.close(figure)
    return figure

"""Accuracies as dots: one panel per row of the exhibit, one colour per regime."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from companion.render.style import COLOURS, DOTS, STYLE, counted, lay_out, panels_of

__all__ = ["accuracy_figure"]


def accuracy_figure(frame: pd.DataFrame, paper: pd.DataFrame, title: str, statistic: str = "best_test") -> Figure:
    """Every run as a dot, regime by regime, one panel per row; diamonds are the paper's means.

    The dots of a regime stand one above the other in the order of their seeds.

    Args:
        frame: runs, with ``row``, ``column``, ``seed`` and the statistic in percent.
        paper: the paper's numbers with ``row``, ``column``, ``mean``, ``std``; empty where none may stand here.
        title: of the figure; says profile and device.
        statistic: what is drawn.

    Example:
        >>> frame = pd.DataFrame({"row": "FC", "column": "FL", "seed": [0, 1], "best_test": [97.0, 97.2]})
        >>> paper = pd.DataFrame({"row": ["FC"], "column": ["FL"], "mean": [97.1], "std": [0.09]})
        >>> accuracy_figure(frame, paper, "MNIST").axes[0].get_title()
        'FC (n = 2)'
    """
    rows = list(dict.fromkeys(frame["row"])) or ["no records yet"]
    with plt.rc_context(STYLE):
        figure, axes = panels_of(len(rows), 4.2)
        for ax, row in zip(axes, rows, strict=True):
            mine = frame[(frame["row"] == row) & frame[statistic].notna()]
            columns = [c for c in COLOURS if c in set(frame.loc[frame["row"] == row, "column"])]
            if mine.empty:
                ax.set(title=row, xticks=[], yticks=[])
                continue
            for i, column in enumerate(columns):
                dots = mine[mine["column"] == column].sort_values("seed")[statistic]
                heights = [i + DOTS * ((k + 1) / (len(dots) + 1) - 0.5) for k in range(len(dots))]
                ax.plot(dots, heights, "o", color=COLOURS[column], markersize=6, alpha=0.8, markeredgewidth=0)
            theirs = paper[paper["row"] == row].set_index("column").reindex(columns)
            known = theirs["mean"].notna()
            if known.any():
                ax.errorbar(
                    theirs.loc[known, "mean"],
                    [i - 0.3 for i, k in enumerate(known) if k],
                    xerr=theirs.loc[known, "std"].fillna(0),
                    fmt="D",
                    color="black",
                    markersize=4,
                    capsize=2,
                    label="paper, mean ± std",
                )
            ax.set(title=counted(row, mine, columns), xlabel="test accuracy [%]", ylabel="")
            ax.set_yticks(range(len(columns)), columns)
            ax.set_ylim(len(columns) - 0.5, -0.5)
            ax.grid(axis="x", alpha=0.3)
        figure.suptitle(title, fontsize=10)
        lay_out(figure)
    plt.close(figure)
    return figure

"""Data frames to figures.  Nothing is computed here: what is drawn is what the frame says.

One panel per row of the exhibit, in a palette that colour-blind readers can tell apart, on white so that dark mode can
show them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from companion.notation import Regime

__all__ = [
    "COLOURS",
    "STYLE",
    "accuracy_figure",
    "band_figure",
    "curve_figure",
    "probe_figure",
    "save_svg",
    "variant_figure",
]

COLOURS = dict(zip(map(str, Regime), sns.color_palette("colorblind", len(Regime)).as_hex(), strict=True))
"""One colour per regime, the same in every figure."""

DOTS = 0.3
"""Height over which the dots of one regime are spread, in rows of a panel."""

STYLE: dict[Any, Any] = {
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "svg.hashsalt": "companion",
    "savefig.bbox": "tight",
}


def accuracy_figure(frame: pd.DataFrame, paper: pd.DataFrame, title: str, statistic: str = "best_test") -> Figure:
    """Every run as a dot, regime by regime, one panel per row; diamonds are the paper's means.

    The dots of a regime stand one above the other in the order of their seeds.

    Args:
        frame: runs, with ``row``, ``column``, ``seed`` and the statistic in percent.
        paper: the paper's numbers with ``row``, ``column``, ``mean``, ``std``; empty where none may stand here.
        title: of the figure; says profile and device.
        statistic: what is drawn.
    """
    rows = list(dict.fromkeys(frame["row"])) or ["no records yet"]
    with plt.rc_context(STYLE):
        figure, axes = _panels(len(rows), 4.2)
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
            ax.set(title=_count(row, mine, columns), xlabel="test accuracy [%]", ylabel="")
            ax.set_yticks(range(len(columns)), columns)
            ax.set_ylim(len(columns) - 0.5, -0.5)
            ax.grid(axis="x", alpha=0.3)
        _legend(axes, loc="lower left")
        figure.suptitle(title, fontsize=10)
        figure.tight_layout()
    plt.close(figure)
    return figure


def _panels(number: int, width: float, height: float = 3.5) -> tuple[Figure, list[Axes]]:
    """So many panels of a size in inches, three in a line at most."""
    across = min(number, 3)
    lines = -(-number // across)
    figure, axes = plt.subplots(lines, across, figsize=(width * across + 0.6, height * lines + 0.1), squeeze=False)
    for spare in axes.flat[number:]:
        spare.set_visible(False)
    return figure, list(axes.flat[:number])


def _legend(axes: Iterable[Axes], loc: Literal["lower left", "lower right"]) -> None:
    """One legend, in the first panel that has something to explain."""
    for ax in axes:
        if ax.get_legend_handles_labels()[0]:
            ax.legend(loc=loc, fontsize=8, frameon=False)
            return


def save_svg(figure: Figure, path: Path) -> None:
    """Write a figure; the same figure gives the same bytes every time."""
    with plt.rc_context(STYLE):
        figure.savefig(path, format="svg", metadata={"Date": None})


def _count(row: str, mine: pd.DataFrame, columns: Sequence[str]) -> str:
    return f"{row} ({_range(mine.groupby('column').size().reindex(list(columns), fill_value=0))})"


def _range(counts: pd.Series) -> str:
    return f"n = {counts.max()}" if counts.min() == counts.max() else f"n = {counts.min()} to {counts.max()}"


def curve_figure(bands: pd.DataFrame, title: str, unit: str = "test accuracy [%]") -> Figure:
    """A curve over epochs: mean of the seeds, with the range between the lowest and the highest, one panel per row.

    The vertical axis begins below the lowest value after the first twentieth of the epochs.

    Args:
        bands: as :func:`companion.verdicts.frames.bands` makes them.
        title: of the figure; says profile and device.
        unit: label of the vertical axis.
    """
    rows = list(dict.fromkeys(bands["row"])) or ["no records yet"]
    with plt.rc_context(STYLE):
        figure, axes = _panels(len(rows), 4.6)
        for ax, row in zip(axes, rows, strict=True):
            mine = bands[bands["row"] == row]
            _curves(ax, mine)
            name = row if mine.empty else f"{row} ({_range(mine['n'])})"
            ax.set(title=name, xlabel="epoch", ylabel=unit)
            ax.grid(alpha=0.3)
        _legend(axes, loc="lower right")
        figure.suptitle(title, fontsize=10)
        figure.tight_layout()
    plt.close(figure)
    return figure


def _curves(ax: Axes, bands: pd.DataFrame) -> None:
    for column in [c for c in COLOURS if c in set(bands["column"])]:
        mine = bands[bands["column"] == column]
        ax.plot(mine["epoch"], mine["mean"], color=COLOURS[column], label=column, linewidth=1.5)
        ax.fill_between(mine["epoch"], mine["low"], mine["high"], color=COLOURS[column], alpha=0.2, linewidth=0)
    if len(bands):
        low = bands.loc[bands["epoch"] > bands["epoch"].max() * 0.05, "low"].min()
        ax.set_ylim(bottom=max(0, low - 0.5))


def probe_figure(
    frame: pd.DataFrame,
    rows: Sequence[str],
    panels: Sequence[str],
    lines: Mapping[str, Mapping[str, float]],
    title: str,
) -> Figure:
    """Measurements between epochs on logarithmic axes, a line of panels per row.

    Args:
        frame: ``row, panel, label, epoch`` and ``median, min, max`` over seeds.
        rows: of the exhibit.
        panels: titles, from left to right.
        lines: panel to the labels and heights of its reference lines.
        title: of the figure; says profile, device and n.
    """
    with plt.rc_context(STYLE):
        size = (4.4 * len(panels) + 0.6, 3.3 * len(rows) + 0.4)
        figure, axes = plt.subplots(len(rows), len(panels), figsize=size, squeeze=False)
        for row, line in zip(rows, axes, strict=True):
            for panel, ax in zip(panels, line, strict=True):
                mine = frame[(frame["row"] == row) & (frame["panel"] == panel)]
                for colour, label in zip(COLOURS.values(), dict.fromkeys(mine["label"]), strict=False):
                    part = mine[mine["label"] == label]
                    ax.plot(part["epoch"], part["median"], color=colour, label=label)
                    ax.fill_between(part["epoch"], part["min"], part["max"], color=colour, alpha=0.2, linewidth=0)
                for (label, height), style in zip(lines.get(panel, {}).items(), ("--", ":"), strict=False):
                    ax.axhline(height, color="black", linestyle=style, linewidth=1, label=label)
                ax.set(title=f"{row}: {panel}", xlabel="epochs done", ylabel="value (log scale)")
                ax.grid(alpha=0.3)
                if len(mine):
                    ax.set_yscale("log")
                    ax.legend(fontsize=8, frameon=False)
        figure.suptitle(title, fontsize=10)
        figure.tight_layout()
    plt.close(figure)
    return figure


def variant_figure(frame: pd.DataFrame, title: str) -> Figure:
    """Every run as a dot, variants down, one panel per row and regime.

    Args:
        frame: ``row, column, label`` (of the variant), ``seed`` and ``score`` in percent; runs without one are missing.
        title: of the figure; says profile and device.
    """
    panels = list(dict.fromkeys(frame[["row", "column"]].itertuples(index=False, name=None)))
    with plt.rc_context(STYLE):
        most = frame.groupby(["row", "column"])["label"].nunique().max()
        figure, axes = _panels(len(panels), 4.4, 0.45 * most + 1.4)
        for ax, (row, column) in zip(axes, panels, strict=True):
            mine = frame[(frame["row"] == row) & (frame["column"] == column)]
            labels = list(dict.fromkeys(mine["label"]))
            done = mine[mine["score"].notna()]
            for i, label in enumerate(labels):
                dots = done[done["label"] == label].sort_values("seed")["score"]
                heights = [i + DOTS * ((k + 1) / (len(dots) + 1) - 0.5) for k in range(len(dots))]
                ax.plot(dots, heights, "o", color=COLOURS[column], markersize=6, alpha=0.8, markeredgewidth=0)
            counts = done.groupby("label").size().reindex(labels, fill_value=0)
            ax.set(title=f"{row}, {column} ({_range(counts)})", xlabel="test accuracy [%]")
            ax.title.set_fontsize(9)
            ax.xaxis.set_major_locator(MaxNLocator(3))
            ax.set_yticks(range(len(labels)), labels)
            ax.set_ylim(len(labels) - 0.5, -0.5)
            ax.grid(axis="x", alpha=0.3)
        figure.suptitle(title, fontsize=10)
        figure.tight_layout()
    plt.close(figure)
    return figure


def band_figure(
    frame: pd.DataFrame,
    x: str,
    title: str,
    *,
    paper: pd.DataFrame | None = None,
    lines: Mapping[str, float] | None = None,
    doubling: bool = False,
) -> Figure:
    """Accuracy against a number: mean over seeds, with the range between the lowest and the highest.

    Args:
        frame: ``label``, ``x``, ``mean``, ``low``, ``high``, ``n``, one line for each point.
        x: what ``x`` is, with its unit.
        title: of the figure; says profile and device.
        paper: ``x`` and ``mean`` of what the paper prints.
        lines: label to height of a horizontal line.
        doubling: whether ``x`` doubles from point to point, so that its axis is logarithmic.
    """
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(6.4, 4.2))
        for own, label in zip(COLOURS.values(), dict.fromkeys(frame["label"]), strict=False):
            mine = frame[frame["label"] == label].sort_values("x")
            colour = COLOURS.get(label, own)
            ax.plot(mine["x"], mine["mean"], "o-", color=colour, label=f"{label} ({_range(mine['n'])})")
            ax.fill_between(mine["x"], mine["low"], mine["high"], color=colour, alpha=0.2, linewidth=0)
        if paper is not None and len(paper):
            ax.plot(paper["x"], paper["mean"], "D--", color="black", markersize=4, linewidth=1, label="paper")
        for (label, height), style in zip((lines or {}).items(), ("--", ":", "-."), strict=False):
            ax.axhline(height, color="black", linestyle=style, linewidth=1, label=label)
        if doubling:
            ax.set_xscale("log", base=2)
            numbers = sorted(set(frame["x"]))
            ax.set_xticks(numbers, [str(number) for number in numbers])
        ax.set(xlabel=x, ylabel="test accuracy [%]")
        ax.grid(alpha=0.3)
        if ax.get_legend_handles_labels()[0]:
            ax.legend(fontsize=8, frameon=False)
        figure.suptitle(title, fontsize=10)
        figure.tight_layout()
    plt.close(figure)
    return figure

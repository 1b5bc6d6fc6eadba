"""Curves against epochs: accuracies, and what probes measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.render.style import COLOURS, STYLE, lay_out, panels_of, range_of

__all__ = ["curve_figure", "probe_figure"]


def curve_figure(bands: pd.DataFrame, title: str, unit: str = "test accuracy [%]") -> Figure:
    """A curve over epochs: mean of the seeds, with the range between the lowest and the highest, one panel per row.

    The vertical axis begins below the lowest value after the first twentieth of the epochs.

    Args:
        bands: as :func:`companion.verdicts.frames.bands` makes them.
        title: of the figure; says profile and device.
        unit: label of the vertical axis.

    Example:
        >>> bands = pd.DataFrame({"row": "FC", "column": "FL", "epoch": [1, 2], "mean": [90.0, 95.0], "n": 5})
        >>> curve_figure(bands.assign(low=bands["mean"] - 1, high=bands["mean"] + 1), "MNIST").axes[0].get_title()
        'FC (n = 5)'
    """
    rows = list(dict.fromkeys(bands["row"])) or ["no records yet"]
    with plt.rc_context(STYLE):
        figure, axes = panels_of(len(rows), 4.6)
        for ax, row in zip(axes, rows, strict=True):
            mine = bands[bands["row"] == row]
            _curves(ax, mine)
            name = row if mine.empty else f"{row} ({range_of(mine['n'])})"
            ax.set(title=name, xlabel="epoch", ylabel=unit)
            ax.grid(alpha=0.3)
        figure.suptitle(title, fontsize=10)
        lay_out(figure)
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

    Example:
        >>> values = pd.DataFrame({"epoch": [0, 1], "median": [1.0, 2.0], "min": [0.5, 1.5], "max": [2.0, 3.0]})
        >>> frame = values.assign(row="FC", panel="norm", label="K")
        >>> probe_figure(frame, ["FC"], ["norm"], {"norm": {"one": 1.0}}, "MNIST").axes[0].get_title()
        'FC: norm'
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
        figure.suptitle(title, fontsize=10)
        lay_out(figure, *axes.T)
    plt.close(figure)
    return figure

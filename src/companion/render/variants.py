"""Variants of a row beside each other, and means with their bands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import cycle

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from companion.render.palette import PALETTE
from companion.render.style import COLOURS, DOTS, STYLE, lay_out, panels_of, range_of

__all__ = ["band_figure", "variant_figure"]


def variant_figure(frame: pd.DataFrame, title: str) -> Figure:
    """Every run as a dot, variants down, one panel per row and column.

    Args:
        frame: ``row, column, label`` (of the variant), ``seed`` and ``score`` in percent; runs without one are missing.
            Where a column is no regime, ``regime`` is that of each run, whose colour it has.
        title: of the figure; says profile and device.

    Example:
        >>> frame = pd.DataFrame({"row": "FC", "column": "FL", "label": "wide", "seed": [0, 1], "score": [97.0, 97.2]})
        >>> variant_figure(frame, "MNIST").axes[0].get_title()
        'FC, FL (n = 2)'
    """
    panels = list(dict.fromkeys(frame[["row", "column"]].itertuples(index=False, name=None)))
    with plt.rc_context(STYLE):
        most = frame.groupby(["row", "column"])["label"].nunique().max()
        figure, axes = panels_of(len(panels), 4.4, 0.45 * most + 1.4)
        for ax, (row, column) in zip(axes, panels, strict=True):
            mine = frame[(frame["row"] == row) & (frame["column"] == column)]
            labels = list(dict.fromkeys(mine["label"]))
            done = mine[mine["score"].notna()]
            for i, label in enumerate(labels):
                here = done[done["label"] == label].sort_values("seed")
                dots = here["score"]
                regime = here["regime"].iloc[0] if "regime" in frame and len(dots) else column
                heights = [i + DOTS * ((k + 1) / (len(dots) + 1) - 0.5) for k in range(len(dots))]
                ax.plot(
                    dots, heights, "o", color=COLOURS.get(regime, "black"), markersize=6, alpha=0.8, markeredgewidth=0
                )
            counts = done.groupby("label").size().reindex(labels, fill_value=0)
            ax.set(title=f"{row}, {column} ({range_of(counts)})", xlabel="test accuracy [%]")
            ax.title.set_fontsize(9)
            ax.xaxis.set_major_locator(MaxNLocator(3))
            ax.set_yticks(range(len(labels)), labels)
            ax.set_ylim(len(labels) - 0.5, -0.5)
            ax.grid(axis="x", alpha=0.3)
        figure.suptitle(title, fontsize=10)
        lay_out(figure)
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
    ends: Mapping[str, tuple[float, float]] | None = None,
    y: str = "test accuracy [%]",
) -> Figure:
    """Accuracy against a number: mean over seeds, with the range between the lowest and the highest.

    Args:
        frame: ``label``, ``x``, ``mean``, ``low``, ``high``, ``n``, one line for each point.  A label that begins with
            a regime, such as ``FL, ones``, has its colour; the second of a colour is dashed.
        x: what ``x`` is, with its unit.
        title: of the figure; says profile and device.
        paper: ``x`` and ``mean`` of what the paper prints.
        lines: label to height of a horizontal line.
        doubling: whether ``x`` doubles from point to point, so that its axis is logarithmic.
        ends: label of a line to ``x`` and height of what the paper prints of it.
        y: what is drawn, with its unit.

    Example:
        >>> frame = pd.DataFrame({"label": "FL", "x": [8, 16], "mean": [90.0, 95.0], "n": 5})
        >>> figure = band_figure(frame.assign(low=frame["mean"] - 1, high=frame["mean"] + 1), "width", "MNIST")
        >>> figure.axes[0].get_legend_handles_labels()[1]
        ['FL (n = 5)']
    """
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(6.4, 4.2))
        used = set[str]()
        for label, colour in _colours([*(ends or {}), *frame["label"]]).items():
            mine = frame[frame["label"] == label].sort_values("x")
            if len(mine):
                line, fill = ("o--", "none") if colour in used else ("o-", "full")
                said = f"{label} ({range_of(mine['n'])})"
                ax.plot(mine["x"], mine["mean"], line, color=colour, fillstyle=fill, label=said)
                used.add(colour)
                ax.fill_between(mine["x"], mine["low"], mine["high"], color=colour, alpha=0.2, linewidth=0)
            if label in (ends or {}):
                alone = None if len(mine) else f"{label}, paper"
                ax.plot(*(ends or {})[label], "D", color=colour, markeredgecolor="black", zorder=3, label=alone)
        if paper is not None and len(paper):
            ax.plot(paper["x"], paper["mean"], "D--", color="black", markersize=4, linewidth=1, label="paper")
        for (label, height), style in zip((lines or {}).items(), ("--", ":", "-."), strict=False):
            ax.axhline(height, color="black", linestyle=style, linewidth=1, label=label)
        if doubling:
            ax.set_xscale("log", base=2)
            numbers = sorted({*frame["x"], *(x for x, _ in (ends or {}).values())})
            ax.set_xticks(numbers, [str(number) for number in numbers])
        ax.set(xlabel=x, ylabel=y)
        ax.grid(alpha=0.3)
        figure.suptitle(title, fontsize=10)
        lay_out(figure)
    plt.close(figure)
    return figure


def _colours(labels: Iterable[str]) -> dict[str, str]:
    """A colour for each line: that of its regime, with which a label may begin; where regimes are, others have others.

    Two lines of one regime have one colour.
    """
    named = {label: label.partition(",")[0] for label in labels}
    others = cycle(PALETTE[len(COLOURS) :] if COLOURS.keys() & set(named.values()) else PALETTE)
    return {label: COLOURS[regime] if regime in COLOURS else next(others) for label, regime in named.items()}

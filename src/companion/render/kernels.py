"""Kernels and rates drawn.  Data in, figure out: what is drawn is what the frame or the matrices say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from companion.notation import Float, Tensor
from companion.render.palette import PALETTE
from companion.render.style import STYLE, lay_out

__all__ = ["constant_figure", "matrix_figure", "power_law_figure"]

MARKERS, LINES = "os^Dv", ("-", "--", ":", "-.")


def matrix_figure(rows: Sequence[Mapping[str, Float[Tensor, "N N"]]], label: str) -> Figure:
    """Symmetric matrices as heat maps, all on one scale, titles above each.

    Args:
        rows: title to matrix, row by row of the figure; all rows equally long.
        label: of the colour bar, with the unit.
    """
    reach = max(float(matrix.abs().max()) for row in rows for matrix in row.values())
    with plt.rc_context(STYLE):
        size = (2.3 * len(rows[0]) + 1.0, 2.4 * len(rows) + 0.3)
        figure, axes = plt.subplots(len(rows), len(rows[0]), figsize=size, squeeze=False, layout="constrained")
        for line, row in zip(axes, rows, strict=True):
            for ax, (title, matrix) in zip(line, row.items(), strict=True):
                image = ax.imshow(matrix.numpy(), cmap="PuOr", vmin=-reach, vmax=reach)
                ax.set_title(title, fontsize=10)
                ax.set(xticks=range(len(matrix)), yticks=range(len(matrix)))
                ax.tick_params(labelsize=7)
            line[0].set_ylabel("example s")
        for ax in axes[-1]:
            ax.set_xlabel("example s'")
        figure.colorbar(image, ax=axes, shrink=0.8, label=label)
    plt.close(figure)
    return figure


def power_law_figure(
    frame: pd.DataFrame,
    exponents: Mapping[str, float],
    x: str,
    y: str,
    by: str,
    labels: tuple[str, str],
    level: tuple[str, float] | None = None,
) -> Figure:
    """Curves on logarithmic axes; the legend has the exponent fitted to each.

    Args:
        frame: one row per point.
        exponents: curve to its fitted exponent.
        x: column of the horizontal axis.
        y: column of the vertical axis.
        by: column that names the curve.
        labels: of the two axes, with units.
        level: name and height of a horizontal line.
    """
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(6.4, 4.0))
        for i, (name, part) in enumerate(frame.groupby(by, sort=False)):
            look: dict[str, Any] = {
                "color": PALETTE[i],
                "marker": MARKERS[i % len(MARKERS)],
                "linestyle": LINES[i % len(LINES)],
            }
            ax.plot(part[x], part[y], label=f"{name}: exponent {exponents[str(name)]:.2f}", **look)
        if level is not None:
            ax.axhline(level[1], color="black", linewidth=0.8, label=f"{level[0]}: {level[1]:.2f}")
        ax.set(xscale="log", yscale="log", xlabel=labels[0], ylabel=labels[1])
        points = sorted(set(frame[x]))
        ax.set_xticks(points, [f"{point:g}" for point in points])
        ax.set_xticks([], minor=True)
        ax.grid(alpha=0.4)
        lay_out(figure)
    plt.close(figure)
    return figure


def constant_figure(frame: pd.DataFrame) -> Figure:
    """The factor between two kernels: as found, right, and as printed, network by network.

    Args:
        frame: one row per network, ``size, measured, right, printed``.
    """
    places = range(len(frame))
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(6.4, 3.4))
        ax.plot(
            places,
            frame["right"],
            "_",
            color=PALETTE[0],
            markersize=26,
            markeredgewidth=3,
            label=r"$d\,\sigma^{2(d-1)}$",
        )
        ax.plot(
            places,
            frame["printed"],
            "x",
            color=PALETTE[3],
            markersize=10,
            markeredgewidth=2,
            label=r"$d\,\sigma^{d-1}$, as printed",
        )
        ax.plot(places, frame["measured"], "o", color="black", markersize=6, label=r"$E[K^v] / H$, all sign patterns")
        ax.set_xticks(places, [str(size) for size in frame["size"]])
        ax.set(xlabel="network (d_in, w, d)", ylabel="factor (no unit)", xlim=(-0.5, len(frame) - 0.5))
        ax.margins(y=0.1)
        ax.set_ylim(bottom=0)
        ax.grid(axis="y", alpha=0.3)
        lay_out(figure, handle=3)
    plt.close(figure)
    return figure

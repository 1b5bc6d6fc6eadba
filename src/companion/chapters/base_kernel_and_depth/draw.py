"""Figures of the chapter on the base kernel and depth: data in, figure out; nothing is computed here."""

from __future__ import annotations

from math import pi

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, ScalarFormatter

from companion.render.palette import PALETTE
from companion.render.style import STYLE, lay_out

__all__ = ["base_kernel_figure", "depth_figure", "deviation_figure", "recursion_figure"]

MARKERS = "osD^v"
FRACTION = "fraction of gates open for both, $H_l/w$ [1]"


def base_kernel_figure(points: pd.DataFrame, lines: pd.DataFrame) -> Figure:
    """Measured gate fractions against the angle, with the corrected and the printed base kernel.

    Args:
        points: ``layer, angle, fraction``.
        lines: ``angle, corrected, printed``.
    """
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(6.4, 3.8))
        ax.plot(lines["angle"], lines["corrected"], color="black", label=r"corrected: $1/2 - \theta/2\pi$")
        ax.plot(lines["angle"], lines["printed"], "--", color=PALETTE[3], label=r"printed: $1/2 - \theta$")
        for i, (layer, mine) in enumerate(points.groupby("layer")):
            ax.plot(
                mine["angle"],
                mine["fraction"],
                MARKERS[i],
                color=PALETTE[i],
                markersize=4,
                alpha=0.6,
                markeredgewidth=0,
                label=f"measured, layer {layer}",
            )
        ax.set(xlabel=r"angle $\theta$ of what enters the layer [rad]", ylabel=FRACTION, ylim=(-0.6, 0.55))
        ax.set_xticks([0, pi / 4, pi / 2, 3 * pi / 4, pi], ["0", "π/4", "π/2", "3π/4", "π"])
        ax.grid(alpha=0.3)
        lay_out(figure)
    plt.close(figure)
    return figure


def deviation_figure(deviations: pd.DataFrame, means: pd.Series, slope: float) -> Figure:
    """Deviation from the base kernel against the width, on logarithmic axes: a dot per draw, a line through the means.

    Args:
        deviations: ``width, draw, deviation``.
        means: of the deviations, by width.
        slope: the exponent fitted to the means, for the legend.
    """
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(5.6, 3.6))
        ax.loglog(
            deviations["width"], deviations["deviation"], "o", color=PALETTE[0], alpha=0.5, markeredgewidth=0,
            label="one network",
        )  # fmt: skip
        ax.loglog(means.index, means, color="black", label=f"mean, fitted slope {slope:.2f}")
        ax.set_xticks(list(means.index), [str(w) for w in means.index])
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(ScalarFormatter())
        ax.minorticks_off()
        ax.set(xlabel="width $w$ [units]", ylabel=r"deviation of $H_l/w$, r.m.s. [1]")
        ax.grid(alpha=0.3)
        lay_out(figure)
    plt.close(figure)
    return figure


def recursion_figure(recursion: pd.DataFrame) -> Figure:
    """The angle against the layer, on logarithmic axes, with the asymptote ``3 pi / l``.

    Args:
        recursion: ``start, layer, angle, asymptote``.
    """
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(6.0, 3.8))
        for i, (start, mine) in enumerate(recursion.groupby("start")):
            ax.loglog(mine["layer"], mine["angle"], color=PALETTE[i], label=rf"$\theta_0$ = {start:.2f}")
        ax.loglog(mine["layer"], mine["asymptote"], "--", color="black", label=r"$3\pi / l$")
        ax.set(xlabel="layer $l$", ylabel=r"angle $\theta_l$ [rad]")
        ax.grid(alpha=0.3)
        lay_out(figure)
    plt.close(figure)
    return figure


def depth_figure(profile: pd.DataFrame) -> Figure:
    """Mean gate fraction layer by layer: finite networks as thin lines, the recursion as a thick one.

    Args:
        profile: ``width, draw, layer, fraction``; the last width is that of the recursion.
    """
    widths = list(dict.fromkeys(profile["width"]))
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(6.4, 3.6))
        for i, width in enumerate(widths[:-1]):
            for draw, mine in profile[profile["width"] == width].groupby("draw"):
                label = f"width {width}" if draw == 0 else None
                ax.plot(mine["layer"], mine["fraction"], color=PALETTE[i], linewidth=1, alpha=0.8, label=label)
        last = profile[profile["width"] == widths[-1]]
        ax.plot(last["layer"], last["fraction"], color="black", linewidth=2.5, label=f"width {widths[-1]} (recursion)")
        ax.axhline(0.5, color="black", linestyle=":", label="1/2")
        ax.set(xlabel="layer $l$", ylabel=FRACTION)
        ax.grid(alpha=0.3)
        lay_out(figure)
    plt.close(figure)
    return figure

"""The deep gated network, drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from companion.render.diagrams import PALETTE, arrow
from companion.render.style import STYLE, lay_out

__all__ = ["dgn_figure"]

VALUE, FEATURE = PALETTE[0], PALETTE[1]


def dgn_figure(order: Sequence[int]) -> Figure:
    """The deep gated network as Paper A has it, and with permuted gates and two inputs as Papers B and C have it.

    Full arrows carry the forward pass, dashed ones the two gradients.

    Args:
        order: which layer's gates each value layer of the second panel receives, counted from 0.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, 2, figsize=(11.5, 3.6))
        _dgn(axes[0], tuple(range(len(order))), ("x", "x"))
        _dgn(axes[1], order, ("$x^f$", "$x^v$"))
        axes[0].set_title("gates layer by layer, one input", fontsize=10)
        axes[1].set_title("gates permuted, an input for each network", fontsize=10)
        for colour, dashed, label in (
            (FEATURE, False, "feature network, and its gates"),
            (FEATURE, True, "feature gradient"),
            (VALUE, False, "value network"),
            (VALUE, True, "value gradient"),
        ):
            axes[0].plot([], [], color=colour, linestyle="--" if dashed else "-", label=label)
        lay_out(figure, size=9)
    plt.close(figure)
    return figure


def _dgn(ax: Axes, order: Sequence[int], inputs: tuple[str, str]) -> None:
    top, bottom, half = 2.0, 0.0, 0.3
    for y, colour, symbol, name, start in (
        (top, FEATURE, "q^f", "feature", inputs[0]),
        (bottom, VALUE, "z", "value", inputs[1]),
    ):
        ax.text(-0.1, y, start, ha="center", va="center", fontsize=12)
        ax.text(-0.1, y + 0.5, name, ha="center", color=colour, fontsize=9)
        sign = 1 if y == top else -1
        for l in range(len(order)):
            box: dict[str, Any] = {
                "boxstyle": "round,pad=0.03",
                "facecolor": "white",
                "edgecolor": colour,
                "linewidth": 1.8,
                "zorder": 3,
            }
            ax.add_patch(FancyBboxPatch((l + 1 - half, y - 0.22), 2 * half, 0.44, **box))
            ax.text(l + 1, y, f"${symbol}_{l + 1}$", ha="center", va="center", fontsize=11, zorder=4)
            before = 0.08 if l == 0 else l + half + 0.03
            arrow(ax, (before, y), (l + 1 - half - 0.03, y), colour)
            if l:
                arrow(ax, (l + 1 - half, y + sign * 0.32), (l + half, y + sign * 0.32), colour, dashed=True)
    end = len(order) + 1
    arrow(ax, (end - 1 + half + 0.03, bottom), (end - 0.22, bottom), VALUE)
    ax.text(end, bottom, r"$\hat y$", ha="center", va="center", fontsize=12)
    arrow(ax, (end - 0.2, bottom - 0.32), (end - 1 + half, bottom - 0.32), VALUE, dashed=True)
    for l, source in enumerate(order):
        low, high = (l + 1, bottom + 0.25), (source + 1, top - 0.25)
        arrow(ax, high, low, FEATURE)
        arrow(ax, (low[0] + 0.14, low[1]), (high[0] + 0.14, high[1]), FEATURE, dashed=True)
        beside, side = (-0.12, "right") if source <= l else (0.34, "left")
        ax.text(high[0] + beside, top - 0.45, f"$G_{source + 1}$", ha=side, va="center", fontsize=10)
    ax.set_xlim(-0.5, end + 0.3)
    ax.set_ylim(-0.7, top + 0.75)
    ax.set_axis_off()

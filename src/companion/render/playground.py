"""Functions of the plane and the lines where gates change, drawn side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from companion.notation import Float, Int, Tensor
from companion.render.style import STYLE, panels_of

__all__ = ["Map", "maps_figure"]

SIDES = LinearSegmentedColormap.from_list("sides", ["#e0912f", "#fffdf8", "#3d97a3"])
MARKS = (("o", "#8a4b00"), ("s", "#0b4f58"))
LINES = ("#1c1c1c", "#7b3fa0", "#b02a4c", "#2f6f2f", "#555555")


@dataclass(frozen=True)
class Map:
    """One network on the square from -1.1 to 1.1.

    Args:
        title: what it is.
        output: its output on a grid, rows from below.
        lines: of each gated layer the pre-activations of its gating units on that grid.
    """

    title: str
    output: Float[Tensor, "H W"]
    lines: Sequence[Float[Tensor, "units H W"]]


def maps_figure(maps: Sequence[Map], points: Float[Tensor, "N 2"], labels: Int[Tensor, "N"]) -> Figure:
    """A panel for each network: which side the plane falls on, and where gates change, a colour for each layer."""
    with plt.rc_context(STYLE):
        figure, axes = panels_of(len(maps), 2.5, 2.8)
        figure.set_layout_engine("constrained")
        for ax, one in zip(axes, maps, strict=True):
            size = len(one.output)
            ticks = [-1.1 + 2.2 * i / (size - 1) for i in range(size)]
            ax.imshow(
                one.output.clamp(-1.5, 1.5).numpy(),
                extent=(-1.1, 1.1, -1.1, 1.1),
                origin="lower",
                cmap=SIDES,
                vmin=-1.5,
                vmax=1.5,
                interpolation="none",
            )
            for l, units in enumerate(one.lines):
                for q in units:
                    if q.min() < 0 < q.max():
                        ax.contour(ticks, ticks, q.numpy(), levels=[0], colors=LINES[l % len(LINES)], linewidths=0.7)
            for label, (marker, colour) in enumerate(MARKS):
                mine = points[labels == label]
                ax.scatter(mine[:, 0], mine[:, 1], s=7, marker=marker, color=colour, linewidths=0)
            ax.set_title(one.title, fontsize=10)
            ax.set(xticks=[], yticks=[], aspect="equal")
    plt.close(figure)
    return figure

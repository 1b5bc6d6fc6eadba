"""What diagrams of networks share: colours and arrows."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch

from companion.render.palette import PALETTE

__all__ = ["PALETTE", "arrow"]


def arrow(
    ax: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    colour: str,
    bend: float = 0.0,
    dashed: bool = False,
) -> None:
    """An arrow from one place to another, bent or dashed where asked."""
    look: dict[str, Any] = {"color": colour, "linewidth": 1.5, "linestyle": "--" if dashed else "-", "zorder": 2}
    style: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 11, "shrinkA": 0, "shrinkB": 0}
    ax.add_patch(FancyArrowPatch(start, end, connectionstyle=f"arc3,rad={bend}", **style, **look))

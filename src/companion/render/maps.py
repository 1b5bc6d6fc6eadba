"""Hidden layers as pictures, and how like the image they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch.nn import functional as F

from companion.notation import Float, Tensor
from companion.render.diagrams import PALETTE
from companion.render.style import STYLE, lay_out, panels_of, range_of

__all__ = ["Strip", "likeness_figure", "map_figure"]

INCH = 0.92
"""Side of a picture in inches."""
HEAD = 0.45
"""Height of the title in inches."""
GAP = 0.2
"""Between layers and between images, in pictures."""


@dataclass(frozen=True)
class Strip:
    """One network's line of pictures for one image.

    Args:
        title: what the network is.
        entering: the image that enters it, ``[C, H, W]`` in [0, 1].
        layers: of each layer its maps ``[filters, H, W]``, or its units ``[W]``, from -1 to 1.
    """

    title: str
    entering: Float[Tensor, "C H W"]
    layers: Sequence[Float[Tensor, "..."]]

    def pictures(self) -> list[list[Tensor]]:
        """The pictures of each layer: its maps, or its units in one grid."""
        return [[_grid(layer)] if layer.dim() == 1 else list(layer) for layer in self.layers]


def map_figure(images: Sequence[Sequence[Strip]], title: str) -> Figure:
    """For each image a block of lines, a line a network: what enters it, then the pictures of each layer.

    Red is positive, blue negative, white zero, each picture on its own scale.

    Args:
        images: the lines of each image, all alike in their layers; none make a figure that says so.
        title: of the figure; says profile, device and seed.
    """
    with plt.rc_context(STYLE):
        if not images:
            figure, ax = plt.subplots(figsize=(6.4, 1.2))
            ax.text(0.5, 0.5, "pending: no such run is recorded yet", ha="center", va="center", fontsize=11)
            ax.set_axis_off()
        else:
            layers = [[picture.shape[1] / picture.shape[0] for picture in layer] for layer in images[0][0].pictures()]
            widths = [1.0] + [width for layer in layers for width in (GAP, *layer)]
            heights = [height for block in images for height in (GAP, *[1.0] * len(block))]
            width, height = INCH * sum(widths), INCH * sum(heights) + HEAD
            figure = plt.figure(figsize=(width, height))
            grid = figure.add_gridspec(
                len(heights),
                len(widths),
                width_ratios=widths,
                height_ratios=heights,
                wspace=0.05,
                hspace=0.05,
                left=0.06,
                right=0.995,
                bottom=0.01,
                top=1 - HEAD / height,
            )
            strips = iter(strip for block in images for strip in block)
            for row, tall in enumerate(heights):
                if tall != GAP:
                    axes = [figure.add_subplot(grid[row, i]) for i, width in enumerate(widths) if width != GAP]
                    _line(axes, next(strips), heads=row == 1)
        figure.suptitle(title, fontsize=10, y=0.995, va="top")
    plt.close(figure)
    return figure


def _line(axes: Sequence[Axes], strip: Strip, heads: bool) -> None:
    """One strip, in a panel for the input and one for each picture; heads stand above the first line alone."""
    first, *others = axes
    for ax in axes:
        ax.set(xticks=[], yticks=[])
        for spine in ax.spines.values():
            spine.set(color="#b0b0b0", linewidth=0.6)
    channels = strip.entering.movedim(0, -1)
    shown = channels if channels.shape[-1] == 3 else channels[..., 0]
    first.imshow(shown.numpy(), cmap="gray", vmin=0, vmax=1)
    first.set_ylabel(strip.title, fontsize=9)
    places = iter(others)
    for l, layer in enumerate(strip.pictures(), start=1):
        for k, picture in enumerate(layer):
            ax = next(places)
            ax.imshow(picture.numpy(), cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
            if heads and k == 0:
                ax.set_title(f"layer {l}", fontsize=10)
    if heads:
        first.set_title("input", fontsize=10)


def _grid(layer: Float[Tensor, "W"]) -> Float[Tensor, "R S"]:
    """Units in the order of their numbers, twice as many across as down, filled up with zeros."""
    down = math.isqrt(max(len(layer) // 2, 1))
    across = -(-len(layer) // down)
    return F.pad(layer, (0, down * across - len(layer))).view(down, across)


def likeness_figure(frame: pd.DataFrame, title: str) -> Figure:
    """How like the image each layer is, one panel per row: full lines its own image, dotted ones the next image.

    Args:
        frame: ``row, label, which`` (``own`` or ``other``), ``layer``, ``mean, low, high`` over seeds, and ``n``.
        title: of the figure; says profile and device.
    """
    rows = list(dict.fromkeys(frame["row"])) or ["no records yet"]
    labels = list(dict.fromkeys(frame["label"]))
    with plt.rc_context(STYLE):
        figure, axes = panels_of(len(rows), 6.0, 4.0)
        for ax, row in zip(axes, rows, strict=True):
            mine = frame[frame["row"] == row]
            for colour, marker, label in zip(PALETTE, "osD^", labels, strict=False):
                for which, line in (("own", "-"), ("other", ":")):
                    part = mine[(mine["label"] == label) & (mine["which"] == which)].sort_values("layer")
                    said = label if which == "own" else None
                    ax.plot(part["layer"], part["mean"], f"{marker}{line}", color=colour, markersize=5, label=said)
                    ax.fill_between(part["layer"], part["low"], part["high"], color=colour, alpha=0.2, linewidth=0)
            if len(mine):
                ax.plot([], [], ":", color="grey", label="the same with the next image")
            ax.set(title=f"{row} ({range_of(mine['n'])})" if len(mine) else row, xlabel="layer", ylabel="likeness")
            ax.set_xticks(sorted(set(mine["layer"])))
            ax.set_ylim(bottom=min(0.0, mine["low"].min()) if len(mine) else 0.0)
            ax.grid(alpha=0.3)
        figure.suptitle(title, fontsize=10)
        lay_out(figure)
    plt.close(figure)
    return figure

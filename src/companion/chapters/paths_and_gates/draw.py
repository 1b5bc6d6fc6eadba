"""Networks drawn: active paths, bundles of weight-sharing paths, residual sub-networks.

What is drawn is what the data say; nothing is computed here but places on the paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from companion.chapters.paths_and_gates.measure import ActiveNetwork, Bundle, Cartoon, Subnetwork
from companion.render.diagrams import PALETTE, arrow
from companion.render.style import STYLE, lay_out

__all__ = ["active_figure", "bundle_figure", "cartoon_figure", "subnetwork_figure"]

ON, OFF = PALETTE[0], "#b0b0b0"
TAPS = (PALETTE[3], PALETTE[0], *PALETTE[4:])
"""Colours of the taps of a filter, the first two those of Paper B."""
BEFORE, AFTER = "#8a5a2b", "#7a3e9d"
"""Of pre-activations and outputs, likewise."""


def active_figure(networks: Sequence[ActiveNetwork]) -> Figure:
    """One panel per network: units that are on, and the weights on active paths, wider where more paths pass."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(networks), figsize=(3.6 * len(networks), 3.2), squeeze=False)
        for ax, network in zip(axes[0], networks, strict=True):
            _layers(ax, network)
            ax.set_title(f"{network.title}: {network.active} of {network.paths} paths active", fontsize=10)
        figure.tight_layout()
    plt.close(figure)
    return figure


def _layers(ax: Axes, network: ActiveNetwork) -> None:
    def height(layer: int, unit: int) -> float:
        return (network.sizes[layer] - 1) / 2 - unit

    for l, (size, following) in enumerate(zip(network.sizes, network.sizes[1:], strict=False)):
        for i in range(size):
            for j in range(following):
                paths = network.edges[l].get((i, j), 0)
                style = (
                    {"color": ON, "linewidth": 0.8 + 0.6 * paths**0.5} if paths else {"color": OFF, "linewidth": 0.4}
                )
                ax.plot([l, l + 1], [height(l, i), height(l + 1, j)], zorder=2 if paths else 1, **style)
    for l, units in enumerate(network.on):
        for i, on in enumerate(units):
            ax.plot(
                l,
                height(l, i),
                "o",
                markersize=11,
                markerfacecolor=ON if on else "white",
                markeredgecolor="black",
                zorder=3,
            )
    hidden = [f"layer {l}" for l in range(1, len(network.sizes) - 1)]
    ax.set_xticks(range(len(network.sizes)), ["input", *hidden, "output"], fontsize=8)
    ax.set_yticks([])
    ax.margins(0.1)
    sns.despine(ax=ax, left=True, bottom=True)


def cartoon_figure(cartoons: Sequence[Cartoon]) -> Figure:
    """Networks one below the other, unrolled over positions; weights that are shared have one colour.

    A full line is on an active path, a dotted one on none.  A circle holds the gate, the pre-activation on its left and
    the output on its right; the mask of the pool stands on its lines.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(len(cartoons), 1, figsize=(6.2, 2.75 * len(cartoons)), squeeze=False)
        for ax, cartoon in zip(axes[:, 0], cartoons, strict=True):
            _cartoon(ax, cartoon)
        for tap in range(1 + max(tap for *_, tap in cartoons[0].edges)):
            axes[0, 0].plot([], [], color=TAPS[tap], linewidth=2, label=f"tap {tap + 1} of the filter")
        lay_out(figure, size=10)
    plt.close(figure)
    return figure


def _cartoon(ax: Axes, cartoon: Cartoon) -> None:
    count, layers = len(cartoon.x), len(cartoon.q)
    middle = (count - 1) / 2
    for l, start, end, tap in sorted(cartoon.edges):
        on = (l, start, end, tap) in cartoon.active
        style: dict[str, Any] = {"linewidth": 2.0} if on else {"linewidth": 1.2, "linestyle": ":"}
        ax.plot([l, l + 1], [start, end], color=TAPS[tap], zorder=2, **style)
    for i, (weight, on) in enumerate(zip(cartoon.mask, cartoon.on[-1], strict=True)):
        style = {"linewidth": 1.5} if weight and on else {"linewidth": 1.0, "linestyle": ":"}
        ax.plot([layers, layers + 1], [i, middle], color="#606060", zorder=1, **style)
    for i, value in enumerate(cartoon.x):
        _node(ax, 0, i, f"{value:.3g}", "white")
    for l, (q, gates) in enumerate(zip(cartoon.q, cartoon.on, strict=True), start=1):
        for i, (value, on) in enumerate(zip(q, gates, strict=True)):
            _node(ax, l, i, "1" if on else "0", "#e6e6e6" if on else "white")
            _value(ax, l - 0.04, i - 0.24, value, BEFORE, "right")
            _value(ax, l + 0.04, i - 0.24, value * on, AFTER, "left")
    for i, weight in enumerate(cartoon.mask):
        _value(ax, layers + 0.62, i + 0.62 * (middle - i) - 0.05, weight, "#404040", "center")
    _node(ax, layers + 1, middle, f"{cartoon.output:.3g}", "white", shape="s")
    said = f"{cartoon.paths} paths in {cartoon.bundles} bundles of {max(cartoon.shared)}, {cartoon.open} active"
    ax.set_title(f"{cartoon.title}: {said}", fontsize=10)
    ax.set_xticks(range(layers + 2), ["input", *(f"layer {l}" for l in range(1, layers + 1)), "output"], fontsize=9)
    ax.set_yticks([])
    ax.set_xlim(-0.35, layers + 1.35)
    ax.set_ylim(count - 0.6, -0.65)
    sns.despine(ax=ax, left=True, bottom=True)
    ax.tick_params(length=0)


def _value(ax: Axes, x: float, y: float, value: float, colour: str, side: str) -> None:
    """A number above a place, on white so that lines do not cross it."""
    behind = {"facecolor": "white", "edgecolor": "none", "pad": 0.4, "alpha": 0.85}
    ax.text(x, y, f"{value + 0.0:.2f}", ha=side, va="bottom", fontsize=9, color=colour, zorder=5, bbox=behind)


def _node(ax: Axes, x: float, y: float, text: str, colour: str, shape: str = "o") -> None:
    ax.plot(
        x,
        y,
        shape,
        markersize={"s": 24, "o": 19 if len(text) > 1 else 15}[shape],
        color=colour,
        markeredgecolor="black",
        zorder=4,
    )
    ax.text(x, y, text, ha="center", va="center", fontsize=9, zorder=6)


def bundle_figure(bundles: Sequence[Bundle]) -> Figure:
    """One panel per bundle and pool, four across: positions from top to bottom, layers from left to right.

    A full line is an active path, a dotted one an inactive path; each bundle, whose paths share weights, has a colour.
    """
    pools = list(bundles[0].activity)
    colours = sns.color_palette("colorblind", len(bundles)).as_hex()
    lines = -(-len(bundles) // ACROSS)
    with plt.rc_context(STYLE):
        size = (1.6 * ACROSS, 1.75 * len(pools) * lines + 0.4)
        figure, axes = plt.subplots(lines * len(pools), ACROSS, sharex=True, sharey=True, squeeze=False, figsize=size)
        for at, (bundle, colour) in enumerate(zip(bundles, colours, strict=True)):
            line, column = divmod(at, ACROSS)
            column_of = axes[line * len(pools) : (line + 1) * len(pools), column]
            for ax, pool in zip(column_of, pools, strict=True):
                _bundle(ax, bundle, pool, colour)
                if column == 0:
                    ax.set_ylabel(f"{pool} pool\nposition", fontsize=9)
            taps = " ".join(str(tap + 1) for tap in bundle.taps)
            column_of[0].set_title(f"taps {taps}, v = {bundle.value:.3g}", fontsize=8)
        for spare in axes[-len(pools) :, (len(bundles) - 1) % ACROSS + 1 :].flat:
            spare.set_visible(False)
        figure.supxlabel("layer: input (0), convolutions, pool (P)", fontsize=9)
        figure.tight_layout()
    plt.close(figure)
    return figure


ACROSS = 4
"""Bundles in a line of panels."""


def _bundle(ax: Axes, bundle: Bundle, pool: str, colour: str) -> None:
    count, layers = len(bundle.positions), len(bundle.positions[0])
    middle = (count - 1) / 2
    for path, activity in zip(bundle.positions, bundle.activity[pool], strict=True):
        style = {"linewidth": 2.0} if activity else {"linewidth": 1.0, "linestyle": ":"}
        ax.plot(range(layers + 1), [*path, middle], color=colour, zorder=2, **style)
    for l in range(layers):
        ax.plot([l] * count, range(count), "o", color="white", markeredgecolor="black", markersize=5, zorder=3)
    ax.plot(layers, middle, "s", color="white", markeredgecolor="black", markersize=6, zorder=3)
    ax.set_xticks(range(layers + 1), [*map(str, range(layers)), "P"], fontsize=8)
    ax.set_yticks(range(count))
    ax.set_ylim(count - 0.6, -0.4)


def subnetwork_figure(subnetworks: Sequence[Subnetwork]) -> Figure:
    """One line per sub-network: blocks it goes through are full, blocks it passes by are empty, with its figures."""
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(9.5, 1.05 * len(subnetworks) + 0.4))
        for k, one in enumerate(subnetworks):
            _chain(ax, one, -k)
            J = "{" + ", ".join(map(str, one.J)) + "}"
            words = f"J = {J}: {one.paths} paths, Γ = {one.gamma:g}, output {one.output:.3g}"
            ax.text(one.blocks + 0.1, -k, words, va="center", fontsize=10)
        ax.set_xlim(-0.9, subnetworks[0].blocks + 4.2)
        ax.set_ylim(-len(subnetworks) + 0.4, 0.6)
        ax.set_axis_off()
        figure.tight_layout()
    plt.close(figure)
    return figure


def _chain(ax: Axes, one: Subnetwork, y: float) -> None:
    for block in range(one.blocks):
        inside = block in (0, one.blocks - 1) or block in one.J
        face, text = (ON, "white") if inside else ("white", OFF)
        box: dict[str, Any] = {
            "boxstyle": "round,pad=0.02",
            "facecolor": face,
            "edgecolor": ON if inside else OFF,
            "zorder": 3,
        }
        ax.add_patch(FancyBboxPatch((block - 0.27, y - 0.17), 0.54, 0.34, **box))
        ax.text(block, y, f"B{block}", color=text, ha="center", va="center", fontsize=9, zorder=4)
        if block:
            arrow(ax, (block - 0.72, y), (block - 0.28, y), ON if inside else OFF)
        if 0 < block < one.blocks - 1:
            arrow(ax, (block - 0.6, y), (block + 0.4, y), OFF if inside else ON, bend=-0.45)
    arrow(ax, (-0.75, y), (-0.28, y), ON)
    arrow(ax, (one.blocks - 0.72, y), (one.blocks - 0.1, y), ON)

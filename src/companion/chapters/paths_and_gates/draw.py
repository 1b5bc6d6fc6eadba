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

from companion.chapters.paths_and_gates.measure import ActiveNetwork, Bundle, Subnetwork
from companion.render.diagrams import PALETTE, arrow
from companion.render.style import STYLE

__all__ = ["active_figure", "bundle_figure", "subnetwork_figure"]

ON, OFF = PALETTE[0], "#b0b0b0"


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


def bundle_figure(bundles: Sequence[Bundle]) -> Figure:
    """One column per bundle, one row per pool: positions from top to bottom, layers from left to right.

    A full line is an active path, a dotted one an inactive path; one colour per input position.
    """
    pools = list(bundles[0].activity)
    with plt.rc_context(STYLE):
        size = (1.55 * len(bundles), 2.1 * len(pools) + 0.5)
        figure, axes = plt.subplots(len(pools), len(bundles), sharex=True, sharey=True, squeeze=False, figsize=size)
        for row, pool in zip(axes, pools, strict=True):
            for ax, bundle in zip(row, bundles, strict=True):
                _bundle(ax, bundle, pool)
            row[0].set_ylabel(f"{pool} pool\nposition")
        for ax, bundle in zip(axes[0], bundles, strict=True):
            taps = " ".join(str(tap) for tap in bundle.taps)
            ax.set_title(f"taps {taps}\nv = {bundle.value:g}", fontsize=8)
        figure.supxlabel("layer: input (0), convolutions, pool (P)", fontsize=9)
        figure.tight_layout()
    plt.close(figure)
    return figure


def _bundle(ax: Axes, bundle: Bundle, pool: str) -> None:
    count, layers = len(bundle.positions), len(bundle.positions[0])
    middle = (count - 1) / 2
    for path, activity in zip(bundle.positions, bundle.activity[pool], strict=True):
        style = {"linewidth": 2.0} if activity else {"linewidth": 1.0, "linestyle": ":"}
        ax.plot(range(layers + 1), [*path, middle], color=PALETTE[path[0] % len(PALETTE)], zorder=2, **style)
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

"""Networks drawn: active paths, bundles of weight-sharing paths, residual sub-networks, the deep gated network.

What is drawn is what the data say; nothing is computed here but places on the paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from companion.render.style import STYLE
from companion.theory_paths import ActiveNetwork, Bundle, Subnetwork

__all__ = ["active_figure", "bundle_figure", "dgn_figure", "subnetwork_figure"]

PALETTE = sns.color_palette("colorblind").as_hex()
ON, OFF = PALETTE[0], "#b0b0b0"
VALUE, FEATURE = PALETTE[0], PALETTE[1]


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
            _arrow(ax, (block - 0.72, y), (block - 0.28, y), ON if inside else OFF)
        if 0 < block < one.blocks - 1:
            _arrow(ax, (block - 0.6, y), (block + 0.4, y), OFF if inside else ON, bend=-0.45)
    _arrow(ax, (-0.75, y), (-0.28, y), ON)
    _arrow(ax, (one.blocks - 0.72, y), (one.blocks - 0.1, y), ON)


def _arrow(
    ax: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    colour: str,
    bend: float = 0.0,
    dashed: bool = False,
) -> None:
    look: dict[str, Any] = {"color": colour, "linewidth": 1.5, "linestyle": "--" if dashed else "-", "zorder": 2}
    style: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 11, "shrinkA": 0, "shrinkB": 0}
    ax.add_patch(FancyArrowPatch(start, end, connectionstyle=f"arc3,rad={bend}", **style, **look))


def dgn_figure(order: Sequence[int]) -> Figure:
    """The deep gated network as Paper A has it, and with permuted gates and two inputs as Papers B and C have it.

    Full arrows carry the forward pass, dashed ones the two gradients.

    Args:
        order: which layer's gates each value layer of the second panel receives, counted from 0.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, 2, figsize=(11.5, 3.9))
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
        figure.legend(loc="lower center", ncols=4, frameon=False, fontsize=9)
        figure.tight_layout(rect=(0, 0.07, 1, 1))
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
            box = {
                "boxstyle": "round,pad=0.03",
                "facecolor": "white",
                "edgecolor": colour,
                "linewidth": 1.8,
                "zorder": 3,
            }
            ax.add_patch(FancyBboxPatch((l + 1 - half, y - 0.22), 2 * half, 0.44, **box))
            ax.text(l + 1, y, f"${symbol}_{l + 1}$", ha="center", va="center", fontsize=11, zorder=4)
            before = 0.08 if l == 0 else l + half + 0.03
            _arrow(ax, (before, y), (l + 1 - half - 0.03, y), colour)
            if l:
                _arrow(ax, (l + 1 - half, y + sign * 0.32), (l + half, y + sign * 0.32), colour, dashed=True)
    end = len(order) + 1
    _arrow(ax, (end - 1 + half + 0.03, bottom), (end - 0.22, bottom), VALUE)
    ax.text(end, bottom, r"$\hat y$", ha="center", va="center", fontsize=12)
    _arrow(ax, (end - 0.2, bottom - 0.32), (end - 1 + half, bottom - 0.32), VALUE, dashed=True)
    for l, source in enumerate(order):
        low, high = (l + 1, bottom + 0.25), (source + 1, top - 0.25)
        _arrow(ax, high, low, FEATURE)
        _arrow(ax, (low[0] + 0.14, low[1]), (high[0] + 0.14, high[1]), FEATURE, dashed=True)
        beside, side = (-0.12, "right") if source <= l else (0.34, "left")
        ax.text(high[0] + beside, top - 0.45, f"$G_{source + 1}$", ha=side, va="center", fontsize=10)
    ax.set_xlim(-0.5, end + 0.3)
    ax.set_ylim(-0.7, top + 0.75)
    ax.set_axis_off()

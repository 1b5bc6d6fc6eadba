"""Figures of the chapter on composite kernels: data in, figure out; nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from companion.notation import Float, Tensor
from companion.render.palette import PALETTE
from companion.render.style import STYLE, lay_out

__all__ = ["kernel_figure", "permutation_figure", "rotation_figure"]

MARKERS = "osD^v"


def kernel_figure(kernels: Mapping[str, Float[Tensor, "N M"]], columns: int = 5) -> Figure:
    """Kernel matrices side by side on one colour scale, which is centred at zero.

    Args:
        kernels: title to matrix.
        columns: panels in a row.
    """
    extent = max(float(K.abs().max()) for K in kernels.values())
    across = min(columns, len(kernels))
    down = -(-len(kernels) // across)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            down, across, figsize=(2.1 * across + 0.9, 2.4 * down), squeeze=False, layout="constrained"
        )
        for ax in axes.flat[len(kernels) :]:
            ax.set_axis_off()
        for ax, (title, K) in zip(axes.flat, kernels.items(), strict=False):
            image = ax.imshow(K.numpy(), cmap="PuOr", vmin=-extent, vmax=extent)
            ax.set_title(title, fontsize=9)
            ax.set(xticks=range(K.shape[1]), yticks=range(K.shape[0]), xlabel="example $s'$")
            ax.tick_params(labelsize=6)
        for row in axes:
            row[0].set_ylabel("example $s$")
        figure.colorbar(image, ax=axes, shrink=0.75, label="kernel [input units²]")
    plt.close(figure)
    return figure


def permutation_figure(changes: pd.DataFrame, medians: pd.Series) -> Figure:
    """How far the path kernel moves when gated layers change places: a dot per order and draw, a bar at the median.

    Args:
        changes: ``network, draw, order, change``, as
            :func:`~companion.chapters.composite_kernels.measure.permutation_changes` makes them.
        medians: of the changes, by network.
    """
    networks = list(dict.fromkeys(changes["network"]))
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(7.2, 0.6 * len(networks) + 1.0))
        for i, network in enumerate(networks):
            mine = changes.loc[changes["network"] == network]
            draws = mine["draw"].nunique()
            heights = i + 0.6 * ((mine["draw"] + 0.5) / draws - 0.5)
            colour = PALETTE[i % len(PALETTE)]
            ax.plot(100 * mine["change"], heights, "o", color=colour, markersize=3.5, alpha=0.5, markeredgewidth=0)
            ax.plot([100 * medians[network]] * 2, [i - 0.38, i + 0.38], color="black", linewidth=2)
        ax.set_yticks(range(len(networks)), networks)
        ax.set_ylim(len(networks) - 0.5, -0.5)
        ax.set_xlabel("relative change of $H$ in Frobenius norm [%]")
        ax.grid(axis="x", alpha=0.3)
        figure.tight_layout()
    plt.close(figure)
    return figure


def rotation_figure(profile: pd.DataFrame) -> Figure:
    """How alike an example and its rotated copy are to each kernel, against the rotation.

    Args:
        profile: ``kernel, rotation, likeness``, as
            :func:`~companion.chapters.composite_kernels.measure.rotation_profile` makes them.
    """
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(6.4, 3.4))
        for i, (kernel, mine) in enumerate(profile.groupby("kernel", sort=False)):
            ax.plot(mine["rotation"], mine["likeness"], f"-{MARKERS[i]}", color=PALETTE[i], markersize=5, label=kernel)
        ax.set(xlabel="rotation $r$ [positions]", ylabel="likeness of $x$ and $rot(x, r)$ [1]")
        ax.grid(alpha=0.3)
        lay_out(figure)
    plt.close(figure)
    return figure

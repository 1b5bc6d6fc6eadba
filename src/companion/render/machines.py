"""Kernel machines while a network trains: accuracy against the stage, a panel for each number of images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.render.palette import PALETTE
from companion.render.style import COLOURS, STYLE, lay_out

__all__ = ["machine_figure"]

LINES: Mapping[str, tuple[str, str, str]] = {
    "npk": ("machine from the gates", PALETTE[5], "-"),
    "ones": ("the same, ones for the images", PALETTE[6], "-"),
    "network": ("the network itself", COLOURS["ReLU"], "-"),
    "gaussian": ("Gaussian kernel, untrained", PALETTE[7], "--"),
    "limit": ("infinite network, untrained", PALETTE[9], "--"),
}
"""Kernel to its name, colour and dash; the last two know no stage."""


def machine_figure(
    frame: pd.DataFrame, designs: Sequence[str], numbers: Sequence[int], seeds: int, title: str
) -> Figure:
    """Accuracy of machines and network against the epochs done: mean over seeds, and the range of them.

    Args:
        frame: ``design, images, kernel, seed, epoch, accuracy``.
        designs: a line of panels each.
        numbers: of images, from left to right.
        seeds: how many there are to be; a panel that has fewer says so.
        title: of the figure; says profile, device and n.
    """
    frame = frame[frame["kernel"].isin(list(LINES))]
    epochs = sorted(set(frame["epoch"]))
    with plt.rc_context(STYLE):
        size = (2.9 * len(numbers) + 0.6, 2.7 * len(designs) + 0.5)
        figure, axes = plt.subplots(len(designs), len(numbers), figsize=size, squeeze=False, sharex=True, sharey="col")
        for images, column in zip(numbers, axes.T, strict=True):
            there = frame[frame["images"] == images]
            for design, ax in zip(designs, column, strict=True):
                mine = there[there["design"] == design]
                _panel(ax, mine, [*map(float, epochs)])
                ax.set_title(f"n = {images:,}, learnt from {design}{_waiting(mine, seeds)}", fontsize=9)
            machines = there.loc[there["kernel"] != "network", "accuracy"]
            if len(machines):  # a network that has not begun to learn is far below, and is let run out of the picture
                column[0].set_ylim(max(0.0, machines.min() - 1), min(100.0, there["accuracy"].max() + 1))
        for ax in axes[-1]:
            ax.set_xlabel("epochs done")
        for line in axes:
            line[0].set_ylabel("test accuracy [%]")
        figure.suptitle(title, fontsize=10)
        lay_out(figure)
    plt.close(figure)
    return figure


def _waiting(mine: pd.DataFrame, seeds: int) -> str:
    """What is said of a panel that lacks seeds."""
    found = mine["seed"].nunique()
    return "" if found == seeds else f", {found} of {seeds} seeds" if found else ", pending"


def _panel(ax: Axes, mine: pd.DataFrame, epochs: list[float]) -> None:
    """Stages stand side by side at equal distances, whatever lies between them."""
    for kernel, (name, colour, dash) in LINES.items():
        part = mine[(mine["kernel"] == kernel) & mine["accuracy"].notna()]
        if part.empty:
            continue
        found = part.groupby("epoch")["accuracy"].agg(["mean", "min", "max"])
        at = [epochs.index(float(epoch)) for epoch in found.index]
        ax.plot(at, found["mean"], dash, color=colour, label=name, marker="o" if dash == "-" else "", markersize=3)
        ax.fill_between(at, found["min"], found["max"], color=colour, alpha=0.2, linewidth=0)
    ax.set_xticks(range(len(epochs)), [f"{epoch:g}" for epoch in epochs])
    ax.grid(alpha=0.3)

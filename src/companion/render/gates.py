"""Statistics of gates drawn, layer by layer."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from companion.render.palette import PALETTE
from companion.render.style import STYLE, lay_out

__all__ = ["gate_figure"]

PANELS = {
    "share of gates or units (no unit)": {"active": "active gates", "constant": "constant units", "dead": "dead units"},
    "overlap of two examples (no unit)": {"within": "of one class", "between": "of two classes"},
}
LINES = ("-", "--", ":")


def gate_figure(frame: pd.DataFrame) -> Figure:
    """How many gates are open, never change, are dead; and how many two examples share: one row of panels a network.

    Args:
        frame: of :func:`companion.verdicts.gate_frames.gate_frame`.  The second panel stays away without labels.

    Example:
        >>> parts = {"active": [0.5, 0.4], "constant": [0.0, 0.1], "dead": [0.0, 0.1], "within": None, "between": None}
        >>> frame = pd.DataFrame({"network": "mine", "depth": [1, 2], "examples": 100} | parts)
        >>> gate_figure(frame).axes[0].get_title()
        'mine, 100 examples'
    """
    panels = {label: names for label, names in PANELS.items() if frame[list(names)].notna().any().any()}
    networks = list(frame.groupby("network", sort=False))
    with plt.rc_context(STYLE):
        size = (4.4 * len(panels), 3.0 * len(networks) + 0.2)
        figure, axes = plt.subplots(len(networks), len(panels), figsize=size, squeeze=False)
        for row, (network, part) in zip(axes, networks, strict=True):
            for ax, (label, names) in zip(row, panels.items(), strict=True):
                for i, (column, name) in enumerate(names.items()):
                    style = {"color": PALETTE[i], "linestyle": LINES[i], "marker": "os^"[i], "markersize": 4}
                    ax.plot(part["depth"], part[column], label=name, **style)
                examples = int(part["examples"].iloc[0])
                ax.set_title(f"{network}, {examples} examples".removeprefix(", "), fontsize=10)
                ax.set(xlabel="gated layer, from the input", ylabel=label, ylim=(-0.03, 1.03))
                ax.xaxis.set_major_locator(MaxNLocator(integer=True))
                ax.grid(alpha=0.3)
        lay_out(figure, *axes.T)
    plt.close(figure)
    return figure

"""Curves of models that are trained in two phases, the second of which goes on where the first ends."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from companion.render.style import STYLE, lay_out, range_of

__all__ = ["phase_figure"]


def phase_figure(bands: pd.DataFrame, colours: Mapping[str, str], title: str) -> Figure:
    """A line of panels for each place and phase, a panel for each condition; epochs are counted over both phases.

    Curves are means over seeds, with the range between the lowest and the highest; panels of a line share their axes.

    Args:
        bands: ``place``, ``phase``, ``panel``, ``label``, ``epoch``, ``mean``, ``low``, ``high`` in percent and ``n``,
            in the order in which they are to stand.
        colours: label to colour.
        title: of the figure; says profile and device.
    """
    lines = list(dict.fromkeys(bands[["place", "phase"]].itertuples(index=False, name=None)))
    panels = list(dict.fromkeys(bands["panel"]))
    with plt.rc_context(STYLE):
        size = (2.9 * max(len(panels), 1) + 0.8, 2.7 * max(len(lines), 1) + 0.5)
        figure, axes = plt.subplots(
            max(len(lines), 1), max(len(panels), 1), figsize=size, sharex="row", sharey="row", squeeze=False
        )
        if not lines:
            axes[0, 0].set(title="no records yet", xticks=[], yticks=[])
        for label in [name for name in colours if name in set(bands["label"])]:  # in this order in the legend
            axes[0, 0].plot([], [], color=colours[label], label=label, linewidth=1.5)
        for (place, phase), line in zip(lines, axes, strict=False):
            for panel, ax in zip(panels, line, strict=True):
                mine = bands[(bands["place"] == place) & (bands["phase"] == phase) & (bands["panel"] == panel)]
                for label in [name for name in colours if name in set(mine["label"])]:
                    curve = mine[mine["label"] == label]
                    ax.plot(curve["epoch"], curve["mean"], color=colours[label], label=label, linewidth=1.5)
                    ax.fill_between(
                        curve["epoch"], curve["low"], curve["high"], color=colours[label], alpha=0.2, linewidth=0
                    )
                seeds = f" ({range_of(mine['n'])})" if len(mine) else ": no records yet"
                ax.set(title=f"{place}, {phase}\n{panel}{seeds}", xlabel="epoch")
                ax.title.set_fontsize(8)
                ax.grid(alpha=0.3)
            line[0].set_ylabel("test accuracy [%]")
        figure.suptitle(title, fontsize=10)
        lay_out(figure)
    plt.close(figure)
    return figure

"""Filters as small images, a line of them for each layer."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from companion.notation import Float, Tensor
from companion.render.style import STYLE

__all__ = ["filter_figure"]


def filter_figure(filters: Sequence[Float[Tensor, "units C H W"]], title: str) -> Figure:
    """Each filter on its own scale, white at zero; of several channels their mean.

    Args:
        filters: a layer each, from the first on, all with as many units; none draws a figure that says so.
        title: of the figure.
    """
    with plt.rc_context(STYLE):
        if not filters:
            figure, ax = plt.subplots(figsize=(4.0, 1.2))
            ax.set_axis_off()
            ax.set_title("pending: no feature network is kept")
            plt.close(figure)
            return figure
        across = max(len(layer) for layer in filters)
        figure, axes = plt.subplots(
            len(filters), across, figsize=(0.95 * across + 0.7, 0.95 * len(filters) + 0.6), squeeze=False
        )
        for l, (layer, line) in enumerate(zip(filters, axes, strict=True), start=1):
            for ax in line[len(layer) :]:
                ax.set_visible(False)
            for one, ax in zip(layer, line, strict=False):
                image = one.mean(0)
                reach = float(image.abs().max()) or 1.0
                ax.imshow(image.numpy(), cmap="RdBu", vmin=-reach, vmax=reach, interpolation="nearest")
                ax.set(xticks=[], yticks=[])
            line[0].set_ylabel(f"layer {l}", fontsize=8)
        figure.suptitle(title, fontsize=10)
        figure.tight_layout()
    plt.close(figure)
    return figure

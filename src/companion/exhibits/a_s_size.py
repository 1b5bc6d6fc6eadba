"""Between two cores and the paper (ours): do the gaps between regimes grow or shrink towards the paper's size?

The profile ``cpu`` has networks a quarter as wide as the papers' and images of 16 x 16.  Whether what it says of
regimes would hold at the papers' size is asked here on one row of Table 2, GCONV with Adam: along the width of the
network (8, 16 and 32 filters, images of 16 x 16), and along the side of the image (8, 16 and 32 pixels, 8 filters, the
width at which the largest can be had in hours).  The paper's network has 64 filters and images of 32 x 32; its numbers
are where both lines are said to lead, and never ours.  All train for the 40 epochs of the row in the profile ``cpu``.

Rules, fixed before the first of these runs (statistic ``best_test``; differences are paired over three seeds; the
margin is 1.0 points): a gap is that of ReLU to FR-II, of FL to FR-II, of ReLU to FL and of ReLU to DL.  Its *change* is
that at the largest size less that at the smallest.  It is *the same* where the 90% interval of the change is inside the
margin, else it *rises* or *falls* where the interval is above or below 0, else the question is *open*.
"""

from __future__ import annotations

from collections.abc import Mapping

from companion.exhibits.axes import SIDE, WIDTH, Axis
from companion.exhibits.grid import Row, make
from companion.exhibits.settings import CPU_GCONV_ADAM, DL, FL, FR_II, QUICK_CONV, RELU, Fields
from companion.runs.spec import RunSpec

__all__ = ["ALONG", "GAPS", "S_SIZE"]

GAPS = (("FR-II", "ReLU"), ("FR-II", "FL"), ("FL", "ReLU"), ("DL", "ReLU"))
"""Pairs of columns: what the second is ahead of the first."""
ALONG: Mapping[str, tuple[Axis, Axis]] = {"by width": (WIDTH, SIDE), "by resolution": (SIDE, WIDTH)}
"""A line to the axis along which it compares, and the one on which it stays."""


def sizes(name: str, fields: Fields, widths: tuple[int, ...], scales: tuple[int, ...]) -> tuple[Row, ...]:
    """One line along the width, and one along the resolution of the images of the narrowest network; they share a size.

    Args:
        name: of the row.
        fields: of all runs.
        widths: filters of the first layer, from the fewest.
        scales: factors by which images are averaged, from the coarsest.
    """
    changes = [{"width": widths[0], "downscale": scale} for scale in scales]
    changes += [
        change for width in widths if (change := {"width": width, "downscale": scales[len(scales) // 2]}) not in changes
    ]
    return tuple(
        Row(
            name, own, f"{own['width']} filters, {RunSpec.from_dict(own).input_shape[-1]} pixels", (RELU, FR_II, FL, DL)
        )
        for change in changes
        for own in [{**fields, **change}]
    )


S_SIZE = make(
    "A-S-size",
    "Whether gaps between regimes grow with the size of network and image",
    "Would what small networks show of gates hold at the paper's size?",
    "a_s_size",
    {
        "quick": sizes("GCONV/Adam/digits", {**QUICK_CONV, "epochs": 8}, (4, 8), (2, 1)),
        "cpu": sizes("GCONV/Adam/CIFAR-10", CPU_GCONV_ADAM, (8, 16, 32), (4, 2, 1)),
    },
    seeds={"quick": 2},
    axes=(WIDTH, SIDE),
)

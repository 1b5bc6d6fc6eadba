"""What C-E1 leaves open on MNIST (ours): the papers do not say how wide their fully connected network is.

Papers B and C print 94.1% for random gates, a mean over 24 orders and two inputs of the value network; ours, with 128
units a layer, lie above that with the image and below it with ones.  Here are networks of 256 and 1,024 units a layer,
gates in their own order, with either input, in all five regimes.

Rules, fixed before the first record of another width than 128 (margin 0.25 points, n = 3, statistic ``best_test``):

1. A width does as C-E1's own where the 90% interval of their difference, paired by seed, lies within the margin.
2. A width is one with which the paper's number can be had where the 95% interval over seeds of the mean over both
   inputs lies within the margin of the printed mean.  It is not where the interval lies outside; in between it is open.
   The printed mean is over all orders, and this over the identity alone, which C-E1 shows to be worth little: that is
   said beside it, and the rule is put to C-E1's own width as well.
"""

from __future__ import annotations

from companion.exhibits.a_sensitivity import widths
from companion.exhibits.axes import VALUE_INPUT, WIDTH
from companion.exhibits.b_f4_permutations import FC, INPUTS, QUICK_FC, SEEDS, SOFT
from companion.exhibits.grid import Row, make
from companion.exhibits.settings import DL, FL, FR_DI, FR_II, RELU, Fields

__all__ = ["S_WIDTH_E1"]


def rows(name: str, fields: Fields, *values: int) -> tuple[Row, ...]:
    """The runs of C-E1 in their own order, and the same of other widths."""
    found: list[Row] = []
    for variant, change in {"": {}, **widths(*values)}.items():
        own = {**fields, **change}
        found.append(Row(f"{name}, image", own, variant, (RELU,)))
        for value in INPUTS:
            given = {**own, "value_input": value}
            found.append(Row(f"{name}, {value}", given, variant, (FR_II, FR_DI, FL)))
            found.append(Row(f"{name}, {value}", {**given, **SOFT}, variant, (DL,)))
    return tuple(found)


S_WIDTH_E1 = make(
    "C-S-width",
    "Gates of fully connected networks of other widths",
    "Can another width explain the accuracy that the papers print for random gates on MNIST?",
    "c_s_width",
    {"quick": rows("FC/digits", QUICK_FC, 8, 32), "paper": rows("FC/MNIST", FC, 256, 1024)},
    seeds={"quick": 2, "paper": SEEDS},
    axes=(WIDTH, VALUE_INPUT),
)

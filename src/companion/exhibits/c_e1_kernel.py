"""Where theory and experiment part (ours): does the change of the path kernel tell which order of gates does worse?

The theory of Papers B and C explains that layers of gates may change places by a neural path kernel that does not
change.  That is so in fully connected networks; with convolutions the kernel does change (statement C-Perm).  The runs
are those of C-E1: fixed learnt gates (FL), and random ones (FR-II) as a control.  New is what is measured of their
gates: for each of the 24 orders and both value inputs, of a fixed set of test images, the relative change of the kernel
in Frobenius norm, ``|H_o - H_1| / |H_1|``, and one minus its alignment with that of the identity,
``1 - <H_o, H_1> / (|H_o| |H_1|)``, which a change of scale alone leaves at 0.  Kernels are in double precision and of
gates alone (no biases); the images are the first of each class of the test set, 20 a class for dense networks and 2 for
convolutional ones, where a kernel compares all pairs of positions.  Sizes were chosen by what they cost.

Rules, fixed before the first kernel of trained gates was computed (statistic ``best_test``; the loss of an order is the
accuracy of the identity less its own, with the same regime, input and seed; the identity itself, with change and loss 0
by definition, does not count):

1. **Is there anything to tell?**  Friedman's test over orders, with the seeds as blocks, of the accuracies of all
   orders but the identity: at 5% some order does better than another in all seeds alike.  If not, nothing said of
   single orders is more than noise.
2. **Does the kernel tell which order does worse?**  In each seed Spearman's rank correlation of the kernel's relative
   change with the loss, over the 23 orders; then the mean over seeds and its 95% interval (Student, over seeds: the
   orders are all there are and no sample, so that seeds alone can be resampled).  *It does* where the lower bound is
   above 0 and the mean at least 0.5; *it does not* where the upper bound is below 0.5; in between the question is open.
   Kendall's tau and the same with one minus the alignment stand beside it and decide nothing.
3. As a check that needs no normality: how often losses that are dealt anew to the orders, the same deal for all seeds,
   have a mean correlation as large (9,999 deals).
4. Where the kernel does not change (relative changes below 1e-12), there is no correlation: what is left of the loss is
   nothing that this kernel could explain, and rule 1 says whether anything is left.
5. Two seeds, four orders and the identity are the least that is said anything of, and while an order lacks a seed all
   of it is *so far*.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from companion.exhibits.axes import PERMUTATION, VALUE_INPUT
from companion.exhibits.b_f4_permutations import ALL_ORDERS, CIFAR_FIRST, CNN, FC, INPUTS, SEEDS
from companion.exhibits.grid import Row, make
from companion.exhibits.settings import FL, FR_II, RELU, Fields
from companion.notation import Regime

__all__ = ["E1_KERNEL", "ENOUGH", "LEAST_ORDERS", "STRONG", "UNCHANGED"]

STRONG = 0.5
"""A mean rank correlation from which on the kernel tells which order does worse."""
UNCHANGED = 1e-12
"""A relative change below which a kernel has not changed."""
ENOUGH = 0.05
"""Significance of Friedman's test."""
LEAST_ORDERS = 4
"""Orders besides the identity."""

QUICK: Fields = {
    "dataset": "digits",
    "architecture": "C4GAP",
    "width": 8,
    "optimiser": "adam",
    "learning_rate": 1e-2,
    "epochs": 8,
}


def rows(
    name: str,
    fields: Fields,
    orders: Iterable[tuple[int, ...]] = ALL_ORDERS,
    inputs: Iterable[str] = INPUTS,
    regimes: tuple[Regime, ...] = (FR_II, FL),
) -> tuple[Row, ...]:
    """ReLU, and fixed gates in each order with each input."""
    found = [Row(name, fields, regimes=(RELU,))]
    for order, value in product(orders, inputs):
        found.append(Row(name, {**fields, "gate_permutation": order, "value_input": value}, regimes=regimes))
    return tuple(found)


E1_KERNEL = make(
    "C-E1-kernel",
    "Whether the change of the path kernel tells which order of gates does worse",
    "Does the change of the path kernel tell which order of gates does worse?",
    "c_e1_kernel",
    {
        "quick": rows("C4GAP/digits", QUICK, CIFAR_FIRST, ("ones",), (FL,)),
        "paper": (*rows("FC/MNIST", FC), *rows("C4GAP/CIFAR-10", CNN)),
    },
    seeds={"quick": 2, "paper": SEEDS},
    axes=(PERMUTATION, VALUE_INPUT),
)

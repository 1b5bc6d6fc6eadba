"""Paper A's first claim, taken literally (ours): a kernel machine from the gates of a network, without its weights.

"The information in the gates is that of the active sub-networks": then the path kernel of a network's gates must
classify by itself, and better the more the gates have learnt.  At stages of a ReLU network's training a kernel machine
with the path kernel of its gates is fitted to ``n`` images of MNIST (:mod:`companion.measure.machine`), in two designs
that must not be mixed up:

* *gates learnt from them*: the network is trained on the same ``n`` images and labels;
* *gates learnt from others*: the network is trained on the first 30,000 images, the machine is fitted to ``n`` of the
  other 30,000, whose labels the gates have never been told.

Networks: four hidden layers of 128 without biases (a path kernel is that of a network without), Adam at 5e-4, batches
of 32, 30 epochs; machines before training and after epochs 10, 20 and 30; five seeds.  The first epochs, 0 to 3, are a
variant of their own, for the figure alone.  Beside them: the network itself; fresh value networks on its gates (FL),
in the first design; ones in place of the images; the gates of each layer alone; the tangent kernel of the network; and
two kernels that nobody trained, the Gaussian one and the tangent kernel of infinite width, on the same images.  Their
ridge, and the Gaussian kernel's width, are chosen on 2,000 images that neither network nor machine has seen.

Profile ``cpu`` (added before its first record, after those of MNIST): CIFAR-10 averaged over blocks of 2 x 2 pixels,
C4GAP with 16 filters and without biases, Adam at 1e-3, 32 epochs, machines before training and at its end; gates learnt
from 38,000 others with 1,000, 5,000 and 10,000 images, and from the same 5,000; tested on the first 5,000 test images;
three seeds; the path kernel by 256 draws (:data:`companion.measure.machine.DRAWS`), as the exact one is too much.

Rules, fixed before the first record (margin 0.25 points on MNIST, 1 on CIFAR-10, those of all pages; accuracy on the
test images; n = 5, or 3; the mean over seeds of what is named, its one-sided 95% bounds).  What was known: one seed of
a throw-away prototype, with one layer more, at most 10,000 images.  *At the end* is after the last epoch.

1. Learnt gates make the better machine: the accuracy before training less that at the end is below minus the margin.
2. It never falls: of all stages and the next, the largest fall is below the margin.
3. The machine does almost as well as the network whose gates it has: the network's accuracy less the machine's, at the
   end, is below the margin.
4. It beats what nobody trained: the better of the two untrained kernels less the machine, at the end, is below minus
   the margin.
5. The images are not needed: with ones in their place the machine loses less than the margin, at the end; up to 10,000
   images, as each kernel costs its share.

Rule 1 is Paper A's claim made precise, in each design and for each ``n``; the others are ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from companion.exhibits.axes import Axis
from companion.exhibits.grid import Row, make
from companion.exhibits.settings import CPU_C4GAP_ADAM, FL, RELU, Fields

__all__ = ["EARLY", "IMAGES", "MACHINE", "SEEN", "THEM", "UNSEEN", "WITH_ONES"]

THEM, UNSEEN = "them", "others"
"""Values of the axis of what gates were learnt from."""
EARLY = "first epochs"
"""The variant that is measured after each of the first three epochs."""
HELD_OUT = 2000
NUMBERS = (1000, 5000, 10_000, 20_000)
WITH_ONES = (1000, 5000, 10_000)
"""Numbers of images at which ones in place of the images are tried."""

IMAGES = Axis("images", int, "images that the machine is fitted to", words=lambda n: f"n = {n:,}")
SEEN = Axis("learnt_from", str, "images that its gates were learnt from")

MNIST: Fields = {
    "dataset": "mnist",
    "architecture": "FC",
    "depth": 5,
    "bias": False,
    "optimiser": "adam",
    "learning_rate": 5e-4,
    "epochs": 30,
}
CIFAR: Fields = {**CPU_C4GAP_ADAM, "width": 16, "bias": False, "test_size": 5000}
QUICK: Fields = {
    **MNIST,
    "dataset": "digits",
    "width": 64,
    "learning_rate": 2e-3,
    "epochs": 20,
    "batch_size": 16,
}


def own(fields: Fields, n: int, held_out: int, every: int, early: bool = True) -> list[Row]:
    """Machines fitted to the images that their gates were learnt from, and FL on the same."""
    seen = {**fields, "train_size": n + held_out, "holdout": held_out}
    axes = {IMAGES.name: n, SEEN.name: THEM}
    rows = _machines({**seen, "probe": "machine-own"}, f"n = {n:,}, gates learnt from them", axes, every, early)
    return [*rows, Row(rows[0].name, seen, regimes=(FL,), axes=axes)]


def others(fields: Fields, numbers: Sequence[int], holdout: int, every: int, early: bool = True) -> list[Row]:
    """Machines fitted to images that their gates were not learnt from; those of all ``n`` share their networks."""
    return [
        row
        for n in numbers
        for row in _machines(
            {**fields, "holdout": holdout, "probe": "machine-others"},
            f"n = {n:,}, gates learnt from others",
            {IMAGES.name: n, SEEN.name: UNSEEN},
            every,
            early,
        )
    ]


def _machines(fields: Mapping[str, Any], name: str, axes: Mapping[str, Any], every: int, early: bool) -> list[Row]:
    rows = [Row(name, {**fields, "probe_every": every}, regimes=(RELU,), axes=axes)]
    if early:
        rows.append(Row(name, {**fields, "epochs": 3, "probe_every": 1}, EARLY, (RELU,), axes=axes))
    return rows


MACHINE = make(
    "A-machine",
    "Kernel machines from the gates of a network",
    "Throw a network's weights away and keep its gates: can the kernel of these gates still classify?",
    "a_machine",
    {
        "quick": (
            *own({**QUICK, "test_size": 300}, 500, 200, 20, early=False),
            *others({**QUICK, "test_size": 300}, (500,), 700, 20, early=False),
        ),
        "cpu": (
            *own(CIFAR, 5000, 1000, 32, early=False),
            *others(CIFAR, (1000, 5000, 10_000), 12_000, 32, early=False),
        ),
        "paper": (
            *(row for n in NUMBERS for row in own(MNIST, n, HELD_OUT, 10)),
            *others(MNIST, NUMBERS, 30_000, 10),
        ),
    },
    seeds={"quick": 2},
    axes=(IMAGES, SEEN),
)

"""Paper B, Figure 4, the rows of its residual network: DavidNet as a deep gated network.

The table that the figure holds is lost in our text, and no other copy of it could be found: there is no number of the
paper's to set beside ours.  What is left are the set-up (SGD with steps of 0.5, batches of 256, two models a regime
without permuted layers, five runs each, the best test accuracy of each run) and the sentences of Section 6.

What the text leaves open, and what we take.  From cifar10-fast, where DavidNet comes from: 24 epochs, a step size that
rises linearly from 0 to its peak (Paper B's 0.5) at epoch 5 and falls to 0, Nesterov momentum 0.9, a weight decay of
5e-4 on the mean loss and on all that trains, standardised images, crops from a reflected border of 4, mirrored images,
a square of 8 x 8 cut out, weights uniform up to ``1 / sqrt(fan_in)``, outputs times 0.125, no bias in the last layer.
As everywhere here, the last, shorter batch of an epoch is kept; momentum is that of PyTorch.  As in the papers' other
networks, FL has the gates of the epoch that was best on the test set, and DL soft gates of slope 10.  Products are in
bfloat16 (cifar10-fast used half precision), weights and moments in float32, since a GPU is needed.

DavidNet as a deep gated network, our choice: the masks are the gates of the eight ReLU layers of the feature network,
which multiply the normalised pre-activations of the value network; its layers are linear otherwise, and its batch
normalisation is its own, with its own statistics.  Maximum pools let through what the feature network's own maximum is
(Paper B, Definition 2.2).  A feature network that never trains (FR-II, FR-DI) keeps the running statistics that it
begins with, mean 0 and variance 1, and one that is fixed (FL) those of its training.  Its gates are those of the image
as it was altered, in every step anew; a value network that is shown ones is shown ones whatever the image.

Rules, fixed before the first record; they are those of C-E1 (margin: 1.0 points; statistic ``best_test``; n = 5):

1. Gates that learn beat random ones: the lower 95% bounds of DL and FL minus FR-II and FR-DI, with each input, are
   above the margin, Holm-corrected over them.
2. "Less than 3%": the upper 95% bound of ReLU minus DL, with each input, is below 3 points.
3. Fixed learnt gates do almost as well as ReLU: the upper 95% bound of ReLU minus FL (image) is below the margin.
4. Ones do as well as images: in each regime the 90% interval of image minus ones is inside the margin.
5. FR-II and FR-DI are the same: with each input the 90% interval of their difference is inside the margin.
6. Random gates are far above chance: FR-II and FR-DI, with each input, are nearer to 100% than to 10%, by the lower
   bound, Holm-corrected.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from companion.exhibits.axes import VALUE_INPUT
from companion.exhibits.b_f4_permutations import CHANCE, GATED, INPUTS, SOFT
from companion.exhibits.claim import Claim, Relation
from companion.exhibits.grid import Row, make
from companion.exhibits.settings import DL, FL, FR_DI, FR_II, RELU, Fields

__all__ = ["CLAIMS", "PROTOCOL", "RESNET"]

PROTOCOL: Mapping[str, Any] = MappingProxyType(
    {
        "architecture": "DAVIDNET",
        "initialisation": "fan-in",
        "standardise": True,
        "optimiser": "sgd",
        "momentum": 0.9,
        "nesterov": True,
        "weight_decay": 5e-4,
        "schedule": "triangle",
        "learning_rate": 0.5,
    }
)
"""What the runs of all sizes share."""

CIFAR: Mapping[str, Any] = MappingProxyType(
    {
        **PROTOCOL,
        "dataset": "cifar10",
        "augmentation": "crop-flip-cutout",
        "batch_size": 256,
        "epochs": 24,
        "precision": "bfloat16",
    }
)
QUICK: Mapping[str, Any] = MappingProxyType(
    {
        **PROTOCOL,
        "dataset": "digits",
        "train_size": 700,
        "width": 4,
        "augmentation": "crop-cutout",
        "batch_size": 32,
        "epochs": 6,
    }
)
"""A sixteenth as wide; digits are not mirrored."""


def rows(name: str, fields: Fields) -> tuple[Row, ...]:
    """ReLU, and the four other regimes with either input, as rows of one name that their axis tells apart."""
    found = [Row(name, fields, regimes=(RELU,))]
    for value in INPUTS:
        own = {**fields, "value_input": value}
        found += [Row(name, own, regimes=(FR_II, FR_DI, FL)), Row(name, {**own, **SOFT}, regimes=(DL,))]
    return tuple(found)


RESNET = make(
    "B-F4-resnet",
    "A residual network with gates of its own and of another",
    "Do gates hold what a residual network has learnt, too?",
    "b_f4_resnet",
    {"quick": rows("DavidNet/digits", QUICK), "paper": rows("DavidNet/CIFAR-10", CIFAR)},
    axes=(VALUE_INPUT,),
)

BOTH: Mapping[str, Any] = {"each": ("value_input",), "profiles": ("paper",)}

CLAIMS = (
    Claim(
        "B-F4-resnet:gates-learn",
        "B-F4-resnet",
        "B-Claim1",
        "Gates that learn outperform random ones, with either input",
        Relation.MUCH_LESS,
        tuple((a, b) for a in ("FR-II", "FR-DI") for b in ("DL", "FL")),
        **BOTH,
    ),
    Claim(
        "B-F4-resnet:DL-within-three",
        "B-F4-resnet",
        "B-Claim1",
        "Decoupled learning (DL) loses less than three points to ReLU, with either input",
        Relation.NEAR,
        (("DL", "ReLU"),),
        within=3.0,
        **BOTH,
    ),
    Claim(
        "B-F4-resnet:FL-near-ReLU",
        "B-F4-resnet",
        "B-Claim2",
        "Fixed learnt gates do almost as well as ReLU",
        Relation.NEAR,
        (("FL", "ReLU"),),
        at=MappingProxyType({"value_input": ("image",)}),
        **BOTH,
    ),
    Claim(
        "B-F4-resnet:ones",
        "B-F4-resnet",
        "B-Claim5",
        "A value network that is shown ones does as well as one that is shown the image",
        Relation.SAME,
        (("ones", "image"),),
        across="value_input",
        columns=GATED,
        row="DavidNet/CIFAR-10",
        profiles=("paper",),
    ),
    Claim(
        "B-F4-resnet:II-is-DI",
        "B-F4-resnet",
        "B-Claim1",
        "Independent and dependent initialisation do not differ",
        Relation.SAME,
        (("FR-II", "FR-DI"),),
        **BOTH,
    ),
    Claim(
        "B-F4-resnet:random-far-above-chance",
        "B-F4-resnet",
        "B-Claim3",
        "Random gates do well: their networks are nearer to no error than to chance, with either input",
        Relation.MUCH_LESS,
        ((CHANCE, "FR-II"), (CHANCE, "FR-DI")),
        within=45.0,
        **BOTH,
    ),
)
"""The rules 1 to 6."""

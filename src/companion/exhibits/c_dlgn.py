"""Paper C, Section 5 and fourth claim: a feature network without activations (DLGN).  The paper prints no result.

"Feature extraction can be completely linear and separate from gating and the weights": a deep linear gated network
(DLGN) is a deep gated network whose feature network has nothing between its layers.  Each of its pre-activations is a
linear function of the image, each hard gate the side of a plane on which the image lies, and what is not linear is the
product of gates and value network alone.

In each of three regimes features are linear or, as in all other exhibits, those of a ReLU network; the value network
sees the image or ones:

* DL: both networks learn, through soft gates of slope 10 (*DLGN* is DL with linear features);
* FL: a fresh value network on the frozen, hard gates of that DL run, best test epoch; both see the same input;
* FR-II: random gates, frozen and hard.

At the end of each DL run its soft gates are made hard, and nothing else is changed (probe ``hard-gates``).  Networks,
steps, epochs and seeds are those of C-E1: four hidden layers of 128 on MNIST, 100 epochs; four convolutions of 128
filters and a global average pool on CIFAR-10, 32 epochs in bfloat16, for which a GPU is needed.

Rules, fixed before the first record of a linear feature network (margins: 0.25 points on MNIST, 1.0 on CIFAR-10;
statistic ``best_test``; n = 3, paired by seed; each is put to both inputs):

1. Linear features cost nothing: the upper 95% bound of DL with ReLU features minus DLGN is below the margin.
2. The gates of linear features learn: the lower 95% bound of DLGN minus FR-II with linear features is above the margin,
   Holm-corrected over the inputs.
3. What was learnt is in the gates: the upper 95% bound of DLGN minus FL on its gates is below the margin.
4. The DLGN does almost as well as ReLU: the upper 95% bound of ReLU minus DLGN is below the margin.
5. Soft gates may be made hard after training: the upper 95% bound of the accuracy with soft gates minus that with hard
   ones, both after the last epoch, is below the margin.  It is put to the DLGN and beside it to DL with ReLU features.

Rules 1 to 3 are Paper C's claim made precise; 4 is stronger than what it says, for DL itself is behind ReLU there.  The
only number is a later one and not Paper C's: the abstract of arXiv 2110.03403 says that a DLGN "recovers more than
83.5% of the performance" of networks with ReLU, on CIFAR-10 and CIFAR-100.  It is cited, and our ratio of accuracies
stands beside it without a verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from companion.exhibits.axes import FEATURES, VALUE_INPUT
from companion.exhibits.b_f4_permutations import CNN, FC, INPUTS, SOFT
from companion.exhibits.claim import Claim, Relation
from companion.exhibits.grid import Row, make
from companion.exhibits.settings import DL, FL, FR_II, RELU

__all__ = ["CLAIMS", "DLGN", "HARD", "LINEAR", "RECTIFIED"]

LINEAR, RECTIFIED = "linear", "ReLU"
"""Values of the axis of features."""
SEEDS = 3


def rows(name: str, fields: Mapping[str, Any], inputs: Sequence[str] = INPUTS) -> tuple[Row, ...]:
    """The runs on one dataset, those of the DLGN first."""
    found = [Row(name, fields, regimes=(RELU,))]
    for activation in ("linear", "relu"):
        features = {} if activation == "relu" else {"feature_activation": activation}
        for value in inputs:
            seen = {} if value == "image" else {"value_input": value}
            learnt = {**features, **seen, **SOFT}
            probed = {"probe": "hard-gates", "probe_every": fields["epochs"]}
            found += [
                Row(name, {**fields, **learnt, **probed}, regimes=(DL,)),
                Row(name, {**fields, **seen, "gates_from": {"regime": "DL", **learnt}}, regimes=(FL,)),
                Row(name, {**fields, **seen, **features}, regimes=(FR_II,)),
            ]
    return tuple(found)


QUICK_FC = {
    "dataset": "digits",
    "depth": 5,
    "width": 32,
    "optimiser": "adam",
    "learning_rate": 3e-3,
    "epochs": 15,
    "batch_size": 16,
}

DLGN = make(
    "C-DLGN",
    "A feature network without activations",
    "Can gates be learnt by a network that is entirely linear?",
    "c_dlgn",
    {
        "quick": rows("FC/digits", QUICK_FC),
        "paper": (*rows("FC/MNIST", FC), *rows("C4GAP/CIFAR-10", CNN)),
    },
    seeds={"quick": 2, "paper": SEEDS},
    axes=(FEATURES, VALUE_INPUT),
)

OF_LINEAR: Mapping[str, Any] = {
    "each": ("value_input",),
    "at": MappingProxyType({"features": (LINEAR,)}),
    "profiles": ("paper",),
}

CLAIMS = (
    Claim(
        "C-DLGN:linear",
        "C-DLGN",
        "C-Claim4",
        "Linear features do almost as well as those of a ReLU network, where the gates of both learn",
        Relation.NEAR,
        ((LINEAR, RECTIFIED),),
        across="features",
        columns=("DL",),
        each=("value_input",),
        profiles=("paper",),
    ),
    Claim(
        "C-DLGN:learns",
        "C-DLGN",
        "C-Claim4",
        "Gates of linear features that learn outperform random ones",
        Relation.MUCH_LESS,
        (("FR-II", "DL"),),
        **OF_LINEAR,
    ),
    Claim(
        "C-DLGN:gates-alone",
        "C-DLGN",
        "C-Claim4",
        "A fresh value network on the frozen, hard gates of a DLGN does almost as well as the DLGN",
        Relation.NEAR,
        (("FL", "DL"),),
        **OF_LINEAR,
    ),
    Claim(
        "C-DLGN:near-ReLU",
        "C-DLGN",
        None,
        "A DLGN does almost as well as ReLU",
        Relation.NEAR,
        (("DL", "ReLU"),),
        **OF_LINEAR,
    ),
)
"""The rules 1 to 4."""

HARD = Claim(
    "C-DLGN:hard",
    "C-DLGN",
    None,
    "Soft gates may be made hard after training",
    Relation.NEAR,
    (("hard", "soft"),),
    profiles=("paper",),
)
"""Rule 5, which compares two measurements of one run and not two runs: the chapter puts it to its probes."""

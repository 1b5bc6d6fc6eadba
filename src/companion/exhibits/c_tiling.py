"""Paper C, first claim: gates are robust to "arbitrary tiling cum rotation".  The paper shows no experiment: ours does.

A value network is trained on the fixed learnt gates of a ReLU network (FL), after those were moved within their layer:

* *tiled*: the ReLU network is a quarter as wide, and its gates are repeated four times;
* *shifted alike*, *shifted apart*: all positions of a layer's gates move cyclically by some rows and columns, the same
  in all layers, or in each layer by others;
* *turned*: they turn by a quarter of a circle, the same in all layers;
* *tiled and turned apart*: the four copies are turned by none, one, two and three quarters.

The units of a dense layer have no positions, so for fully connected networks *turned* has no meaning, and *shifted*
means that the units of a layer are relabelled in a cycle.  That changes neither the kernel (each factor of the product
is a sum over units) nor the law by which the value network is drawn: what such runs are apart by is what another draw
of the value network makes.  They are here as a control of the ruler, and they are counted like all others.

The same is done with the image and with ones as input of the value network.  Beside them stand the gates unmoved (runs
of C-E1), random gates unmoved and tiled (FR-II), and the narrow network itself, as ReLU and as FL in a value network of
its own width.  Networks, steps, epochs and seeds are those of C-E1: four hidden layers of 128 on MNIST, 100 epochs;
four convolutions of 128 filters and a global average pool on CIFAR-10, 32 epochs in bfloat16, for which a GPU is
needed.  Shifts were chosen once, so that none is another's multiple of the size of a layer.

Rules, fixed before the first record of a moved gate (margins: 0.25 points on MNIST, 1.0 on CIFAR-10; statistic
``best_test``; n = 3, paired by seed; each is put to both inputs):

1. Tiling does not matter: the upper 95% bound of FL unmoved minus FL tiled is below the margin.
2. Rotation does not matter: the same of the worst of all that is shifted or turned and not tiled, corrected for the
   maximum over them.
3. Both at once do not matter: the same of the worst of all that is tiled and shifted or turned, corrected likewise.
4. Tiled gates keep what the narrow network has learnt: the upper 95% bound of the narrow ReLU network minus FL tiled is
   below the margin.
5. Learnt gates beat random ones when both are tiled: the lower 95% bound of FL minus FR-II is above the margin,
   Holm-corrected over the inputs.

Rules 1 to 3 are Paper C's claim; 4 and 5 tell what an answer to the first means.  The sentence that is tested compares
with gates of the *wide* network, as the paper's "robust" must: a narrow network that has learnt less makes it fail, and
rule 4 then says that the tiling was not at fault.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from companion.exhibits.axes import ARRANGEMENT, UNMOVED, VALUE_INPUT
from companion.exhibits.b_f4_permutations import CNN, FC, INPUTS
from companion.exhibits.claim import EVERY_OTHER, Claim, Relation
from companion.exhibits.grid import Row, make
from companion.exhibits.settings import FL, FR_II, RELU

__all__ = ["ARRANGEMENTS", "CLAIMS", "NARROW_FL", "NARROW_RELU", "TILES", "TILING"]

TILES = 4
"""How many times narrower the feature network is whose gates are tiled."""
NARROW_RELU, NARROW_FL = "ReLU, a quarter as wide", "FL, a quarter as wide"
SEEDS = 3

Arrangement = Mapping[str, Any]

DENSE: tuple[Arrangement, ...] = (
    {},
    {"tiled": True},
    {"gate_shifts": [17]},
    {"gate_shifts": [17, 5, 101, 64]},
    {"tiled": True, "gate_shifts": [17, 5, 101, 64]},
)
"""What is done to units; they are rolled by so many."""
POSITIONS: tuple[Arrangement, ...] = (
    {},
    {"tiled": True},
    {"gate_shifts": [8, 5]},
    {"gate_shifts": [8, 5, 21, 11, 3, 27, 16, 14]},
    {"gate_turns": [1]},
    {"tiled": True, "gate_turns": [0, 1, 2, 3]},
)
"""What is done to positions, with shifts of rows and columns."""
SMALL: tuple[Arrangement, ...] = (
    {},
    {"tiled": True},
    {"gate_shifts": [2, 3]},
    {"gate_shifts": [2, 3, 5, 1, 3, 6, 4, 7]},
    {"gate_turns": [1]},
    {"tiled": True, "gate_turns": [0, 1, 2, 3]},
)
"""The same on images of 8 x 8."""


def rows(
    name: str,
    fields: Mapping[str, Any],
    width: int,
    arrangements: Sequence[Arrangement],
    inputs: Sequence[str] = INPUTS,
) -> tuple[Row, ...]:
    """The runs on one dataset: unmoved, moved, and those that they are compared with, cheap and decisive ones first."""
    narrow = {**fields, "width": width // TILES}
    found = [Row(name, fields, regimes=(RELU,)), Row(name, narrow, regimes=(RELU,), column=NARROW_RELU)]
    for arrangement in arrangements:
        moved = dict(arrangement)
        tiled = moved.pop("tiled", False)
        own = {**fields, **moved, **({"feature_width": width // TILES} if tiled else {})}
        for value in inputs:
            found.append(Row(name, {**own, "value_input": value}, regimes=(FL,) if moved else (FL, FR_II)))
    return (
        *found,
        *(Row(name, {**narrow, "value_input": value}, regimes=(FL,), column=NARROW_FL) for value in inputs),
    )


QUICK_FC = {
    "dataset": "digits",
    "depth": 5,
    "width": 32,
    "optimiser": "adam",
    "learning_rate": 3e-3,
    "epochs": 15,
    "batch_size": 16,
}
QUICK_SHIFTS: tuple[Arrangement, ...] = (
    {},
    {"tiled": True},
    {"gate_shifts": [5]},
    {"gate_shifts": [5, 1, 21, 16]},
    {"tiled": True, "gate_shifts": [5, 1, 21, 16]},
)
QUICK_CNN = {
    "dataset": "digits",
    "architecture": "C4GAP",
    "width": 16,
    "optimiser": "adam",
    "learning_rate": 1e-2,
    "epochs": 8,
    "train_size": 400,
}

TILING = make(
    "C-tiling",
    "Gates tiled, shifted and turned",
    "Do learnt gates survive being repeated, shifted or turned within each layer?",
    "c_tiling",
    {
        "quick": (
            *rows("FC/digits", QUICK_FC, 32, QUICK_SHIFTS),
            *rows("C4GAP/digits", QUICK_CNN, 16, SMALL, inputs=("image",)),
        ),
        "paper": (*rows("FC/MNIST", FC, 128, DENSE), *rows("C4GAP/CIFAR-10", CNN, 128, POSITIONS)),
    },
    seeds={"quick": 2, "paper": SEEDS},
    axes=(ARRANGEMENT, VALUE_INPUT),
)

TILED = "tiled"
ROTATED = ("shifted alike", "shifted apart", "turned alike")
BOTH = ("tiled, shifted apart", "tiled, turned apart")
ARRANGEMENTS = (UNMOVED, TILED, *ROTATED, *BOTH)
"""Values of the axis, in the order of the tables."""


def _robust(name: str, title: str, others: Sequence[str]) -> Claim:
    return Claim(
        f"C-tiling:{name}",
        "C-tiling",
        "C-Claim1",
        title,
        Relation.ROBUST,
        ((EVERY_OTHER, UNMOVED),),
        across="arrangement",
        columns=("FL",),
        each=("value_input",),
        at=MappingProxyType({"arrangement": (UNMOVED, *others)}),
        profiles=("paper",),
    )


OF_TILED: Mapping[str, Any] = {
    "each": ("value_input",),
    "at": MappingProxyType({"arrangement": (TILED,)}),
    "profiles": ("paper",),
}

CLAIMS = (
    _robust("tiling", "Gates of a network a quarter as wide, tiled, cost no more than the margin", (TILED,)),
    _robust("rotation", "Gates that are shifted or turned cost no more than the margin", ROTATED),
    _robust("both", "Gates that are tiled and rotated cost no more than the margin", BOTH),
    Claim(
        "C-tiling:narrow",
        "C-tiling",
        None,
        "Tiled gates do almost as well as the narrow ReLU network that they are from",
        Relation.NEAR,
        (("FL", NARROW_RELU),),
        **OF_TILED,
    ),
    Claim(
        "C-tiling:learnt",
        "C-tiling",
        None,
        "Learnt gates outperform random ones when both are tiled",
        Relation.MUCH_LESS,
        (("FR-II", "FL"),),
        **OF_TILED,
    ),
)
"""The rules 1 to 5."""

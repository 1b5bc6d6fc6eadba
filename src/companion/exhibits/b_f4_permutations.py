"""Papers B and C: 48 models a regime (Paper B, Figure 4; Paper C, Section 4.1).

In each regime but ReLU, the four layers of gates enter the value network in all 24 orders, and its input is the image
or an image of ones.  The papers run each model once; we run every cell with three seeds, paired: the models of a seed
share their teacher, their data order and their initial values.

What the texts leave open, and what we take: CIFAR-10, four convolutions of 128 filters and a global average pool, 32
epochs (those of the only re-implementation that could be found; Papers B and C say "almost 100%" training accuracy),
soft gates of slope 10; products in bfloat16, weights and moments in float32, since a GPU is needed.  MNIST: four hidden
layers of 128, 100 epochs, float32.

Rules, fixed before the first record (margins: 1.0 points on CIFAR-10, 0.25 on MNIST; statistic ``best_test``; n = 3):

1. Gates that learn beat random ones: the lower 95% bound of FL minus FR-II, of each order and input that is recorded,
   is above the margin, Holm-corrected over them.
2. Fixed learnt gates do almost as well as ReLU: the upper 95% bound of ReLU minus FL (identity, image) is below the
   margin; the same is said of the mean over all orders and inputs that are recorded.
3. Order does not matter: in each regime, the upper 95% bound of identity minus the worst recorded order, with the same
   input, corrected for the maximum over orders, is below the margin.
4. Ones do as well as images: the 90% interval of image minus ones, for each recorded order, is inside the margin.
5. FR-II and FR-DI are the same: the 90% interval of their difference is inside the margin.
   Since then, and after the first records were seen, one thing became stricter: what rules 1 to 5 say of all models is
   pending while models are missing, unless one of those recorded refutes it.
6. Seven sentences of Papers B and C with a number of their own in them, each by that number.  They were put as rules
   after the first 51 records of the 1,158, and take nothing from them: (a) DL is above FR-II and FR-DI as in rule 1;
   (b) ReLU minus DL is less than 3 points, by its upper bound, for each order and input; (c) ReLU minus FL is less than
   1 point, by its upper bound, in the gates' own order; (d) random gates are far above chance: closer to 100% than to
   10%, by the lower bound, each order and input, Holm-corrected; (e) on CIFAR-10 ReLU, DL and FL are above the
   convolutional tangent kernel of Arora et al. (77.43%), and that above FR-II and FR-DI, each by its bound,
   Holm-corrected, in the mean over orders and inputs; (f) there ReLU, DL and FL reach 77.5% in that mean, with an upper
   bound of what is lacking below the margin; (g) there FR-II and FR-DI reach 67%: the 90% interval of the difference is
   inside the margin.
7. Where the papers print a mean over the 48 models (``numbers.csv``, ``C-E1-table``), ours is the mean over all cells;
   it is pending while any is missing.

The profile ``cpu`` puts rules 1 to 4 to networks a quarter as wide on the whole of CIFAR-10, averaged over blocks of 2
by 2 pixels (:mod:`companion.exhibits.pilot`): FL and FR-II in two orders, the identity and its reverse, the one that
moves every layer, with both inputs and three seeds.  Sizes, orders and margins were settled before any of its runs with
given gates; that *every order* is two orders there, and no more, its page says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import permutations
from types import MappingProxyType
from typing import Any

from companion.exhibits.axes import PERMUTATION, VALUE_INPUT
from companion.exhibits.claim import EVERY_OTHER, Claim, Quoted, Relation
from companion.exhibits.grid import Row, make
from companion.exhibits.settings import CPU_C4GAP_ADAM, DL, FL, FR_DI, FR_II, RELU
from companion.notation import Regime
from companion.runs.spec import RunSpec

__all__ = ["CIFAR_FIRST", "CLAIMS", "CNN", "E1", "FC", "IDENTITY", "INPUTS", "ORDERS", "REVERSE", "SEEDS", "models"]

ORDERS: tuple[tuple[int, ...], ...] = tuple(permutations(range(4)))
"""All orders of four layers of gates, the identity first."""
IDENTITY, REVERSE = ORDERS[0], ORDERS[-1]
INPUTS = ("image", "ones")
SEEDS = 3

CNN: Mapping[str, Any] = MappingProxyType(
    {
        "dataset": "cifar10",
        "architecture": "C4GAP",
        "optimiser": "adam",
        "learning_rate": 3e-4,
        "epochs": 32,
        "precision": "bfloat16",
    }
)
FC: Mapping[str, Any] = MappingProxyType(
    {"dataset": "mnist", "architecture": "FC", "depth": 5, "optimiser": "adam", "learning_rate": 3e-4, "epochs": 100}
)
SOFT = {"gate_beta": 10.0, "gate_eps": 0.0}

CIFAR_FIRST = ((0, 1, 2, 3), (3, 2, 1, 0), (1, 0, 3, 2), (2, 3, 0, 1), (1, 2, 3, 0), (3, 0, 1, 2))
"""The order in which orders are trained on CIFAR-10 while GPU time is short; a prefix is what a page may show."""


def models(
    fields: Mapping[str, Any],
    regime: Regime,
    orders: Iterable[Sequence[int]] = ORDERS,
    inputs: Iterable[str] = INPUTS,
    seeds: Iterable[int] = range(SEEDS),
) -> list[RunSpec]:
    """The runs of one regime: orders x value inputs x seeds; ReLU has neither order nor value input."""
    own = {**fields, "regime": regime, **(SOFT if regime is Regime.DL else {})}
    if regime is Regime.RELU:
        return [RunSpec.from_dict({**own, "seed": seed}) for seed in seeds]
    return [
        RunSpec.from_dict({**own, "gate_permutation": order, "value_input": value, "seed": seed})
        for order in orders
        for value in inputs
        for seed in seeds
    ]


QUICK_FC: Mapping[str, Any] = MappingProxyType(
    {
        "dataset": "digits",
        "depth": 5,
        "width": 16,
        "optimiser": "adam",
        "learning_rate": 3e-3,
        "epochs": 15,
        "batch_size": 16,
    }
)


def rows(
    name: str,
    fields: Mapping[str, Any],
    orders: Iterable[Sequence[int]],
    regimes: Sequence[Regime] = (FR_II, FR_DI, FL, DL),
) -> tuple[Row, ...]:
    """The runs of :func:`models` in ReLU and some regimes, as rows of one name that their axes tell apart."""
    found = [Row(name, fields, regimes=(RELU,))]
    fixed = tuple(regime for regime in regimes if regime is not DL)
    for order in orders:
        for value in INPUTS:
            own = {**fields, "gate_permutation": order, "value_input": value}
            found.append(Row(name, own, regimes=fixed))
            if DL in regimes:
                found.append(Row(name, {**own, **SOFT}, regimes=(DL,)))
    return tuple(found)


ALL_ORDERS = tuple(dict.fromkeys((*CIFAR_FIRST, *ORDERS)))
"""Those of :data:`CIFAR_FIRST` first, so that what is trained first can be shown first."""

E1 = make(
    "C-E1",
    "Gates in any order, and a value network that sees no image",
    "Do gates still work if their layers are put in another order, or if the network behind them never sees the image?",
    "b_f4_permutations",
    {
        "quick": rows("FC/digits", QUICK_FC, (IDENTITY, REVERSE, (1, 2, 3, 0))),
        "cpu": rows("C4GAP/CIFAR-10", CPU_C4GAP_ADAM, (IDENTITY, REVERSE), (FR_II, FL)),
        "paper": (*rows("FC/MNIST", FC, ALL_ORDERS), *rows("C4GAP/CIFAR-10", CNN, ALL_ORDERS)),
    },
    seeds={"quick": 3, "paper": SEEDS},
    axes=(PERMUTATION, VALUE_INPUT),
)

GATED = tuple(str(regime) for regime in (FR_II, FR_DI, DL, FL))
LEARNT = ("ReLU", "DL", "FL")
CHANCE = Quoted("chance", "BC-text:chance:ten-classes")
CNTK = Quoted("CNTK", "BC-text:S3:CNTK")
REACHED = Quoted("77.5%", "BC-text:S1-lower-bound:CIFAR-10")
RANDOM = Quoted("67%", "BC-text:S2:CIFAR-10")
EACH = ("permutation", "value_input")
MODELS: Mapping[str, Any] = {"each": EACH, "profiles": ("paper",)}
ON_CIFAR: Mapping[str, Any] = {**MODELS, "averaged": True, "datasets": ("cifar10",)}

CLAIMS = (
    Claim(
        "C-E1:gates-learn",
        "C-E1",
        None,
        "Fixed learnt gates outperform random ones, in every order and with either input",
        Relation.MUCH_LESS,
        (("FR-II", "FL"),),
        each=EACH,
    ),
    Claim(
        "C-E1:FL-near-ReLU",
        "C-E1",
        "B-Claim2",
        "Fixed learnt gates in their own order do almost as well as ReLU",
        Relation.NEAR,
        (("FL", "ReLU"),),
        at=MappingProxyType({"permutation": (IDENTITY,), "value_input": ("image",)}),
        each=EACH,
    ),
    Claim(
        "C-E1:FL-near-ReLU-on-average",
        "C-E1",
        None,
        "Fixed learnt gates do almost as well as ReLU in the mean over orders and inputs",
        Relation.NEAR,
        (("FL", "ReLU"),),
        averaged=True,
        each=EACH,
    ),
    Claim(
        "C-E1:order",
        "C-E1",
        "B-Claim5",
        "The order of the layers of gates does not matter: not even the worst one costs more than the margin",
        Relation.ROBUST,
        ((EVERY_OTHER, IDENTITY),),
        across="permutation",
        columns=GATED,
        each=("value_input",),
        also=("C-Claim1",),
    ),
    Claim(
        "C-E1:ones",
        "C-E1",
        "C-Claim2",
        "A value network that is shown ones does as well as one that is shown the image",
        Relation.SAME,
        (("ones", "image"),),
        across="value_input",
        columns=GATED,
        each=("permutation",),
        also=("B-Claim5",),
    ),
    Claim(
        "C-E1:II-is-DI",
        "C-E1",
        "B-Claim1",
        "Independent and dependent initialisation do not differ",
        Relation.SAME,
        (("FR-II", "FR-DI"),),
        **MODELS,
    ),
    Claim(
        "C-E1:DL-over-random",
        "C-E1",
        "B-Claim1",
        "Gates that learn together with the values (DL) outperform random ones, in every order and with either input",
        Relation.MUCH_LESS,
        (("FR-II", "DL"), ("FR-DI", "DL")),
        **MODELS,
    ),
    Claim(
        "C-E1:DL-within-three",
        "C-E1",
        "B-Claim1",
        "Decoupled learning (DL) loses less than three points to ReLU, in every order and with either input",
        Relation.NEAR,
        (("DL", "ReLU"),),
        within=3.0,
        decides="BC-text:ReLU-minus-DL:upper-bound",
        **MODELS,
    ),
    Claim(
        "C-E1:FL-within-one",
        "C-E1",
        "B-Claim2",
        "Fixed learnt gates in their own order lose less than one point to ReLU",
        Relation.NEAR,
        (("FL", "ReLU"),),
        at=MappingProxyType({"permutation": (IDENTITY,), "value_input": ("image",)}),
        within=1.0,
        **MODELS,
    ),
    Claim(
        "C-E1:random-far-above-chance",
        "C-E1",
        "B-Claim3",
        "Random gates do well: their networks are nearer to no error than to chance, in every order, with either input",
        Relation.MUCH_LESS,
        ((CHANCE, "FR-II"), (CHANCE, "FR-DI")),
        within=45.0,
        **MODELS,
    ),
    Claim(
        "C-E1:three-sets",
        "C-E1",
        "B-Claim4",
        "Networks whose gates learn are above the convolutional tangent kernel, and those with random gates below it",
        Relation.MUCH_LESS,
        (*((column, CNTK) for column in ("FR-II", "FR-DI")), *((CNTK, column) for column in LEARNT)),
        within=0.0,
        **ON_CIFAR,
    ),
    Claim(
        "C-E1:learnt-reach",
        "C-E1",
        "B-Claim4",
        "Networks whose gates learn reach 77.5%",
        Relation.NEAR,
        tuple((column, REACHED) for column in LEARNT),
        decides=REACHED.number,
        **ON_CIFAR,
    ),
    Claim(
        "C-E1:random-reach",
        "C-E1",
        "B-Claim4",
        "Networks with random gates reach 67%",
        Relation.SAME,
        ((RANDOM, "FR-II"), (RANDOM, "FR-DI")),
        decides=RANDOM.number,
        **ON_CIFAR,
    ),
)
"""The rules 1 to 6, in their parts; the seventh is that of all printed numbers."""

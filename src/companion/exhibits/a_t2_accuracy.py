"""Paper A, Table 2: five regimes, networks and datasets."""

from __future__ import annotations

from companion.exhibits.axes import ARCHITECTURE, DATASET, OPTIMISER
from companion.exhibits.claim import Claim, Relation
from companion.exhibits.grid import HOLDOUT, Row, make
from companion.exhibits.settings import (
    CPU_GCONV_ADAM,
    CPU_GCONV_SGD,
    CPU_VCONV_ADAM,
    CPU_VCONV_SGD,
    DL,
    FC_ADAM,
    FC_SGD,
    FITTED_EPOCHS,
    FL,
    FR_DI,
    FR_II,
    GCONV_ADAM,
    ON_GPU,
    QUICK,
    QUICK_ADAM,
    QUICK_CONV,
    RELU,
    Fields,
    conv,
    held_out,
)

__all__ = ["CLAIMS", "T2"]


def holdout_rows(name: str, fields: Fields, images: int) -> tuple[Row, Row]:
    """The variant whose epoch, and whose teacher's epoch, are chosen on held-out images."""
    kept = held_out(fields, images)
    others = (RELU, FR_II, FR_DI, DL)
    return Row(name, kept, HOLDOUT, others), Row(name, {**kept, "teacher_checkpoint": "selected"}, HOLDOUT, (FL,))


T2 = make(
    "A-T2",
    "Test accuracy of fixed random, learnt and fixed learnt gates",
    "What holds what a ReLU network has learnt: its weights, or the pattern of units that are on and off?",
    "a_t2_accuracy",
    {
        "quick": (
            Row("FC/SGD/digits", {**QUICK, "optimiser": "sgd", "learning_rate": 5e-2}),
            Row("FC/Adam/digits", QUICK_ADAM),
            Row("GCONV/Adam/digits", QUICK_CONV),
        ),
        "cpu": (
            Row("VCONV/SGD/CIFAR-10", CPU_VCONV_SGD),
            Row("VCONV/Adam/CIFAR-10", CPU_VCONV_ADAM),
            Row("GCONV/SGD/CIFAR-10", CPU_GCONV_SGD),
            Row("GCONV/Adam/CIFAR-10", CPU_GCONV_ADAM),
        ),
        "paper": (
            Row("FC/SGD/MNIST", FC_SGD),
            Row("FC/Adam/MNIST", FC_ADAM),
            Row("FC/Adam/MNIST", {**FC_ADAM, "learning_rate": 3e-4}, "step 3e-4"),
            Row("VCONV/SGD/CIFAR-10", {**conv("VCONV", "sgd", 1e-2, 80), **ON_GPU}, early_stop=FITTED_EPOCHS),
            Row("VCONV/Adam/CIFAR-10", {**conv("VCONV", "adam", 3e-4, 80), **ON_GPU}, early_stop=FITTED_EPOCHS),
            Row("GCONV/SGD/CIFAR-10", {**conv("GCONV", "sgd", 1e-1, 100), **ON_GPU}, early_stop=FITTED_EPOCHS),
            Row("GCONV/Adam/CIFAR-10", GCONV_ADAM, early_stop=FITTED_EPOCHS),
            *holdout_rows("FC/SGD/MNIST", FC_SGD, 5000),
            *holdout_rows("FC/Adam/MNIST", FC_ADAM, 5000),
            *holdout_rows("GCONV/Adam/CIFAR-10", GCONV_ADAM, 5000),
        ),
    },
    axes=(ARCHITECTURE, OPTIMISER, DATASET),
)

RANDOM, LEARNT = ("FR-II", "FR-DI"), ("DL", "FL", "ReLU")

CLAIMS = (
    Claim(
        "A-T2:gates-learn",
        "A-T2",
        "A-Claim2",
        "Random gates are outperformed by gates that learn",
        Relation.MUCH_LESS,
        tuple((a, b) for a in RANDOM for b in LEARNT),
    ),
    Claim(
        "A-T2:II-is-DI",
        "A-T2",
        None,
        "Independent and dependent initialisation do not differ",
        Relation.SAME,
        (("FR-II", "FR-DI"),),
    ),
    Claim(
        "A-T2:FL-near-ReLU",
        "A-T2",
        "A-Obs",
        "Fixed learnt gates do almost as well as ReLU",
        Relation.NEAR,
        (("FL", "ReLU"),),
    ),
    Claim(
        "A-T2:GAP-gains-ten",
        "A-T2",
        None,
        "Global average pooling improves every regime by about ten points",
        Relation.ABOUT_TEN,
        (("VCONV", "GCONV"),),
        across="architecture",
        columns=(*RANDOM, *LEARNT),
        rows=("optimiser", "dataset"),
    ),
    Claim(
        "A-T2:DL-within-three",
        "A-T2",
        None,
        "Decoupled learning (DL) loses less than three points to ReLU, as Papers B and C say of their own networks",
        Relation.NEAR,
        (("DL", "ReLU"),),
        within=3.0,
    ),
)

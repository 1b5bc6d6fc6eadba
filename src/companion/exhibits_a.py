"""Paper A's exhibits: Table 2, the three parts of Figure 2, and what the paper leaves open.

Settings are those of the official code where the text is silent, and variants show the other where the two differ.  The
sizes of the profile ``cpu`` were chosen by what they cost, with an hour on two quiet cores for all of Paper A in mind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from companion.grids import HOLDOUT, Exhibit, Row, make
from companion.notation import Regime

__all__ = ["AT_STAGE_END", "FITTED_EPOCHS", "PAPER_A", "STAGES"]

Fields = Mapping[str, Any]

RELU, FR_II, FR_DI, DL, FL = Regime.RELU, Regime.FR_II, Regime.FR_DI, Regime.DL, Regime.FL

FC_SGD = {"optimiser": "sgd", "learning_rate": 1e-2, "epochs": 300}
FC_ADAM = {"optimiser": "adam", "learning_rate": 1e-4, "epochs": 100}
FITTED_EPOCHS = 10
"""Epochs at 99.9% training accuracy after which the long runs on CIFAR-10 stop."""

CPU_FC = {"train_size": 10_000, "epochs": 30}
CPU_CONV = {"width": 8, "train_size": 4000, "test_size": 2000, "epochs": 12}
"""An eighth of the papers' width, so that Adam's step may be larger (1e-3)."""
QUICK = {"dataset": "digits", "width": 32, "depth": 4, "epochs": 30, "batch_size": 16}
QUICK_ADAM = {**QUICK, "optimiser": "adam", "learning_rate": 1e-3}
QUICK_CONV = {
    "dataset": "digits",
    "architecture": "GCONV",
    "width": 4,
    "epochs": 12,
    "optimiser": "adam",
    "learning_rate": 3e-3,
}


def conv(architecture: str, optimiser: str, rate: float, epochs: int) -> dict[str, Any]:
    """A convolutional row on CIFAR-10."""
    return {
        "dataset": "cifar10",
        "architecture": architecture,
        "optimiser": optimiser,
        "learning_rate": rate,
        "epochs": epochs,
    }


GCONV_ADAM = conv("GCONV", "adam", 3e-4, 200)
CPU_GCONV_ADAM = {**conv("GCONV", "adam", 1e-3, 0), **CPU_CONV}
CPU_GCONV_SGD = {**conv("GCONV", "sgd", 1e-1, 0), **CPU_CONV}


def held_out(fields: Fields, images: int) -> dict[str, Any]:
    """The same runs with some training images kept out."""
    return {**fields, "holdout": images}


def holdout_rows(name: str, fields: Fields, images: int) -> tuple[Row, Row]:
    """The variant whose epoch, and whose teacher's epoch, are chosen on held-out images."""
    kept = held_out(fields, images)
    others = (RELU, FR_II, FR_DI, DL)
    return Row(name, kept, HOLDOUT, others), Row(name, {**kept, "teacher_checkpoint": "selected"}, HOLDOUT, (FL,))


T2 = make(
    "A-T2",
    "Test accuracy of fixed random, learnt and fixed learnt gates",
    "a_t2_accuracy",
    {
        "quick": (
            Row("FC/SGD/digits", {**QUICK, "optimiser": "sgd", "learning_rate": 5e-2}),
            Row("FC/Adam/digits", QUICK_ADAM),
            Row("GCONV/Adam/digits", QUICK_CONV),
        ),
        "cpu": (
            Row("FC/SGD/MNIST", {**FC_SGD, **CPU_FC}),
            Row("FC/Adam/MNIST", {**FC_ADAM, **CPU_FC}),
            Row("VCONV/SGD/CIFAR-10", {**conv("VCONV", "sgd", 1e-2, 0), **CPU_CONV}),
            Row("VCONV/Adam/CIFAR-10", {**conv("VCONV", "adam", 1e-3, 0), **CPU_CONV}),
            Row("GCONV/SGD/CIFAR-10", CPU_GCONV_SGD),
            Row("GCONV/Adam/CIFAR-10", CPU_GCONV_ADAM),
        ),
        "paper": (
            Row("FC/SGD/MNIST", FC_SGD),
            Row("FC/Adam/MNIST", FC_ADAM),
            Row("FC/Adam/MNIST", {**FC_ADAM, "learning_rate": 3e-4}, "step 3e-4"),
            Row("VCONV/SGD/CIFAR-10", conv("VCONV", "sgd", 1e-2, 80), early_stop=FITTED_EPOCHS),
            Row("VCONV/Adam/CIFAR-10", conv("VCONV", "adam", 3e-4, 80), early_stop=FITTED_EPOCHS),
            Row("GCONV/SGD/CIFAR-10", conv("GCONV", "sgd", 1e-1, 100), early_stop=FITTED_EPOCHS),
            Row("GCONV/Adam/CIFAR-10", GCONV_ADAM, early_stop=FITTED_EPOCHS),
            *holdout_rows("FC/SGD/MNIST", FC_SGD, 5000),
            *holdout_rows("FC/Adam/MNIST", FC_ADAM, 5000),
            *holdout_rows("GCONV/Adam/CIFAR-10", GCONV_ADAM, 5000),
        ),
    },
)

STAGES = 6
"""Stages of the teacher's training; at stage 0 its gates are random."""
AT_STAGE_END = "weights at the stage's end"


def stages(fields: Fields, block: int, epochs: int) -> tuple[Row, ...]:
    """Gates from a ReLU network after ``i`` blocks of epochs, ``i = 0 .. 6``, and a value network trained on them.

    The code takes the best test checkpoint so far, the text the weights at the end of the block.
    """
    rows = [Row("stage-0", {**fields, "epochs": epochs}, regimes=(FR_II,), column="FL")]
    for i in range(1, STAGES + 1):
        trained = {**fields, "epochs": epochs, "teacher_epochs": block * i}
        rows += [
            Row(f"stage-{i}", {**fields, "epochs": block * i}, regimes=(RELU,)),
            Row(f"stage-{i}", trained, regimes=(FL,)),
            Row(f"stage-{i}", {**trained, "teacher_checkpoint": "last"}, AT_STAGE_END, (FL,)),
        ]
    return tuple(rows)


F2_STAGES = make(
    "A-F2-stages",
    "Gates taken from stages of a ReLU network's training",
    "a_f2_stages",
    {
        "quick": stages({**QUICK_ADAM, "train_size": 600}, 2, 10),
        "cpu": stages(CPU_GCONV_ADAM, 2, 12),
        "paper": stages(GCONV_ADAM, 10, 80),
    },
)

NU = {
    "classes": (4, 7),
    "width": 100,
    "bias": False,
    "loss": "squared-error",
    "initialisation": "sign",
    "optimiser": "rmsprop",
    "learning_rate": 1e-4,
    "batch_size": 64,
    "epochs": 50,
    "probe": "label-alignment",
    "probe_every": 2,
}
QUICK_NU = {**NU, "dataset": "digits", "width": 32, "learning_rate": 1e-3, "batch_size": 16, "epochs": 20}
CODE, TEXT = ("d = 6 (code)", 6), ("d = 5 (text)", 5)


def alignment(fields: Fields, depths: Sequence[tuple[str, int]]) -> tuple[Row, ...]:
    """Each depth with true labels, and with labels drawn at random as a control."""
    return tuple(
        Row(name, {**fields, "depth": depth, "label_noise": noise}, variant, (RELU,))
        for name, depth in depths
        for variant, noise in (("", 0.0), ("random labels", 1.0))
    )


F2_NU = make(
    "A-F2-nu",
    "Alignment of the neural path kernel with the labels during training",
    "a_f2_nu_alignment",
    {
        "quick": alignment(QUICK_NU, (("d = 4", 4),)),
        "cpu": alignment({**NU, "train_size": 4000, "epochs": 20}, (CODE,)),
        "paper": alignment(NU, (CODE, TEXT)),
    },
)

NORMS = {"optimiser": "sgd", "learning_rate": 1e-2, "epochs": 60, "probe": "kernel-norms", "probe_every": 5}
F2_K = make(
    "A-F2-K",
    "Size of the value and of the feature kernel during training",
    "a_f2_k_norms",
    {
        "quick": (Row("FC/SGD/digits", {**QUICK, **NORMS, "epochs": 20}, regimes=(DL,)),),
        "cpu": (Row("FC/SGD/MNIST", {**NORMS, "train_size": 10_000}, regimes=(DL,)),),
        "paper": (Row("FC/SGD/MNIST", NORMS, regimes=(DL,)),),
    },
)


def against(
    name: str,
    fields: Fields,
    variants: Mapping[str, Fields],
    regimes: Sequence[Regime],
) -> tuple[Row, ...]:
    """The same row with and without a change: variants beside the exhibit's own runs."""
    chosen = tuple(regimes)
    return (
        Row(name, fields, regimes=chosen),
        *(Row(name, {**fields, **change}, variant, chosen) for variant, change in variants.items()),
    )


GATES = {"beta 4, eps 0": {"gate_eps": 0.0}, "beta 10, eps 0": {"gate_beta": 10.0, "gate_eps": 0.0}}
S_GATE = make(
    "A-S-gate",
    "Slope and height of the soft gate",
    "a_s_gate",
    {
        "quick": against("FC/Adam/digits", QUICK_ADAM, GATES, (DL,)),
        "cpu": against("GCONV/Adam/CIFAR-10", CPU_GCONV_ADAM, GATES, (DL,)),
        "paper": against("FC/Adam/MNIST", FC_ADAM, GATES, (DL,)),
    },
)


def checkpoints(name: str, fields: Fields) -> tuple[Row, ...]:
    """Gates from three checkpoints of one teacher."""
    changes = {
        "last epoch": {"teacher_checkpoint": "last"},
        "chosen on held-out images": {"teacher_checkpoint": "selected"},
    }
    return (Row(name, fields, regimes=(RELU,)), *against(name, fields, changes, (FL,)))


S_TEACHER = make(
    "A-S-teacher",
    "Which checkpoint of the teacher the fixed learnt gates come from",
    "a_s_teacher",
    {
        "quick": checkpoints("FC/Adam/digits", held_out(QUICK_ADAM, 200)),
        "cpu": checkpoints("GCONV/Adam/CIFAR-10", held_out(CPU_GCONV_ADAM, 500)),
        "paper": checkpoints("FC/Adam/MNIST", held_out(FC_ADAM, 5000)),
    },
)

SGD_STEPS = {"step 0.1": {"learning_rate": 1e-1}, "step 0.001": {"learning_rate": 1e-3}}
S_STEP = make(
    "A-S-step",
    "Step size of SGD and of Adam",
    "a_s_step",
    {
        "quick": (
            *against(
                "FC/SGD/digits", {**QUICK, "optimiser": "sgd", "learning_rate": 1e-2}, SGD_STEPS, (RELU, FR_II, FL)
            ),
            *against("FC/Adam/digits", QUICK_ADAM, {"step 3e-3": {"learning_rate": 3e-3}}, (RELU, FR_II, FL)),
        ),
        "cpu": against(
            "GCONV/SGD/CIFAR-10",
            CPU_GCONV_SGD,
            {"step 0.01": {"learning_rate": 1e-2}, "step 0.001": {"learning_rate": 1e-3}},
            (RELU, FR_II, FL),
        ),
        "paper": (
            *against("FC/SGD/MNIST", FC_SGD, SGD_STEPS, (RELU, FR_II, DL, FL)),
            *against("FC/Adam/MNIST", FC_ADAM, {"step 3e-4": {"learning_rate": 3e-4}}, (RELU, FR_II, DL, FL)),
        ),
    },
    seeds={"paper": 3},
)

PLAIN = {"no biases": {"bias": False}}
S_BIAS = make(
    "A-S-bias",
    "Networks with and without biases",
    "a_s_bias",
    {
        "quick": against("FC/Adam/digits", QUICK_ADAM, PLAIN, (RELU, FR_II, DL, FL)),
        "cpu": against("GCONV/Adam/CIFAR-10", CPU_GCONV_ADAM, PLAIN, (RELU, FR_II, FL)),
        "paper": against("FC/Adam/MNIST", FC_ADAM, PLAIN, (RELU, FR_II, FR_DI, DL, FL)),
    },
)


def widths(*values: int) -> dict[str, Fields]:
    """Variants by width."""
    return {f"width {value}": {"width": value} for value in values}


S_WIDTH = make(
    "A-S-width",
    "Random gates against the width of the network",
    "a_s_width",
    {
        "quick": against("FC/Adam/digits", QUICK_ADAM, widths(8, 16, 64), (RELU, FR_II)),
        "cpu": against("GCONV/Adam/CIFAR-10", CPU_GCONV_ADAM, widths(2, 4), (RELU, FR_II)),
        "paper": against("FC/Adam/MNIST", FC_ADAM, widths(32, 64, 256, 512), (RELU, FR_II)),
    },
    seeds={"paper": 3},
)

PAPER_A: tuple[Exhibit, ...] = (T2, F2_STAGES, F2_NU, F2_K, S_GATE, S_TEACHER, S_STEP, S_BIAS, S_WIDTH)
"""In the order of the book."""

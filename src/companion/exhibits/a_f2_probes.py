"""Paper A, Figure 2, the rest: alignment with the labels, and sizes of the two kernels."""

from __future__ import annotations

from collections.abc import Sequence

from companion.exhibits.axes import DEPTH, LABEL_NOISE
from companion.exhibits.grid import Row, make
from companion.exhibits.settings import DL, QUICK, RELU, Fields

__all__ = ["F2_K", "F2_NU", "FILMED", "STAGES"]

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

FILMED = CODE[0]
"""The row whose path kernels are shown through training, those of its first seed."""
STAGES = (0, 2, 4, 6, 8, 10, 14, 18, 22, 26, 32, 38, 44, 50)
"""After how many epochs: closer where more changes."""


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
    "While a network trains, does the kernel of its gates come to fit the labels?",
    "a_f2_nu_alignment",
    {
        "quick": alignment(QUICK_NU, (("d = 4", 4),)),
        "paper": alignment(NU, (CODE, TEXT)),
    },
    axes=(DEPTH, LABEL_NOISE),
)

NORMS = {"optimiser": "sgd", "learning_rate": 1e-2, "epochs": 60, "probe": "kernel-norms", "probe_every": 5}
F2_K = make(
    "A-F2-K",
    "Size of the value and of the feature kernel during training",
    "When gates and weights train in two networks, are the tangent kernels of the two of the same size?",
    "a_f2_k_norms",
    {
        "quick": (Row("FC/SGD/digits", {**QUICK, **NORMS, "epochs": 20}, regimes=(DL,)),),
        "paper": (Row("FC/SGD/MNIST", NORMS, regimes=(DL,)),),
    },
)

"""What Paper A's exhibits share: optimisers, sizes of each profile, convolutional rows.

Settings are those of the official code where the text is silent, and variants show the other where the two differ.
Convolutional networks of the papers' size need a GPU: there products are in bfloat16, weights, moments and losses in
float32, as in the experiments of Papers B and C.  That was settled before the first of those runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from companion.notation import Regime

__all__ = [
    "CPU_C4GAP_ADAM",
    "CPU_GCONV_ADAM",
    "CPU_GCONV_SGD",
    "CPU_VCONV_ADAM",
    "CPU_VCONV_SGD",
    "DL",
    "FC_ADAM",
    "FC_SGD",
    "FITTED_EPOCHS",
    "FL",
    "FR_DI",
    "FR_II",
    "GCONV_ADAM",
    "ON_GPU",
    "QUICK",
    "QUICK_ADAM",
    "QUICK_CONV",
    "RELU",
    "Fields",
    "conv",
    "held_out",
]

Fields = Mapping[str, Any]

RELU, FR_II, FR_DI, DL, FL = Regime.RELU, Regime.FR_II, Regime.FR_DI, Regime.DL, Regime.FL

FC_SGD = {"optimiser": "sgd", "learning_rate": 1e-2, "epochs": 300}
FC_ADAM = {"optimiser": "adam", "learning_rate": 1e-4, "epochs": 100}
FITTED_EPOCHS = 10
"""Epochs at 99.9% training accuracy after which the long runs on CIFAR-10 stop."""

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


ON_GPU = {"precision": "bfloat16"}
GCONV_ADAM = {**conv("GCONV", "adam", 3e-4, 200), **ON_GPU}

SMALL = {"width": 16, "downscale": 2}
"""Profile ``cpu``: a quarter of the papers' width (C4GAP's 128 become 32), images averaged over blocks of 2 x 2 pixels.

Adam's step is larger than the papers', as narrow networks allow; SGD's is theirs.  For the epochs see
:mod:`companion.exhibits.pilot`.
"""
CPU_GCONV_ADAM = {**conv("GCONV", "adam", 1e-3, 40), **SMALL}
CPU_GCONV_SGD = {**conv("GCONV", "sgd", 1e-1, 40), **SMALL}
CPU_VCONV_ADAM = {**conv("VCONV", "adam", 1e-3, 8), **SMALL}
CPU_VCONV_SGD = {**conv("VCONV", "sgd", 1e-2, 16), **SMALL}
CPU_C4GAP_ADAM = {**conv("C4GAP", "adam", 1e-3, 32), **SMALL, "width": 32}


def held_out(fields: Fields, images: int) -> dict[str, Any]:
    """The same runs with some training images kept out."""
    return {**fields, "holdout": images}

"""What Paper A leaves open: soft gate, checkpoint of the teacher, step size, biases, width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from companion.exhibits.axes import BIAS, CHECKPOINT, GATE_BETA, GATE_EPS, OPTIMISER, STEP, WIDTH
from companion.exhibits.grid import Row, make
from companion.exhibits.settings import (
    CPU_GCONV_ADAM,
    CPU_GCONV_SGD,
    DL,
    FC_ADAM,
    FC_SGD,
    FL,
    FR_DI,
    FR_II,
    QUICK,
    QUICK_ADAM,
    RELU,
    Fields,
    held_out,
)
from companion.notation import Regime

__all__ = ["S_BIAS", "S_GATE", "S_STEP", "S_TEACHER", "S_WIDTH"]


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
    "Does it matter how steep the soft gates are that train together with the weights?",
    "a_s_gate",
    {
        "quick": against("FC/Adam/digits", QUICK_ADAM, GATES, (DL,)),
        "cpu": against("GCONV/Adam/CIFAR-10", CPU_GCONV_ADAM, GATES, (DL,)),
        "paper": against("FC/Adam/MNIST", FC_ADAM, GATES, (DL,)),
    },
    axes=(GATE_BETA, GATE_EPS),
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
    "Does it matter from which epoch of a trained network its gates are taken?",
    "a_s_teacher",
    {
        "quick": checkpoints("FC/Adam/digits", held_out(QUICK_ADAM, 200)),
        "cpu": checkpoints("GCONV/Adam/CIFAR-10", held_out(CPU_GCONV_ADAM, 5000)),
        "paper": checkpoints("FC/Adam/MNIST", held_out(FC_ADAM, 5000)),
    },
    axes=(CHECKPOINT,),
)

SGD_STEPS = {"step 0.1": {"learning_rate": 1e-1}, "step 0.001": {"learning_rate": 1e-3}}
S_STEP = make(
    "A-S-step",
    "Step size of SGD and of Adam",
    "Does the finding depend on the optimiser's step size?",
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
    axes=(OPTIMISER, STEP),
)

PLAIN = {"no biases": {"bias": False}}
S_BIAS = make(
    "A-S-bias",
    "Networks with and without biases",
    "Does it matter that the experiments have biases and the theory has none?",
    "a_s_bias",
    {
        "quick": against("FC/Adam/digits", QUICK_ADAM, PLAIN, (RELU, FR_II, DL, FL)),
        "cpu": against("GCONV/Adam/CIFAR-10", CPU_GCONV_ADAM, PLAIN, (RELU, FR_II, FL)),
        "paper": against("FC/Adam/MNIST", FC_ADAM, PLAIN, (RELU, FR_II, FR_DI, DL, FL)),
    },
    axes=(BIAS,),
)


def widths(*values: int) -> dict[str, Fields]:
    """Variants by width."""
    return {f"width {value}": {"width": value} for value in values}


S_WIDTH = make(
    "A-S-width",
    "Random gates against the width of the network",
    "Do random gates do better in wider networks?",
    "a_s_width",
    {
        "quick": against("FC/Adam/digits", QUICK_ADAM, widths(8, 16, 64), (RELU, FR_II)),
        "cpu": against("GCONV/Adam/CIFAR-10", CPU_GCONV_ADAM, widths(4, 8), (RELU, FR_II)),
        "paper": against("FC/Adam/MNIST", FC_ADAM, widths(32, 64, 256, 512), (RELU, FR_II)),
    },
    seeds={"paper": 3},
    axes=(WIDTH,),
)

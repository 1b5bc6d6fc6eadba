"""Paper A, Figure 2, first part: gates from stages of a teacher's training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from companion.exhibits.axes import CHECKPOINT, STAGE
from companion.exhibits.claim import Claim, Quoted, Relation
from companion.exhibits.grid import Row, make
from companion.exhibits.settings import CPU_GCONV_ADAM, FL, FR_II, GCONV_ADAM, QUICK_ADAM, RELU, Fields
from companion.notation import Regime

__all__ = ["AT_STAGE_END", "CLAIMS", "CNTK", "F2_STAGES", "STAGES"]

STAGES = 6
"""Stages of the teacher's training; at stage 0 its gates are random."""
AT_STAGE_END = "weights at the stage's end"
CNTK = Quoted("CNTK", "A-F2-stages:reference:CNTK")
"""Accuracy of the convolutional tangent kernel, which the paper quotes."""


def stages(fields: Fields, block: int, epochs: int, both: bool = True) -> tuple[Row, ...]:
    """Gates from a ReLU network after ``i`` blocks of epochs, ``i = 0 .. 6``, and a value network trained on them.

    The code takes the best test checkpoint so far, the text the weights at the end of the block; not ``both`` is the
    code's alone.
    """
    rows = [_row(0, {**fields, "epochs": epochs}, FR_II, column="FL")]
    for i in range(1, STAGES + 1):
        trained = {**fields, "epochs": epochs, "teacher_epochs": block * i}
        rows += [
            _row(i, {**fields, "epochs": block * i}, RELU),
            _row(i, trained, FL),
        ]
        if both:
            rows.append(_row(i, {**trained, "teacher_checkpoint": "last"}, FL, AT_STAGE_END))
    return tuple(rows)


def _row(stage: int, fields: Fields, regime: Regime, variant: str = "", column: str | None = None) -> Row:
    return Row(STAGE.words(stage), fields, variant, (regime,), column, axes={STAGE.name: stage})


F2_STAGES = make(
    "A-F2-stages",
    "Gates taken from stages of a ReLU network's training",
    "Do a network's gates get better while it trains?",
    "a_f2_stages",
    {
        "quick": stages({**QUICK_ADAM, "train_size": 600}, 2, 10),
        "cpu": stages(CPU_GCONV_ADAM, 5, 40, both=False),
        "paper": stages(GCONV_ADAM, 10, 80),
    },
    seeds={"paper": 3},  # a GPU's time is short; fixed before the first run
    axes=(STAGE, CHECKPOINT),
)

OF_STAGES: Mapping[str, Any] = {"across": "stage", "columns": ("FL",), "row": "gates of FL"}
"""All of them compare stages, in the regime FL."""

CLAIMS = (
    Claim(
        "A-F2-stages:rises",
        "A-F2-stages",
        "A-F2-stages",
        "Gates of a trained network are worth more than random ones",
        Relation.MUCH_LESS,
        ((0, STAGES),),
        **OF_STAGES,
    ),
    Claim(
        "A-F2-stages:never-falls",
        "A-F2-stages",
        "A-F2-stages",
        "Gates of a later stage are at least almost as good as those of the stage before",
        Relation.NEAR,
        tuple((i + 1, i) for i in range(STAGES)),
        **OF_STAGES,
    ),
    Claim(
        "A-F2-stages:crosses",
        "A-F2-stages",
        "A-F2-stages",
        "Random gates stay below the convolutional tangent kernel, gates of the last stage rise above it",
        Relation.MUCH_LESS,
        ((0, CNTK), (CNTK, STAGES)),
        profiles=("paper",),
        **OF_STAGES,
    ),
)

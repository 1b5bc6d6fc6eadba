"""Paper A, Figure 2, first part: gates from stages of a teacher's training."""

from __future__ import annotations

from companion.exhibits.claim import Claim, Relation
from companion.exhibits.grid import Row, make
from companion.exhibits.settings import CPU_GCONV_ADAM, FL, FR_II, GCONV_ADAM, QUICK_ADAM, RELU, Fields
from companion.exhibits.views import CNTK, staged

__all__ = ["AT_STAGE_END", "CLAIMS", "F2_STAGES", "STAGES"]

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

CLAIMS = (
    Claim(
        "A-F2-stages:rises",
        "A-F2-stages",
        "A-F2-stages",
        "Gates of a trained network are worth more than random ones",
        Relation.MUCH_LESS,
        (("stage-0", "stage-6"),),
        staged,
    ),
    Claim(
        "A-F2-stages:never-falls",
        "A-F2-stages",
        "A-F2-stages",
        "Gates of a later stage are at least almost as good as those of the stage before",
        Relation.NEAR,
        tuple((f"stage-{i + 1}", f"stage-{i}") for i in range(6)),
        staged,
    ),
    Claim(
        "A-F2-stages:crosses",
        "A-F2-stages",
        "A-F2-stages",
        "Random gates stay below the convolutional tangent kernel, gates of the last stage rise above it",
        Relation.MUCH_LESS,
        (("stage-0", CNTK), (CNTK, "stage-6")),
        staged,
        ("paper",),
    ),
)

"""What the tests of training share: the part of a record that tells how a run went."""

from __future__ import annotations

from companion.runs.spec import RunSpec
from support.laboratory import tiny


def trajectory() -> list[RunSpec]:
    """Four lengths of one ReLU run, and students of two of them."""
    relu = [tiny(epochs=epochs, optimiser="adam", learning_rate=0.01) for epochs in (6, 2, 5, 3)]
    student = relu[0].replace(regime="FL", epochs=3)
    return [*relu, student.replace(teacher_epochs=2), student.replace(teacher_epochs=5, teacher_checkpoint="last")]

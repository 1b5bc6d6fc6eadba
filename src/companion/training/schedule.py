"""The learning rate step by step: constant, or piecewise linear as that of cifar10-fast.

A run's clock is its number of steps.  An epoch has as many as there are batches, the last, shorter one among them.
"""

from __future__ import annotations

from companion.runs.spec import RunSpec

__all__ = ["PEAK", "learning_rate", "steps_per_epoch"]

PEAK = 5 / 24
"""When a triangular schedule is at its highest, as a part of all epochs: DavidNet's fifth of 24."""


def steps_per_epoch(spec: RunSpec, examples: int) -> int:
    """Batches of so many training examples."""
    return -(-examples // spec.batch_size)


def learning_rate(spec: RunSpec, step: int, examples: int) -> float:
    """The rate of a step, which is counted from 0.

    Where the rate changes, that of a step is the one at its *end*, as in cifar10-fast: the first step is not lost, and
    the very last one of a ``triangle`` moves nothing.

    >>> spec = RunSpec(schedule="triangle", learning_rate=0.4, epochs=24, batch_size=10)
    >>> [round(learning_rate(spec, step, 20), 3) for step in (0, 9, 47)]  # two steps an epoch
    [0.04, 0.4, 0.0]
    """
    if spec.schedule == "constant":
        return spec.learning_rate
    done = (step + 1) / (steps_per_epoch(spec, examples) * spec.epochs)
    part = done / PEAK if done < PEAK else (1 - done) / (1 - PEAK)
    return spec.learning_rate * max(part, 0.0)

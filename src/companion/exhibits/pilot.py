"""How long the networks of the profile ``cpu`` train: until the ReLU network has levelled off.

The profile takes all of CIFAR-10, averaged over blocks of 2 x 2 pixels, and networks a quarter as wide as the papers'.
Epochs were fixed by a pilot that looks at ReLU networks alone, of a seed that is in no grid, and at nothing but their
test accuracy: *the first multiple of 8 epochs at which the mean of the last four accuracies is within a point of the
best such mean in 40 epochs*.  That was settled before any other regime had been trained at these sizes.  The records
of the pilot are in the store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from companion.notation import Regime
from companion.runs.spec import RunSpec

__all__ = ["EPOCHS", "SEED", "levelled_off", "pilot"]

EPOCHS, SEED = 40, 100
STEP, WINDOW, POINT = 8, 4, 1.0


def pilot(fields: Mapping[str, Any]) -> RunSpec:
    """The pilot of a row: its ReLU network, for longer, with a seed of its own."""
    return RunSpec.from_dict({**fields, "epochs": EPOCHS, "regime": Regime.RELU, "seed": SEED})


def levelled_off(accuracies: Sequence[float]) -> int:
    """Epochs after which a curve has levelled off, by the rule above.

    Args:
        accuracies: test accuracy in percent after each of :data:`EPOCHS` epochs.

    Raises:
        ValueError: another number of accuracies.
    """
    if len(accuracies) != EPOCHS:
        raise ValueError(f"a pilot has {EPOCHS} epochs, not {len(accuracies)}")
    sums = [0.0]
    for accuracy in accuracies:
        sums.append(sums[-1] + accuracy)
    means = {end: (sums[end] - sums[end - WINDOW]) / WINDOW for end in range(WINDOW, EPOCHS + 1)}
    best = max(means.values())
    return next(end for end in range(STEP, EPOCHS + 1, STEP) if means[end] >= best - POINT or end == EPOCHS)

"""What is compared: where the gates of a value network come from, what enters it, and how it did."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from companion.notation import Regime, ValueInput

__all__ = ["ROWS", "Epoch", "Row", "Score", "rows_of"]


@dataclass(frozen=True)
class Row:
    """Where gates come from, and what enters the value network.

    Args:
        regime: ``ReLU``: no decoupling, the model itself; ``FL``: the gates of the model as it was given; ``FR-II``:
            those of another random network; ``FR-DI``: those of the value network's own random weights.
        value_input: ``image`` or ``ones``.

    Raises:
        ValueError: another regime or input; ``ReLU`` with ones.

    Example:
        >>> str(Row(Regime.FL, ValueInput.ONES))
        'FL-ones'
    """

    regime: Regime
    value_input: ValueInput = ValueInput.IMAGE

    def __post_init__(self) -> None:
        if self.regime not in (Regime.RELU, Regime.FL, Regime.FR_II, Regime.FR_DI):
            raise ValueError(f"rows have one of the regimes ReLU, FL, FR-II, FR-DI, not {self.regime}")
        if self.value_input not in (ValueInput.IMAGE, ValueInput.ONES):
            raise ValueError(f"the value input of a row is image or ones, not {self.value_input}")
        if self.regime == Regime.RELU and self.value_input != ValueInput.IMAGE:
            raise ValueError("a ReLU network gates itself: its input is the image")

    def __str__(self) -> str:
        """``FL``, or ``FL-ones``."""
        return str(self.regime) if self.value_input == ValueInput.IMAGE else f"{self.regime}-{self.value_input}"


ROWS = (
    Row(Regime.RELU),
    Row(Regime.FL),
    Row(Regime.FR_II),
    Row(Regime.FR_DI),
    Row(Regime.FL, ValueInput.ONES),
)
"""What is compared unless something else is asked for."""

_NAMED = {
    str(row): row
    for row in (
        Row(Regime.RELU),
        *itertools.starmap(
            Row,
            itertools.product((Regime.FL, Regime.FR_II, Regime.FR_DI), (ValueInput.IMAGE, ValueInput.ONES)),
        ),
    )
}


def rows_of(regimes: Iterable[Row | str]) -> tuple[Row, ...]:
    """Rows by name, each once, in their order.

    >>> [str(row) for row in rows_of(["ReLU", "FL", "FL-ones"])]
    ['ReLU', 'FL', 'FL-ones']

    Raises:
        ValueError: a name that is none; the message lists those that are.
    """
    found = []
    for regime in regimes:
        if not isinstance(regime, Row) and regime not in _NAMED:
            raise ValueError(f"unknown regime {regime!r}: valid are {', '.join(_NAMED)}")
        found.append(regime if isinstance(regime, Row) else _NAMED[regime])
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True)
class Score:
    """One trained network.

    Args:
        row: what it is.
        seed: of its weights and of the order of its examples.
        train: accuracy in percent after the last epoch on the training examples; not a number if it diverged.
        test: the same on the test examples.
        epochs: how many it took.

    Example:
        >>> score = Score(Row(Regime.FL), seed=0, train=99.5, test=97.1)
        >>> f"{score.row}, seed {score.seed}: {score.test}%"
        'FL, seed 0: 97.1%'
    """

    row: Row
    seed: int
    train: float
    test: float
    epochs: int | None = None


@dataclass(frozen=True)
class Epoch:
    """What is told when a network begins, after each epoch, and when it is done; of a kept network only the last.

    Args:
        row: the network that trains.
        seed: its seed.
        epoch: epochs done.
        epochs: at most so many.
        place: of this network among all, from 0.
        networks: all.
        fitted: accuracy in percent on the training examples as they were trained on; not a number at begin and end.
        score: of a network that is done.

    Example:
        >>> here = Epoch(Row(Regime.FL), seed=0, epoch=3, epochs=20, place=1, networks=5, fitted=98.2)
        >>> f"network {here.place + 1} of {here.networks}: {here.epoch} of {here.epochs} epochs"
        'network 2 of 5: 3 of 20 epochs'
    """

    row: Row
    seed: int
    epoch: int
    epochs: int
    place: int
    networks: int
    fitted: float
    score: Score | None = None

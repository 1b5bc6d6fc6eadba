"""What a backend is given and gives back: the state of a run in training, and an epoch's result."""

from __future__ import annotations

from dataclasses import dataclass, field

from companion.notation import Tensor
from companion.runs.regimes import Model

__all__ = ["EpochResult", "TrainState"]


@dataclass(frozen=True)
class TrainState:
    """A run between two epochs: enough to go on, on any backend.  Tensors are on the CPU, float32.

    Args:
        model: both networks.
        first: Adam's first moments, or the velocities of SGD with momentum, by trainable parameter
            (``value/weight.0``); empty for SGD without, and before the first step.
        second: second moments of Adam and RMSprop.
        step: steps made.

    Example:
        >>> from companion.runs.regimes import initial_model
        >>> from companion.runs.spec import RunSpec
        >>> state = TrainState(initial_model(RunSpec(dataset="digits", width=2, depth=2)))
        >>> state.step, state.first
        (0, {})
    """

    model: Model
    first: dict[str, Tensor] = field(default_factory=dict)
    second: dict[str, Tensor] = field(default_factory=dict)
    step: int = 0


@dataclass(frozen=True)
class EpochResult:
    """Sums over one epoch, taken while training (as Keras reports them): loss in nats, and correct predictions.

    Example:
        >>> result = EpochResult(loss=50.0, correct=80, examples=100)
        >>> result.loss / result.examples
        0.5
    """

    loss: float
    correct: int
    examples: int

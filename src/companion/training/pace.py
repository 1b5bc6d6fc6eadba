"""When checkpoints are saved: the first of a group early, the others ever less often, and never for much of the time.

Who is killed again and again in the first minute must get on all the same, and who never is must not pay for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from companion.training.state import TrainState

__all__ = ["Pace"]

FIRST_SECONDS = 5.0
"""From the start to the first checkpoint, at the least."""
SHARE = 0.02
"""Of the time of a group, that its checkpoints may take."""
FILE_SECONDS, BYTE_SECONDS = 0.01, 1e-9
"""What a checkpoint takes to write, before one has been written: measured on a disk of 2025."""


class Pace:
    """The clock of one group's checkpoints.

    The first comes after :data:`FIRST_SECONDS` where it takes at most :data:`SHARE` of the time that the whole group is
    going to take.  Each later one comes when twice the time has passed, and after ``longest`` seconds at the latest,
    unless all together would then have taken more than :data:`SHARE` of the time so far.

    Args:
        states: of the group's runs.
        longest: seconds between two checkpoints.
    """

    def __init__(self, states: Sequence[TrainState], longest: float) -> None:
        self.longest, self.start = longest, time.monotonic()
        self.saved = self.spent = 0.0
        size = sum(
            4 * tensor.numel() * 3  # weights, perhaps two moments, the best weights so far
            for state in states
            for tensor in state.model.value.values()
        )
        self.expected = FILE_SECONDS * len(states) + BYTE_SECONDS * size

    def due(self, done: int, left: int) -> bool:
        """Whether to save now.

        Args:
            done: epochs that the group has trained since its start here.
            left: epochs that it has before it.
        """
        now = time.monotonic() - self.start
        if now - self.saved < min(self.longest, max(FIRST_SECONDS, self.saved)):
            return False
        whole = now if self.saved else now * (done + left) / done
        return self.spent + self.expected <= SHARE * whole

    def save(self, write: Callable[[], None]) -> None:
        """Save, and take note of what it takes."""
        start = time.monotonic()
        write()
        end = time.monotonic()
        self.expected = end - start
        self.spent += self.expected
        self.saved = end - self.start

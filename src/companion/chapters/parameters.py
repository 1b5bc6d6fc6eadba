"""Parameters of the chapters that show no exhibit, which papermill may set: what each may be, checked first.

Those of exhibits are checked by :func:`companion.exhibits.request.request`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from companion.files.quoting import brief
from companion.runs.fields import SpecError

__all__ = ["PARAMETERS", "check_parameters"]


class Kind(Protocol):
    """What a parameter may be."""

    def holds(self, value: Any) -> bool:
        """Whether a value is one of these."""
        ...

    def __str__(self) -> str:
        """What is valid, to stand after *must be*."""
        ...


@dataclass(frozen=True)
class Whole:
    """A whole number in a range, ends included."""

    least: int
    most: int

    def holds(self, value: Any) -> bool:
        """No truth value, and no text that looks like a number."""
        return isinstance(value, int) and not isinstance(value, bool) and self.least <= value <= self.most

    def __str__(self) -> str:
        return f"a whole number from {self.least} to {self.most}"


@dataclass(frozen=True)
class Number:
    """A number in a range, ends included."""

    least: float
    most: float

    def holds(self, value: Any) -> bool:
        """No truth value, no text, and not *not a number*."""
        return isinstance(value, int | float) and not isinstance(value, bool) and self.least <= value <= self.most

    def __str__(self) -> str:
        return f"a number from {self.least:g} to {self.most:g}"


@dataclass(frozen=True)
class Many:
    """A list of different values.

    Args:
        of: what each of them is.
        least: how many at least.
        most: how many at most.
        repeated: whether one may stand there more than once.
        also: what else must be so of the whole list, and how messages say it.
    """

    of: Kind
    least: int
    most: int
    repeated: bool = False
    also: tuple[Callable[[Sequence[Any]], bool], str] | None = None

    def holds(self, value: Any) -> bool:
        """A list or a tuple, no text."""
        if not isinstance(value, list | tuple) or not self.least <= len(value) <= self.most:
            return False
        if not all(self.of.holds(one) for one in value):
            return False
        return (self.repeated or len(set(value)) == len(value)) and (self.also is None or self.also[0](value))

    def __str__(self) -> str:
        count = str(self.least) if self.least == self.most else f"{self.least} to {self.most}"
        different = "" if self.repeated else " different"
        also = "" if self.also is None else f", {self.also[1]}"
        return f"a list of {count}{different} values, each {self.of}{also}"


def _order(layers: int) -> Many:
    return Many(Whole(0, layers - 1), layers, layers)


def _wide(widths: Sequence[int]) -> bool:
    """Whether a power law can be fitted to those of at least 64."""
    wide = [width for width in widths if width >= 64]
    return len(wide) >= 3 and max(wide) >= 4 * min(wide)


PARAMETERS: Mapping[str, Mapping[str, Kind]] = MappingProxyType(
    {
        "paths_and_gates": {
            "pair": Many(Whole(0, 4), 2, 2),
            "x_cnn": Many(Number(-100, 100), 3, 3, repeated=True),
            "c": Number(1e-3, 1e3),
        },
        "dgn_and_gradients": {"order": _order(3), "steps": Many(Number(1e-7, 1e-2), 3, 12)},
        "ntk_npk": {
            "widths": Many(
                Whole(8, 4096),
                4,
                10,
                also=(_wide, "three of them at least 64 and the largest four times the least of these"),
            ),
            "draws": Whole(2, 1000),
            "dependent_draws": Whole(2, 1000),
            "shown": Many(Whole(1, 4096), 1, 6),
        },
        "composite_kernels": {
            "d_in": Whole(4, 8),
            "w": Whole(2, 8),
            "layers": Whole(2, 5),
            "draws": Whole(1, 100),
            "seed": Whole(0, 2**31 - 1),
        },
        "base_kernel_and_depth": {
            "widths": Many(Whole(16, 4096), 2, 6),
            "draws": Whole(1, 100),
            "steps": Whole(1000, 10**6),
            "depth": Whole(2, 100),
            "deep_widths": Many(Whole(16, 2048), 1, 4),
            "deep_draws": Whole(1, 100),
        },
        "own_network": {"epochs": Whole(1, 100), "seeds": Whole(2, 100)},
    }
)
"""Name of a chapter's notebook to its parameters."""


def check_parameters(chapter: str, **values: Any) -> None:
    """Raise unless every parameter of a chapter has a value that makes sense there.

    Args:
        chapter: one of :data:`PARAMETERS`.
        values: all its parameters.

    Raises:
        SpecError: a bad value, in one sentence that says what is valid; or not the chapter's parameters.
    """
    kinds = PARAMETERS[chapter]
    if set(values) != set(kinds):
        raise SpecError(f"the parameters of {chapter} are {', '.join(kinds)}, not {brief(', '.join(values))[1:-1]}")
    for name, value in values.items():
        if not kinds[name].holds(value):
            raise SpecError(f"{name} must be {kinds[name]}, not {brief(value)}")

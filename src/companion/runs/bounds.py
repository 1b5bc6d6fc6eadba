"""How large a run may be at most: what is beyond is a slip, and would take the memory or never end."""

from __future__ import annotations

from typing import Protocol

from companion.networks.architectures import Architecture
from companion.networks.families import ARCHITECTURES
from companion.runs.fields import SpecError

__all__ = ["DEEPEST", "LARGE", "LONGEST", "MOST_WEIGHTS", "NOT_NEGATIVE", "POSITIVE", "WIDEST", "check_size"]

WIDEST, DEEPEST, LONGEST = 65_536, 1_000, 1_000_000
"""Units of a layer, layers, epochs; so many examples as there may be epochs make the largest batch."""
LARGE = 1e30
"""For numbers that are not whole."""
POSITIVE, NOT_NEGATIVE = "a positive number of at most 1e30", "a number of at least 0 and at most 1e30"
MOST_WEIGHTS = 2**31
"""Of a network: the largest of the papers has seven million."""


class Sized(Protocol):
    """What is needed of a run here."""

    @property
    def architecture(self) -> str: ...
    @property
    def width(self) -> int | None: ...
    @property
    def feature_width(self) -> int | None: ...
    @property
    def depth(self) -> int | None: ...
    @property
    def network(self) -> Architecture: ...
    @property
    def feature_network(self) -> Architecture: ...


def check_size(run: Sized) -> None:
    """Raise :class:`SpecError` where a network cannot be as deep as it is to be, or no machine could hold it."""
    try:
        networks = (run.network, run.feature_network)
    except ValueError as error:
        raise SpecError(str(error)) from None
    family = ARCHITECTURES[run.architecture]
    for network, width in zip(networks, (run.width, run.feature_width or run.width), strict=True):
        if network.weights > MOST_WEIGHTS:
            raise SpecError(
                f"width {width or family.width} and depth {run.depth or family.depth} make a network of "
                f"{network.weights:,} weights: at most {MOST_WEIGHTS:,} are valid"
            )

"""Where a gate goes: layers permuted, units tiled, positions shifted and turned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from companion.notation import Tensor

__all__ = ["Routing", "check_permutation", "permute", "rotate", "tile", "turn"]


def check_permutation(order: Sequence[int], layers: int) -> tuple[int, ...]:
    """``order`` as a tuple, if it is a permutation of ``0 .. layers - 1``; otherwise ``ValueError``."""
    if sorted(order) != list(range(layers)):
        raise ValueError(f"a gate permutation of {layers} layers holds each of 0..{layers - 1} once, not {list(order)}")
    return tuple(int(l) for l in order)


def permute(gates: Sequence[Tensor], order: Sequence[int]) -> list[Tensor]:
    """Layer ``l`` receives the gates of layer ``order[l]`` (Paper C, Section 4.1).

    Raises:
        ValueError: ``order`` is no permutation of the layers, or gates of unlike shape would change places.
    """
    order = check_permutation(order, len(gates))
    for l, source in enumerate(order):
        if gates[l].shape != gates[source].shape:
            raise ValueError(
                f"layers {l} and {source} cannot exchange gates of shapes {tuple(gates[l].shape)} and "
                f"{tuple(gates[source].shape)}: permuted layers need equal shapes"
            )
    return [gates[source] for source in order]


def tile(gates: Sequence[Tensor], times: int, axis: int = 1) -> list[Tensor]:
    """Repeat every layer's units along ``axis``: ``[N, W] -> [N, times * W]`` (Paper C, remark on tiling)."""
    return [torch.cat([g] * times, dim=axis) for g in gates]


def rotate(gates: Sequence[Tensor], shifts: Sequence[int]) -> list[Tensor]:
    """Rotate the trailing position axes of every layer's gates: position ``i`` receives that of ``i + shift``.

    Args:
        gates: tensors ``[N, C, *positions]``.
        shifts: one shift per position axis.
    """
    axes = tuple(range(-len(shifts), 0))
    return [torch.roll(g, tuple(-s for s in shifts), axes) for g in gates]


def turn(gates: Sequence[Tensor], quarters: int) -> list[Tensor]:
    """Turn the two trailing position axes of every layer's gates by quarters of a circle, as ``torch.rot90`` does."""
    return [torch.rot90(g, quarters, (-2, -1)) for g in gates]


@dataclass(frozen=True)
class Routing:
    """What happens to a stack of gates on its way from the feature to the value network, in this order.

    Layers without positions (dense ones) are neither shifted nor turned.

    Args:
        permutation: layer ``l`` receives the gates of layer ``permutation[l]``; ``None`` is the identity.
        tiles: how often a layer's units are repeated, ``[N, W, ...] -> [N, tiles * W, ...]``.
        shifts: position ``i`` receives the gate of position ``i + shift``, one shift per position axis.
        turns: quarter turns of the two position axes, from 0 to 3; odd ones need square layers.

    Raises:
        ValueError: one sentence that says what is valid.
    """

    permutation: tuple[int, ...] | None = None
    tiles: int = 1
    shifts: tuple[int, ...] = ()
    turns: int = 0

    def __post_init__(self) -> None:
        if self.permutation is not None:
            order = check_permutation(self.permutation, len(self.permutation))
            object.__setattr__(self, "permutation", None if order == tuple(range(len(order))) else order)
        if self.tiles < 1:
            raise ValueError(f"tiles must be at least 1, not {self.tiles}")
        object.__setattr__(self, "shifts", tuple(self.shifts) if any(self.shifts) else ())
        if self.turns not in range(4):
            raise ValueError(f"turns must be quarters of a circle from 0 to 3, not {self.turns}")

    @property
    def identity(self) -> bool:
        """Whether every gate stays where it is."""
        return self == Routing()

    def order(self, layers: int) -> tuple[int, ...]:
        """From which layer each of so many layers takes its gates, for those who keep gates packed by layers.

        Raises:
            ValueError: the permutation is one of another number of layers, or gates move within a layer too.
        """
        if self != Routing(self.permutation):
            raise ValueError(f"{self} moves gates within layers: only whole layers have an order")
        return check_permutation(range(layers) if self.permutation is None else self.permutation, layers)

    def apply(self, stack: Sequence[Tensor]) -> list[Tensor]:
        """The gates ``L x [N, W, *positions]`` as the value network takes them.

        Raises:
            ValueError: they have other layers, shapes or positions than this routing is for.
        """
        gates = list(stack) if self.permutation is None else permute(stack, self.permutation)
        gates = gates if self.tiles == 1 else tile(gates, self.tiles)
        return [self._moved(g) for g in gates] if self.shifts or self.turns else gates

    def _moved(self, g: Tensor) -> Tensor:
        """One layer's gates ``[N, W, *positions]``, shifted and turned."""
        positions = tuple(g.shape[2:])
        if not positions:
            return g
        if len(self.shifts) not in (0, len(positions)):
            raise ValueError(
                f"{len(self.shifts)} shifts do not fit gates with positions {positions}: give one per axis"
            )
        if self.turns and (len(positions) != 2 or (self.turns % 2 and positions[0] != positions[1])):
            raise ValueError(f"gates with positions {positions} cannot be turned by {self.turns} quarters of a circle")
        (g,) = rotate([g], self.shifts) if self.shifts else (g,)
        return turn([g], self.turns)[0] if self.turns else g

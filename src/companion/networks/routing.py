"""Where a gate goes: units tiled, positions shifted and turned, layers permuted."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from companion.files.quoting import brief

if TYPE_CHECKING or "torch" in sys.modules:  # for annotations, which nobody reads who has no PyTorch yet
    from companion.notation import Tensor

__all__ = ["Routing", "check_permutation", "permute", "roll", "rotate", "tile", "turn"]


def check_permutation(order: Sequence[int], layers: int) -> tuple[int, ...]:
    """``order`` as a tuple, if it is a permutation of ``0 .. layers - 1``; otherwise ``ValueError``.

    Example:
        >>> check_permutation([2, 0, 1], 3)
        (2, 0, 1)
    """
    if sorted(order) != list(range(layers)):
        given = brief(list(order))
        raise ValueError(f"a gate permutation of {layers} layers holds each of 0..{layers - 1} once, not {given}")
    return tuple(int(l) for l in order)


def permute(gates: Sequence[Tensor], order: Sequence[int]) -> list[Tensor]:
    """Layer ``l`` receives the gates of layer ``order[l]`` (Paper C, Section 4.1).

    Raises:
        ValueError: ``order`` is no permutation of the layers, or gates of unlike shape would change places.

    Example:
        >>> import torch
        >>> first, second = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
        >>> permute([first, second], [1, 0])
        [tensor([[0., 1.]]), tensor([[1., 0.]])]
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
    """Repeat every layer's units along ``axis``: ``[N, W] -> [N, times * W]`` (Paper C, remark on tiling).

    Args:
        gates: tensors ``[N, W, ...]``.
        times: how often each layer is repeated.
        axis: of the units.

    Example:
        >>> import torch
        >>> tile([torch.tensor([[1.0, 0.0]])], 2)
        [tensor([[1., 0., 1., 0.]])]
    """
    import torch

    return [torch.cat([g] * times, dim=axis) for g in gates]


def rotate(gates: Sequence[Tensor], shifts: Sequence[int]) -> list[Tensor]:
    """Rotate the positions of every layer's gates: ``i`` receives that of ``i + shift`` (Paper B, Definition 2.1).

    Args:
        gates: tensors ``[N, C, *positions]``.
        shifts: one shift per position axis.

    Example:
        >>> import torch
        >>> rotate([torch.tensor([[[1.0, 0.0, 0.0]]])], [1])
        [tensor([[[0., 0., 1.]]])]
    """
    axes = tuple(range(-len(shifts), 0))
    return [g.roll(tuple(-s for s in shifts), axes) for g in gates]


def roll(gates: Sequence[Tensor], shift: int) -> list[Tensor]:
    """Rotate the units of every layer ``[N, W]``: unit ``i`` receives the gate of unit ``i + shift``.

    Args:
        gates: tensors ``[N, W]``.
        shift: in units.

    Example:
        >>> import torch
        >>> roll([torch.tensor([[1.0, 0.0, 0.0]])], 1)
        [tensor([[0., 0., 1.]])]
    """
    return [g.roll(-shift, 1) for g in gates]


def turn(gates: Sequence[Tensor], quarters: int) -> list[Tensor]:
    """Turn the two trailing position axes of every layer's gates by quarters of a circle, as ``torch.rot90`` does.

    Args:
        gates: tensors ``[N, C, rows, columns]``.
        quarters: of a circle, counter-clockwise.

    Example:
        >>> import torch
        >>> turn([torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]])], 1)[0].tolist()
        [[[[0.0, 0.0], [1.0, 0.0]]]]
    """
    return [g.rot90(quarters, (-2, -1)) for g in gates]


@dataclass(frozen=True)
class Routing:
    """What happens to a stack of gates on its way from the feature to the value network (Paper C, Section 4.1).

    First gates move *within* their layer: units are tiled, then shifted, then turned.  Then whole layers change places.
    So whoever keeps the gates of a frozen network keeps them as they lie within their layers, and still serves every
    order of the layers from one copy.

    A layer without positions (a dense one) is never turned; a shift of one number rolls its units.

    Args:
        permutation: layer ``l`` receives the gates of layer ``permutation[l]``; ``None`` is the identity.
        tiles: how often a layer's units are repeated, ``[N, W, ...] -> [N, tiles * W, ...]``.
        shifts: position ``i`` receives the gate of position ``i + shift``, one shift per position axis; one shift for
            all layers, or one for each of the first so many.
        turns: quarter turns of the two position axes, from 0 to 3; one for all units, or one for each of as many equal
            groups of units.  Odd ones need square layers.

    Raises:
        ValueError: one sentence that says what is valid.

    Example:
        >>> import torch
        >>> gates = [torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])]
        >>> Routing(permutation=(1, 0), tiles=2).apply(gates)
        [tensor([[0., 1., 0., 1.]]), tensor([[1., 0., 1., 0.]])]
    """

    permutation: tuple[int, ...] | None = None
    tiles: int = 1
    shifts: tuple[tuple[int, ...], ...] = ()
    turns: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.permutation is not None:
            order = check_permutation(self.permutation, len(self.permutation))
            object.__setattr__(self, "permutation", None if order == tuple(range(len(order))) else order)
        if self.tiles < 1:
            raise ValueError(f"tiles must be at least 1, not {self.tiles}")
        shifts = tuple(tuple(one) for one in self.shifts)
        object.__setattr__(self, "shifts", shifts if any(map(any, shifts)) else ())
        if not all(quarters in range(4) for quarters in self.turns):
            raise ValueError(f"turns must be quarters of a circle from 0 to 3, not {list(self.turns)}")
        object.__setattr__(self, "turns", tuple(self.turns) if any(self.turns) else ())

    @property
    def identity(self) -> bool:
        """Whether every gate stays where it is."""
        return self == Routing()

    @property
    def within(self) -> Routing:
        """What moves gates within their layer, the first part of the way."""
        return Routing(None, self.tiles, self.shifts, self.turns)

    @property
    def between(self) -> Routing:
        """What moves whole layers, the rest of the way."""
        return Routing(self.permutation)

    def order(self, layers: int) -> tuple[int, ...]:
        """From which layer each of so many layers takes its gates, for those who keep gates packed by layers.

        Raises:
            ValueError: the permutation is one of another number of layers, or gates move within a layer too.
        """
        if not self.within.identity:
            raise ValueError(f"{self} moves gates within layers: only whole layers have an order")
        return check_permutation(range(layers) if self.permutation is None else self.permutation, layers)

    def apply(self, stack: Sequence[Tensor]) -> list[Tensor]:
        """The gates ``L x [N, W, *positions]`` as the value network takes them.

        Raises:
            ValueError: they have other layers, shapes or positions than this routing is for.
        """
        gates = list(stack) if self.tiles == 1 else tile(stack, self.tiles)
        if self.shifts or self.turns:
            gates = [self._moved(g, self._shift(l)) for l, g in enumerate(gates)]
        return gates if self.permutation is None else permute(gates, self.permutation)

    def _shift(self, l: int) -> tuple[int, ...]:
        """The shift of layer ``l``; empty where it has none."""
        if len(self.shifts) == 1:
            return self.shifts[0]
        return self.shifts[l] if l < len(self.shifts) else ()

    def _moved(self, g: Tensor, shift: tuple[int, ...]) -> Tensor:
        """One layer's gates ``[N, W, *positions]``, shifted and turned."""
        positions = tuple(g.shape[2:])
        if not positions:
            return roll([g], shift[0])[0] if len(shift) == 1 else g
        if shift:
            if len(shift) != len(positions):
                raise ValueError(f"{len(shift)} shifts do not fit gates with positions {positions}: give one per axis")
            (g,) = rotate([g], shift)
        return self._turned(g, positions) if self.turns else g

    def _turned(self, g: Tensor, positions: tuple[int, ...]) -> Tensor:
        """One layer's gates, each group of units turned by its own quarters."""
        odd = any(quarters % 2 for quarters in self.turns)
        if len(positions) != 2 or (odd and positions[0] != positions[1]):
            raise ValueError(f"gates with positions {positions} cannot be turned by {list(self.turns)} quarters")
        if g.shape[1] % len(self.turns):
            raise ValueError(f"{g.shape[1]} units have no {len(self.turns)} equal groups to be turned")
        import torch

        groups = g.split(g.shape[1] // len(self.turns), dim=1)
        return torch.cat([turn([one], quarters)[0] for one, quarters in zip(groups, self.turns, strict=True)], dim=1)

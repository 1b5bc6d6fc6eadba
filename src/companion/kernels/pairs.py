"""Pairs of positions: how far two examples agree on paths that share weights, a fixed distance apart.

Two paths share weights if they take the same filters, channels and taps from *different* starting positions.  So for
two examples the recursion keeps one number for every pair of positions ``(i, j)``: the inner product of all partial
paths that end in the same channel, at ``i`` for the first and at ``j`` for the second example.  A convolution moves
both positions by the same tap; a gate multiplies by the overlap of the channels there.  Summing over all pairs is the
sum over rotations of Paper B, Lemma 4.3.  Before a Flatten weights are not shared between positions, and only ``i =
j`` is needed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import torch

from companion.networks.architectures import CircularConv, Conv
from companion.notation import Float, Tensor

__all__ = ["Pairs", "parallel", "shift_sum"]


@dataclass(frozen=True)
class Pairs:
    """Numbers ``[N, M, *positions, *positions]``, or ``[N, M, *positions]`` if ``diagonal``; ``axes`` position axes."""

    values: Tensor
    axes: int
    diagonal: bool

    @property
    def positions(self) -> int:
        """How many positions there are."""
        return prod(self.values.shape[2 : 2 + self.axes])

    def convolve(self, layer: Conv | CircularConv) -> Pairs:
        """Both positions move together by each tap of the filter; the results add up (one axis after the other)."""
        values = self.values
        for axis in range(2, 2 + self.axes):
            moved = (axis,) if self.diagonal else (axis, axis + self.axes)
            values = (
                _roll_sum(values, moved, layer) if isinstance(layer, CircularConv) else shift_sum(values, moved, layer)
            )
        return replace(self, values=values)

    def gate(self, other: Pairs) -> Pairs:
        """Multiply by the overlap of the gates."""
        return replace(self, values=self.values * other.values)

    def total(self) -> Float[Tensor, "N M"]:
        """Sum over all pairs of positions."""
        return self.values.flatten(2).sum(-1)


def parallel(a: Float[Tensor, "N C ..."], b: Float[Tensor, "M C ..."], *, diagonal: bool) -> Pairs:
    """``sum_c a[s, c, i] b[s', c, j]`` for all pairs of positions, or for equal positions only."""
    positions = a.shape[2:]
    if diagonal:
        values = torch.einsum("ncp,mcp->nmp", a.flatten(2), b.flatten(2)).unflatten(-1, positions)
    else:
        values = torch.einsum("ncp,mcq->nmpq", a.flatten(2), b.flatten(2))
        values = values.reshape(len(a), len(b), *positions, *positions)
    return Pairs(values, len(positions), diagonal)


def _roll_sum(values: Tensor, axes: tuple[int, ...], layer: CircularConv) -> Tensor:
    """``sum_c values[i + c, j + c]`` around the circle, for ``c = 0 .. k-1``."""
    return sum((values.roll((-c,) * len(axes), axes) for c in range(1, layer.kernel)), start=values)


def shift_sum(values: Tensor, axes: tuple[int, ...], layer: Conv) -> Tensor:
    """``sum_c values[i + c, j + c]`` for ``c`` within half the filter, zero outside the image."""
    size, total = values.shape[axes[0]], values.clone()
    for c in range(1, min(layer.kernel // 2 + 1, size)):
        low, high = total, values
        below, above = total, values
        for axis in axes:
            low, high = low.narrow(axis, 0, size - c), high.narrow(axis, c, size - c)
            above, below = above.narrow(axis, 0, size - c), below.narrow(axis, c, size - c)
        low += high
        below += above
    return total

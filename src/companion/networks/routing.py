"""Where a gate goes: layers permuted, a layer tiled to more positions, positions rotated."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from companion.notation import Tensor

__all__ = ["check_permutation", "permute", "rotate", "tile"]


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

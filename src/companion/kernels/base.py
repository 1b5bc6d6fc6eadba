"""The building blocks: the inputs' Gram matrix and one gate kernel per layer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import torch

from companion.kernels.checks import require_sides
from companion.notation import Float, Tensor

__all__ = ["gram", "layer_kernels", "overlap"]


def gram(x1: Float[Tensor, "N ..."], x2: Float[Tensor, "M ..."] | None = None) -> Float[Tensor, "N M"]:
    """``Sigma(s, s') = <x_s, x_s'>`` of flattened examples (Paper A, Section 4).

    Args:
        x1: examples.
        x2: others; ``None`` means ``x1``.

    Raises:
        TypeError: no tensors of one floating type.
        ValueError: no example on a side, or examples of different shapes.

    Example:
        >>> import torch
        >>> gram(torch.tensor([[1.0, 2.0], [0.0, 1.0]]))
        tensor([[5., 2.],
                [2., 1.]])
    """
    require_sides((x1,), None if x2 is None else (x2,))
    return x1.flatten(1) @ (x1 if x2 is None else x2).flatten(1).T


def layer_kernels(
    gates1: Sequence[Float[Tensor, "N ..."]],
    gates2: Sequence[Float[Tensor, "M ..."]] | None = None,
    *,
    normalise: bool = False,
) -> list[Float[Tensor, "N M"]]:
    """``H_l(s, s') = <G_l(s), G_l(s')>`` for each gated layer (Paper A, Definition 4.2; Paper B, Definition 4.3).

    Args:
        gates1: a stack of gates, hard or soft.
        gates2: another; ``None`` means ``gates1``.
        normalise: divide by the number of units, so that the kernel is the fraction that is active for both.

    Raises:
        TypeError: no tensors of one floating type; gates of bool want ``.double()``.
        ValueError: no gates, no example, or stacks of different shapes.

    Example:
        >>> import torch
        >>> layer_kernels([torch.tensor([[1.0, 1.0], [1.0, 0.0]])])
        [tensor([[2., 1.],
                [1., 1.]])]
    """
    require_sides(gates1, gates2)
    kernels = [gram(a, b) for a, b in zip(gates1, gates1 if gates2 is None else gates2, strict=True)]
    return [H / G[0].numel() for H, G in zip(kernels, gates1, strict=True)] if normalise else kernels


def overlap(
    gates1: Sequence[Float[Tensor, "N W"]],
    gates2: Sequence[Float[Tensor, "M W"]] | None = None,
    *,
    normalise: bool = False,
) -> Float[Tensor, "N M"]:
    """``Lambda = prod_l H_l``: the paths *from one input node* that are active for both, in fully connected networks.

    The paths active for both, over all input nodes, are ``d_in`` times as many (Paper A, Definition 4.2).
    Arguments and errors are those of :func:`layer_kernels`.

    Example:
        >>> import torch
        >>> gates = torch.tensor([[1.0, 1.0], [1.0, 0.0]])
        >>> overlap([gates, gates])
        tensor([[4., 1.],
                [1., 1.]])
    """
    return reduce(torch.mul, layer_kernels(gates1, gates2, normalise=normalise))

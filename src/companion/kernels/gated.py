"""Layer kernels and overlap of any gated network, in blocks."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import torch

from companion.kernels.base import layer_kernels
from companion.kernels.checks import require_batch
from companion.kernels.tiled import Batch, Kernel
from companion.networks.gated import GatedNetwork, gates_alone
from companion.notation import Float, Tensor

__all__ = ["layer_kernels_of", "overlap_of"]

PASS = 128
"""Examples that go through the feature network together."""


def layer_kernels_of(
    network: GatedNetwork,
    x1: Float[Tensor, "N ..."],
    x2: Float[Tensor, "M ..."] | None = None,
    *,
    normalise: bool = True,
) -> Float[Tensor, "L N M"]:
    """``H_l(s, s') = <G_l(s), G_l(s')>`` of each gated layer, pools left out (Paper B, Definition 4.3).

    Gates are kept for one block of examples at a time, at most 1 GiB a side; only the result grows with ``N M``.

    Args:
        network: in evaluation mode.
        x1: examples.
        x2: others; ``None`` means ``x1``.
        normalise: divide by the number of units, so that the kernel is the fraction that is active for both.

    Raises:
        TypeError: no examples of one floating type.
        ValueError: a network in training mode, or without gates; no example; examples of different shapes.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> import companion
        >>> model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 1))
        >>> model[0].weight.data = torch.eye(2)
        >>> x = torch.tensor([[1.0, 2.0], [1.0, -2.0]])
        >>> layer_kernels_of(companion.decouple(model.eval(), x), x)
        tensor([[[1.0000, 0.5000],
                 [0.5000, 0.5000]]])
    """
    return _kernel(network, x1, lambda f1, f2: torch.stack(layer_kernels(f1, f2, normalise=normalise)))(x1, x2)


def overlap_of(
    network: GatedNetwork, x1: Float[Tensor, "N ..."], x2: Float[Tensor, "M ..."] | None = None
) -> Float[Tensor, "N M"]:
    """``prod_l H_l`` of normalised layer kernels, in float64 as it is tiny for deep networks.

    In a fully connected network it is the fraction of the paths from one input that are active for both examples (Paper
    A, Definition 4.2).  With convolutions, skips or pools it is not a number of paths, only a summary of the layers.

    Arguments and errors as for :func:`layer_kernels_of`.

    Example:
        >>> from torch import nn
        >>> import companion
        >>> model, x = nn.Sequential(nn.Identity(), nn.ReLU()).eval(), torch.tensor([[1.0, 2.0], [1.0, -2.0]])
        >>> overlap_of(companion.decouple(model, x), x).tolist()
        [[1.0, 0.5], [0.5, 0.5]]
    """

    def product(f1: Batch, f2: Batch) -> Tensor:
        return reduce(torch.mul, (H.double() for H in layer_kernels(f1, f2, normalise=True)))

    return _kernel(network, x1, product)(x1, x2)


def _kernel(network: GatedNetwork, x: Tensor, combine: Callable[[Batch, Batch], Tensor]) -> Kernel:
    require_batch("x1", (x,))
    shapes = [G[0].numel() for G in gates_alone(network, x[:1])]

    def factors(batch: Batch) -> Batch:
        (examples,) = batch
        passes = [
            [G.flatten(1).to(examples.dtype) for G in gates_alone(network, part)] for part in examples.split(PASS)
        ]
        return [torch.cat(layer) for layer in zip(*passes, strict=True)]

    return Kernel(factors, combine, sum(shapes), 2 * len(shapes))

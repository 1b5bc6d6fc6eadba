"""One weight layer's share of the tangent kernel, from what enters the layer and what comes back to it.

A dense layer: ``<D_s, D_s'> <Z_s, Z_s'>``.  A convolution applies the same weights at every position ``p``, so the
gradient is ``sum_p D_s(p) (x) patch_s(p)``, and the inner product of two of them is either compared position by
position, ``sum_(p, p') <D_s(p), D_s'(p')> <patch_s(p), patch_s'(p')>``, or summed over positions first and then
multiplied out. The first is less work for many channels on few positions, the second for few channels on many.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import torch
from torch.nn import functional as F

from companion.kernels.tiled import Batch
from companion.networks.architectures import WeightShape
from companion.notation import Float, Tensor

__all__ = ["WeightLayerKernel", "meeting"]


@dataclass(frozen=True)
class WeightLayerKernel:
    """The share of one weight layer.

    Args:
        shape: the layer's shapes.
        bias: whether it has a bias.
        outputs: classes ``C`` that signals come back from.
        each: keep the classes apart instead of summing over them.
        crossed: each signal is two, one after the other along the units, and they meet crosswise.
        summed: outer products are summed over positions whatever is less work.
    """

    shape: WeightShape
    bias: bool
    outputs: int
    each: bool = False
    crossed: bool = False
    summed: bool = False

    @property
    def positions(self) -> int:
        """Positions at which the layer applies its weights."""
        return prod(self.shape.output[1:])

    @property
    def signal(self) -> int:
        """Units that signals come back to, per class."""
        return self.shape.output[0] * (2 if self.crossed else 1)

    @property
    def patch(self) -> int:
        """Inputs of one unit, the bias included."""
        return self.shape.fan_in + self.bias

    @property
    def compares_positions(self) -> bool:
        """Whether all pairs of positions are compared; otherwise outer products are summed over positions first."""
        if self.summed:
            return False
        compared = self.positions**2 * (self.outputs * self.signal + self.patch)
        return self.positions == 1 or compared <= self.outputs * self.signal * self.patch

    @property
    def floats(self) -> int:
        """Numbers kept per example."""
        if self.compares_positions:
            return self.positions * (self.outputs * self.signal + self.patch)
        return self.outputs * self.signal * self.patch

    @property
    def area(self) -> int:
        """Numbers held per pair of examples."""
        return (self.positions**2 if self.compares_positions else 1) * (self.outputs if self.each else 1)

    def factors(self, D: Float[Tensor, "C N ..."], Z: Float[Tensor, "N ..."]) -> Batch:
        """What is kept per example: signals ``[N, positions, C, units]`` and patches ``[N, positions, inputs]``."""
        signals = D.flatten(3).permute(1, 3, 0, 2) if D.dim() > 3 else D.transpose(0, 1)[:, None]
        patches = self._patches(Z)
        if self.compares_positions:
            return signals.contiguous(), patches.contiguous()
        if self.crossed:
            both = signals.unflatten(-1, (2, -1))
            outer = torch.einsum("npcto,npf->nctof", both, patches)
        else:
            outer = torch.einsum("npco,npf->ncof", signals, patches)
        return outer.flatten(2)[:, None], patches.new_ones(len(patches), 1, 1)

    def combine(self, f1: Batch, f2: Batch) -> Float[Tensor, "*C N M"]:
        """Inner products of gradients between the examples of two batches of factors, of as many positions or not."""
        (D1, Z1), (D2, Z2) = f1, f2
        if self.crossed:
            D2 = D2.roll(D2.shape[-1] // 2, -1)
        (n, rows), (m, columns) = D1.shape[:2], D2.shape[:2]
        incoming = Z1.flatten(0, 1) @ Z2.flatten(0, 1).T
        if self.each:
            back = D1.flatten(0, 1).transpose(0, 1) @ D2.flatten(0, 1).permute(1, 2, 0)
        else:
            back = D1.reshape(n * rows, -1) @ D2.reshape(m * columns, -1).T
        K = back.mul_(incoming)
        if rows == columns == 1:
            return K
        return K.unflatten(-1, (m, columns)).unflatten(-3, (n, rows)).sum((-1, -3))

    def _patches(self, Z: Tensor) -> Float[Tensor, "N D F"]:
        weight = self.shape.weight
        if len(weight) == 2:
            patches = Z[:, None]
        elif len(weight) == 3:
            around = torch.cat([Z, Z[..., : weight[-1] - 1]], dim=-1)
            patches = around.unfold(-1, weight[-1], 1).transpose(1, 2).flatten(2)
        else:
            patches = F.unfold(Z, weight[-1], padding=weight[-1] // 2).transpose(1, 2)
        return F.pad(patches, (0, 1), value=1.0) if self.bias else patches


def meeting(one: WeightLayerKernel, other: WeightLayerKernel) -> tuple[WeightLayerKernel, WeightLayerKernel]:
    """Two layers of the same weights, whose factors can be combined with each other: of one form.

    Example:
        >>> from companion.networks.architectures import Architecture, Conv, GlobalAveragePool
        >>> images = [Architecture((1, n, n), (Conv(4), GlobalAveragePool()), 1) for n in (1, 8)]
        >>> small, large = (WeightLayerKernel(image.weight_shapes()[0], True, 1) for image in images)
        >>> small.compares_positions, large.compares_positions
        (True, False)
        >>> [layer.compares_positions for layer in meeting(small, large)]
        [False, False]
    """
    if one.compares_positions == other.compares_positions:
        return one, other
    return replace(one, summed=True), replace(other, summed=True)

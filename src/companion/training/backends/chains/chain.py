"""One chain of layers: which networks are one, and its passes forward and back, written by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from companion.networks.architectures import Architecture, Conv, Dense, Flatten, GlobalAveragePool
from companion.notation import Float, Tensor
from companion.training.backends.chains import epilogues
from companion.training.backends.chains.epilogues import Bits

__all__ = ["Chain", "bias_gradient", "is_chain"]

Forward = Callable[[Tensor, Tensor | None, Bits | Tensor | None], Tensor]
Backward = Callable[[Tensor, Tensor, Bits | Tensor | None], tuple[Tensor, Tensor]]


def is_chain(network: Architecture) -> bool:
    """Whether a network is convolutions, one global average pool or flattening, and dense layers, in this order."""
    kinds = [type(layer) for layer in network.layers]
    convs = kinds.count(Conv)
    pool = next((kind for kind in kinds if kind in (GlobalAveragePool, Flatten)), None)
    expected = [Conv] * convs + [pool] + [Dense] * (len(kinds) - convs - 1)
    return convs > 0 and kinds == expected and not network.normalised and network.output_scale == 1


@dataclass(frozen=True)
class Chain:
    """Forward and backward passes through one chain, for weights in the type of its products."""

    network: Architecture
    fast: bool

    @property
    def epilogues(self) -> tuple[Forward, Backward]:
        """What follows a product, and its way back."""
        if self.fast:
            return epilogues.fast_forward, epilogues.fast_backward
        return epilogues.forward, epilogues.backward

    @property
    def averages(self) -> bool:
        """Whether the pool is an average, not a flattening."""
        return GlobalAveragePool() in self.network.layers

    @property
    def convolutions(self) -> int:
        """Convolutional layers, which come first."""
        return sum(isinstance(layer, Conv) for layer in self.network.layers)

    def forward(
        self, weights: Sequence[Tensor], x: Tensor, layers: int, activate: Callable[[int, Tensor], Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """What enters the weight layers, and what the gated ones give; after all of those the products of the output.

        Args:
            weights: one a weight layer; dense ones ``[in, out]``.
            x: images in the weights' type.
            layers: gated layers ``L``; the output layer follows where there is a weight for it.
            activate: from a layer's number and products to what it gives: bias and gate.
        """
        inputs, outputs = [], []
        for l, weight in enumerate(weights):
            if l == self.convolutions:
                x = self._pool(x)
            inputs.append(x)
            q = F.conv2d(x, weight, padding=weight.shape[-1] // 2) if l < self.convolutions else x @ weight
            x = activate(l, q) if l < layers else q
            outputs.append(x)
        return inputs, outputs

    def backward(
        self,
        weights: Sequence[Tensor],
        inputs: Sequence[Tensor],
        outputs: Sequence[Tensor],
        dz: Tensor | None,
        deactivate: Callable[[int, Tensor | None], tuple[Tensor, Tensor]],
    ) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Layer, gradient of its weight and of its bias, from the last to the first.

        Args:
            weights: as in :meth:`forward`.
            inputs: what entered the weight layers.
            outputs: what they gave.
            dz: gradient of the last layer's output; ``None`` where nothing follows it.
            deactivate: from a layer's number and the gradient of what it gave to those of its products and its bias.
        """
        for l in range(len(weights) - 1, -1, -1):
            dq, dbias = deactivate(l, dz)
            dz, dweight = self._product_back(l, dq, inputs[l], weights[l])
            yield l, dweight, dbias
            if l == self.convolutions and dz is not None:
                dz = self._pool_back(dz, outputs[l - 1])

    def _product_back(self, l: int, dq: Tensor, x: Tensor, weight: Tensor) -> tuple[Tensor | None, Tensor]:
        """Gradients of what entered layer ``l`` (of the images none) and of its weight."""
        if l >= self.convolutions:
            return dq @ weight.mT, x.mT @ dq
        pad = weight.shape[-1] // 2
        dx, dweight, _ = torch.ops.aten.convolution_backward(
            dq, x, weight, None, [1, 1], [pad, pad], [1, 1], False, [0, 0], 1, [l > 0, True, False]
        )
        return dx, dweight

    def _pool(self, z: Tensor) -> Tensor:
        if not self.averages:
            return z.flatten(1)
        return (z.flatten(2).sum(-1, dtype=torch.float32) / z[0, 0].numel()).to(z.dtype)

    def _pool_back(self, dz: Tensor, z: Tensor) -> Tensor:
        """The gradient of what entered the pool."""
        if self.averages:
            return (dz / z[0, 0].numel())[..., None, None].expand_as(z)
        return dz.view(z.shape).contiguous(memory_format=torch.channels_last)


def bias_gradient(dq: Float[Tensor, "n C ..."]) -> Float[Tensor, "C"]:
    """The gradient of biases."""
    return dq.sum((0, *range(2, dq.dim())), dtype=torch.float32)

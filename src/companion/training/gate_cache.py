"""Gates of frozen feature networks for a whole training set, one bit each, on any device.

A frozen feature network gives an example the same gates in every epoch.  Packed into bytes, those of all of MNIST take
5 MB a network, those of C4GAP on all of CIFAR-10 3.3 GB; models that differ only in gate permutation or value input
share them.  Gates that are tiled, shifted or turned are so before they are packed, once for the whole training.
Channels are the last axis of what is packed, as convolutions have them in memory.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import torch

from companion.networks.forward import Params
from companion.notation import Int, Tensor
from companion.runs.regimes import gates_origin, moved_gates
from companion.runs.spec import RunSpec

__all__ = ["GATE_BUDGET", "GateCache"]

GATE_BUDGET = {"cpu": 2**32, "cuda": 2**35}
"""Bytes that the gates of all runs that train together may take; beyond that they are computed anew each time."""

PACKING_BATCH = 500
GATHER = 0x0102040810204080
"""Moves the lowest bit of each byte ``i`` of a 64-bit word to bit ``56 + i`` of its product, without a carry."""


class GateCache:
    """The packed gates of some runs whose value networks are of one architecture, as they lie within their layers.

    Args:
        specs: runs in frozen regimes; those that use the gates of one feature network alike, up to the order of the
            layers, share them, whatever else they are.
        features: their feature networks.
        inputs: all training images ``[N, C, H, W]``, on the device where the gates shall be.
    """

    def __init__(self, specs: Sequence[RunSpec], features: Sequence[Params], inputs: Tensor) -> None:
        self.shapes = specs[0].network.gate_shapes()
        sizes = [-(-math.prod(shape) // 8) for shape in self.shapes]  # whole bytes a layer
        self.starts = [sum(sizes[:l]) for l in range(len(sizes) + 1)]
        places: dict[Hashable, int] = {}
        unique: list[Tensor] = []
        self.place = []
        for spec, feature in zip(specs, features, strict=True):
            origin = gates_origin(spec)
            if origin not in places:
                places[origin] = len(unique)
                unique.append(torch.cat([_pack(moved_gates(spec, feature, x)) for x in inputs.split(PACKING_BATCH)]))
            self.place.append(places[origin])
        self.packed = unique
        self.bits = torch.arange(8, dtype=torch.uint8, device=inputs.device)
        orders = [spec.routing.between for spec in specs]
        self.bytes = [
            None if order.identity else self._permuted(order.order(len(sizes)), inputs.device) for order in orders
        ]

    @classmethod
    def within(
        cls, share: float, specs: Sequence[RunSpec], features: Sequence[Params], inputs: Tensor
    ) -> GateCache | None:
        """The cache, or ``None`` where it would take more than a ``share`` of the budget."""
        size = len({gates_origin(spec) for spec in specs}) * cls.size(specs[0], len(inputs))
        return cls(specs, features, inputs) if size <= share * GATE_BUDGET[inputs.device.type] else None

    @staticmethod
    def size(spec: RunSpec, examples: int) -> int:
        """Bytes that the gates of one run take."""
        return examples * sum(-(-math.prod(shape) // 8) for shape in spec.network.gate_shapes())

    def _permuted(self, order: Sequence[int], device: torch.device) -> Int[Tensor, "bytes"]:
        pieces = [torch.arange(self.starts[source], self.starts[source + 1]) for source in order]
        return torch.cat(pieces).to(device)

    def rows(self, model: int, batch: Int[Tensor, "n"]) -> list[Tensor]:
        """Gates of one model for a batch of examples: ``L`` tensors ``[n, ...]`` of zeros and ones, uint8."""
        packed = self.packed[self.place[model]][batch]
        order = self.bytes[model]
        if order is not None:
            packed = packed[:, order]
        flat = ((packed[..., None] >> self.bits) & 1).flatten(1)
        return [
            flat[:, 8 * start : 8 * start + math.prod(shape)].view(len(batch), *shape[1:], shape[0]).movedim(-1, 1)
            for start, shape in zip(self.starts, self.shapes, strict=False)
        ]


@torch.no_grad()
def _pack(stack: Sequence[Tensor]) -> Tensor:
    """Gates ``L x [n, ...]`` as bytes ``[n, bytes]``, the first unit in the lowest bit, each layer in whole bytes."""
    packed = []
    for layer in stack:
        bits = layer.movedim(1, -1).flatten(1).to(torch.uint8)
        words = torch.nn.functional.pad(bits, (0, -bits.shape[1] % 8)).contiguous().view(torch.int64)
        packed.append(((words * GATHER) >> 56).to(torch.uint8))
    return torch.cat(packed, dim=1)

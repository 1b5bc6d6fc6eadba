"""What follows a product in a gated layer: bias and gate going forward, gate and bias gradient going back.

For a GPU each direction is one Triton kernel that reads packed gates bit by bit, so that a layer's pre-activations are
written once and gates are never unpacked.  The same two functions in plain PyTorch serve every device and are the
reference.  Positions and channels are the axes ``[rows, C]`` of memory: convolutional layers lie channels-last.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from companion.notation import Float, Int, Tensor
from companion.records.provenance import refuse_changed

__all__ = ["Bits", "backward", "fast_backward", "fast_forward", "forward"]

ELEMENTS = 8192
"""Entries that one program of a kernel takes."""


@dataclass(frozen=True)
class Bits:
    """The packed gates of one layer for a batch of examples.

    Args:
        packed: gates of all examples, uint8 ``[N, bytes]``, of which the layer's begin at ``start``.
        batch: numbers of the examples.
        start: first byte of the layer.
    """

    packed: Tensor
    batch: Int[Tensor, "n"]
    start: int

    def unpack(self, like: Float[Tensor, "n C ..."]) -> Float[Tensor, "n C ..."]:
        """Zeros and ones shaped like the pre-activations ``like``."""
        channels, positions = like.shape[1], like[0, 0].numel()
        size = -(-channels * positions // 8)
        packed = self.packed[self.batch, self.start : self.start + size]
        bits = (packed[..., None] >> torch.arange(8, dtype=torch.uint8, device=packed.device)) & 1
        flat = bits.flatten(1)[:, : channels * positions].view(len(packed), *like.shape[2:], channels)
        return flat.movedim(-1, 1).to(like.dtype)


def forward(q: Float[Tensor, "n C ..."], bias: Float[Tensor, "C"] | None, gate: Bits | Tensor | None) -> Tensor:
    """``(q + bias)`` times its gate; ``None`` is the layer's own, that is ReLU."""
    if bias is not None:
        q = q + bias.to(q.dtype).view(-1, *(1,) * (q.dim() - 2))
    if gate is None:
        return torch.relu(q)
    return q * (gate.unpack(q) if isinstance(gate, Bits) else gate)


def backward(
    dz: Float[Tensor, "n C ..."], z: Float[Tensor, "n C ..."], gate: Bits | Tensor | None
) -> tuple[Float[Tensor, "n C ..."], Float[Tensor, "C"]]:
    """Gradients of pre-activations and (float32) of biases from ``dz``, that of what :func:`forward` gave."""
    mask = (z > 0).to(z.dtype) if gate is None else gate.unpack(z) if isinstance(gate, Bits) else gate
    dq = dz * mask
    return dq, dq.float().sum((0, *range(2, dq.dim())))


def fast_forward(q: Float[Tensor, "n C ..."], bias: Float[Tensor, "C"] | None, gate: Bits | Tensor | None) -> Tensor:
    """:func:`forward` in one kernel, unless the gates are real numbers."""
    if isinstance(gate, Tensor):
        return forward(q, bias, gate)
    q = _channels_last(q)
    channels, rows, positions = q.shape[1], q.numel() // q.shape[1], q[0, 0].numel()
    z = torch.empty_like(q)
    tile, wide = _tile(channels)
    packed, batch, start, stride = _addresses(gate, q)
    _kernels().forward[(-(-rows // tile),)](
        q,
        q if bias is None else bias,
        z,
        packed,
        batch,
        rows,
        start,
        stride,
        C=channels,
        WIDE=wide,
        TILE=tile,
        POSITIONS=positions,
        GATED=gate is not None,
        BIASED=bias is not None,
    )
    return z


def fast_backward(
    dz: Float[Tensor, "n C ..."], z: Float[Tensor, "n C ..."], gate: Bits | Tensor | None
) -> tuple[Float[Tensor, "n C ..."], Float[Tensor, "C"]]:
    """:func:`backward` in one kernel and a short sum; ``dz`` may be one number a channel, expanded over positions."""
    if isinstance(gate, Tensor):
        return backward(dz, z, gate)
    z = _channels_last(z)
    channels, rows, positions = z.shape[1], z.numel() // z.shape[1], z[0, 0].numel()
    flat = dz.flatten(2).transpose(1, 2) if dz.dim() > 2 else dz[:, None]  # [n, positions, C], a view where it can be
    dq = torch.empty_like(z)
    tile, wide = _tile(channels)
    programs = -(-rows // tile)
    partial = torch.empty(programs, channels, dtype=torch.float32, device=z.device)
    packed, batch, start, stride = _addresses(gate, z)
    _kernels().backward[(programs,)](
        flat,
        z,
        dq,
        partial,
        packed,
        batch,
        rows,
        start,
        stride,
        *flat.stride(),
        C=channels,
        WIDE=wide,
        TILE=tile,
        POSITIONS=positions,
        GATED=gate is not None,
    )
    return dq, partial.sum(0)


def _channels_last(tensor: Tensor) -> Tensor:
    """The same with channels as the last axis in memory, which it usually has."""
    return tensor.contiguous(memory_format=torch.channels_last if tensor.dim() == 4 else torch.contiguous_format)


def _tile(channels: int) -> tuple[int, int]:
    """Rows of one program, and its channels: the next power of two."""
    wide = 1 << (channels - 1).bit_length()
    return max(1, ELEMENTS // wide), wide


def _addresses(gate: Bits | None, q: Tensor) -> tuple[Tensor, Tensor, int, int]:
    """Where a kernel finds gates; without any, something that it does not read."""
    return (q, q, 0, 0) if gate is None else (gate.packed, gate.batch, gate.start, gate.packed.stride(0))


@functools.cache
def _kernels() -> Any:
    """The kernels; Triton is there wherever PyTorch was built for a GPU, and needed nowhere else."""
    from companion.training.backends.chains import kernels

    refuse_changed(Path(kernels.__file__))
    return kernels

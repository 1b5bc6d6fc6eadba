"""The kernels behind :mod:`companion.training.backends.chains.epilogues`.  Imported only where a GPU is used."""

# mypy: ignore-errors
from __future__ import annotations

import triton
import triton.language as tl

__all__ = ["backward", "forward"]


@triton.jit
def _open(packed, batch, rows, start, stride, c, inside, C: tl.constexpr, POSITIONS: tl.constexpr):
    """The gates ``[TILE, WIDE]`` of some rows and channels, as zeros and ones."""
    example = tl.load(batch + rows // POSITIONS, mask=inside, other=0).to(tl.int64)
    mask = inside[:, None] & (c < C)[None, :]
    if C % 8 == 0:  # every position begins with a byte of its own
        first = example * stride + start + (rows % POSITIONS) * (C // 8)
        byte = tl.load(packed + first[:, None] + (c >> 3)[None, :], mask=mask, other=0)
        return (byte.to(tl.int32) >> (c & 7)[None, :]) & 1
    entry = (rows % POSITIONS)[:, None] * C + c[None, :]
    byte = tl.load(packed + (example * stride + start)[:, None] + (entry >> 3), mask=mask, other=0)
    return (byte.to(tl.int32) >> (entry & 7)) & 1


@triton.jit
def forward(
    q,
    bias,
    z,
    packed,
    batch,
    total,
    start,
    stride,
    C: tl.constexpr,
    WIDE: tl.constexpr,
    TILE: tl.constexpr,
    POSITIONS: tl.constexpr,
    GATED: tl.constexpr,
    BIASED: tl.constexpr,
):
    """``z = (q + bias) * gate``, or its positive part, for ``TILE`` rows."""
    rows = tl.program_id(0) * TILE + tl.arange(0, TILE)
    c = tl.arange(0, WIDE)
    inside = rows < total
    mask = inside[:, None] & (c < C)[None, :]
    at = rows[:, None].to(tl.int64) * C + c[None, :]
    value = tl.load(q + at, mask=mask, other=0.0).to(tl.float32)
    if BIASED:
        value += tl.load(bias + c, mask=c < C, other=0.0).to(tl.float32)[None, :]
    if GATED:
        value = value * _open(packed, batch, rows, start, stride, c, inside, C, POSITIONS).to(tl.float32)
    else:
        value = tl.maximum(value, 0.0)
    tl.store(z + at, value.to(z.dtype.element_ty), mask=mask)


@triton.jit
def backward(
    dz,
    z,
    dq,
    partial,
    packed,
    batch,
    total,
    start,
    stride,
    by_example,
    by_position,
    by_channel,
    C: tl.constexpr,
    WIDE: tl.constexpr,
    TILE: tl.constexpr,
    POSITIONS: tl.constexpr,
    GATED: tl.constexpr,
):
    """``dq = dz * gate`` for ``TILE`` rows, and its sum over them."""
    rows = tl.program_id(0) * TILE + tl.arange(0, TILE)
    c = tl.arange(0, WIDE)
    inside = rows < total
    mask = inside[:, None] & (c < C)[None, :]
    at = rows[:, None].to(tl.int64) * C + c[None, :]
    place = (rows // POSITIONS)[:, None].to(tl.int64) * by_example + (rows % POSITIONS)[:, None] * by_position
    value = tl.load(dz + place + c[None, :] * by_channel, mask=mask, other=0.0).to(tl.float32)
    if GATED:
        value = value * _open(packed, batch, rows, start, stride, c, inside, C, POSITIONS).to(tl.float32)
    else:
        value = tl.where(tl.load(z + at, mask=mask, other=0.0).to(tl.float32) > 0, value, 0.0)
    tl.store(dq + at, value.to(dq.dtype.element_ty), mask=mask)
    tl.store(partial + tl.program_id(0) * C + c, tl.sum(value, axis=0), mask=c < C)

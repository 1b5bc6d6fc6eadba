"""Faster float32 products on the CPU, where they stay float32.

PyTorch hands batched products to one library and, when told that ``bf16`` is precise enough for float32 products, to
another, oneDNN.  On processors without matrix units the second still computes in float32 and is two to three times as
fast; on those that have them it would really round to bfloat16.  So the setting is used only where a probe finds no
rounding.  It holds for the whole process: it is switched on for one epoch and back after it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

__all__ = ["fast_products", "routing_is_exact"]

LARGEST_ERROR = 4e-6
"""Of a product of 784 terms, relative to its largest entry; rounding to bfloat16 costs a thousand times as much."""


@contextmanager
def fast_products(wanted: bool = True) -> Iterator[None]:
    """Within the block, float32 products go to the faster library, if ``wanted`` and if they stay float32 there."""
    if not (wanted and routing_is_exact()):
        yield
        return
    settings: Any = getattr(torch.backends.mkldnn, "matmul", None)
    before = settings.fp32_precision
    settings.fp32_precision = "bf16"
    try:
        yield
    finally:
        settings.fp32_precision = before


@functools.cache
def routing_is_exact() -> bool:
    """Whether this machine and this PyTorch have the setting, and whether products of the usual shapes keep 23 bits."""
    settings: Any = getattr(torch.backends.mkldnn, "matmul", None)
    if not (torch.backends.mkldnn.is_available() and hasattr(settings, "fp32_precision")):
        return False
    generator = torch.Generator().manual_seed(0)
    z, weight, dq = (torch.randn(shape, generator=generator) for shape in ((4, 32, 784), (4, 784, 128), (4, 32, 128)))
    before = settings.fp32_precision
    settings.fp32_precision = "bf16"
    try:
        pairs = [(a @ b, a.double() @ b.double()) for a, b in ((z, weight), (z.mT, dq), (dq, weight.mT))]
    finally:
        settings.fp32_precision = before
    return all(float((found - exact).abs().max() / exact.abs().max()) < LARGEST_ERROR for found, exact in pairs)

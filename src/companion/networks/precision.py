"""The arithmetic of float32 products: on a CPU the faster one where it is exact, on a GPU the one that is asked for.

PyTorch hands batched products to one library and, when told that ``bf16`` is precise enough for float32 products, to
another, oneDNN.  On processors without matrix units the second still computes in float32 and is two to three times as
fast; on those that have them it would really round to bfloat16.  So the setting is used only where a probe finds no
rounding.  It holds for the whole process, and is switched back when the last block that asked for it ends.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

__all__ = ["fast_products", "routing_is_exact", "single_precision"]

LARGEST_ERROR = 4e-6
"""Of a product of 784 terms, relative to its largest entry; rounding to bfloat16 costs a thousand times as much."""


@contextmanager
def fast_products(wanted: bool = True) -> Iterator[None]:
    """Within the block, float32 products go to the faster library, if ``wanted`` and if they stay float32 there."""
    if not (wanted and routing_is_exact()):
        yield
        return
    _SWITCH.on()
    try:
        yield
    finally:
        _SWITCH.off()


@functools.cache
def routing_is_exact() -> bool:
    """Whether this machine and this PyTorch have the setting, and whether products of the usual shapes keep 23 bits."""
    if not (torch.backends.mkldnn.is_available() and hasattr(_settings(), "fp32_precision")):
        return False
    generator = torch.Generator().manual_seed(0)
    z, weight, dq = (torch.randn(shape, generator=generator) for shape in ((4, 32, 784), (4, 784, 128), (4, 32, 128)))
    _SWITCH.on()
    try:
        pairs = [(a @ b, a.double() @ b.double()) for a, b in ((z, weight), (z.mT, dq), (dq, weight.mT))]
    finally:
        _SWITCH.off()
    return all(float((found - exact).abs().max() / exact.abs().max()) < LARGEST_ERROR for found, exact in pairs)


def _settings() -> Any:
    return getattr(torch.backends.mkldnn, "matmul", None)


class _Switch:
    """The setting, shared by the threads of the process: on while any of them wants it."""

    def __init__(self) -> None:
        self.lock, self.users, self.before = threading.Lock(), 0, "none"

    def on(self) -> None:
        with self.lock:
            if not self.users:
                self.before, _settings().fp32_precision = _settings().fp32_precision, "bf16"
            self.users += 1

    def off(self) -> None:
        with self.lock:
            self.users -= 1
            if not self.users:
                _settings().fp32_precision = self.before


_SWITCH = _Switch()


def single_precision(tensor_cores: bool) -> None:
    """Whether a GPU rounds the factors of float32 products to TF32; in convolutions PyTorch does unless it is told."""
    kind = "tf32" if tensor_cores else "ieee"
    matmul: Any = torch.backends.cuda.matmul
    cudnn: Any = torch.backends.cudnn
    matmul.fp32_precision = cudnn.conv.fp32_precision = kind

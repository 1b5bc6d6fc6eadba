"""What the machine can do at most: multiply-adds in registers, matrix products, convolutions."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from torch.nn import functional as F

from companion.costs.bench import Options, Step, Unavailable
from companion.training.backends.native import compiled

ROUNDS = 20_000_000
"""Of the multiply-add kernel: a tenth of a second."""


def multiply_add(options: Options) -> tuple[float, Callable[[], Step]]:
    """Operations of one step, and its preparation: independent sums in registers, on every thread.

    Where there is no compiler the operations are zero, and the preparation says why.
    """
    try:
        library = compiled(Path(__file__).with_name("peak.c"))
    except (OSError, subprocess.CalledProcessError) as error:
        reason = f"the kernel cannot be built here: {error}"

        def refuse() -> Step:
            raise Unavailable(reason)

        return 0.0, refuse
    library.operations_per_round.restype = ctypes.c_int64
    library.multiply_add.argtypes = (ctypes.c_int64, ctypes.c_float, ctypes.c_float)
    library.multiply_add.restype = ctypes.c_float
    rounds = ROUNDS // 100 if options.tiny else ROUNDS

    def prepare() -> Step:
        pool = ThreadPoolExecutor(options.threads)
        return lambda: [*pool.map(lambda _: library.multiply_add(rounds, 0.5, 1.0), range(options.threads))]

    return float(rounds * library.operations_per_round() * options.threads), prepare


def matrix_product(size: int, dtype: torch.dtype, device: str = "cpu") -> tuple[float, Callable[[], Step]]:
    """Operations of one step, and its preparation: one square product by PyTorch."""

    def prepare() -> Step:
        a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))

        def step() -> None:
            torch.mm(a, b)
            wait(device)

        return step

    return 2.0 * size**3, prepare


def convolution(channels: int, batch: int, pixels: int, dtype: torch.dtype) -> tuple[float, Callable[[], Step]]:
    """Operations of one step, and its preparation: one 3 x 3 convolution forward by PyTorch, channels last."""

    def prepare() -> Step:
        last = torch.channels_last
        x = torch.randn(batch, channels, pixels, pixels).to(dtype).contiguous(memory_format=last)
        weight = torch.randn(channels, channels, 3, 3).to(dtype).contiguous(memory_format=last)

        @torch.inference_mode()
        def step() -> None:
            F.conv2d(x, weight, padding=1)

        return step

    return 2.0 * 9 * channels**2 * batch * pixels**2, prepare


def wait(device: str) -> None:
    """Until the device has done what it was told."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()

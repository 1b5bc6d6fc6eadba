"""The compiled kernel as Python sees it: its structure, its functions, and parameters in its layout."""

from __future__ import annotations

import ctypes
import functools
import logging
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import torch

from companion.networks.architectures import Architecture
from companion.notation import Float, Tensor
from companion.training.backends.native import VECTORS, compiled

__all__ = ["MOMENTUM", "OPTIMISERS", "Epoch", "Step", "library", "pack", "unpack"]

PAD = 16
OPTIMISERS = {"sgd": 0, "adam": 1, "rmsprop": 2}
MOMENTUM = 3
"""Optimiser to its number in ``optimiser.h``, and that of SGD with momentum."""
WANTED = "COMPANION_VECTORS"
"""The environment variable that names the instructions, one of :data:`VECTORS`, in place of all there are."""

log = logging.getLogger(__name__)


class Epoch(ctypes.Structure):
    """The C structure ``Epoch``, field by field."""

    _fields_ = (
        ("convolutions", ctypes.c_int64),
        ("channels", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in ("height", "width", "pooled", "dense")),
        ("widths", ctypes.c_void_p),
        ("gating", ctypes.c_int64),
        ("source", ctypes.c_void_p),
        ("linear", ctypes.c_int64),
        ("optimiser", ctypes.c_int64),
        ("rates", ctypes.c_void_p),
        *((name, ctypes.c_float) for name in ("beta1", "beta2", "epsilon", "decay")),
        ("nesterov", ctypes.c_int64),
        *((name, ctypes.c_float) for name in ("gate_beta", "gate_scale")),
        *((name, ctypes.c_int64) for name in ("biased", "batch", "span", "group", "examples")),
        *((name, ctypes.c_void_p) for name in ("order", "images", "constant", "labels", "bits")),
        *((name, ctypes.c_void_p) for name in ("theta", "m", "v", "frozen")),
        ("step", ctypes.c_int64),
        ("scratch", ctypes.c_void_p),
        ("loss", ctypes.c_double),
        ("correct", ctypes.c_int64),
    )


class Step(ctypes.Structure):
    """The C structure ``Step`` of ``optimiser.h``, field by field."""

    _fields_ = (
        *((name, ctypes.c_int) for name in ("kind", "biased")),
        *((name, ctypes.c_float) for name in ("rate", "beta1", "beta2", "epsilon", "decay")),
        ("nesterov", ctypes.c_int),
    )


def library() -> ctypes.CDLL | None:
    """The compiled kernel; ``None``, and one line in the log, where it cannot be built.

    It is built for the instructions of this very processor, or for those that ``COMPANION_VECTORS`` names.
    """
    return _library(os.environ.get(WANTED) or "native")


@functools.cache
def _library(vectors: str) -> ctypes.CDLL | None:
    try:
        if vectors not in VECTORS:
            raise OSError(f"{WANTED} is {vectors!r}: valid are {', '.join(VECTORS)}")
        built = compiled(Path(__file__).with_name("planes.c"), vectors)
    except (OSError, subprocess.CalledProcessError) as error:
        log.warning("the planes backend cannot be built here (%s): another is used instead", error)
        return None
    for name in ("scratch", "words"):
        function = getattr(built, f"companion_planes_{name}")
        function.argtypes, function.restype = (ctypes.POINTER(Epoch),), ctypes.c_int64
    built.companion_planes_word.argtypes, built.companion_planes_word.restype = (), ctypes.c_int64
    built.companion_planes_epoch.argtypes, built.companion_planes_epoch.restype = (ctypes.POINTER(Epoch),), None
    built.companion_planes_gates.argtypes = (ctypes.POINTER(Epoch), ctypes.c_void_p)
    built.companion_planes_gates.restype = built.companion_planes_step.restype = None
    built.companion_planes_step.argtypes = (
        ctypes.POINTER(Step), ctypes.c_int64, ctypes.c_int64, *(ctypes.c_void_p,) * 4
    )  # fmt: skip
    return built


def pack(network: Architecture, tensors: Mapping[str, Tensor]) -> Float[Tensor, "P"]:
    """One network's parameters as the kernel has them: convolutions, padded, then dense layers with rows padded.

    Args:
        network: convolutions, then dense layers.
        tensors: ``weight.0, bias.0, ...``, with or without the output layer; biases that are missing are zero.
    """
    convolutions: list[Tensor] = []
    dense: list[Tensor] = []
    for l in range(network.depth):
        weight = tensors.get(f"weight.{l}")
        if weight is None:
            continue
        out = weight.shape[0] if weight.dim() == 4 else weight.shape[1]
        bias = tensors.get(f"bias.{l}", weight.new_zeros(out))
        if weight.dim() == 4:
            convolutions += [weight.contiguous().flatten(), bias]
        else:
            dense.append(_widened(torch.cat([weight, bias[None]])).flatten())
    return torch.cat([_widened(torch.cat(convolutions)), *dense])


def unpack(network: Architecture, flat: Float[Tensor, "P"], like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inverse of :func:`pack`: new tensors with the names and shapes of ``like``."""
    tensors, at, dense = {}, 0, False
    for l in range(network.depth):
        weight, bias = f"weight.{l}", f"bias.{l}"
        if weight not in like:
            continue
        shape = like[weight].shape
        if len(shape) == 4:
            count = shape.numel()
            tensors[weight] = flat[at : at + count].view(shape).clone()
            found = flat[at + count : at + count + shape[0]]
            at += count + shape[0]
        else:
            at, dense = at if dense else padded(at), True
            block = flat[at : at + (shape[0] + 1) * padded(shape[1])].view(shape[0] + 1, -1)[:, : shape[1]]
            tensors[weight], found = block[:-1].clone(), block[-1]
            at += (shape[0] + 1) * padded(shape[1])
        if bias in like:
            tensors[bias] = found.clone()
    return tensors


def padded(n: int) -> int:
    """``n`` rounded up to a whole number of vectors."""
    return -(-n // PAD) * PAD


def _widened(rows: Float[Tensor, "... n"]) -> Float[Tensor, "... padded"]:
    return torch.nn.functional.pad(rows, (0, padded(rows.shape[-1]) - rows.shape[-1]))

"""What this machine trains with: its device and its CPU threads."""

from __future__ import annotations

import os

import torch

from companion.runs.fields import SpecError

__all__ = ["device_of", "threads_here"]


def device_of(name: str) -> str:
    """``auto`` as the best device here, any other name as it is.

    Raises:
        SpecError: the device is unknown, or this machine lacks it.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return "cuda" if gpus else "cpu"
    valid = ["cpu", *(["cuda"] if gpus else []), *(f"cuda:{i}" for i in range(gpus))]
    if name not in valid:
        raise SpecError(f"unknown device {name!r}: valid on this machine are auto, {', '.join(valid)}")
    return name


def threads_here() -> int:
    """CPU threads for training: ``OMP_NUM_THREADS`` where it is set, else one for each core we may use."""
    named = os.environ.get("OMP_NUM_THREADS", "")
    if named.isdigit() and int(named):
        return int(named)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

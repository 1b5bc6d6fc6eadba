"""What this machine trains with: its device and its CPU threads."""

from __future__ import annotations

import os

from companion.files.quoting import brief
from companion.runs.fields import SpecError

__all__ = ["MOST_THREADS", "device_of", "threads_here", "threads_of"]

MOST_THREADS = 1024
"""CPU threads that may be asked for."""


def device_of(name: str) -> str:
    """``auto`` as the best device here, any other name as it is.

    Raises:
        SpecError: the device is unknown, or this machine lacks it.
    """
    import torch

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return "cuda" if gpus else "cpu"
    valid = ["cpu", *(["cuda"] if gpus else []), *(f"cuda:{i}" for i in range(gpus))]
    if name not in valid:
        raise SpecError(f"unknown device {brief(name)}: valid on this machine are auto, {', '.join(valid)}")
    return name


def threads_of(count: int | None) -> int:
    """So many CPU threads; ``None`` is as many as there are here.

    Raises:
        SpecError: no number of threads that a machine could have.
    """
    if count is None:
        return threads_here()
    if not 1 <= count <= MOST_THREADS:
        raise SpecError(f"threads must be a whole number from 1 to {MOST_THREADS}, not {brief(count)}")
    return count


def threads_here() -> int:
    """CPU threads for training: ``OMP_NUM_THREADS`` where it is set, else one for each core we may use."""
    named = os.environ.get("OMP_NUM_THREADS", "")
    if named.isdecimal() and len(named) <= 4 and 1 <= int(named) <= MOST_THREADS:
        return int(named)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

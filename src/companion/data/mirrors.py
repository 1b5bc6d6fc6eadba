"""The sets from torchvision's own mirrors, with a time limit on every step of the connection."""

from __future__ import annotations

import contextlib
import io
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from companion.data.arrays import RawArrays

__all__ = ["cifar10", "mnist"]

_STALL_SECONDS = 10.0


def mnist(folder: Path) -> RawArrays:
    """Download MNIST into ``folder`` and return its arrays; whatever torchvision raises passes through."""
    with _patience():
        from torchvision.datasets import MNIST

        train, test = MNIST(folder, train=True, download=True), MNIST(folder, train=False, download=True)
    return RawArrays(
        train.data.numpy()[:, None],
        train.targets.numpy().astype(np.uint8),
        test.data.numpy()[:, None],
        test.targets.numpy().astype(np.uint8),
    )


def cifar10(folder: Path) -> RawArrays:
    """Download CIFAR-10 into ``folder`` and return its arrays; whatever torchvision raises passes through."""
    with _patience():
        from torchvision.datasets import CIFAR10

        train, test = CIFAR10(folder, train=True, download=True), CIFAR10(folder, train=False, download=True)
    return RawArrays(
        np.ascontiguousarray(train.data.transpose(0, 3, 1, 2)),
        np.array(train.targets, dtype=np.uint8),
        np.ascontiguousarray(test.data.transpose(0, 3, 1, 2)),
        np.array(test.targets, dtype=np.uint8),
    )


@contextlib.contextmanager
def _patience() -> Iterator[None]:
    """Give up on a socket that is silent for ten seconds, and keep torchvision's chatter off the terminal."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_STALL_SECONDS)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        socket.setdefaulttimeout(before)

"""Kernels built for one set of instructions after the other."""

from __future__ import annotations

import pytest

from companion.training.backends.planes import kernel
from support.planes import KINDS


@pytest.fixture(params=KINDS)
def vectors(request, monkeypatch):
    """The kernel built for one set of instructions."""
    monkeypatch.setenv(kernel.WANTED, request.param)
    return request.param

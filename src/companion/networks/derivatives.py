"""Derivatives that are there whatever whoever calls has switched off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from companion.notation import Tensor

__all__ = ["differentiating", "fresh"]


@contextmanager
def differentiating() -> Iterator[None]:
    """Within the block derivatives are recorded, under ``torch.no_grad`` and ``torch.inference_mode`` too.

    >>> with torch.no_grad(), differentiating():
    ...     x = torch.ones(1, requires_grad=True)
    ...     (2 * x).backward()
    >>> x.grad
    tensor([2.])
    """
    with torch.inference_mode(False), torch.enable_grad():
        yield


def fresh(x: Tensor) -> Tensor:
    """The same numbers without a history; a copy where they were made under ``torch.inference_mode``."""
    return x.detach().clone() if x.is_inference() else x.detach()

"""A small problem of classes, and the kernel of inner products."""

from __future__ import annotations

import torch

__all__ = ["linear", "problem"]


def linear(a: torch.Tensor, b: torch.Tensor | None = None) -> torch.Tensor:
    return a @ (a if b is None else b).T


def problem(n: int = 60, seed: int = 0, classes: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(classes, 5, generator=torch.Generator().manual_seed(99), dtype=torch.float64)
    labels = torch.arange(n) % classes
    return centres[labels] + 0.7 * torch.randn(n, 5, generator=generator, dtype=torch.float64), labels

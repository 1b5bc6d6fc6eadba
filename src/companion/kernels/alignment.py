"""How well a kernel is aligned with the labels it is to learn."""

from __future__ import annotations

import torch

from companion.notation import Float, Tensor

__all__ = ["label_alignment"]


def label_alignment(H: Float[Tensor, "N N"], y: Float[Tensor, "N"]) -> float:
    """``nu = y^T (H / tr H)^(-1) y`` (Paper A, Section 5, Figure 2).

    The less, the better the large eigenvectors of ``H`` explain the labels.  For labels of plus and minus 1 it is at
    least ``N``, which only ``H = y y^T`` reaches, and ``N**2`` for a multiple of the identity.

    Raises:
        ValueError: ``H`` is not positive definite to working precision.

    Example:
        >>> label_alignment(torch.eye(4), torch.tensor([1.0, -1.0, 1.0, -1.0]))
        16.0
    """
    factor, failed = torch.linalg.cholesky_ex(H / H.trace())
    if int(failed):
        raise ValueError("the kernel matrix is not positive definite: use double precision, or fewer examples")
    half = torch.linalg.solve_triangular(factor, y[:, None], upper=False)
    return float(half.square().sum())

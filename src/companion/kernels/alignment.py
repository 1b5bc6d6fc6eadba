"""How well a kernel is aligned with the labels it is to learn."""

from __future__ import annotations

import torch

from companion.kernels.checks import require_alike, require_batch, require_floating, require_labels
from companion.notation import Float, Tensor

__all__ = ["label_alignment"]


def label_alignment(H: Float[Tensor, "N N"], y: Float[Tensor, "N"]) -> float:
    """``nu = y^T (H / tr H)^(-1) y`` (Paper A, Section 5, Figure 2).

    The less, the better the large eigenvectors of ``H`` explain the labels.  For labels of plus and minus 1 it is at
    least ``N``, which only ``H = y y^T`` reaches, and ``N**2`` for a multiple of the identity.

    Args:
        H: a kernel matrix, symmetric and positive definite.
        y: one number for each example, of the type of ``H``.

    Raises:
        TypeError: ``H`` and ``y`` are not tensors of one floating type.
        ValueError: ``H`` is not square and symmetric, or not positive definite to working precision; or ``y`` has
            another length.

    Example:
        >>> label_alignment(torch.eye(4), torch.tensor([1.0, -1.0, 1.0, -1.0]))
        16.0
    """
    require_batch("H", (H,))
    if H.dim() != 2 or H.shape[0] != H.shape[1]:
        raise ValueError(f"H must be a matrix of N x N numbers, not of the shape {list(H.shape)}")
    if not float((H - H.T).abs().max()) <= 1e-3 * float(H.abs().max()):
        raise ValueError("H must be symmetric and finite: its two halves differ by more than a thousandth")
    require_labels("y", y, len(H))
    require_floating("y", y)
    require_alike("y", y, "H", H)
    factor, failed = torch.linalg.cholesky_ex(H / H.trace())
    if int(failed):
        raise ValueError("the kernel matrix is not positive definite: use double precision, or fewer examples")
    half = torch.linalg.solve_triangular(factor, y[:, None], upper=False)
    return float(half.square().sum())

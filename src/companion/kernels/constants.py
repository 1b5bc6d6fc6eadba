"""Closed forms: what ties the tangent kernel to the path kernel, and what wide networks tend to."""

from __future__ import annotations

from collections.abc import Iterable
from math import pi, prod

import torch

from companion.notation import Float, Tensor

__all__ = ["angles", "beta_cnn", "beta_fc", "beta_residual", "co_activity", "next_angle", "relu_ntk_limit"]


def beta_fc(d: int, sigma: float) -> float:
    """``d sigma^(2 (d - 1))``: a path has ``d`` weights, and each gradient is the product of the other ``d - 1``.

    With independent symmetric weights of variance ``sigma**2``, ``E[K_v] = beta H`` at every width
    (Paper A, Theorem 4.1; Paper B, Theorem 5.1 (i)).

    Example:
        >>> beta_fc(d=3, sigma=0.5)
        0.1875
    """
    return d * sigma ** (2 * (d - 1))


def beta_cnn(d_in: int, d_cv: int, d_fc: int, sigma_cv: float, sigma_fc: float) -> float:
    """The constant for convolutions and an average pool, with ``H`` of 0/1 gates (Paper B, Theorem 5.1 (ii))."""
    convolution = d_cv * sigma_cv ** (2 * (d_cv - 1)) * sigma_fc ** (2 * d_fc)
    dense = d_fc * sigma_cv ** (2 * d_cv) * sigma_fc ** (2 * (d_fc - 1))
    return (convolution + dense) / d_in**2


def beta_residual(J: Iterable[int], d_blk: int, sigma: float, pre: Iterable[float], post: Iterable[float]) -> float:
    """The constant of the sub-network that goes through the blocks ``J``, numbered from 1 (Paper B, Theorem 5.1 (iii)).

    Args:
        J: blocks gone through.
        d_blk: weight layers of a block.
        sigma: standard deviation of the weights.
        pre: the constants before the blocks; those of ``J`` count.
        post: the constants after the skips; all of them count.
    """
    J, pre = tuple(J), tuple(pre)
    gamma = prod(pre[j - 1] for j in J) * prod(post)
    return beta_fc((len(J) + 2) * d_blk, sigma) * gamma**2


def angles(x1: Float[Tensor, "N D"], x2: Float[Tensor, "M D"] | None = None) -> Float[Tensor, "N M"]:
    """Angles between all pairs of examples, in radians, accurate near 0 and pi: ``2 atan2(|u - v|, |u + v|)``.

    Example:
        >>> angles(torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
        tensor([[0.0000, 1.5708],
                [1.5708, 0.0000]])
    """
    u1 = x1 / x1.norm(dim=1, keepdim=True)
    u2 = u1 if x2 is None else x2 / x2.norm(dim=1, keepdim=True)
    mode = "donot_use_mm_for_euclid_dist"
    return 2 * torch.atan2(torch.cdist(u1, u2, compute_mode=mode), torch.cdist(u1, -u2, compute_mode=mode))


def co_activity(theta: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """``1/2 - theta / (2 pi)``: how often a random half-space holds both of two vectors at angle ``theta``.

    Example:
        >>> co_activity(torch.tensor([0.0, pi / 2, pi]))
        tensor([0.5000, 0.2500, 0.0000])
    """
    return 0.5 - theta / (2 * pi)


def next_angle(theta: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Angle after one infinitely wide random ReLU layer: ``cos theta' = (sin theta + (pi - theta) cos theta) / pi``.

    Evaluated through ``sin^2(theta' / 2)``, so that small angles keep their digits.

    Example:
        >>> next_angle(torch.tensor([0.0, pi]))
        tensor([0.0000, 1.5708])
    """
    series = theta**3 / 3 * (1 - theta**2 / 10 + theta**4 / 280)
    lost = torch.where(theta < 0.1, series, torch.sin(theta) - theta * torch.cos(theta))
    half_sine_squared = torch.sin(theta / 2) ** 2 - lost / (2 * pi)
    return 2 * torch.asin(half_sine_squared.clamp(0, 1).sqrt())


def relu_ntk_limit(
    x1: Float[Tensor, "N D"], x2: Float[Tensor, "M D"] | None = None, *, depth: int, scale: float
) -> Float[Tensor, "N M"]:
    """Tangent kernel of an infinitely wide ReLU network without biases (Jacot et al. 2018; Arora et al. 2019).

    ``K = sum_l A_(l-1) prod_(l' >= l) D_l'``, where ``A_l`` is the inner product of the outputs of layer ``l`` and
    ``D_l`` the inner product of its gates, both times ``scale**2``, with weights of standard deviation ``scale /
    sqrt(width)`` in every layer, the first included.

    Args:
        x1: examples.
        x2: others; ``None`` means ``x1``.
        depth: weight layers ``d``.
        scale: ``c`` in ``sigma = c / sqrt(width)``.
    """
    theta = angles(x1, x2)
    norms = x1.norm(dim=1)[:, None] * (x1 if x2 is None else x2).norm(dim=1)[None, :]
    K = A = norms * torch.cos(theta)
    for _ in range(depth - 1):
        D = scale**2 * co_activity(theta)
        norms = norms * scale**2 / 2
        theta = next_angle(theta)
        A = norms * torch.cos(theta)
        K = A + K * D
    return K

"""Closed forms: what ties the tangent kernel to the path kernel, and what wide networks tend to."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf, pi, prod

import torch

from companion.files.quoting import brief
from companion.kernels.checks import require_count, require_floating, require_sides
from companion.notation import Float, Tensor

__all__ = ["angles", "beta_cnn", "beta_fc", "beta_residual", "co_activity", "next_angle", "relu_ntk_limit"]

DEEPEST = 10_000
"""Layers of a limit: more would take for ever to write down."""


def beta_fc(d: int, sigma: float) -> float:
    """``d sigma^(2 (d - 1))``: a path has ``d`` weights, and each gradient is the product of the other ``d - 1``.

    With independent symmetric weights of variance ``sigma**2``, ``E[K_v] = beta H`` at every width
    (Paper A, Theorem 4.1; Paper B, Theorem 5.1 (i)).

    Raises:
        ValueError: ``d`` is not a whole number of at least 1.

    Example:
        >>> beta_fc(d=3, sigma=0.5)
        0.1875
    """
    require_count("d", d)
    return d * sigma ** (2 * (d - 1))


def beta_cnn(d_in: int, d_cv: int, d_fc: int, sigma_cv: float, sigma_fc: float) -> float:
    """The constant for convolutions and an average pool, with ``H`` of 0/1 gates (Paper B, Theorem 5.1 (ii)).

    Args:
        d_in: positions of the circular image.
        d_cv: convolutional weight layers.
        d_fc: dense weight layers after the pool.
        sigma_cv: standard deviation of the convolutions' weights.
        sigma_fc: standard deviation of the dense layers' weights.

    Raises:
        ValueError: no whole number of at least 1 for ``d_in`` and ``d_cv``, of at least 0 for ``d_fc``.

    Example:
        >>> beta_cnn(d_in=4, d_cv=1, d_fc=1, sigma_cv=1.0, sigma_fc=1.0)
        0.125
    """
    for name, value, least in (("d_in", d_in, 1), ("d_cv", d_cv, 1), ("d_fc", d_fc, 0)):
        require_count(name, value, least)
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

    Raises:
        ValueError: a block of ``J`` that ``pre`` has no constant for, or one twice; ``d_blk`` below 1.

    Example:
        >>> beta_residual([1], d_blk=1, sigma=1.0, pre=[0.5, 2.0], post=[1.0, 1.0])
        0.75
    """
    J, pre = tuple(J), tuple(pre)
    require_count("d_blk", d_blk)
    if len(set(J)) != len(J) or not set(J) <= set(range(1, len(pre) + 1)):
        raise ValueError(f"J must be different blocks among 1 to {len(pre)}, not {brief(J)}")
    gamma = prod(pre[j - 1] for j in J) * prod(post)
    return beta_fc((len(J) + 2) * d_blk, sigma) * gamma**2


def angles(x1: Float[Tensor, "N D"], x2: Float[Tensor, "M D"] | None = None) -> Float[Tensor, "N M"]:
    """Angles between all pairs of examples, in radians, accurate near 0 and pi: ``2 atan2(|u - v|, |u + v|)``.

    An example of zeros has no direction, and stands at a right angle to every other.

    Args:
        x1: examples.
        x2: others, of the same type and length; ``None`` means ``x1``.

    Raises:
        TypeError: no tensors of one floating type.
        ValueError: no example on a side, or examples of different shapes.

    Example:
        >>> angles(torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
        tensor([[0.0000, 1.5708],
                [1.5708, 0.0000]])
    """
    require_vectors(x1, x2)
    u1 = _directions(x1.double())
    u2 = u1 if x2 is None else _directions(x2.double())
    if x1.dtype == torch.float64:
        mode = "donot_use_mm_for_euclid_dist"
        theta = 2 * torch.atan2(torch.cdist(u1, u2, compute_mode=mode), torch.cdist(u1, -u2, compute_mode=mode))
    else:  # products in double precision lose less than a shorter type can hold, and are many times as fast
        cosine = (u1 @ u2.T).clamp_(-1, 1)
        theta = (2 * torch.atan2((1 - cosine).sqrt_(), (1 + cosine).sqrt_())).to(x1.dtype)
    nothing = (u1 == 0).all(1)[:, None] | (u2 == 0).all(1)[None, :]
    return torch.where(nothing, pi / 2, theta)


def require_vectors(x1: Tensor, x2: Tensor | None) -> None:
    """Raise unless the examples are rows of two matrices that belong together."""
    require_sides((x1,), None if x2 is None else (x2,))
    if x1.dim() != 2:
        raise ValueError(f"x1 must be a matrix [N, D], not of the shape {list(x1.shape)}; x1.flatten(1) is one")


def _directions(x: Float[Tensor, "N D"]) -> Float[Tensor, "N D"]:
    """Rows of length 1, or 0: scaled first, as the squares of very small and very large numbers are 0 and infinite."""
    tiny = torch.finfo(x.dtype).tiny
    scaled = x / x.abs().amax(dim=1, keepdim=True).clamp(min=tiny)
    return scaled / scaled.norm(dim=1, keepdim=True).clamp(min=tiny)


def co_activity(theta: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """``1/2 - theta / (2 pi)``: how often a random half-space holds both of two vectors at angle ``theta``.

    It is what layer kernels of random gates tend to as they get wider (Paper B's base kernel, corrected).

    Example:
        >>> co_activity(torch.tensor([0.0, pi / 2, pi]))
        tensor([0.5000, 0.2500, 0.0000])
    """
    require_floating("theta", theta)
    return 0.5 - theta / (2 * pi)


def next_angle(theta: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Angle after one infinitely wide random ReLU layer: ``cos theta' = (sin theta + (pi - theta) cos theta) / pi``.

    Evaluated through ``sin^2(theta' / 2)``, so that small angles keep their digits.

    Example:
        >>> next_angle(torch.tensor([0.0, pi]))
        tensor([0.0000, 1.5708])
    """
    require_floating("theta", theta)
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

    Returns:
        The kernel, in the type of the examples; 0 wherever one of the two examples is all zeros.

    Raises:
        TypeError: no tensors of one floating type.
        ValueError: ``depth`` is not a whole number from 1 to 10,000, or ``scale`` not a positive number; no matrices
            of at least one example and of as many columns.

    Example:
        >>> relu_ntk_limit(torch.tensor([[1.0, 0.0], [0.0, 0.0]]), depth=2, scale=2**0.5)
        tensor([[2., 0.],
                [0., 0.]])
    """
    require_count("depth", depth, most=DEEPEST)
    if not (isinstance(scale, int | float) and 0 < scale < inf):
        raise ValueError(f"scale must be a positive number, not {brief(scale)}")
    require_vectors(x1, x2)
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

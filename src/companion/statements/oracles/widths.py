"""Limits of large width: how fast the tangent kernel of one random draw comes near what it tends to.

Errors are relative, in Frobenius norm, and averaged over draws; the statement is about their slope on logarithmic axes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from companion import kernels
from companion.kernels import DeepGatedNetwork, relu_network
from companion.networks.families import circular_cnn, fully_connected, residual
from companion.networks.routing import tile
from companion.notation import Float, Tensor
from companion.statements.check import Check, Form, near, slope
from companion.statements.oracles.cases import draw, examples

__all__ = [
    "C_SCALE",
    "Pair",
    "dependent_gates",
    "errors_by_width",
    "rate",
    "tiled_gates",
    "value_kernel_cnn",
    "value_kernel_fc",
    "value_kernel_residual",
]

C_SCALE = 2.0**0.5
"""``c`` in ``sigma = c / sqrt(width)``: keeps the signal's size from layer to layer."""

HALF = -0.5
"""The exponent of an average of ``w`` independent terms."""

BAND = 0.12
"""How far a slope fitted to a few draws may lie from it."""

Pair = tuple[Float[Tensor, "N N"], Float[Tensor, "N N"]]
"""A kernel of one draw, and what it tends to."""


def errors_by_width(draw_pair: Callable[[int, int], Pair], widths: Sequence[int], draws: int) -> list[float]:
    """Mean relative error at each width, over ``draws`` independent draws of ``draw_pair(width, seed)``."""
    means = []
    for w in widths:
        pairs = [draw_pair(w, 1000 * w + 10 * k) for k in range(draws)]
        means.append(sum(float((K - limit).norm() / limit.norm()) for K, limit in pairs) / draws)
    return means


def rate(
    id: str,
    aspect: str,
    draw_pair: Callable[[int, int], Pair],
    widths: Sequence[int] = (32, 64, 128, 256, 512),
    draws: int = 12,
    form: Form = "stated",
) -> list[Check]:
    """The error falls as ``width ** -1/2``."""
    errors = errors_by_width(draw_pair, widths, draws)
    fitted = slope([float(w) for w in widths], errors)
    return [near(id, f"slope of the error in width, {aspect}", fitted, HALF, BAND, form=form)]


def value_kernel_fc(
    beta: Callable[[int, float], float], *, scheme: str = "normal", normalise: bool = False
) -> Callable[[int, int], Pair]:
    """``K_v`` of a fully connected network of depth 4 under independent random gates, and ``beta(d, sigma) H``.

    Args:
        beta: of depth and ``sigma``; with ``normalise`` of depth and ``c``.
        scheme: how the value network is drawn.
        normalise: whether ``H`` has gate fractions.
    """
    d, x = 4, examples(fully_connected((10,), 2, 4, bias=False), 8, 80)

    def pair(w: int, seed: int) -> Pair:
        network, sigma = fully_connected((10,), w, d, bias=False), C_SCALE / w**0.5
        dgn = DeepGatedNetwork(network, draw(network, seed, sigma, scheme), draw(network, seed + 1, sigma))
        H = kernels.npk(dgn, normalise=normalise)(x)
        return kernels.ntk(dgn, part="value")(x), beta(d, C_SCALE if normalise else sigma) * H

    return pair


def value_kernel_cnn(beta: Callable[[int, int, int, float, float], float]) -> Callable[[int, int], Pair]:
    """The same for a circular convolutional network with an average pool."""
    d_in, w_cv, d_cv, d_fc = 5, 2, 2, 2
    x = examples(circular_cnn(d_in, w_cv, 2, d_cv, d_fc), 6, 81)

    def pair(w: int, seed: int) -> Pair:
        network = circular_cnn(d_in, w_cv, w, d_cv, d_fc)
        sigma_cv, sigma_fc = C_SCALE / (w * w_cv) ** 0.5, C_SCALE / w**0.5
        theta_v = draw(network, seed, 1.0, "sign")
        theta_v = {name: value * (sigma_cv if value.dim() == 3 else sigma_fc) for name, value in theta_v.items()}
        dgn = DeepGatedNetwork(network, theta_v, draw(network, seed + 1, 1.0))
        return kernels.ntk(dgn, part="value")(x), beta(d_in, d_cv, d_fc, sigma_cv, sigma_fc) * kernels.npk(dgn)(x)

    return pair


def value_kernel_residual(
    beta: Callable[[tuple[int, ...], int, float, Sequence[float], Sequence[float]], float],
) -> Callable[[int, int], Pair]:
    """The same for a residual network with two skips."""
    d_blk, pre, post = 1, (0.6, 1.2), (0.9, 0.8)
    x = examples(residual(6, 2, d_blk, pre, post), 6, 82)

    def pair(w: int, seed: int) -> Pair:
        network, sigma = residual(6, w, d_blk, pre, post), C_SCALE / w**0.5
        dgn = DeepGatedNetwork(network, draw(network, seed, sigma, "sign"), draw(network, seed + 1, sigma))
        H = kernels.npk_of_subnetworks(network, x, dgn.gates(x))
        total = sum((beta(J, d_blk, sigma, pre, post) * HJ for J, HJ in H.items()), start=torch.zeros(()))
        return kernels.ntk(dgn, part="value")(x), total

    return pair


def tiled_gates(beta: Callable[[int, float], float]) -> Callable[[int, int], Pair]:
    """Gates of a network 16 wide, repeated ``k`` times for a value network ``16 k`` wide (Paper C, on tiling)."""
    d, narrow = 4, fully_connected((10,), 16, 4, bias=False)
    x, theta_f = examples(narrow, 8, 83), draw(narrow, 84, 1.0)

    def pair(k: int, seed: int) -> Pair:
        network, sigma = fully_connected((10,), 16 * k, d, bias=False), C_SCALE / (16 * k) ** 0.5
        dgn = DeepGatedNetwork(
            network,
            draw(network, seed, sigma),
            theta_f,
            rearrange=lambda gates: tile(gates, k),
            feature_architecture=narrow,
        )
        return kernels.ntk(dgn, part="value")(x), beta(d, sigma) * kernels.npk(dgn)(x)

    return pair


def dependent_gates(limit: Callable[[DeepGatedNetwork, Tensor, float], Tensor]) -> Callable[[int, int], Pair]:
    """``K_v`` of a network gated by itself at random weights (FR-DI, ReLU), and a limit that is to be tried."""
    d, x = 4, examples(fully_connected((10,), 2, 4, bias=False), 8, 85)

    def pair(w: int, seed: int) -> Pair:
        network, sigma = fully_connected((10,), w, d, bias=False), C_SCALE / w**0.5
        dgn = relu_network(network, draw(network, seed, sigma))
        return kernels.ntk(dgn, part="value")(x), limit(dgn, x, sigma)

    return pair

"""The tangent kernel against the path kernel, in expectation: equal up to a constant at every width.

The expectation is no sample mean: for weights of plus and minus ``sigma`` it is the average over *all* sign patterns.
The limits of large width are in :mod:`companion.statements.oracles.widths`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import prod

import torch
from torch.func import jacrev, vmap

from companion import kernels
from companion.kernels import beta_residual
from companion.networks.architectures import Architecture
from companion.networks.families import circular_cnn, fully_connected, residual
from companion.networks.forward import Params, forward, trace
from companion.notation import Float, Tensor
from companion.statements.check import Check, Form, equal
from companion.statements.oracles.cases import draw, examples

__all__ = ["expectation_cnn", "expectation_fc", "expectation_residual", "expected_value_kernel", "proportional"]

SIGMA = 0.7
"""Size of the weights of dense layers."""

FC_SIZES = ((2, 2, 3), (3, 2, 3), (2, 3, 2), (1, 2, 4))
"""``(d_in, w, d)``."""

CNN_SIZES = ((3, 2, 2, 2, 1), (3, 2, 1, 2, 2), (4, 2, 2, 1, 2))
"""``(d_in, w_cv, w, d_cv, d_fc)``."""

RESNET_SIZES = ((2, 2, 1, 1), (1, 2, 2, 1), (1, 1, 1, 2))
"""``(d_in, w, b, d_blk)``."""


def expected_value_kernel(
    architecture: Architecture, x: Float[Tensor, "N ..."], gates: tuple[Tensor, ...], sigma: list[float]
) -> Float[Tensor, "N N"]:
    """``E[K_v]`` over independent symmetric signs, by averaging over all of them.

    Args:
        architecture: a network with one output and so few weights that their sign patterns can be listed.
        x: inputs of the value network.
        gates: its gates, held fixed.
        sigma: size of the weights, layer by layer.
    """
    shapes = architecture.parameter_shapes()
    sizes = [prod(shape) for shape in shapes.values()]
    bits = torch.arange(2 ** sum(sizes))[:, None] >> torch.arange(sum(sizes)) & 1
    signs = (2 * bits - 1).to(x.dtype)
    patterns: Params = {
        name: s * block.unflatten(1, shape)
        for s, block, (name, shape) in zip(sigma, signs.split(sizes, dim=1), shapes.items(), strict=True)
    }

    def kernel(theta: Params) -> Float[Tensor, "N N"]:
        gradients = jacrev(lambda theta: forward(architecture, theta, x, gates)[:, 0])(theta)
        psi = torch.cat([block.flatten(1) for block in gradients.values()], dim=1)
        return psi @ psi.T

    return vmap(kernel, chunk_size=4096)(patterns).mean(0)


def _gated(architecture: Architecture, seed: int, n: int) -> tuple[Float[Tensor, "N ..."], tuple[Tensor, ...]]:
    """Examples and gates of an independent feature network: the first seed at which no example is lost on the way."""
    while True:
        x = examples(architecture, n, seed)
        run = trace(architecture, draw(architecture, seed + 1, 1.0), x)
        if bool((run.output != 0).all()):
            return x, run.G
        seed += 2


@cache
def _fc_case(d_in: int, w: int, d: int) -> tuple[Architecture, Tensor, tuple[Tensor, ...], Tensor]:
    """Network, examples, gates and the expectation of the tangent kernel with ``sigma = SIGMA``."""
    network = fully_connected((d_in,), w, d, bias=False)
    x, gates = _gated(network, 50, 3)
    return network, x, gates, expected_value_kernel(network, x, gates, [SIGMA] * d)


def expectation_fc(
    id: str, constant: Callable[[int, float], float], form: Form, *, normalise: bool = False, by_sigma: bool = False
) -> list[Check]:
    """``E[K_v] = constant(d, c) H`` for fully connected networks.

    Args:
        id: the statement.
        constant: of depth and ``sigma``, or, for a normalised kernel, of depth and ``c = sigma sqrt(w)``.
        form: which form of the statement that constant belongs to.
        normalise: whether ``H`` has gate fractions instead of counts.
        by_sigma: the constant is one of ``sigma`` although the kernel is normalised.
    """
    checks = []
    for d_in, w, d in FC_SIZES:
        network, x, gates, K = _fc_case(d_in, w, d)
        H = kernels.npk_from_gates(network, x, gates, normalise=normalise)
        beta = constant(d, SIGMA * w**0.5 if normalise and not by_sigma else SIGMA)
        checks.append(equal(id, f"expectation, (d_in, w, d)={(d_in, w, d)}", K, beta * H, form=form))
    return checks


def proportional(id: str) -> list[Check]:
    """All entries of ``E[K_v]`` are the same multiple of Gram times overlap (Paper C, Eq. 1)."""
    checks = []
    for d_in, w, d in FC_SIZES:
        _, x, gates, K = _fc_case(d_in, w, d)
        H = kernels.gram(x) * kernels.overlap(gates)
        checks.append(equal(id, f"expectation, (d_in, w, d)={(d_in, w, d)}", K / K.trace(), H / H.trace()))
    return checks


def expectation_cnn(id: str, constant: Callable[[int, int, int, float, float], float]) -> list[Check]:
    """``E[K_v] = beta H`` with an average pool and gates of 0 and 1; with the mask in ``H`` it counts twice."""
    checks = []
    for d_in, w_cv, w, d_cv, d_fc in CNN_SIZES:
        network = circular_cnn(d_in, w_cv, w, d_cv, d_fc)
        x, gates = _gated(network, 60, 3)
        K = expected_value_kernel(network, x, gates, [0.6] * d_cv + [SIGMA] * d_fc)
        beta = constant(d_in, d_cv, d_fc, 0.6, SIGMA)
        aspect = f"(d_in, w_cv, w, d_cv, d_fc)={(d_in, w_cv, w, d_cv, d_fc)}"
        H = {factor: kernels.npk_from_gates(network, x, gates, pool_factor=factor) for factor in (False, True)}
        checks += [
            equal(id, f"expectation, gates of 0 and 1, {aspect}", K, beta * H[False], form="corrected"),
            equal(id, f"expectation, pooling mask in H, {aspect}", K, beta * H[True], form="printed"),
        ]
    return checks


def expectation_residual(id: str) -> list[Check]:
    """``E[K_v] = sum_J beta^J H^J`` with skips (Paper B, Theorem 5.1 (iii))."""
    checks = []
    for d_in, w, b, d_blk in RESNET_SIZES:
        pre, post = (0.6, 1.7)[:b], (1.3, 0.8)[:b]
        network = residual(d_in, w, d_blk, pre, post)
        x, gates = _gated(network, 70, 3)
        K = expected_value_kernel(network, x, gates, [SIGMA] * network.depth)
        H = kernels.npk_of_subnetworks(network, x, gates)
        total = sum((beta_residual(J, d_blk, SIGMA, pre, post) * HJ for J, HJ in H.items()), start=torch.zeros(()))
        checks.append(equal(id, f"expectation, (d_in, w, b, d_blk)={(d_in, w, b, d_blk)}", K, total))
    return checks

"""What the chapter on tangent and path kernel shows: the constant between the two, and the effect of width."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count

import pandas as pd

from companion import kernels
from companion.kernels import DeepGatedNetwork, beta_cnn, beta_fc, beta_residual, relu_ntk_limit
from companion.networks.architectures import Architecture
from companion.networks.families import fully_connected
from companion.networks.forward import trace
from companion.notation import Float, Tensor
from companion.statements.ntk_npk import printed_constant
from companion.statements.oracles import widths
from companion.statements.oracles.cases import draw, examples
from companion.statements.oracles.expectations import FC_SIZES, SIGMA, expected_value_kernel

__all__ = ["INDEPENDENT", "constants", "convergence", "kernel_pairs", "plateau", "plateau_level"]

INDEPENDENT = {
    "fully connected": widths.value_kernel_fc(beta_fc),
    "convolutional": widths.value_kernel_cnn(beta_cnn),
    "residual": widths.value_kernel_residual(beta_residual),
}
"""Name of an architecture to a draw of ``K_v`` under independent gates, and of ``beta H``."""


def constants(sizes: Sequence[tuple[int, int, int]] = FC_SIZES) -> pd.DataFrame:
    """``E[K_v]`` over all sign patterns, in units of ``H``, beside the two constants (Paper C, Theorem 2.1).

    Args:
        sizes: fully connected networks ``(d_in, w, d)``, small enough to list their sign patterns.

    Returns:
        One row per network: ``size, measured, residual, right, printed``.  ``measured`` is the number that brings its
        multiple of ``H`` nearest to ``E[K_v]``, ``residual`` what remains, relative to ``E[K_v]``; ``right`` is ``d
        sigma^(2 (d - 1))``, ``printed`` is ``d sigma^(d - 1)``.
    """
    rows = []
    for size in sizes:
        d_in, w, d = size
        network = fully_connected((d_in,), w, d, bias=False)
        x, gates = _alive(network, 4)
        K = expected_value_kernel(network, x, gates, [SIGMA] * d)
        H = kernels.npk_from_gates(network, x, gates)
        measured = float((K * H).sum() / H.square().sum())
        residual = float((K - measured * H).norm() / K.norm())
        rows.append((size, measured, residual, beta_fc(d, SIGMA), printed_constant(d, SIGMA)))
    return pd.DataFrame(rows, columns=["size", "measured", "residual", "right", "printed"])


def _alive(network: Architecture, n: int) -> tuple[Float[Tensor, "N D"], tuple[Tensor, ...]]:
    """Examples and gates of a random network, from the first seed at which every example reaches the output."""
    for seed in count(step=2):
        x = examples(network, n, seed)
        run = trace(network, draw(network, seed + 1, 1.0), x)
        if bool((run.output != 0).all()):
            break
    return x, run.G


def convergence(ws: Sequence[int], draws: int) -> pd.DataFrame:
    """Relative distance of ``K_v`` to ``beta H`` under independent gates, architecture by architecture.

    Args:
        ws: widths ``w``.
        draws: independent draws of both networks at each width.

    Returns:
        One row per architecture and width: ``case, w, error``, the mean over draws.
    """
    return _errors(INDEPENDENT, ws, draws)


def plateau(ws: Sequence[int], draws: int) -> pd.DataFrame:
    """The same where the gates are the value network's own (ReLU, FR-DI), to two limits (Paper B, Section 5).

    Returns:
        One row per limit and width: ``case, w, error``.
    """
    cases = {
        "independent gates, to βH": INDEPENDENT["fully connected"],
        "own gates, to βH": widths.dependent_gates(_multiple_of_npk),
        "own gates, to the ReLU limit": widths.dependent_gates(_relu_limit),
    }
    return _errors(cases, ws, draws)


def plateau_level() -> float:
    """Where the distance of ``K_v`` to ``beta H`` levels off in an infinitely wide network that makes its own gates.

    It is the relative distance of two closed forms on the examples of :func:`plateau`: the infinitely wide ReLU
    kernel, and ``d c^(2 (d - 1)) <x, x'> prod_l (1/2 - theta_l / (2 pi))`` with the angles ``theta_l`` between layers.
    """
    limits = [widths.dependent_gates(limit)(2, 0)[1] for limit in (_relu_limit, _infinitely_wide_npk)]
    return float((limits[0] - limits[1]).norm() / limits[1].norm())


def _multiple_of_npk(dgn: DeepGatedNetwork, x: Tensor, sigma: float) -> Float[Tensor, "N N"]:
    return beta_fc(dgn.architecture.depth, sigma) * kernels.npk(dgn)(x)


def _relu_limit(dgn: DeepGatedNetwork, x: Tensor, sigma: float) -> Float[Tensor, "N N"]:
    return relu_ntk_limit(x, depth=dgn.architecture.depth, scale=widths.C_SCALE)


def _infinitely_wide_npk(dgn: DeepGatedNetwork, x: Tensor, sigma: float) -> Float[Tensor, "N N"]:
    d, theta = dgn.architecture.depth, kernels.angles(x)
    H = beta_fc(d, widths.C_SCALE) * kernels.gram(x)
    for _ in range(d - 1):
        H, theta = H * kernels.co_activity(theta), kernels.next_angle(theta)
    return H


def _errors(cases: Mapping[str, Callable[[int, int], widths.Pair]], ws: Sequence[int], draws: int) -> pd.DataFrame:
    rows = [
        (case, w, error)
        for case, pair in cases.items()
        for w, error in zip(ws, widths.errors_by_width(pair, ws, draws), strict=True)
    ]
    return pd.DataFrame(rows, columns=["case", "w", "error"])


def kernel_pairs(ws: Sequence[int], seed: int = 0) -> dict[int, tuple[Float[Tensor, "N N"], Float[Tensor, "N N"]]]:
    """Width to ``K_v`` of one draw of a fully connected network and its ``beta H``."""
    return {w: INDEPENDENT["fully connected"](w, 1000 * w + seed) for w in ws}

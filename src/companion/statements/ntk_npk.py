"""``NTK = beta NPK``: the theorems of the three papers, each in expectation and as a limit, right and as printed."""

from __future__ import annotations

import torch

from companion import kernels
from companion.kernels import DeepGatedNetwork, beta_cnn, beta_fc, beta_residual, relu_ntk_limit
from companion.networks.routing import tile
from companion.notation import Tensor
from companion.statements.check import Check, Checker, equal, near, slope
from companion.statements.oracles import widths
from companion.statements.oracles.cases import FC
from companion.statements.oracles.expectations import (
    expectation_cnn,
    expectation_fc,
    expectation_residual,
    proportional,
)

__all__ = ["CHECKS", "printed_constant"]

WIDTHS = (32, 64, 128, 256, 512, 1024)


def printed_constant(d: int, sigma: float) -> float:
    """``d sigma^(d-1)``, as Paper C prints it in Theorems 2.1 and 3.1: the exponent lacks its factor 2."""
    return d * sigma ** (d - 1)


def _paper_a(id: str) -> list[Check]:
    return [
        *expectation_fc(id, beta_fc, "stated"),
        *widths.rate(id, "normal weights", widths.value_kernel_fc(beta_fc), WIDTHS),
    ]


def _paper_b_fc(id: str) -> list[Check]:
    return [
        *expectation_fc(id, beta_fc, "stated"),
        *widths.rate(id, "weights of two signs", widths.value_kernel_fc(beta_fc, scheme="sign")),
    ]


def _paper_b_cnn(id: str) -> list[Check]:
    limit = widths.rate(
        id, "convolutional", widths.value_kernel_cnn(beta_cnn), (32, 64, 128, 256), 24, form="corrected"
    )
    return [*expectation_cnn(id, beta_cnn), *limit]


def _paper_b_residual(id: str) -> list[Check]:
    return [*expectation_residual(id), *widths.rate(id, "two skips", widths.value_kernel_residual(beta_residual))]


def _paper_c_fractions(id: str) -> list[Check]:
    return [
        *expectation_fc(id, beta_fc, "stated", normalise=True),
        *widths.rate(id, "gate fractions", widths.value_kernel_fc(beta_fc, normalise=True)),
    ]


def _paper_c_counts(id: str) -> list[Check]:
    return [*expectation_fc(id, beta_fc, "corrected"), *expectation_fc(id, printed_constant, "printed")]


def _paper_c_limit(id: str) -> list[Check]:
    return [
        *expectation_fc(id, beta_fc, "corrected", normalise=True),
        *expectation_fc(id, printed_constant, "printed", normalise=True, by_sigma=True),
        *widths.rate(id, "gate fractions", widths.value_kernel_fc(beta_fc, normalise=True), form="corrected"),
    ]


def _tiling(id: str) -> list[Check]:
    gates = FC.run().G
    whole = torch.stack([G.T for G in gates])
    fractions = torch.einsum("lws,lwt->lst", whole, whole) / whole.shape[1]
    checks = []
    for k in (2, 7):
        measured = torch.stack(kernels.layer_kernels(tile(gates, k), normalise=True))
        checks.append(equal(id, f"gate fractions after tiling {k} times", measured, fractions))
    return [*checks, *widths.rate(id, "gates 16 wide, tiled", widths.tiled_gates(beta_fc), (2, 4, 8, 16, 32))]


def _dependent(id: str) -> list[Check]:
    def multiple_of_npk(dgn: DeepGatedNetwork, x: Tensor, sigma: float) -> Tensor:
        return beta_fc(dgn.architecture.depth, sigma) * kernels.npk(dgn)(x)

    def relu_limit(dgn: DeepGatedNetwork, x: Tensor, sigma: float) -> Tensor:
        return relu_ntk_limit(x, depth=dgn.architecture.depth, scale=widths.C_SCALE)

    errors = widths.errors_by_width(widths.dependent_gates(multiple_of_npk), WIDTHS, 6)
    plateau = slope([float(w) for w in WIDTHS[2:]], errors[2:])
    return [
        near(id, "slope of the distance to beta H in width", plateau, 0.0, 0.12),
        near(id, "distance to beta H at the largest width", errors[-1], 0.67, 0.1),
        *widths.rate(id, "distance to the infinitely wide ReLU kernel", widths.dependent_gates(relu_limit), WIDTHS),
    ]


CHECKS: dict[str, Checker] = {
    "A-Th4.1": _paper_a,
    "B-Th5.1i": _paper_b_fc,
    "B-Th5.1ii": _paper_b_cnn,
    "B-Th5.1iii": _paper_b_residual,
    "B-Decoup": _dependent,
    "C-Eq1": proportional,
    "C-Eq2": _paper_c_fractions,
    "C-Th2.1": _paper_c_counts,
    "C-Th3.1": _paper_c_limit,
    "C-Tile": _tiling,
}

"""What the chapter on deep gated networks shows: the parts of the tangent kernel, and one step of gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import torch

from companion import kernels
from companion.kernels import DeepGatedNetwork, relu_network
from companion.notation import Float, Tensor
from companion.statements.check import slope
from companion.statements.dynamics import error_velocity
from companion.statements.gradients import feature_part, value_part
from companion.statements.oracles.cases import FC, SOFT

__all__ = ["descent_deviations", "fitted_exponents", "kernel_parts", "networks"]


def networks() -> dict[str, DeepGatedNetwork]:
    """The three ways to gate the small fully connected network; those of DL and of the first have soft gates."""
    return {
        "gated by itself": relu_network(FC.architecture, FC.theta, SOFT),
        "DL": DeepGatedNetwork(FC.architecture, FC.theta, FC.theta_f, gate=SOFT),
        "FR": DeepGatedNetwork(FC.architecture, FC.theta, FC.theta_f),
    }


def kernel_parts() -> dict[str, Float[Tensor, "N N"]]:
    """Tangent kernel of the network that gates itself, its three parts, and what Paper A prints as the third.

    The parts by layer-wise factors (:func:`companion.kernels.ntk`), the print from gradients of path features and path
    values: ``<psi_V(s), psi_F(s')>`` twice (Paper A, Eq. 8).  All are in units of ``sqrt(K(s, s) K(s', s'))``, so that
    examples with large outputs do not hide the others.
    """
    network = networks()["gated by itself"]
    parts = {part: kernels.ntk(network, part=part)(FC.x) for part in ("total", "value", "feature", "cross")}
    scale = parts["total"].diagonal().sqrt()
    parts["printed"] = 2 * value_part() @ feature_part().T
    return {name: K / scale[:, None] / scale for name, K in parts.items()}


def descent_deviations(steps: Sequence[float]) -> pd.DataFrame:
    """One step of gradient descent against ``e - alpha K e`` (Paper A, Eq. 1, Propositions 2.4, 3.1 and 3.2).

    The deviation is ``|e_1 - (e_0 - alpha K e_0)| / |e_1 - e_0|`` with squared loss.  For DL the kernel is also tried
    without its feature part.

    Args:
        steps: step sizes ``alpha``.

    Returns:
        One row per network, kernel and step: ``case, alpha, deviation``.
    """
    y = torch.randn(FC.n, generator=torch.Generator().manual_seed(17), dtype=torch.float64)
    found, rows = networks(), []
    cases = {
        "gated by itself, K": ("gated by itself", "total"),
        "FR, K = K_v": ("FR", "value"),
        "DL, K = K_v + K_f": ("DL", "total"),
        "DL, K_v alone": ("DL", "value"),
    }
    for case, (name, part) in cases.items():
        network = found[name]
        e0 = network(FC.x)[:, 0] - y
        predicted = error_velocity(kernels.ntk(network, part=part)(FC.x), e0)
        for alpha in steps:
            e1 = _descended(network, y, alpha)(FC.x)[:, 0] - y
            deviation = float((e1 - (e0 + alpha * predicted)).norm() / (e1 - e0).norm())
            rows.append((case, alpha, deviation))
    return pd.DataFrame(rows, columns=["case", "alpha", "deviation"])


def fitted_exponents(frame: pd.DataFrame, x: str, y: str, by: str) -> dict[str, float]:
    """Exponent of the power law ``y ~ x^exponent``, fitted by least squares on logarithmic axes, group by group."""
    return {str(name): slope(part[x].to_list(), part[y].to_list()) for name, part in frame.groupby(by, sort=False)}


def _descended(network: DeepGatedNetwork, y: Float[Tensor, "N"], alpha: float) -> DeepGatedNetwork:
    """The network after one step on half the squared errors, in all parameters that have a gradient."""
    theta_v = {name: value.clone().requires_grad_() for name, value in network.theta_v.items()}
    theta_f = (
        theta_v if network.coupled else {n: value.clone().requires_grad_() for n, value in network.theta_f.items()}
    )
    moving = replace(network, theta_v=theta_v, theta_f=theta_f)
    (0.5 * (moving(FC.x)[:, 0] - y).square().sum()).backward()

    def step(value: Tensor) -> Tensor:
        still = value.detach()
        return still if value.grad is None else still - alpha * value.grad

    theta_v = {name: step(value) for name, value in theta_v.items()}
    theta_f = theta_v if network.coupled else {name: step(value) for name, value in theta_f.items()}
    return replace(network, theta_v=theta_v, theta_f=theta_f)

"""Gradient flow and gradient descent on ``1/2 sum_s e(s)^2``: how everything moves."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch.func import jacrev, jvp

from companion import kernels
from companion.kernels import DeepGatedNetwork, relu_network, tangent_features
from companion.kernels.neural_paths import neural_path_features, neural_path_values
from companion.networks.forward import Params, trace
from companion.networks.gates import Gate, HardGate
from companion.notation import Float, Tensor
from companion.statements.check import Check, Checker, Form, equal, near, slope
from companion.statements.gradients import flat
from companion.statements.oracles.cases import FC, SOFT

__all__ = ["CHECKS", "error_velocity"]


def error_velocity(K: Float[Tensor, "N N"], e: Float[Tensor, "N"]) -> Float[Tensor, "N"]:
    """``de/dt = -K e`` (Paper A, Propositions 2.4, 3.1 and 3.2)."""
    return -K @ e


def _labels() -> Float[Tensor, "N"]:
    return torch.randn(FC.n, generator=torch.Generator().manual_seed(17), dtype=torch.float64)


def _unflat(row: Float[Tensor, "parameters"], like: Params) -> Params:
    pieces = row.split([value.numel() for value in like.values()])
    return {name: piece.view_as(like[name]) for name, piece in zip(like, pieces, strict=True)}


def _descent(id: str) -> list[Check]:
    y, network = _labels(), relu_network(FC.architecture, FC.theta, SOFT)
    e0 = network(FC.x)[:, 0] - y
    step = tangent_features(network, FC.x)[:, 0].T @ e0
    predicted = error_velocity(kernels.ntk(network)(FC.x), e0)
    rates, deviations = [1e-2, 1e-3, 1e-4, 1e-5], []
    for alpha in rates:
        moved = {name: FC.theta[name] - alpha * part for name, part in _unflat(step, FC.theta).items()}
        e1 = relu_network(FC.architecture, moved, SOFT)(FC.x)[:, 0] - y
        deviations.append(float((e1 - (e0 + alpha * predicted)).norm() / (e1 - e0).norm()))
    return [
        near(id, "exponent of the relative deviation in the step size", slope(rates[1:], deviations[1:]), 1.0, 0.1),
        near(id, "relative deviation at the smallest step", deviations[-1], 0.0, 1e-3),
    ]


def _phi(theta: Params, gate: Gate) -> Float[Tensor, "N P"]:
    return neural_path_features(FC.paths, FC.x, trace(FC.architecture, theta, FC.x, gate=gate).G)


def _velocity(
    function: Callable[..., Tensor], at: tuple[Params, ...], direction: tuple[Params, ...]
) -> Float[Tensor, "..."]:
    """Derivative of ``function`` along a direction, by forward differentiation."""
    with warnings.catch_warnings():  # the first use makes PyTorch compile something of its own, with a warning
        warnings.filterwarnings("ignore", message=".*torch.jit", category=FutureWarning)
        return jvp(function, at, direction)[1]


def _moves_by_chain_rule(
    function: Callable[[Params], Tensor], theta: Params, theta_dot: Params
) -> tuple[Tensor, Tensor]:
    """Velocity of ``function`` by forward differentiation, and as a sum over all parameters."""
    velocity = _velocity(function, (theta,), (theta_dot,))
    row = torch.cat([value.flatten() for value in theta_dot.values()])
    return velocity, flat(jacrev(function)(theta), theta) @ row


def _flow(id: str) -> list[Check]:
    network = relu_network(FC.architecture, FC.theta, SOFT)
    e = network(FC.x)[:, 0] - _labels()
    psi = tangent_features(network, FC.x, part="value")[:, 0] + tangent_features(network, FC.x, part="feature")[:, 0]
    theta_dot = _unflat(-psi.T @ e, FC.theta)
    loss_gradient = jacrev(lambda theta: _half_squares(theta, _labels()))(FC.theta)
    phi_dot, phi_sum = _moves_by_chain_rule(lambda theta: _phi(theta, SOFT), FC.theta, theta_dot)
    v_dot, v_sum = _moves_by_chain_rule(lambda theta: neural_path_values(FC.paths, theta), FC.theta, theta_dot)
    y_dot = _velocity(_outputs, (FC.theta,), (theta_dot,))
    against = {name: -value for name, value in theta_dot.items()}
    expected = error_velocity(kernels.ntk(network)(FC.x), e)
    form: Form = "corrected"
    descent = torch.cat([-value.flatten() for value in loss_gradient.values()])
    moving = torch.cat([value.flatten() for value in theta_dot.values()])
    by_parts = phi_dot @ FC.values() + FC.features(SOFT) @ v_dot
    return [
        equal(id, "theta_dot is the negative gradient of the loss", moving, descent, form=form),
        equal(id, "phi_dot", phi_dot, phi_sum, form=form),
        equal(id, "v_dot", v_dot, v_sum, form=form),
        equal(id, "y_dot = <phi_dot, v> + <phi, v_dot>", by_parts, y_dot, form=form),
        equal(id, "e_dot = -K e", y_dot, expected, form=form),
        equal(
            id, "e_dot without the minus sign", _velocity(_outputs, (FC.theta,), (against,)), expected, form="printed"
        ),
    ]


def _outputs(theta: Params) -> Float[Tensor, "N"]:
    return trace(FC.architecture, theta, FC.x, gate=SOFT).output[:, 0]


def _half_squares(theta: Params, y: Float[Tensor, "N"]) -> Tensor:
    return 0.5 * (_outputs(theta) - y).square().sum()


def _decoupled_flow(id: str, gate: Gate, part: str) -> list[Check]:
    network = DeepGatedNetwork(FC.architecture, FC.theta, FC.theta_f, gate=gate)
    e = network(FC.x)[:, 0] - _labels()
    v_dot = _unflat(-tangent_features(network, FC.x, part="value")[:, 0].T @ e, FC.theta)
    f_dot = _unflat(-tangent_features(network, FC.x, part="feature")[:, 0].T @ e, FC.theta_f)

    def outputs(theta_v: Params, theta_f: Params) -> Tensor:
        gates = DeepGatedNetwork(FC.architecture, theta_v, theta_f, gate=gate).gates(FC.x)
        return trace(FC.architecture, theta_v, FC.x, gates=gates).output[:, 0]

    def features(theta_f: Params) -> Tensor:
        gates = DeepGatedNetwork(FC.architecture, FC.theta, theta_f, gate=gate).gates(FC.x)
        return neural_path_features(FC.paths, FC.x, gates)

    e_dot = _velocity(outputs, (FC.theta, FC.theta_f), (v_dot, f_dot))
    phi_dot, phi_sum = _moves_by_chain_rule(features, FC.theta_f, f_dot)
    values, values_sum = _moves_by_chain_rule(lambda theta: neural_path_values(FC.paths, theta), FC.theta, v_dot)
    checks = [
        equal(id, "e_dot", e_dot, error_velocity(kernels.ntk(network, part=part)(FC.x), e)),
        equal(id, "v_dot", values, values_sum),
    ]
    if part == "total":
        return [*checks, equal(id, "phi_dot", phi_dot, phi_sum)]
    still = torch.cat([value.flatten() for value in f_dot.values()])
    return [
        *checks,
        equal(id, "theta_f_dot = 0", still, torch.zeros_like(still), scale=float(e.abs().max())),
        equal(id, "phi_dot = 0", phi_dot, torch.zeros_like(phi_dot), scale=float(FC.x.abs().max())),
    ]


def _fixed_flow(id: str) -> list[Check]:
    return _decoupled_flow(id, HardGate(), "value")


def _learnt_flow(id: str) -> list[Check]:
    return _decoupled_flow(id, SOFT, "total")


CHECKS: dict[str, Checker] = {
    "A-Eq1": _descent,
    "A-P2.4": _flow,
    "A-P3.1": _fixed_flow,
    "A-P3.2": _learnt_flow,
}

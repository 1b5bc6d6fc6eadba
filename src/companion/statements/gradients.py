"""Gradients by paths: the two parts of the tangent feature, and the parts of the tangent kernel."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from math import prod

import torch
from torch.func import jacrev

from companion import kernels
from companion.kernels import DeepGatedNetwork, relu_network, tangent_features
from companion.kernels.neural_paths import activity, neural_path_features, neural_path_values
from companion.networks.forward import Params, trace
from companion.networks.gates import SoftGate
from companion.notation import Float, Tensor
from companion.statements.check import Check, Checker, differ, equal
from companion.statements.oracles.cases import FC, SOFT

__all__ = ["CHECKS", "feature_part", "flat", "value_part"]


def flat(jacobian: dict[str, Tensor], parameters: Params) -> Float[Tensor, "... parameters"]:
    """Derivatives in every parameter, in a row."""
    return torch.cat([block.flatten(block.dim() - parameters[name].dim()) for name, block in jacobian.items()], dim=-1)


@cache
def _value_gradients() -> Float[Tensor, "P parameters"]:
    """``dv(p) / dtheta`` by automatic differentiation of the path values."""
    return flat(jacrev(lambda theta: neural_path_values(FC.paths, theta))(FC.theta), FC.theta)


@cache
def _feature_gradients() -> Float[Tensor, "N P parameters"]:
    """``dphi_x(p) / dtheta`` through soft gates."""

    def phi(theta: Params) -> Tensor:
        gates = trace(FC.architecture, theta, FC.x, gate=SOFT).G
        return neural_path_features(FC.paths, FC.x, gates)

    return flat(jacrev(phi)(FC.theta), FC.theta)


def value_part() -> Float[Tensor, "N parameters"]:
    """``psi_V = <phi, dv>`` (Paper A, Eq. 7)."""
    return FC.features(SOFT) @ _value_gradients()


def feature_part() -> Float[Tensor, "N parameters"]:
    """``psi_F = <dphi, v>`` (Paper A, Eq. 7)."""
    return torch.einsum("npt,p->nt", _feature_gradients(), FC.values())


def _parts_of_the_gradient(id: str) -> list[Check]:
    network = relu_network(FC.architecture, FC.theta, SOFT)
    psi = {part: tangent_features(network, FC.x, part=part)[:, 0] for part in ("total", "value", "feature")}
    return [
        equal(id, "psi_V + psi_F is the whole gradient", value_part() + feature_part(), psi["total"]),
        equal(id, "psi_V, gates held fixed", value_part(), psi["value"]),
        equal(id, "psi_F, weights held fixed", feature_part(), psi["feature"]),
    ]


def _value_gradient(id: str) -> list[Check]:
    weights = torch.stack(
        [FC.theta[f"weight.{l}"].flatten()[column] for l, column in enumerate(FC.paths.weights)], dim=1
    ).tolist()
    sizes = [FC.theta[f"weight.{l}"].numel() for l in range(FC.architecture.depth)]
    others = torch.zeros(len(FC.paths), sum(sizes), dtype=torch.float64)
    for p, row in enumerate(weights):
        for l, column in enumerate(FC.paths.weights):
            others[p, sum(sizes[:l]) + int(column[p])] = prod(row[:l] + row[l + 1 :])
    return [equal(id, "product of the other weights", _value_gradients(), others)]


def _activity_gradient(id: str) -> list[Check]:
    def gates(theta: Params) -> tuple[Tensor, ...]:
        return trace(FC.architecture, theta, FC.x, gate=SOFT).G

    def with_output_gate(theta: Params) -> Tensor:
        run = trace(FC.architecture, theta, FC.x, gate=SOFT)
        return activity(FC.paths, run.G) * SOFT(run.output)

    def differentiate(function: object) -> Tensor:
        return flat(jacrev(function)(FC.theta), FC.theta)  # type: ignore[arg-type]

    G = [layer[:, units] for layer, units in zip(gates(FC.theta), FC.paths.units, strict=True)]  # [N, P] each
    dG = [flat(blocks, FC.theta) for blocks in jacrev(gates)(FC.theta)]  # [N, W, parameters] each
    by_rule = torch.stack(
        [
            dG[l][:, units] * prod((G[k] for k in range(len(G)) if k != l), start=torch.ones(()))[..., None]
            for l, units in enumerate(FC.paths.units)
        ]
    ).sum(0)
    exact = differentiate(lambda theta: activity(FC.paths, gates(theta)))
    printed = differentiate(with_output_gate)
    return [
        equal(id, "sum over the d-1 gated layers", by_rule, exact, form="corrected"),
        equal(id, "sum to d, as if the output had a gate", printed, exact, form="printed"),
    ]


def _parts_of_the_kernel(id: str) -> list[Check]:
    V, F = value_part(), feature_part()
    network = relu_network(FC.architecture, FC.theta, SOFT)
    K = {part: kernels.ntk(network, part=part)(FC.x) for part in ("total", "value", "feature", "cross")}
    reference = kernels.ntk_reference(network, FC.x)
    cross = V @ F.T + F @ V.T
    return [
        equal(id, "K, gradients of the network", K["total"], reference, form="corrected"),
        equal(id, "K_V", K["value"], V @ V.T, form="corrected"),
        equal(id, "K_F", K["feature"], F @ F.T, form="corrected"),
        equal(id, "cross part C + C^T", K["cross"], cross, form="corrected"),
        equal(id, "sum of the three parts", K["value"] + K["feature"] + K["cross"], reference, form="corrected"),
        equal(id, "cross part 2 C", V @ V.T + F @ F.T + 2 * V @ F.T, reference, form="printed"),
    ]


def _decoupled(soft: SoftGate = SOFT) -> DeepGatedNetwork:
    return DeepGatedNetwork(FC.architecture, FC.theta, FC.theta_f, gate=soft)


def _no_cross_part(id: str) -> list[Check]:
    moving, fixed = _decoupled(), DeepGatedNetwork(FC.architecture, FC.theta, FC.theta_f)
    whole, gated = kernels.ntk_reference(moving, FC.x), kernels.ntk_reference(fixed, FC.x)
    value, feature = kernels.ntk(moving, part="value")(FC.x), kernels.ntk(moving, part="feature")(FC.x)
    zero = torch.zeros_like(gated)
    checks = [
        equal(id, "K_v + K_f", value + feature, whole),
        differ(id, "K_f counts", value, whole),
        equal(id, "K = K_v for fixed gates", kernels.ntk(fixed, part="value")(FC.x), gated),
        equal(id, "K_f = 0 for fixed gates", kernels.ntk(fixed, part="feature")(FC.x), zero, scale=float(gated.norm())),
    ]
    copied = {name: weight.clone() for name, weight in FC.theta.items()}
    dependent = DeepGatedNetwork(FC.architecture, FC.theta, copied, gate=SOFT)
    parts = kernels.ntk(dependent, part="value")(FC.x) + kernels.ntk(dependent, part="feature")(FC.x)
    return [*checks, equal(id, "K_v + K_f for equal values", parts, kernels.ntk_reference(dependent, FC.x))]


def _labels(id: str) -> list[Check]:
    fixed = DeepGatedNetwork(FC.architecture, FC.theta, FC.theta_f)
    zero, scale = torch.zeros(FC.n, FC.n, dtype=torch.float64), float(kernels.ntk(fixed)(FC.x).abs().max())
    by = {part: kernels.ntk_reference(fixed, FC.x, part=part) for part in ("value", "feature")}
    return [
        *_corrected(_no_cross_part(id)),
        equal(id, "the feature kernel, by theta_f, vanishes", by["feature"], zero, scale=scale, form="corrected"),
        equal(id, "the feature kernel, by theta_v, vanishes", by["value"], zero, scale=scale, form="printed"),
    ]


def _corrected(checks: list[Check]) -> list[Check]:
    return [replace(check, form="corrected") for check in checks]


CHECKS: dict[str, Checker] = {
    "A-Eq7": _parts_of_the_gradient,
    "A-P2.2": _value_gradient,
    "A-P2.3": _activity_gradient,
    "A-Eq8": _parts_of_the_kernel,
    "B-P5.1": _labels,
    "C-P2.2": _no_cross_part,
}

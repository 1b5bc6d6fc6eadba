"""The neural tangent kernel by differentiating the network as it stands: the reference for every factorised form.

Here gradients in all parameters are formed, ``[N, C, parameters]``.  Small networks only.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.func import jacrev, vmap

from companion.kernels.checks import require_precision, require_sides
from companion.kernels.dgn import DeepGatedNetwork
from companion.kernels.ntk import check_request
from companion.networks.forward import Params, trace
from companion.notation import Float, Tensor

__all__ = ["ntk_reference", "tangent_features"]


def tangent_features(
    dgn: DeepGatedNetwork, x: Float[Tensor, "N ..."], *, part: str = "total"
) -> Float[Tensor, "N C parameters"]:
    """Gradients ``psi`` of each output at each example in all parameters, one after the other (Paper A, Eq. 7).

    Args:
        dgn: the network.
        x: examples.
        part: ``value`` or ``feature``: gradients of the weights that multiply, of those that gate; ``total``: of all
            parameters; where the two networks are one that is their sum, otherwise one follows the other.

    Example:
        >>> from companion.kernels import relu_network
        >>> from companion.networks.families import fully_connected
        >>> params = {"weight.0": torch.tensor([[1.0, 1.0]]), "weight.1": torch.tensor([[2.0], [3.0]])}
        >>> network = relu_network(fully_connected((1,), width=2, depth=2, bias=False), params)
        >>> tangent_features(network, torch.tensor([[5.0]]))
        tensor([[[10., 15.,  5.,  5.]]])
    """
    dgn = dgn.detached()
    architecture = dgn.feature_architecture or dgn.architecture

    def output(theta_v: Params, theta_f: Params, one: Tensor) -> Tensor:
        feature = trace(architecture, theta_f, one[None], gate=dgn.inner, layers=architecture.gated_layers)
        gates = dgn.rearrange([dgn.gate(q) for q in feature.q])
        return trace(dgn.architecture, theta_v, dgn.value_input(one[None]), gates=gates).output[0]

    if part == "value":
        return _jacobians(lambda theta, one: output(theta, dgn.theta_f, one), dgn.theta_v, x)
    if part == "feature":
        return _jacobians(lambda theta, one: output(dgn.theta_v, theta, one), dgn.theta_f, x)
    if dgn.coupled:
        return _jacobians(lambda theta, one: output(theta, theta, one), dgn.theta_v, x)
    return torch.cat([tangent_features(dgn, x, part="value"), tangent_features(dgn, x, part="feature")], dim=-1)


def ntk_reference(
    dgn: DeepGatedNetwork,
    x1: Float[Tensor, "N ..."],
    x2: Float[Tensor, "M ..."] | None = None,
    *,
    part: str = "total",
    classes: str = "trace",
) -> Float[Tensor, "*C N M"]:
    """Inner products of :func:`tangent_features`; arguments and errors are those of :func:`companion.kernels.ntk`.

    Example:
        ``10^2 + 15^2 + 5^2 + 5^2``, the squares of the gradients:

        >>> from companion.kernels import relu_network
        >>> from companion.networks.families import fully_connected
        >>> params = {"weight.0": torch.tensor([[1.0, 1.0]]), "weight.1": torch.tensor([[2.0], [3.0]])}
        >>> network = relu_network(fully_connected((1,), width=2, depth=2, bias=False), params)
        >>> ntk_reference(network, torch.tensor([[5.0]]))
        tensor([[375.]])
    """
    check_request(dgn, part, classes)
    require_sides((x1,), None if x2 is None else (x2,), [dgn.input_shape])
    require_precision(x1, dgn.dtype)

    def features(kind: str) -> tuple[Tensor, Tensor]:
        left = tangent_features(dgn, x1, part=kind)
        right = left if x2 is None else tangent_features(dgn, x2, part=kind)
        return (left.sum(1, keepdim=True), right.sum(1, keepdim=True)) if classes == "sum" else (left, right)

    def product(a: Tensor, b: Tensor) -> Tensor:
        K = torch.einsum("ncp,mcp->cnm", a, b)
        return K if classes == "each" else K.sum(0)

    if part != "cross":
        return product(*features(part))
    (V1, V2), (F1, F2) = features("value"), features("feature")
    return product(V1, F2) + product(F1, V2)


def _jacobians(function: Callable[[Params, Tensor], Tensor], params: Params, x: Tensor) -> Tensor:
    """Jacobian of each example in every parameter, flattened and in a row: ``[N, C, parameters]``."""
    blocks = vmap(jacrev(function), in_dims=(None, 0))(params, x)
    return torch.cat([block.flatten(2) for block in blocks.values()], dim=-1)

"""The neural tangent kernel, layer by layer: ``K = sum_l (D_l D_l^T) o (Z_(l-1) Z_(l-1)^T)``.

The gradient of an output in the weights of one layer is the outer product of what enters the layer, ``Z``, and of the
signal that comes back to it, ``D``; so the inner product of two gradients is a product of two inner products, and no
gradient is ever formed.  A bias is one more input, constantly 1.  A convolution adds one such outer product per
position: see :mod:`companion.kernels.layers`.

Where one network both multiplies and gates, the gradient is ``D_v Z_v^T + D_f Z_f^T``.  If the same enters in both
passes the two signals add up; otherwise the kernel has the four products of one with the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch

from companion.kernels.dgn import DeepGatedNetwork
from companion.kernels.layers import WeightLayerKernel, meeting
from companion.kernels.tiled import Batch, Kernel
from companion.networks.architectures import Architecture
from companion.networks.derivatives import differentiating, fresh
from companion.networks.forward import trace
from companion.networks.gates import HardGate
from companion.notation import Float, Tensor

__all__ = ["ntk"]

Signals = list[tuple[Tensor, Tensor]]
"""For each weight layer what comes back, ``D [C, N, out, *positions]``, and what enters, ``Z [N, in, *positions]``."""
Products = list[tuple[WeightLayerKernel, int, int]]
"""Which signals of the one side meet which of the other, and how."""


def ntk(dgn: DeepGatedNetwork, *, part: str = "total", classes: str = "trace") -> Kernel:
    """The neural tangent kernel of a deep gated network as a function of two batches of examples.

    Args:
        dgn: the network; :func:`~companion.kernels.relu_network` makes one that gates itself.
        part: ``value``: gradients in the weights that multiply, gates held fixed, ``K_v``; ``feature``: gradients
            through the gates, ``K_f``, zero for hard gates; ``total``: the tangent kernel proper; ``cross``: ``C +
            C^T``, where ``C`` is the kernel between the two, for a network that gates itself (Paper A, Eq. 8,
            corrected).
        classes: ``trace``: summed over the outputs, ``sum_c <grad y_c(s), grad y_c(s')>``; ``each``: one matrix per
            output, ``[C, N, M]``; ``sum``: the kernel of the sum of the outputs.

    Raises:
        ValueError: unknown ``part`` or ``classes``, or a cross part of separate networks.

    Example:
        >>> import torch
        >>> from companion.networks.families import fully_connected
        >>> from companion.kernels import relu_network
        >>> from companion.networks.initialise import initialise
        >>> network = fully_connected((3,), width=8, depth=3, classes=2)
        >>> K = ntk(relu_network(network, initialise(network, torch.Generator().manual_seed(0))), classes="each")
        >>> K(torch.eye(3)).shape
        torch.Size([2, 3, 3])
    """
    check_request(dgn, part, classes)
    if part == "total" and isinstance(dgn.gate, HardGate):
        part = "value"  # hard gates have no derivative, so nothing comes through them
    signals, layers, products = _plan(dgn, part, classes)

    def factors(batch: Batch) -> Batch:
        (x,) = batch
        made: list[Tensor] = []
        with differentiating():
            for layer, (D, Z) in zip(layers, signals(dgn, fresh(x), classes), strict=True):
                made += layer.factors(D.detach(), Z.detach())
        return made

    def combine(f1: Batch, f2: Batch) -> Tensor:
        shares = (layer.combine(f1[2 * a : 2 * a + 2], f2[2 * b : 2 * b + 2]) for layer, a, b in products)
        K = next(shares)
        for share in shares:
            K += share
        return K

    floats, area = sum(layer.floats for layer in layers), max(layer.area for layer in layers)
    return Kernel(factors, combine, floats, area, [dgn.input_shape], dgn.dtype)


def check_request(dgn: DeepGatedNetwork, part: str, classes: str) -> None:
    """Raise ``ValueError`` for a part or a treatment of classes that does not exist."""
    if part not in ("total", "value", "feature", "cross"):
        raise ValueError(f"unknown part {part!r} of the tangent kernel: valid are total, value, feature, cross")
    if classes not in ("trace", "each", "sum"):
        raise ValueError(f"unknown treatment {classes!r} of classes: valid are trace, each, sum")
    if part == "cross" and not dgn.coupled:
        raise ValueError("separate feature and value networks have no cross part: valid are total, value, feature")


def _plan(
    dgn: DeepGatedNetwork, part: str, classes: str
) -> tuple[Callable[[DeepGatedNetwork, Tensor, str], Signals], list[WeightLayerKernel], Products]:
    """Which signals make a part, one layer's kernel for each of them, and their products."""
    outputs = 1 if classes == "sum" else dgn.architecture.classes
    apart = not (dgn.coupled and dgn.alike)  # what enters a layer is not the same in both passes
    crossed = part == "cross" and not apart

    def layers_of(architecture: Architecture) -> list[WeightLayerKernel]:
        return [
            WeightLayerKernel(shape, architecture.bias, outputs, classes == "each", crossed)
            for shape in architecture.weight_shapes()
        ]

    value = layers_of(dgn.architecture)
    feature = layers_of(dgn.feature_architecture or dgn.architecture)[:-1]
    if part in ("value", "feature") or not apart:
        signals = {"value": _value, "feature": _feature, "total": _shared, "cross": _crossed}[part]
        layers = feature if part == "feature" else value
        return signals, layers, [(layer, i, i) for i, layer in enumerate(layers)]
    L = len(value)
    mixed: Products = []
    for l in range(min(L, len(feature)) if dgn.coupled else 0):
        value[l], feature[l] = meeting(value[l], feature[l])
        mixed += [(value[l], l, L + l), (value[l], L + l, l)]
    layers = value + feature
    plain = [] if part == "cross" else [(layer, i, i) for i, layer in enumerate(layers)]
    return _separate, layers, plain + mixed


def _value(dgn: DeepGatedNetwork, x: Tensor, classes: str) -> Signals:
    """Signals in the value network, its gates held fixed."""
    with torch.no_grad():
        gates = dgn.gates(x)
    x_v = dgn.value_input(x).detach().requires_grad_()
    run = trace(dgn.architecture, dgn.detached().theta_v, x_v, gates=gates)
    *hidden, last = _backward(run.output, (*run.q, run.output), classes)
    return list(zip((*hidden, last * dgn.architecture.output_scale), run.inputs, strict=True))


def _feature(dgn: DeepGatedNetwork, x: Tensor, classes: str) -> Signals:
    """Signals in the feature network, through the gates alone; zero for hard gates."""
    still = dgn.detached()
    feature = still.feature_trace(x.clone().requires_grad_())
    output = still.value_trace(x, still.gates_of(feature)).output
    return list(zip(_backward(output, feature.q, classes), feature.inputs, strict=True))


def _separate(dgn: DeepGatedNetwork, x: Tensor, classes: str) -> Signals:
    """The layers of both passes, side by side: of two networks, or of one in which not the same enters them."""
    return _value(dgn, x, classes) + _feature(dgn, x, classes)


def _shared(dgn: DeepGatedNetwork, x: Tensor, classes: str) -> Signals:
    """One network that gates itself: the two signals of a layer add up."""
    return [(D_v + D_f, Z) for D_v, D_f, Z in _both(dgn, x, classes)]


def _crossed(dgn: DeepGatedNetwork, x: Tensor, classes: str) -> Signals:
    """The two signals of a layer, one after the other along the units."""
    return [(torch.cat([D_v, D_f], dim=2), Z) for D_v, D_f, Z in _both(dgn, x, classes)]


def _both(dgn: DeepGatedNetwork, x: Tensor, classes: str) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Value signal, feature signal and input of each layer of a network in both of whose passes the same enters."""
    value, feature = _value(dgn, x, classes), _feature(dgn, x, classes)
    for l, (D, Z) in enumerate(value):
        yield D, feature[l][0] if l < len(feature) else torch.zeros_like(D), Z


def _backward(output: Float[Tensor, "N C"], at: Sequence[Tensor], classes: str) -> list[Float[Tensor, "S N ..."]]:
    """Derivatives of every output, or of their sum, in the arrays ``at``, example by example."""
    N, C = output.shape
    if classes == "sum":
        seeds = torch.ones_like(output)[None]
    else:
        seeds = torch.eye(C, dtype=output.dtype, device=output.device)[:, None].expand(C, N, C)
    if not output.requires_grad:
        return [q.new_zeros(len(seeds), *q.shape) for q in at]
    found = torch.autograd.grad(output, at, seeds, is_grads_batched=True, allow_unused=True)
    return [q.new_zeros(len(seeds), *q.shape) if D is None else D for D, q in zip(found, at, strict=True)]

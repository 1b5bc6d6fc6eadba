"""One functional forward pass for every network: ``forward(architecture, params, x, gates=None)``.

Without ``gates`` a layer is gated by its own pre-activation: an ordinary ReLU network.  With a stack of gates the same
code is the value network of a deep gated network.  Parameters are a flat dictionary ``weight.0, bias.0, weight.1,
...``.

Every function also takes *stacked* parameters, that is ``M`` models at once: each parameter then has a leading axis
``M`` and so have all results.  The input may have that axis too; without it all models see the same examples.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from companion.networks.architectures import (
    RUNNING,
    TRAINED,
    Architecture,
    CircularConv,
    Conv,
    Dense,
    Flatten,
    GlobalAveragePool,
    GlobalMaxPool,
    Layer,
    MaxPool,
    Skip,
    WeightLayer,
)
from companion.networks.gates import Gate, HardGate
from companion.notation import Float, Tensor

__all__ = ["Params", "Trace", "forward", "gate_stack", "trace"]

Params = dict[str, Tensor]


@dataclass(frozen=True)
class Trace:
    """All that one pass produces: ``q`` and gates ``G`` and outputs ``z`` of the ``L`` gated layers, and the output.

    ``inputs`` are what enters each weight layer, the output layer included: after pools, flattening and skips.

    Example:
        >>> from companion.networks.families import fully_connected
        >>> network = fully_connected((1,), width=2, depth=2, bias=False)
        >>> params = {"weight.0": torch.tensor([[1.0, -1.0]]), "weight.1": torch.tensor([[2.0], [3.0]])}
        >>> one = trace(network, params, torch.tensor([[5.0]]))
        >>> one.q[0], one.G[0], one.output
        (tensor([[ 5., -5.]]), tensor([[1., 0.]]), tensor([[10.]]))
    """

    q: tuple[Tensor, ...]
    G: tuple[Tensor, ...]
    z: tuple[Tensor, ...]
    output: Tensor
    inputs: tuple[Tensor, ...]


def trace(
    architecture: Architecture,
    params: Params,
    x: Float[Tensor, "..."],
    gates: Sequence[Tensor] | None = None,
    gate: Gate | None = None,
    layers: int | None = None,
) -> Trace:
    """Run the network and keep everything.

    Args:
        architecture: the network.
        params: one model, or ``M`` stacked models.
        x: examples ``[N, *input_shape]``, or ``[M, N, *input_shape]`` for each stacked model its own.
        gates: ``L`` tensors that multiply the pre-activations; ``None`` gates each layer by itself.
        gate: the gate used where ``gates`` is ``None`` (default :class:`~companion.networks.gates.HardGate`: ReLU).
        layers: stop after that many gated layers; ``output`` is then the output of the last of them.

    Raises:
        ValueError: wrong number of gates, or ``layers`` that the network does not have.

    Example:
        >>> from companion.networks.families import fully_connected
        >>> params = {"weight.0": torch.tensor([[1.0, -1.0]]), "weight.1": torch.tensor([[2.0], [3.0]])}
        >>> trace(fully_connected((1,), width=2, depth=2, bias=False), params, torch.tensor([[5.0]])).G
        (tensor([[1., 0.]]),)
    """
    gate = gate or HardGate()
    run, output = _pass(architecture, params, x, gates, gate, layers)
    G = [gate(q) for q in run.q] if gates is None else gates[: len(run.q)]
    return Trace(tuple(run.q), tuple(G), tuple(run.z), output, tuple(run.inputs))


def forward(
    architecture: Architecture,
    params: Params,
    x: Float[Tensor, "..."],
    gates: Sequence[Tensor] | None = None,
    gate: Gate | None = None,
    training: bool = False,
) -> Float[Tensor, "*M N C"]:
    """The network's outputs (logits; Paper A, Table 1); arguments as in :func:`trace`.

    With ``training``, layers that normalise do so by this very batch, and move their running statistics in ``params``
    towards its own, in place; otherwise they use those.

    Example:
        >>> from companion.networks.families import fully_connected
        >>> network = fully_connected((1,), width=2, depth=2, bias=False)
        >>> params = {"weight.0": torch.tensor([[1.0, -1.0]]), "weight.1": torch.tensor([[2.0], [3.0]])}
        >>> x = torch.tensor([[5.0]])
        >>> forward(network, params, x), forward(network, params, x, gates=[torch.tensor([[1.0, 1.0]])])
        (tensor([[10.]]), tensor([[-5.]]))
    """
    return _pass(architecture, params, x, gates, gate or HardGate(), keep=False, training=training)[1]


def gate_stack(
    architecture: Architecture,
    params: Params,
    x: Float[Tensor, "..."],
    gate: Gate,
    training: bool = False,
    inner: Gate | None = None,
) -> list[Tensor]:
    """What a feature network hands to a value network: the gates of its layers, and the masks of its local pools.

    The output layer is neither needed in ``params`` nor computed.

    Args:
        architecture: the network.
        params: one model, or ``M`` stacked models.
        x: examples, as in :func:`trace`.
        gate: from pre-activations to gates; masks of pools are hard whatever it is.
        training: as in :func:`forward`.
        inner: what stands between its own layers (default :class:`~companion.networks.gates.HardGate`: ReLU).

    Returns:
        One tensor for each of :meth:`~companion.networks.architectures.Architecture.gate_shapes`.

    Example:
        >>> from companion.networks.families import fully_connected
        >>> network = fully_connected((1,), width=2, depth=2, bias=False)
        >>> gate_stack(network, {"weight.0": torch.tensor([[1.0, -1.0]])}, torch.tensor([[5.0], [-5.0]]), HardGate())
        [tensor([[1., 0.],
                [0., 1.]])]
    """
    run = _Run(architecture, params, None, inner or HardGate(), None, keep=True, training=training)
    run(architecture.layers, x)
    return [value if pooled else gate(value) for value, pooled in run.stack]


def _pass(
    architecture: Architecture,
    params: Params,
    x: Tensor,
    gates: Sequence[Tensor] | None,
    gate: Gate,
    layers: int | None = None,
    keep: bool = True,
    training: bool = False,
) -> tuple[_Run, Tensor]:
    """What a pass went through, if it is to be kept, and its output."""
    if layers is not None and not 0 <= layers <= architecture.gated_layers:
        raise ValueError(f"layers must be from 0 to the {architecture.gated_layers} gated layers, not {layers}")
    if gates is not None and len(gates) != (wanted := len(architecture.gate_shapes())):
        raise ValueError(f"{wanted} gated layers need as many gates, not {len(gates)}")
    run = _Run(architecture, params, gates, gate, layers, keep, training)
    z = run(architecture.layers, x)
    if layers is not None:
        return run, z
    output = run.affine(Dense(architecture.classes), z)
    return run, output if architecture.output_scale == 1 else output * architecture.output_scale


class _Run:
    """One pass through the layers; counts weight layers as it goes."""

    def __init__(
        self,
        architecture: Architecture,
        params: Params,
        gates: Sequence[Tensor] | None,
        gate: Gate,
        layers: int | None,
        keep: bool,
        training: bool,
    ) -> None:
        self.params, self.gate, self.training = params, gate, training
        self.given = None if gates is None else iter(gates)
        self.limit = architecture.depth if layers is None else layers  # the pool after the last gated layer runs too
        self.stacked = params["weight.0"].dim() > len(architecture.weight_shapes()[0].weight)
        self.shape = len(architecture.input_shape)
        self.keep, self.done = keep, 0  # gated layers behind us
        self.q: list[Tensor] = []
        self.z: list[Tensor] = []
        self.stack: list[tuple[Tensor, bool]] = []  # pre-activations, and masks of pools (True), in their order
        self.inputs: list[Tensor] = []
        self.index: Iterator[int] = iter(range(architecture.depth))

    def __call__(self, layers: Sequence[Layer], z: Tensor) -> Tensor:
        for layer in layers:
            if self.done == self.limit:
                break
            match layer:
                case Dense() | Conv() | CircularConv():
                    q = self.affine(layer, z)
                    z = self.gate.gated(q) if self.given is None else _multiply(q, next(self.given))
                    self.done += 1
                    if self.keep:
                        self.q.append(q)
                        self.z.append(z)
                        self.stack.append((q, False))
                    del q  # training needs the memory
                case GlobalAveragePool():
                    positions = math.prod(z.shape[1 - self.shape :])
                    z = z.flatten(1 - self.shape).sum(-1) / positions  # going back, faster than the mean
                    self.shape = 1
                case GlobalMaxPool():
                    z = z.flatten(1 - self.shape).amax(-1)
                    self.shape = 1
                case MaxPool(size):
                    z = self.pool(z, size)
                case Flatten():
                    z = z.flatten(-self.shape)
                    self.shape = 1
                case Skip(inner, pre, post):
                    block = self(inner, pre * z)
                    z = block if self.done == self.limit else post * (z + block)  # stopped inside: no skip
        return z

    def pool(self, z: Tensor, size: int) -> Tensor:
        """The largest of each window, or, given a mask, the sum of what it lets through."""
        if self.given is not None:
            return F.avg_pool2d(_multiply(z, next(self.given)), size, divisor_override=1)
        pooled, places = F.max_pool2d(z, size, return_indices=True)
        if self.keep:
            mask = torch.zeros_like(z).flatten(-2).scatter(-1, places.flatten(-2), 1.0).view(z.shape)
            self.stack.append((mask, True))
        return pooled

    def affine(self, layer: WeightLayer, z: Tensor) -> Tensor:
        i = next(self.index)
        if self.keep:
            self.inputs.append(z)
        weight, bias = self.params[f"weight.{i}"], self.params.get(f"bias.{i}")
        if isinstance(layer, Dense):
            if not self.stacked:
                return z @ weight if bias is None else torch.addmm(bias, z, weight)
            z = z.expand(len(weight), *z.shape[-2:])  # [M, N, in]
            return z @ weight if bias is None else torch.baddbmm(bias[:, None], z, weight)
        convolve = _convolve if isinstance(layer, Conv) else _convolve_circular
        normalised = isinstance(layer, Conv) and layer.norm
        if not self.stacked:
            q = convolve(z, weight, bias)
            return self.normalise(q, i) if normalised else q
        if normalised:
            raise ValueError("layers that normalise over the batch cannot be stacked: pass the models one by one")
        shared = z.dim() == weight.dim() - 1  # the input itself: no model axis yet
        return torch.stack(
            [convolve(z if shared else z[m], weight[m], None if bias is None else bias[m]) for m in range(len(weight))]
        )

    def normalise(self, q: Tensor, i: int) -> Tensor:
        """Mean 0 and variance 1 over the batch or the running statistics, then scale and shift."""
        scale, shift, mean, variance = (self.params[f"{name}.{i}"] for name in (*TRAINED, *RUNNING))
        return F.batch_norm(q, mean, variance, scale, shift, self.training, MOMENTUM, EPSILON)


MOMENTUM, EPSILON = 0.1, 1e-5
"""Of batch normalisation: how far running statistics move at a step, and what is added to the variance."""


def _multiply(q: Tensor, G: Tensor) -> Tensor:
    """``q * G``; gates of whole numbers first become numbers like ``q``, which is faster than a mixed product."""
    return q * (G if G.is_floating_point() else G.to(q.dtype))


def _convolve(z: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return F.conv2d(z, weight, bias, padding=weight.shape[-1] // 2)


def _convolve_circular(z: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    k = weight.shape[-1]
    return F.conv1d(torch.cat([z, z[..., : k - 1]], dim=-1), weight, bias)

"""The deep gated network: a feature network that makes gates, a value network that they multiply."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from companion.networks.architectures import Architecture, CircularConv, Conv, GlobalMaxPool, Layer, Shape, Skip
from companion.networks.derivatives import fresh
from companion.networks.forward import Params, Trace, trace
from companion.networks.gates import Gate, HardGate
from companion.notation import Float, Tensor

__all__ = ["DeepGatedNetwork", "relu_network", "require_plain"]


def _same(x: Tensor) -> Tensor:
    return x


def _unchanged(gates: Sequence[Tensor]) -> Sequence[Tensor]:
    return gates


@dataclass(frozen=True)
class DeepGatedNetwork:
    """Value network, feature network and the gate between them (Paper A, Section 3; Paper B, Figure 3).

    The output is ``y(x) = value(x_v; theta_v, G)`` with ``G_l = gate(q_l)`` of the feature network at ``x``.

    Args:
        architecture: of the value network.
        theta_v: its parameters.
        theta_f: the feature network's parameters; an output layer among them is not used.  The *same object* as
            ``theta_v`` means one network that gates itself: then the kernel has a cross part (Paper A, Eq. 8).
        gate: from the feature network's pre-activations to the value network's gates.
        inner: the gate between the feature network's own layers; Papers A, B and C keep it hard in every regime.
        value_input: from examples to the value network's input, for instance ``torch.ones_like``.
        rearrange: what is done to the stack of gates on the way: permute, tile, rotate.
        feature_architecture: of the feature network where it differs.

    Raises:
        ValueError: separate networks with a maximum pool: whose maximum counts is not defined by the papers.  Layers
            that the papers' theory does not know: normalisation over a batch, local pools, skips over convolutions.

    Example:
        The second gate is open and the first is not, so that the output is ``3 (-1) 5``:

        >>> import torch
        >>> from companion.networks.families import fully_connected
        >>> network = fully_connected((1,), width=2, depth=2, bias=False)
        >>> theta_v = {"weight.0": torch.tensor([[1.0, -1.0]]), "weight.1": torch.tensor([[2.0], [3.0]])}
        >>> DeepGatedNetwork(network, theta_v, {"weight.0": torch.tensor([[-1.0, 1.0]])})(torch.tensor([[5.0]]))
        tensor([[-15.]])
    """

    architecture: Architecture
    theta_v: Params
    theta_f: Params
    gate: Gate = field(default_factory=HardGate)
    inner: Gate = field(default_factory=HardGate)
    value_input: Callable[[Tensor], Tensor] = _same
    rearrange: Callable[[Sequence[Tensor]], Sequence[Tensor]] = _unchanged
    feature_architecture: Architecture | None = None

    def __post_init__(self) -> None:
        require_plain(self.architecture)
        if not self.coupled and any(isinstance(layer, GlobalMaxPool) for layer in self.architecture.layers):
            raise ValueError("a deep gated network with separate parameters needs an average pool, not a maximum pool")

    @property
    def coupled(self) -> bool:
        """Whether feature and value network are one and the same."""
        return self.theta_f is self.theta_v

    @property
    def alike(self) -> bool:
        """Whether the layers of both networks are gated alike and see the same examples: ordinary gating."""
        return (
            self.value_input is _same
            and self.rearrange is _unchanged
            and self.inner == self.gate
            and self.feature_architecture in (None, self.architecture)
        )

    @property
    def input_shape(self) -> Shape:
        """The shape of one example, as it enters the feature network."""
        return (self.feature_architecture or self.architecture).input_shape

    @property
    def dtype(self) -> torch.dtype:
        """The type of the value network's parameters."""
        return next(iter(self.theta_v.values())).dtype

    def detached(self) -> DeepGatedNetwork:
        """The same network with parameters that remember no gradients."""
        theta_v = {name: fresh(value) for name, value in self.theta_v.items()}
        theta_f = theta_v if self.coupled else {name: fresh(value) for name, value in self.theta_f.items()}
        return replace(self, theta_v=theta_v, theta_f=theta_f)

    def feature_trace(self, x: Float[Tensor, "N ..."]) -> Trace:
        """All hidden layers of the feature network."""
        architecture = self.feature_architecture or self.architecture
        return trace(architecture, self.theta_f, x, gate=self.inner, layers=architecture.gated_layers)

    def gates_of(self, feature: Trace) -> Sequence[Tensor]:
        """The value network's gates, given a pass of the feature network."""
        return self.rearrange([self.gate(q) for q in feature.q])

    def gates(self, x: Float[Tensor, "N ..."]) -> Sequence[Tensor]:
        """The value network's gates at the examples ``x``."""
        return self.gates_of(self.feature_trace(x))

    def value_trace(self, x: Float[Tensor, "N ..."], gates: Sequence[Tensor]) -> Trace:
        """A pass of the value network under given gates."""
        return trace(self.architecture, self.theta_v, self.value_input(x), gates=gates)

    def value(self, x: Float[Tensor, "N ..."], stack: Sequence[Tensor]) -> Float[Tensor, "N C"]:
        """The outputs of the value network under given gates."""
        return self.value_trace(x, stack).output

    def __call__(self, x: Float[Tensor, "N ..."]) -> Float[Tensor, "N C"]:
        """The outputs at the examples ``x``."""
        return self.value_trace(x, self.gates(x)).output


def require_plain(architecture: Architecture) -> None:
    """Raise ``ValueError`` for layers that the papers' theory does not know."""
    convolutional = any(isinstance(layer, Conv | CircularConv) for layer in _within_skips(architecture.layers))
    if architecture.normalised or architecture.pooled or convolutional:
        raise ValueError(
            "paths and kernels are defined for dense and convolutional layers, global pools and skips over dense "
            "layers, not for normalisation over a batch, local pools or skips over convolutions"
        )


def _within_skips(layers: Sequence[Layer]) -> Iterator[Layer]:
    for layer in layers:
        if isinstance(layer, Skip):
            yield from layer.layers
            yield from _within_skips(layer.layers)


def relu_network(architecture: Architecture, params: Params, gate: Gate | None = None) -> DeepGatedNetwork:
    """An ordinary network, gated by itself: ReLU, or soft-ReLU with a soft ``gate``.

    Args:
        architecture: the network.
        params: its parameters, of which value and feature network are both made.
        gate: of every layer; ``None`` is hard.

    Example:
        >>> import torch
        >>> from companion.networks.families import fully_connected
        >>> params = {"weight.0": torch.tensor([[1.0, -1.0]]), "weight.1": torch.tensor([[2.0], [3.0]])}
        >>> relu_network(fully_connected((1,), width=2, depth=2, bias=False), params)(torch.tensor([[5.0]]))
        tensor([[10.]])
    """
    gate = gate or HardGate()
    return DeepGatedNetwork(architecture, params, params, gate, gate)

"""What every gated network can do: give its stack of gates, and run its value network under one.

Deep gated networks of the papers' architectures (:class:`companion.kernels.DeepGatedNetwork`) and decoupled modules
(:class:`companion.decoupling.DecoupledNetwork`) both can.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch

from companion.notation import Float, Tensor

__all__ = ["GatedNetwork", "gates_alone"]


class GatedNetwork(Protocol):
    """A feature network that makes gates and a value network that they multiply.

    Example:
        Anything that has the two methods is one:

        >>> class Open:
        ...     def gates(self, x):
        ...         return [torch.ones_like(x)]
        ...     def value(self, x, stack):
        ...         return x * stack[0]
        >>> gates_alone(Open(), torch.tensor([[2.0, -1.0]]))
        [tensor([[1., 1.]])]
    """

    def gates(self, x: Tensor) -> Sequence[Tensor]:
        """The stack at the examples ``x [N, ...]``: tensors with leading axis ``N``.

        Gates are of bool or of floating type, shaped like the layer's pre-activations; choices of maximum pools are
        whole numbers.
        """
        ...

    def value(self, x: Tensor, stack: Sequence[Tensor]) -> Any:
        """The value network's outputs at ``x`` under a stack."""
        ...


def gates_alone(network: GatedNetwork, x: Float[Tensor, "N ..."]) -> list[Tensor]:
    """The gates at ``x`` without choices of maximum pools and masks of dropout: ``L`` tensors ``[N, *gate_shape]``.

    Raises:
        ValueError: the network is in training mode, where gates depend on the other examples and on dropout; or it has
            no gates.

    Example:
        >>> from torch import nn
        >>> import companion
        >>> model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU()).eval()
        >>> model[0].weight.data = torch.eye(2)
        >>> gates_alone(companion.decouple(model, torch.ones(1, 2)), torch.tensor([[1.0, -2.0]]))
        [tensor([[ True, False]])]
    """
    if getattr(network, "training", False):
        raise ValueError("gates are compared in evaluation mode: call eval() on the network first")
    with torch.no_grad():
        stack = list(network.gates(x))
    sites = getattr(network, "sites", None)
    kinds = [None] * len(stack) if sites is None else [site.kind for site in sites]
    gates = [
        G
        for G, kind in zip(stack, kinds, strict=True)
        if kind in (None, "gate") and (G.dtype == torch.bool or G.is_floating_point())
    ]
    if not gates:
        raise ValueError("this network has no gates: it is linear but for pooling")
    return gates

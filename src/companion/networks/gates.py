"""Gates: how they come from pre-activations, and what may be done to a stack of them.

A *stack of gates* is a sequence of ``L`` tensors, one per gated layer, each shaped like that layer's pre-activations.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING or "torch" in sys.modules:  # for annotations, which nobody reads who has no PyTorch yet
    from companion.notation import Float, Tensor

__all__ = ["Gate", "HardGate", "OpenGate", "SoftGate"]


@dataclass(frozen=True)
class HardGate:
    """``G = 1`` where ``q > 0``, else ``0`` (Paper A, Section 2.1).  Its derivative is zero.

    Example:
        >>> import torch
        >>> HardGate()(torch.tensor([-1.0, 0.0, 2.0]))
        tensor([0., 0., 1.])
    """

    def __call__(self, q: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Gates of ``q``, same shape and dtype."""
        return (q > 0).to(q.dtype)

    def gated(self, q: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """``q`` times its own gate, that is ReLU."""
        return q.relu()


@dataclass(frozen=True)
class SoftGate:
    """``G = (1 + eps) / (1 + exp(-beta q))`` (Paper A, Section 2.1; its code adds ``eps``).

    Paper A's code uses ``beta = 4, eps = 0.1``, Papers B and C ``beta = 10, eps = 0``.

    Example:
        >>> import torch
        >>> SoftGate(beta=4.0, eps=0.0)(torch.tensor([0.0, 10.0]))
        tensor([0.5000, 1.0000])
    """

    beta: float = 4.0
    eps: float = 0.1

    def __call__(self, q: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Gates of ``q``, same shape and dtype."""
        return (1 + self.eps) * (self.beta * q).sigmoid()

    def gated(self, q: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """``q`` times its own gate."""
        return q * self(q)


@dataclass(frozen=True)
class OpenGate:
    """``G = 1`` everywhere: what stands between the layers of a linear network (Paper C, Section 5).

    Example:
        >>> import torch
        >>> OpenGate()(torch.tensor([-1.0, 2.0]))
        tensor([1., 1.])
    """

    def __call__(self, q: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Gates of ``q``, same shape and dtype."""
        import torch

        return torch.ones_like(q)

    def gated(self, q: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """``q`` itself."""
        return q


Gate = HardGate | SoftGate | OpenGate

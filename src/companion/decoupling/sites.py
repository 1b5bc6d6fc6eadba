"""Where a network is not linear: gates, choices of max pools, masks of dropout.  What each is, and how it is applied.

A *gate* is what ReLU and its kin multiply by, ``z / q``: 0 or 1 for ReLU (kept as bool), ``slope`` or 1 for leaky ReLU,
``6 / q`` beyond the bend of ReLU6.  A *pool* keeps which input every maximum came from.  *Dropout* keeps its mask.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch.nn import functional as F

from companion.notation import Tensor

__all__ = ["DROPOUTS", "GATES", "POOLS", "Kind", "Site"]

Kind = Literal["gate", "pool", "dropout"]


def relu(q: Tensor, inplace: bool = False) -> Tensor:
    """Open unless ``q <= 0``, so that a NaN stays one."""
    return ~(q <= 0)


def leaky_relu(q: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """1 or the slope."""
    return torch.ops.aten.leaky_relu_backward(torch.ones_like(q), q, negative_slope, False)


def prelu(q: Tensor, weight: Tensor) -> Tensor:
    """1 or the slope that is learnt, one for each channel or one for all."""
    slope = weight.view(-1, *(1,) * (q.dim() - 2)) if q.dim() > 1 else weight
    return torch.where(q > 0, torch.ones_like(q), slope.expand_as(q))


def clamp(q: Tensor, min: float | None = None, max: float | None = None) -> Tensor:
    """1 between the bounds, beyond them ``bound / q``; a bound at 0 is a closed gate."""
    if min == 0 and max is None:
        return relu(q)
    open_at_zero = (min is None or min < 0) and (max is None or max > 0)
    return (q.clamp(min, max) / q).masked_fill_(q == 0, float(open_at_zero))  # q / q is 1 to the last bit


def hardtanh(q: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """A clamp."""
    return clamp(q, min_val, max_val)


def relu6(q: Tensor, inplace: bool = False) -> Tensor:
    """A clamp from 0 to 6."""
    return clamp(q, 0.0, 6.0)


def clamp_min(q: Tensor, min: float) -> Tensor:
    """A clamp from below."""
    return clamp(q, min)


GATES: dict[str, Callable[..., Tensor]] = {
    "relu": relu,
    "leaky_relu": leaky_relu,
    "prelu": prelu,
    "clamp": clamp,
    "clip": clamp,
    "clamp_min": clamp_min,
    "hardtanh": hardtanh,
    "relu6": relu6,
}
"""From a pre-activation, and the operation's own other arguments, to its gate."""


Sizes = int | tuple[int, ...]


def _maximum(pool: Callable[..., Any]) -> Callable[..., tuple[Tensor, Tensor]]:
    def choose(
        q: Tensor,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> tuple[Tensor, Tensor]:
        return pool(q, kernel_size, stride, padding, dilation, ceil_mode, return_indices=True)

    return choose


def _adaptive(pool: Callable[..., Any]) -> Callable[..., tuple[Tensor, Tensor]]:
    def choose(q: Tensor, output_size: Sizes, return_indices: bool = False) -> tuple[Tensor, Tensor]:
        return pool(q, output_size, return_indices=True)

    return choose


POOLS: dict[str, Callable[..., tuple[Tensor, Tensor]]] = {
    **{f"max_pool{d}d": _maximum(getattr(F, f"max_pool{d}d")) for d in (1, 2, 3)},
    **{f"adaptive_max_pool{d}d": _adaptive(getattr(F, f"adaptive_max_pool{d}d")) for d in (1, 2, 3)},
}
"""From a pre-activation to the maxima and the flat positions that they came from."""


class _Gated(torch.autograd.Function):
    """``z`` where a gate of bools is open, else 0, whatever ``z`` is there.

    This is ``torch.where(gate, z, 0)``, which on a CPU takes a branch for each entry, and so is slow where gates are
    not alike: the backward pass of a threshold does the same without one.  Of the gate, its bools are kept.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(z: Tensor, gate: Tensor) -> Tensor:
        return torch.ops.aten.threshold_backward(z, gate.to(z.dtype), 0)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(inputs[1])
        ctx.save_for_forward(inputs[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return _Gated.apply(gradients[0], ctx.saved_tensors[0]), None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Tensor:
        return _Gated.apply(tangents[0], ctx.saved_tensors[0])


DROPOUTS: dict[str, Callable[..., Tensor]] = {f"dropout{d}": getattr(F, f"dropout{d}") for d in ("", "1d", "2d", "3d")}
"""What drops out."""


@dataclass(frozen=True)
class Site:
    """One place where the network is not linear.

    Args:
        name: the module's as in ``model.named_modules()``, with ``#2`` if it is called a second time; or that of the
            node, after the module that calls it.
        kind: ``gate``, ``pool`` or ``dropout``.
        operation: the function, ``relu`` for instance.
        in_place: whether what lies in the same memory is used later, so that the site must write there.

    Example:
        >>> Site("1", "gate", "relu").apply(torch.tensor([5.0, 2.0]), torch.tensor([True, False]))
        tensor([5., 0.])
    """

    name: str
    kind: Kind
    operation: str
    in_place: bool = False

    def apply(self, z: Tensor, entry: Tensor) -> Tensor:
        """What the value network makes of its own ``z``, given the stack's entry for this site.

        Raises:
            ValueError: the entry has another shape than ``z``: it would be broadcast without a word.
        """
        if self.kind == "pool":
            return self._chosen(z, entry)
        if entry.shape != z.shape:
            raise ValueError(
                f"the gates of {self.name} must be shaped {tuple(z.shape)} like its pre-activations, "
                f"not {tuple(entry.shape)}"
            )
        if entry.dtype == torch.bool:
            gated = (_Gated.apply if torch.is_grad_enabled() else _Gated.forward)(z, entry)
            return z.copy_(gated) if self.in_place else gated
        return z.mul_(entry) if self.in_place else z * entry

    def _chosen(self, z: Tensor, entry: Tensor) -> Tensor:
        axes = int(self.operation[-2])
        if entry.dim() != z.dim() or entry.shape[:-axes] != z.shape[:-axes] or entry.dtype.is_floating_point:
            raise ValueError(
                f"{self.name} takes positions into {tuple(z.shape)} as whole numbers, shaped as what it gives, not "
                f"{entry.dtype} {tuple(entry.shape)}"
            )
        return z.flatten(-axes).gather(-1, entry.flatten(-axes)).view(entry.shape)

"""What a kernel takes: tensors of one floating type, of the shapes of the network, at least one example a side.

Precision is decided by whoever calls: nothing is converted, and two types beside each other are refused.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from companion.files.quoting import brief
from companion.networks.architectures import Shape
from companion.notation import Tensor

__all__ = [
    "require_alike",
    "require_batch",
    "require_count",
    "require_floating",
    "require_labels",
    "require_precision",
    "require_sides",
]


def require_floating(name: str, x: object) -> None:
    """Raise unless ``x`` is a tensor of floating type."""
    if not isinstance(x, Tensor):
        kind = f"{type(x).__module__}.{type(x).__qualname__}".removeprefix("builtins.")
        raise TypeError(f"{name} must be a torch tensor, not {brief(kind)[1:-1]}; torch.as_tensor makes one")
    if x.layout != torch.strided:
        raise TypeError(f"{name} must be a dense tensor, not a {_dtype(x.layout)} one; {name}.to_dense() is")
    if not x.is_floating_point():
        raise TypeError(f"{name} must be of floating type, not {_dtype(x.dtype)}; {name}.double() is")


def require_batch(name: str, batch: Sequence[Tensor], shapes: Sequence[Shape] | None = None) -> None:
    """Raise unless each tensor of a batch holds an example, all as many, in one precision and these shapes.

    Args:
        name: what messages call the batch.
        batch: tensors with the same leading axis ``N``.
        shapes: the shape of one example in each; ``None`` where any will do.
    """
    if len(batch) == 0:
        raise ValueError(f"{name} must hold at least one tensor")
    if shapes is not None and len(shapes) != len(batch):
        raise ValueError(f"{name} must hold {len(shapes)} tensors, not {len(batch)}")
    names = [name if len(batch) == 1 else f"{name}[{i}]" for i in range(len(batch))]
    for part, x in zip(names, batch, strict=True):
        require_floating(part, x)
        if x.dim() == 0 or len(x) == 0:
            raise ValueError(f"a kernel matrix needs at least one example on each side: {part} has none")
        if len(x) != len(batch[0]):
            raise ValueError(f"{part} must have as many examples as {names[0]}, {len(batch[0])}, not {len(x)}")
        require_alike(part, x, names[0], batch[0])
    for part, x, shape in zip(names, batch, shapes or (), strict=False):
        if tuple(x.shape[1:]) != tuple(shape):
            raise ValueError(f"{part} must have the shape {_shape(shape)}, not {_shape(x.shape[1:], len(x))}")


def require_sides(
    left: Sequence[Tensor], right: Sequence[Tensor] | None, shapes: Sequence[Shape] | None = None
) -> None:
    """Raise unless two batches, ``x1`` and ``x2``, can stand on the two sides of one matrix."""
    require_batch("x1", left, shapes)
    if right is None:
        return
    require_batch("x2", right, shapes)
    if len(left) != len(right):
        raise ValueError(f"x2 must hold as many tensors as x1, {len(left)}, not {len(right)}")
    for i, (a, b) in enumerate(zip(left, right, strict=True)):
        name = "" if len(left) == 1 else f"[{i}]"
        if a.shape[1:] != b.shape[1:]:
            expected = _shape(a.shape[1:])
            raise ValueError(f"x2{name} must have the shape of x1{name}, {expected}, not {_shape(b.shape[1:], len(b))}")
    require_alike("x2", right[0], "x1", left[0])


def require_labels(name: str, labels: Tensor, count: int) -> None:
    """Raise unless there is one label for each of ``count`` examples."""
    if not isinstance(labels, Tensor) or labels.dim() != 1 or len(labels) != count:
        found = str(list(labels.shape)) if isinstance(labels, Tensor) else type(labels).__name__
        raise ValueError(f"{count} examples need as many labels: {name} must be a tensor [{count}], not {found}")


def require_count(name: str, value: int, least: int = 1, most: int | None = None) -> None:
    """Raise unless ``value`` is a whole number of at least ``least``, and at most ``most`` where that is given."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        bounds = f"at least {least}" + (f" and at most {most}" if most is not None else "")
        raise ValueError(f"{name} must be a whole number of {bounds}, not {brief(value)}")


def require_alike(name: str, x: Tensor, other: str, y: Tensor) -> None:
    """Raise unless two tensors are of one type and on one device."""
    if x.dtype != y.dtype:
        raise TypeError(
            f"{name} is {_dtype(x.dtype)} and {other} {_dtype(y.dtype)}: a kernel has one precision, convert either"
        )
    if x.device != y.device:
        raise ValueError(f"{name} is on {x.device} and {other} on {y.device}: move either")


def require_precision(x: Tensor, dtype: torch.dtype) -> None:
    """Raise unless examples have the type of the network's parameters."""
    if x.dtype != dtype:
        raise TypeError(
            f"the examples are {_dtype(x.dtype)} and the network's parameters {_dtype(dtype)}: "
            "a kernel has one precision, convert either"
        )


def _dtype(dtype: torch.dtype | torch.layout) -> str:
    return str(dtype).removeprefix("torch.")


def _shape(shape: Sequence[int], first: int | None = None) -> str:
    """A shape as messages show it, with ``N`` in front for the examples unless their number is known."""
    return f"[{', '.join(map(str, ('N' if first is None else first, *shape)))}]"

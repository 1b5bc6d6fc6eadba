"""Two halves of examples with their classes, and what they must be before anything is trained on them."""

from __future__ import annotations

import torch

from companion.files.quoting import brief
from companion.notation import Tensor

__all__ = ["Split", "require_halves"]

Split = tuple[Tensor, Tensor]
"""Examples ``[N, ...]``, bytes (which count as parts of 255) or floating point, and their classes ``[N]``, integers."""

WHOLE = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
"""Types of classes."""


def require_halves(train: object, test: object) -> tuple[Split, Split]:
    """The same examples, and their classes as int64.

    Raises:
        ValueError: no examples; not as many classes as examples; a class below 0; an example that is not finite; test
            examples of another shape or type than those to train on.
        TypeError: examples that are no tensor of bytes or floating type; classes that are none of integers.

    Example:
        >>> x = torch.zeros(2, 3)
        >>> require_halves((x, torch.tensor([0, 1], dtype=torch.uint8)), (x[:1], torch.tensor([1])))[0][1]
        tensor([0, 1])
        >>> require_halves((x, torch.tensor([0, -1])), (x[:1], torch.tensor([1])))
        Traceback (most recent call last):
            ...
        ValueError: the classes of train must be whole numbers from 0, not -1
    """
    (x, y), (x_test, y_test) = _half("train", train), _half("test", test)
    if x.shape[1:] != x_test.shape[1:] or x.dtype != x_test.dtype:
        raise ValueError(
            f"train and test must have examples of one shape and type, not {brief(list(x.shape[1:]))} {_told(x.dtype)} "
            f"and {brief(list(x_test.shape[1:]))} {_told(x_test.dtype)}"
        )
    return (x, y), (x_test, y_test)


def _half(name: str, half: object) -> Split:
    if not isinstance(half, tuple | list) or len(half) != 2:
        raise TypeError(f"{name} must be two tensors, examples [N, ...] and classes [N], not {type(half).__name__}")
    x, y = half
    for what, one in (("examples", x), ("classes", y)):
        if not isinstance(one, Tensor):
            raise TypeError(f"the {what} of {name} must be a torch tensor, not {type(one).__name__}")
        if one.layout != torch.strided:
            raise TypeError(f"the {what} of {name} must be a dense tensor, not a {_told(one.layout)} one")
    if x.dim() == 0 or len(x) == 0 or y.shape != (len(x),):
        raise ValueError(f"{name} must be examples [N, ...] and as many classes [N], at least one")
    if x.dtype != torch.uint8 and not x.is_floating_point():
        raise TypeError(f"the examples of {name} must be of floating type or bytes (uint8), not {_told(x.dtype)}")
    if y.dtype not in WHOLE:
        raise TypeError(f"the classes of {name} must be integers from 0, as int64 has them, not {_told(y.dtype)}")
    if (least := int(y.min())) < 0:
        raise ValueError(f"the classes of {name} must be whole numbers from 0, not {least}")
    if x.is_floating_point() and (wrong := int((~x.flatten(1).isfinite().all(1)).sum())):
        raise ValueError(f"the examples of {name} must be finite, and {wrong} of {len(x)} have numbers that are not")
    return x, y.long()


def _told(what: torch.dtype | torch.layout) -> str:
    return str(what).removeprefix("torch.")

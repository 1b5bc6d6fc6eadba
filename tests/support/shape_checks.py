"""The checker that runs beside the tests: every annotated array must have the shape and dtype that it is said to have.

Other annotations are left to mypy: what a user may get wrong is answered by the package's own errors, which are tested.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from beartype import beartype
from jaxtyping import AbstractArray
from torch import Tensor


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` with its arrays checked at every call."""
    function.__annotations__ = {
        name: annotation if _of_arrays(annotation) else Any for name, annotation in function.__annotations__.items()
    }
    return beartype(function)


def _of_arrays(annotation: Any) -> bool:
    if isinstance(annotation, str):
        return any(word in annotation for word in ("Float[", "Int[", "Bool[", "Tensor"))
    if isinstance(annotation, type) and issubclass(annotation, (AbstractArray, Tensor)):
        return True
    return any(_of_arrays(part) for part in get_args(annotation))

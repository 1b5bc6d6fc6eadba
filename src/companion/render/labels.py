"""Labels of rows, made from the values that cells have on the axes of their exhibit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from companion.exhibits.axes import Axis

__all__ = ["label"]


def label(axes: Iterable[Axis], values: Mapping[str, Any]) -> str:
    """The words for a place on some axes; those of which it has nothing are left out.

    >>> from companion.exhibits.axes import PERMUTATION, VALUE_INPUT
    >>> label((PERMUTATION, VALUE_INPUT), {"permutation": (3, 2, 1, 0), "value_input": "ones"})
    'reverse, ones'
    """
    return ", ".join(axis.words(values[axis.name]) for axis in axes if values[axis.name] is not None)

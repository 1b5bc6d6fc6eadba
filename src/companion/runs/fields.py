"""Values of fields as their types say, and one sentence for a value that does not fit."""

from __future__ import annotations

import sys
from typing import Any

from companion.notation import Regime, ValueInput

__all__ = ["SpecError", "coerce", "one_of"]


class SpecError(ValueError):
    """A field that is unknown, has a bad value, or does not go with another."""


_LISTS = {"gate_permutation": "layer numbers such as [2, 0, 1, 3]", "classes": "class numbers such as [4, 7]"}
_LARGEST = sys.float_info.max


def coerce(name: str, value: Any, kind: Any) -> Any:
    """``value`` as its field's type, without guessing: booleans are no integers, and 1.5 is none either."""
    optional = type(None) in getattr(kind, "__args__", ())
    if value is None and optional:
        return None
    kinds = [k for k in getattr(kind, "__args__", (kind,)) if k not in (type(None), Ellipsis)]
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if name in _LISTS:
        if isinstance(value, (list, tuple)) and all(isinstance(v, int) and not isinstance(v, bool) for v in value):
            return tuple(value)
        raise SpecError(f"{name} must be a list of {_LISTS[name]}, not {value!r}")
    if bool in kinds and isinstance(value, bool):
        return value
    if int in kinds and number and (isinstance(value, int) or value.is_integer()):
        return int(value)
    if float in kinds and number and abs(value) <= _LARGEST:
        return float(value) + 0.0  # minus zero is zero, with the same key
    if str in kinds and isinstance(value, str):
        return value
    for enum in (Regime, ValueInput):
        if enum in kinds:
            one_of(name, value, [str(member) for member in enum])
            return enum(value)
    word = {int: "a whole number", float: "a finite number", bool: "true or false", str: "a word"}[kinds[0]]
    raise SpecError(f"{name} must be {word}{' or null' if optional else ''}, not {value!r}")


def one_of(name: str, value: Any, valid: Any) -> None:
    """Raise :class:`SpecError`, which lists what is valid, unless the value is among it."""
    if value not in list(valid):
        raise SpecError(f"unknown {name} {value!r}: valid are {', '.join(valid)}")

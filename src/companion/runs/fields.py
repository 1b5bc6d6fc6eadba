"""The fields of a run's description: each stands with its rule, and a value that breaks it gets one sentence.

A rule says what values a field may have and when the field has an effect at all; what has none must stay at its
default, or equal runs had unlike keys.
"""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from companion.files.quoting import brief
from companion.notation import Regime, ValueInput

__all__ = [
    "Changes",
    "Rule",
    "SpecError",
    "check_effect",
    "check_value",
    "coerce",
    "field",
    "idle",
    "one_of",
    "rule_of",
]


class SpecError(ValueError):
    """A field that is unknown, has a bad value, or does not go with another.

    Example:
        >>> from companion.runs.spec import RunSpec
        >>> RunSpec(label_noise=2)
        Traceback (most recent call last):
            ...
        companion.runs.fields.SpecError: label_noise must be a fraction from 0 to 1, not 2.0
    """


class Changes(Mapping[str, Any]):
    """Fields and their values as one immutable value: how a run differs from another.

    Example:
        >>> Changes({"width": 64, "label_noise": 0.5})
        {'label_noise': 0.5, 'width': 64}
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = {name: values[name] for name in sorted(values)}

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(tuple(self._values.items()))

    def __repr__(self) -> str:
        return repr(self._values)


Bound = float | Callable[[Any], float | None] | None
_LARGEST = sys.float_info.max

MOST_ITEMS, LARGEST_ITEM = 4096, 2**31
"""Numbers in a list, and the largest of them."""


@dataclass(frozen=True)
class Rule:
    """What values a field may have, and when it has an effect.

    Args:
        low: the least valid number; ``high``: the greatest, or a function of the run that gives it.
        says: what a number must be where its range is not told by whole numbers, such as ``a positive number``.
        above: the number is greater than ``low``, not equal to it.
        choices: the valid words.
        items: what a list holds, with an example.
        regimes: those in which the field has an effect; ``None`` is all.
        needs: another field without which (at its default) this one has no effect, and how that is said.
        each: whether runs that are trained in one stack may differ in it.
        source: whether it only says where weights come from.

    Example:
        >>> rule = Rule(low=0, high=1, says="a fraction from 0 to 1", regimes=frozenset({Regime.FL}))
        >>> idle(rule, {"regime": Regime.RELU}, {})
        'in regime ReLU'
    """

    low: float | None = None
    high: Bound = None
    says: str | None = None
    above: bool = False
    choices: Iterable[str] | None = None
    items: str | None = None
    regimes: frozenset[Regime] | None = None
    needs: tuple[str, str] | None = None
    each: bool = False
    source: bool = False


def field(default: Any, **rule: Any) -> Any:
    """A dataclass field with a default that never changes, and its :class:`Rule`.

    Args:
        default: the value.
        rule: arguments of the rule.

    Example:
        >>> @dataclass
        ... class Run:
        ...     width: int = field(64, low=1)
        >>> Run().width
        64
    """
    return dataclasses.field(default=default, metadata={"rule": Rule(**rule)})


def rule_of(field: dataclasses.Field[Any]) -> Rule:
    """The rule that stands with a field; one that was declared without has none to break.

    Example:
        >>> rule_of(dataclasses.field()).low is None, rule_of(field(64, low=1)).low
        (True, 1)
    """
    return field.metadata.get("rule", Rule())


def coerce(name: str, value: Any, kind: Any, rule: Rule | None = None) -> Any:
    """``value`` as its field's type, without guessing: booleans are no integers, and 1.5 is none either.

    Args:
        name: of the field, for the sentence.
        value: as it was given.
        kind: the field's type.
        rule: of the field; says what a list holds.

    Raises:
        SpecError: the value is none of that type.

    Example:
        >>> coerce("width", 64.0, int), coerce("classes", [4, 7], tuple, Rule(items="class numbers such as [4, 7]"))
        (64, (4, 7))
    """
    optional = type(None) in getattr(kind, "__args__", ())
    if value is None and optional:
        return None
    kinds = [k for k in getattr(kind, "__args__", (kind,)) if k not in (type(None), Ellipsis)]
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if rule is not None and rule.items is not None:
        if isinstance(value, (list, tuple)) and len(value) <= MOST_ITEMS and all(map(_small, value)):
            return tuple(value)
        raise SpecError(f"{name} must be a list of {rule.items}, at most {MOST_ITEMS} of them, not {brief(value)}")
    if Changes in kinds:
        if isinstance(value, Mapping) and all(isinstance(changed, str) for changed in value):
            return Changes(value)
        raise SpecError(f"{name} must be changed fields such as {{'label_noise': 0.5}}, or null, not {brief(value)}")
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
    raise SpecError(f"{name} must be {word}{' or null' if optional else ''}, not {brief(value)}")


def _small(value: Any) -> bool:
    """Whether a value is a whole number that a list may hold."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST_ITEM


def one_of(name: str, value: Any, valid: Iterable[str]) -> None:
    """Raise :class:`SpecError`, which lists what is valid, unless the value is among it.

    Args:
        name: of the field, for the sentence.
        value: as it was given.
        valid: words.

    Example:
        >>> one_of("optimiser", "lion", ["sgd", "adam"])
        Traceback (most recent call last):
            ...
        companion.runs.fields.SpecError: unknown optimiser 'lion': valid are sgd, adam
    """
    if value not in list(valid):
        raise SpecError(f"unknown {name} {brief(value)}: valid are {', '.join(valid)}")


def check_value(name: str, rule: Rule, spec: Any) -> None:
    """Raise :class:`SpecError`, which says what is valid, unless a run's number lies in the range of its field.

    Args:
        name: of the field.
        rule: of the field.
        spec: the run.

    Example:
        >>> from types import SimpleNamespace
        >>> check_value("width", Rule(low=1, high=8), SimpleNamespace(width=9))
        Traceback (most recent call last):
            ...
        companion.runs.fields.SpecError: width must be at least 1 and at most 8, not 9
    """
    value = getattr(spec, name)
    if rule.low is None or value is None:
        return
    high = rule.high(spec) if callable(rule.high) else rule.high
    fits = value > rule.low if rule.above else value >= rule.low
    if fits and (high is None or value <= high) and (isinstance(value, int) or math.isfinite(value)):
        return
    least = f"at least {rule.low}" if high is None else f"at least {rule.low} and at most {high}"
    valid = rule.says or (f"from {rule.low} to {high}" if callable(rule.high) else least)
    raise SpecError(f"{name} must be {valid}, not {brief(value)}")


def idle(rule: Rule, values: Mapping[str, Any], defaults: Mapping[str, Any]) -> str | None:
    """Where a field has no effect, given the values of all fields and their defaults; ``None`` where it has one.

    Example:
        >>> rule, plain = Rule(needs=("momentum", "momentum")), {"momentum": 0.0}
        >>> idle(rule, {"momentum": 0.0}, plain), idle(rule, {"momentum": 0.9}, plain)
        ('without momentum', None)
    """
    if rule.regimes is not None and not any(values["regime"] == regime for regime in rule.regimes):
        return f"in regime {values['regime']}"
    if rule.needs is not None and values[rule.needs[0]] == defaults[rule.needs[0]]:
        return f"without {rule.needs[1]}"
    return None


def check_effect(name: str, rule: Rule, values: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Raise :class:`SpecError` where a field has no effect and yet is not at its default.

    Args:
        name: of the field.
        rule: of the field.
        values: of all fields.
        defaults: of all fields.

    Example:
        >>> plain = {"nesterov": False, "momentum": 0.0}
        >>> check_effect("nesterov", Rule(needs=("momentum", "momentum")), plain | {"nesterov": True}, plain)
        Traceback (most recent call last):
            ...
        companion.runs.fields.SpecError: nesterov has no effect without momentum: leave it at False
    """
    if values[name] != defaults[name] and (where := idle(rule, values, defaults)):
        raise SpecError(f"{name} has no effect {where}: leave it at {defaults[name]}")

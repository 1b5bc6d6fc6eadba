"""What the fields of a record are: their types and ranges, and how they agree with each other and with the run.

A digest says that a record is as it was written, not that it is sound: whoever signs it anew can write anything.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from companion.files.quoting import brief
from companion.records.errors import RecordError
from companion.runs.spec import RunSpec

__all__ = [
    "CURVES",
    "STATUSES",
    "Kind",
    "agree",
    "check_origin",
    "fit",
    "number",
    "shape",
    "text",
    "whole",
    "yes_or_no",
]

STATUSES = ("finished", "diverged")
CURVES = ("train_loss", "train_accuracy", "test_accuracy")
LARGEST = 2.0**1023
"""Losses, norms and traces are smaller; that of a run about to diverge has any size that is finite."""


@dataclass(frozen=True)
class Kind:
    """What a value may be.

    Args:
        says: the valid values in words.
        fits: whether a value is one of them.
    """

    says: str
    fits: Callable[[Any], bool]

    def __or__(self, other: Kind) -> Kind:
        return Kind(f"{self.says} or {other.says}", lambda value: self.fits(value) or other.fits(value))


def whole(low: int, high: int) -> Kind:
    """A whole number in a range; booleans are none."""
    return Kind(f"a whole number from {low} to {high}", lambda v: type(v) is int and low <= v <= high)


def number(low: float, high: float) -> Kind:
    """A finite number in a range; booleans are none."""
    return Kind(f"a number from {low:g} to {high:g}", lambda v: type(v) in (int, float) and low <= v <= high)


def text(pattern: str, says: str) -> Kind:
    """Text that a regular expression matches as a whole."""
    return Kind(says, lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None)


def listed(kind: Kind, says: str) -> Kind:
    """A list of values of one kind."""
    return Kind(says, lambda value: isinstance(value, list) and all(kind.fits(item) for item in value))


def yes_or_no(value: Any) -> bool:
    """``value``, if it is true or false; ``ValueError`` if it is anything else."""
    if not isinstance(value, bool):
        raise ValueError(f"{brief(value)} is neither true nor false")
    return value


def _is_time(value: Any) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


NOTHING = Kind("null", lambda value: value is None)
YES_OR_NO = Kind("true or false", lambda value: isinstance(value, bool))
OBJECT = Kind("an object", lambda value: isinstance(value, dict))
NAME = Kind("a line of 1 to 200 characters", lambda v: isinstance(v, str) and 0 < len(v) <= 200 and v.isprintable())
NOTE = Kind("text of at most 1000 characters", lambda value: isinstance(value, str) and len(value) <= 1000)
SHORT = text("[0-9a-f]{16}", "sixteen hexadecimal digits")
LONG = text("[0-9a-f]{64}", "64 hexadecimal digits")
TIME = Kind("a time with its zone, such as 2026-01-31T12:00:00+00:00", _is_time)
PERCENT = number(0, 100)
EPOCH = whole(1, 2**31)
TAKE = whole(1, 10**6)

FIELDS: Mapping[str, Kind] = {
    "format": whole(1, 1),
    "key": SHORT,
    "take": TAKE,
    "spec": OBJECT,
    "status": Kind(f"one of {', '.join(STATUSES)}", lambda value: isinstance(value, str) and value in STATUSES),
    "curves": OBJECT,
    "best_test": PERCENT | NOTHING,
    "last_test": PERCENT | NOTHING,
    "provenance": OBJECT,
    "digest": LONG,
    "best_epoch": EPOCH | NOTHING,
    "selected_test": PERCENT | NOTHING,
    "selected_epoch": EPOCH | NOTHING,
    "teacher": OBJECT | NOTHING,
    "start": OBJECT,
    "weights": OBJECT,
    "probes": OBJECT,
    "pictures": SHORT,
}
NEEDED = tuple(FIELDS)[:11]
"""Those without which there is no record; older versions lacked some of the others."""

SOURCE: Mapping[str, Kind] = {"key": SHORT, "take": TAKE, "checkpoint": NAME, "epoch": EPOCH, "weights": SHORT}
WEIGHTS = text("(feature/)?(best_test|last|selected)", "best_test, last or selected, after feature/ of that network")
QUANTITY = text("[a-z][a-z0-9_]{0,60}", "a word such as norm_f")
SEVERAL = Kind("a number", lambda value: type(value) in (int, float) and abs(value) <= LARGEST)
OF_CURVE: Mapping[str, Kind] = {
    "train_loss": number(0, LARGEST),
    "train_accuracy": PERCENT,
    "test_accuracy": PERCENT,
    "holdout_accuracy": PERCENT,
}

ORIGIN: Mapping[str, Kind] = {
    "backend": NAME,
    "device": NAME,
    "seconds": number(0, 1e10),
    "torch": NAME,
    "dataset": LONG,
    "sources": SHORT,
    "sources_before": listed(SHORT, "a list of digests of sixteen hexadecimal digits"),
    "revision": text("[0-9a-f]{40,64}", "40 hexadecimal digits") | NOTHING,
    "dirty": YES_OR_NO | NOTHING,
    "python": NAME,
    "threads": whole(1, 2**20),
    "peak_mib": whole(0, 2**40),
    "precision": NAME,
    "time": TIME,
}
OTHER_ORIGIN = NOTE | Kind("a number", lambda v: type(v) in (int, float) and abs(v) < 2**53) | YES_OR_NO | NOTHING
"""What a later version may add to a provenance."""
NEEDED_ORIGIN = ("backend", "device", "seconds", "torch", "dataset")


def fit(what: str, value: Any, kind: Kind) -> None:
    """Raise :class:`RecordError`, which says what is valid, unless a value is of its kind."""
    if not kind.fits(value):
        raise RecordError(f"{what} must be {kind.says}, not {brief(value)}")


def check_origin(found: Any, needed: tuple[str, ...] = NEEDED_ORIGIN) -> None:
    """Raise :class:`RecordError` unless a provenance has what it needs, all of it of its type."""
    fit("provenance", found, OBJECT)
    if missing := [name for name in needed if name not in found]:
        raise RecordError(f"the provenance lacks {', '.join(sorted(missing))}")
    for name, value in found.items():
        fit(f"{brief(name)[1:-1]} of the provenance", value, ORIGIN.get(name, OTHER_ORIGIN))


def shape(content: Mapping[str, Any]) -> None:
    """Raise :class:`RecordError` unless every field is there that must be, and is what it must be."""
    for name, value in content.items():
        if name not in FIELDS:
            raise RecordError(f"the field {brief(name)} is unknown: valid are {', '.join(FIELDS)}")
        fit(name, value, FIELDS[name])
    check_origin(content["provenance"])
    curves = content["curves"]
    if missing := set(CURVES) - curves.keys():
        raise RecordError(f"curves are missing: {', '.join(sorted(missing))}")
    for name, curve in curves.items():
        if name not in OF_CURVE:
            raise RecordError(f"the curve {brief(name)} is unknown: valid are {', '.join(OF_CURVE)}")
        _series(f"the curve {name}", curve, OF_CURVE[name])
    for name, digest in content.get("weights", {}).items():
        fit("the name of weights", name, WEIGHTS)
        fit(f"the digest of the weights {name}", digest, SHORT)
    for name in ("teacher", "start"):
        if (source := content.get(name)) is not None:
            if source.keys() != SOURCE.keys():
                raise RecordError(f"{name} must have the fields {', '.join(SOURCE)}, not {brief(sorted(source))}")
            for part, kind in SOURCE.items():
                fit(f"{part} of the {name}", source[part], kind)
    for name, values in content.get("probes", {}).items():
        fit("the name of what a probe measures", name, QUANTITY)
        _series(f"the probe's {name}", values, whole(0, 2**31) if name == "epoch" else SEVERAL)


def _series(what: str, values: Any, kind: Kind) -> None:
    if not isinstance(values, list):
        raise RecordError(f"{what} must be a list, not {brief(values)}")
    for value in values:
        if type(value) not in (int, float) or not abs(value) < math.inf:
            raise RecordError(f"{what} holds {brief(value)}, which is not a finite number")
        fit(f"a value of {what}", value, kind)


def agree(content: Mapping[str, Any], spec: RunSpec) -> None:
    """Raise :class:`RecordError` unless the fields, each of which is what it must be, go together and with the run."""
    curves, finished = content["curves"], content["status"] == "finished"
    lengths = {name: len(curve) for name, curve in curves.items()}
    ended = spec.fitted(curves["train_accuracy"])
    alike = len(set(lengths.values())) == 1
    if not alike or (finished and lengths["test_accuracy"] != spec.epochs and not ended):
        raise RecordError(f"curves of lengths {lengths} do not have one value for each of {spec.epochs} epochs")
    curve, last = curves["test_accuracy"], len(curves["test_accuracy"])
    if last > spec.epochs:
        raise RecordError(f"curves of {last} epochs are longer than the run, which has {spec.epochs}")
    if content["best_test"] != max(curve, default=None) or content["last_test"] != (curve[-1] if curve else None):
        raise RecordError("best_test and last_test are not those of the curve")
    chosen = {"best_test": content["best_epoch"], "selected_test": content.get("selected_epoch")}
    for name, epoch in chosen.items():
        if content.get(name) != (None if epoch is None else curve[epoch - 1] if epoch <= last else None):
            raise RecordError(f"{name} is not the test accuracy of the epoch that was chosen, {epoch}")
    for role, name in (("gates", "teacher"), ("start", "start")):
        _source(name, content.get(name), spec.sources.get(role))
    _probes(content.get("probes"), spec, last)


def _source(name: str, found: Mapping[str, Any] | None, wanted: tuple[RunSpec, str] | None) -> None:
    """What a record says of the weights that a run took, beside what the run's description says."""
    if (found is None) != (wanted is None):
        raise RecordError(f"the run {'has no' if wanted is None else 'needs a'} {name}, and the record says otherwise")
    if found is None or wanted is None:
        return
    spec, checkpoint = wanted
    if (found["key"], found["checkpoint"]) != (spec.key, checkpoint):
        given = f"{found['checkpoint']} of {found['key']}"
        raise RecordError(f"the {name} of the run is {checkpoint} of {spec.key}, not {brief(given)[1:-1]}")
    if found["epoch"] > spec.epochs:
        raise RecordError(f"the {name} has {spec.epochs} epochs, and the record takes epoch {found['epoch']} of it")


def _probes(found: Mapping[str, list[float]] | None, spec: RunSpec, last: int) -> None:
    if found is None:
        return
    if spec.probe is None:
        raise RecordError("the run has no probe, and the record has what one measured")
    epochs = found.get("epoch", [])
    if epochs != sorted(set(epochs)) or any(epoch > last for epoch in epochs):
        raise RecordError(f"the probe's epochs {brief(epochs)} do not rise from 0 to at most {last}")
    if any(len(values) != len(epochs) for values in found.values()):
        raise RecordError("the probe does not have one value of each quantity for each of its epochs")

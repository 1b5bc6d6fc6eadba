"""Whether what a checkpoint tells of a run's past can be so: the run goes on from it, and its record says it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from companion.files.quoting import brief
from companion.notation import Tensor
from companion.records import schema
from companion.runs.spec import RunSpec

__all__ = ["impossible"]

KEPT = ("best_test", "selected")
PARTS: Mapping[str, schema.Kind] = {
    "curves": schema.OBJECT,
    "kept": schema.OBJECT,
    "sources": schema.OBJECT,
    "seconds": schema.ORIGIN["seconds"],
    "diverged": schema.YES_OR_NO,
    "probes": schema.OBJECT,
    "pictures": schema.OBJECT,
    "code": schema.ORIGIN["sources_before"],
}


def impossible(spec: RunSpec, told: Mapping[str, Any]) -> str | None:
    """Why a run cannot have had such a past, in one sentence; ``None`` if it can.

    Args:
        spec: the run.
        told: ``curves``, ``kept`` (name to epoch), ``sources``, ``seconds``, ``diverged``, ``probes``, ``pictures`` and
            ``code``, as a checkpoint has them.
    """
    for part, kind in PARTS.items():
        if not kind.fits(told[part]):
            return f"{part} must be {kind.says}, not {brief(told[part])}"
    curves, probes = told["curves"], told["probes"]
    if not set(schema.CURVES) <= curves.keys() <= schema.OF_CURVE.keys():
        return f"the curves must be {', '.join(schema.CURVES)}, not {brief(list(curves))}"
    for name, curve in curves.items():
        if reason := _series(f"the curve {name}", curve, schema.OF_CURVE[name]):
            return reason
    for name, values in probes.items():
        kind = schema.whole(0, spec.epochs) if name == "epoch" else schema.SEVERAL
        if reason := _series(f"the probe's {brief(name)}", values, kind):
            return reason
    ends = {len(curve) for curve in curves.values()}
    if len(ends) != 1 or max(ends) > spec.epochs:
        return f"curves of lengths {brief(sorted(ends))} are none of a run of {spec.epochs} epochs"
    if len({len(values) for values in probes.values()}) > 1:
        return "the probe has not one value of each quantity for each of its epochs"
    if not all(isinstance(name, str) and isinstance(one, Tensor) for name, one in told["pictures"].items()):
        return "pictures must be tensors by name"
    return _choice(curves["test_accuracy"], told["kept"])


def _choice(test: Sequence[float], kept: Mapping[str, Any]) -> str | None:
    """Whether the epochs whose weights were kept are among those that were trained, the best one being the best."""
    if not kept.keys() <= {*KEPT} or ("best_test" in kept) != bool(test):
        return f"weights must be kept of {' and '.join(KEPT)}, not of {brief(list(kept))}"
    for name, epoch in kept.items():
        if type(epoch) is not int or not 1 <= epoch <= len(test):
            return f"the epoch of the weights {name} must be from 1 to {len(test)}, not {brief(epoch)}"
    if test and test[kept["best_test"] - 1] != max(test):
        return f"epoch {kept['best_test']} has not the best test accuracy"
    return None


def _series(what: str, values: Any, kind: schema.Kind) -> str | None:
    if not isinstance(values, list):
        return f"{what} must be a list, not {brief(values)}"
    wrong = next((value for value in values if not kind.fits(value)), None)
    return None if wrong is None and None not in values else f"{what} must hold {kind.says}, not {brief(wrong)}"

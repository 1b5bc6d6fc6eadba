"""Which backend trains a run."""

from __future__ import annotations

from companion.runs.spec import RunSpec
from companion.training.backends import (
    Backend,
    ChainsBackend,
    CudaBackend,
    FusedBackend,
    LanesBackend,
    PlanesBackend,
    ReferenceBackend,
    StackedBackend,
)

__all__ = ["BACKENDS", "choose_backend"]

BACKENDS: dict[str, Backend] = {
    b.name: b
    for b in (
        FusedBackend(),
        PlanesBackend(),
        ChainsBackend(),
        CudaBackend(),
        LanesBackend(),
        StackedBackend(),
        ReferenceBackend(),
    )
}
"""In order of preference."""

ONLY_ON = {"fused": "cpu", "planes": "cpu", "lanes": "cpu", "chains": "cuda", "cuda": "cuda"}
"""Backends that serve one type of device only."""


def choose_backend(spec: RunSpec, name: str = "auto", device: str = "cpu") -> Backend:
    """The first backend that can train ``spec`` on ``device``, or the named one.

    Raises:
        ValueError: unknown name, or neither the named backend nor, for ``auto``, any other can train this run.

    Example:
        >>> choose_backend(RunSpec(), "stacked").name
        'stacked'
    """
    if name not in ("auto", *BACKENDS):
        raise ValueError(f"unknown backend {name!r}: valid are auto, {', '.join(BACKENDS)}")
    kind = device.partition(":")[0]
    asked = BACKENDS if name == "auto" else [name]
    if (first := next((known for known in asked if _refusal(BACKENDS[known], spec, kind) is None), None)) is not None:
        return BACKENDS[first]
    reasons = {known: _refusal(backend, spec, kind) for known, backend in BACKENDS.items()}
    able = [known for known, reason in reasons.items() if reason is None]
    run = f"{spec.architecture} {'with' if spec.bias else 'without'} biases in {spec.precision} on {device}"
    why = reasons.get(name) or ", ".join(f"{known}: {reason}" for known, reason in reasons.items())
    raise ValueError(f"backend {name} cannot train {run} ({why}): valid here are {', '.join(able) or 'none'}")


def _refusal(backend: Backend, spec: RunSpec, kind: str) -> str | None:
    """Why a backend cannot train a run on a kind of device; ``None`` where it can."""
    only = ONLY_ON.get(backend.name, kind)
    return backend.refusal(spec) if only == kind else f"it serves {only} only"

"""What records that tests make up say of their origin and of the runs that they took weights from."""

from __future__ import annotations

from typing import Any

from companion.data import DATASETS
from companion.runs.spec import RunSpec

ORIGIN: dict[str, Any] = {
    "backend": "reference",
    "device": "a device",
    "seconds": 1.0,
    "torch": "2.11.0",
    "dataset": DATASETS["digits"].digest,
}
"""The least that a provenance says."""


def taken(spec: RunSpec) -> dict[str, Any]:
    """The fields ``teacher`` and ``start`` of a run, whose sources were at their best in their first epoch."""
    found = {
        role: {"key": source.key, "take": 1, "checkpoint": checkpoint, "epoch": 1, "weights": "0" * 16}
        for role, (source, checkpoint) in spec.sources.items()
    }
    return {"teacher": found.get("gates"), **({"start": found["start"]} if "start" in found else {})}

"""What records that tests make up say of their origin and of the runs that they took weights from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from companion.data import DATASETS
from companion.records.store import canonical, content_digest
from companion.runs.spec import RunSpec

ORIGIN: dict[str, Any] = {
    "backend": "reference",
    "device": "a device",
    "seconds": 1.0,
    "torch": "2.11.0",
    "dataset": DATASETS["digits"].digest,
}
"""The least that a provenance says."""


def alter(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change what a record on disk says, and sign it anew, as somebody would who wants to be believed."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(canonical({**content, "digest": content_digest(content)}))


def taken(spec: RunSpec) -> dict[str, Any]:
    """The fields ``teacher`` and ``start`` of a run, whose sources were at their best in their first epoch."""
    found = {
        role: {"key": source.key, "take": 1, "checkpoint": checkpoint, "epoch": 1, "weights": "0" * 16}
        for role, (source, checkpoint) in spec.sources.items()
    }
    return {"teacher": found.get("gates"), **({"start": found["start"]} if "start" in found else {})}

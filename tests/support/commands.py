"""What the tests of the command line share: what a command came to, and a few records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from companion.records.store import Record, Store
from support.records import ORIGIN, taken


class Said:
    """What a command came to."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


def _record_of(spec: Any) -> Record:
    curve = [50.0] * spec.epochs
    return Record.build(
        spec,
        1,
        status="finished",
        curves={"train_loss": curve, "train_accuracy": curve, "test_accuracy": curve},
        best_test=50.0,
        best_epoch=1,
        last_test=50.0,
        selected_test=None,
        selected_epoch=None,
        **taken(spec),
        weights={},
        provenance={**ORIGIN, "device": "a device", "seconds": 1.0, "backend": "stacked", "threads": 1},
    )


def some_records(folder: Path, count: int) -> Store:
    from companion.exhibits import cells

    store = Store(folder)
    for cell in cells("A-T2", "quick")[:count]:
        store.write(_record_of(cell.spec))
    return store

"""What the tests of training share: tiny runs on the digits, and records stripped of what differs from time to time."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from companion.notation import Regime
from companion.records.store import Record, Store
from companion.runs.spec import RunSpec
from companion.training import loop, pace
from companion.training.loop import Progress
from companion.training.queue import run_missing
from companion.training.workspace import Workspace

TINY: dict[str, Any] = {
    "dataset": "digits",
    "width": 6,
    "depth": 3,
    "batch_size": 16,
    "learning_rate": 0.2,
    "epochs": 3,
    "train_size": 70,
    "test_size": 50,
}


def tiny(regime: Regime | str = Regime.RELU, **changes: Any) -> RunSpec:
    """A run that takes milliseconds."""
    return RunSpec.from_dict({**TINY, "regime": regime, **changes})


def all_regimes(**changes: Any) -> list[RunSpec]:
    """One run of each regime, the teacher of FL first."""
    return [tiny(regime, **changes) for regime in Regime]


class Laboratory:
    """A store and a workspace in one folder, and what happened there."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder / "results")
        self.workspace = Workspace(folder / "workspace", self.store)
        self.progress: list[Progress] = []

    def run(self, *specs: RunSpec, backend: str = "reference") -> int:
        """Train what is missing."""
        return run_missing(specs, self.store, self.workspace, backend=backend, on_progress=self.progress.append)

    def record(self, spec: RunSpec) -> Record:
        """The record of a run that must be there."""
        record = self.store.get(spec)
        assert record is not None
        return record

    def content(self, spec: RunSpec) -> dict[str, Any]:
        """What a repetition of the run must bring again, to the last bit."""
        return timeless(self.record(spec))


def always_save(patch: pytest.MonkeyPatch) -> None:
    """A checkpoint after every epoch, whatever it takes."""
    patch.setattr(loop, "CHECKPOINT_SECONDS", -1)
    patch.setattr(pace, "SHARE", math.inf)


def timeless(record: Record) -> dict[str, Any]:
    """A record's content without the circumstances of its making."""
    return {name: value for name, value in record.content.items() if name not in ("provenance", "digest", "take")}

"""What the tests of the command line share: what a command came to, and a few records."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from companion import project
from companion.records.store import Record, Store
from support.records import ORIGIN, taken

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "torchvision", "matplotlib", "seaborn", "sklearn")
ASK = f"""
import sys
from companion.cli import main
code = main(sys.argv[1:])
print("heavy:", *(name for name in {HEAVY!r} if name in sys.modules), file=sys.stderr)
sys.exit(code)
"""


def heavy(line: str, cache: Path) -> list[str]:
    """The large libraries that a command has imported by its end, in a process of its own."""
    return asked(line, (0, 1), **{project.CACHE: cache})[-1].split()[1:]


def asked(line: str, codes: tuple[int, ...], *, first: str = "", **variables: Path) -> list[str]:
    """The lines that a command writes to standard error, and then which large libraries it has imported.

    Args:
        line: the command.
        codes: one of these is its exit code.
        first: Python that its process begins with.
        variables: of its environment; of the project's own it has no others, and stands in this checkout.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("COMPANION_")}
    environment = inherited | {project.ROOT: str(ROOT)} | {name: str(value) for name, value in variables.items()}
    command = [sys.executable, "-c", f"{first}\n{ASK}", *line.split()]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in codes, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()


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

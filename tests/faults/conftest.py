"""What the harness tells: with ``--faults-report FILE`` what was struck is written there, test by test.

With ``--faults-long`` it does more than anybody waits for: see :data:`support.faults.LONG`.
"""

from __future__ import annotations

import json
import platform
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from support import disks, faults

FOUND = pytest.StashKey[list[dict[str, Any]]]()
BEGAN = time.monotonic()
"""Before any of its tests is imported."""
WHOSE = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def pytest_addoption(parser: pytest.Parser) -> None:
    """One file for the page of the book; in one process, as others would not know of it."""
    parser.addoption("--faults-report", type=Path, help="write what was struck into this file, as JSON")
    parser.addoption("--faults-long", action="store_true", help="every write of every file, more processes, more seeds")


def pytest_configure(config: pytest.Config) -> None:
    """Before the tests are imported, which ask how much they do."""
    faults.LONG[:] = [config.getoption("--faults-long", False)]


@pytest.fixture
def disk(tmp_path: Path) -> Callable[[Callable[[disks.Disk], list[str]]], list[str]]:
    """What does some work where a small disk of its own is, and returns what that does."""
    if reason := disks.refusal():
        pytest.skip(f"no file system can be mounted here ({reason})")
    (place := tmp_path / "disk").mkdir()
    return partial(disks.on_a_disk, place)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[Any]:
    """Add one test, with what was struck in it, where its end is known."""
    report = yield
    if call.when == "call":
        struck, faults.STRUCK[:] = list(faults.STRUCK), []
        parameters = getattr(item, "callspec", None)
        named = parameters.params if parameters else {}
        item.config.stash.setdefault(FOUND, []).append(
            {
                "test": getattr(item, "originalname", item.name),
                "file": item.path.name,
                "work": named.get("kind") or item.module.WORK,
                "how": named.get("how") or ("disk" if "disk" in item.fixturenames else None),
                "ends": dict(Counter(struck)),
                "passed": report.outcome == "passed",
                "seconds": round(call.duration, 2),
            }
        )
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the report, where one was asked for."""
    file: Path | None = session.config.getoption("--faults-report", None)
    if file is not None:
        made = {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
            "seconds": round(time.monotonic() - BEGAN, 1),
            "processor_seconds": round(sum(sum(resource.getrusage(whose)[:2]) for whose in WHOSE), 1),
            "tests": session.config.stash.get(FOUND, []),
        }
        file.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")

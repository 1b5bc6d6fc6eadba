"""What the harness tells: with ``--faults-report FILE`` what was struck is written there, test by test."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from support import faults

FOUND = pytest.StashKey[list[dict[str, Any]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """One file for the page of the book; in one process, as others would not know of it."""
    parser.addoption("--faults-report", type=Path, help="write what was struck into this file, as JSON")


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
                "how": named.get("how"),
                "ends": dict(Counter(struck)),
                "passed": report.outcome == "passed",
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
            "tests": session.config.stash.get(FOUND, []),
        }
        file.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")

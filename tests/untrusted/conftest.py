"""How much is tried: ``--inputs 10000`` of each parser; with ``--untrusted-report FILE`` what came of it is written."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from support import guarded

FOUND = pytest.StashKey[list[dict[str, Any]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The long form, and a file for the page of the book; in one process, as others would not know of it."""
    parser.addoption("--inputs", type=int, default=200, help="malformed inputs for each parser")
    parser.addoption("--untrusted-report", type=Path, help="write what was tried into this file, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    """Before the tests are imported, which say with their settings how many inputs they take."""
    guarded.INPUTS[:] = [config.getoption("--inputs", 200)]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[Any]:
    """Add one parser, with how many inputs it took and refused, where its end is known."""
    report = yield
    if call.when == "call":
        tally = dict(guarded.TALLY)
        guarded.TALLY.clear()
        parser = getattr(getattr(item, "function", None), "parser", None)
        if parser is not None:
            item.config.stash.setdefault(FOUND, []).append(
                {
                    "parser": parser,
                    "accepted": tally.get("accepted", 0),
                    "refused": tally.get("refused", 0),
                    "seconds": round(call.duration, 1),
                    "passed": report.outcome == "passed",
                }
            )
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the report, where one was asked for."""
    file: Path | None = session.config.getoption("--untrusted-report", None)
    if file is not None:
        made = {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
            "parsers": session.config.stash.get(FOUND, []),
        }
        file.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")

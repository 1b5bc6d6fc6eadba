"""A Slurm for the tests of this folder, which ends with them; with ``--slurm-report FILE`` what happened is written."""

from __future__ import annotations

import json
import platform
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from support.slurm import Cluster, cluster, missing_package


def pytest_addoption(parser: pytest.Parser) -> None:
    """A file for the page of the book."""
    parser.addoption("--slurm-report", type=Path, help="write what happened on the cluster into this file, as JSON")


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[Mapping[str, Any]], None]:
    """What writes the report, where one was asked for; a test that fails before has nothing to report."""
    file: Path | None = request.config.getoption("--slurm-report", None)

    def write(found: Mapping[str, Any]) -> None:
        made = {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
        }
        if file is not None:
            file.write_text(json.dumps(made | dict(found), indent=1) + "\n", encoding="utf-8")

    return write


@pytest.fixture
def slurm() -> Iterator[Cluster]:
    """A real cluster of one node with two processors, in a folder whose path is short enough for sockets."""
    if lacking := missing_package():
        pytest.skip(f"the package {lacking} is not installed")
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder, cluster(Path(folder)) as made:
        yield made

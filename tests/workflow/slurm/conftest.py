"""A Slurm for the tests of this folder, which ends with them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.slurm import Cluster, cluster, missing_package


@pytest.fixture
def slurm() -> Iterator[Cluster]:
    """A real cluster of one node with two processors, in a folder whose path is short enough for sockets."""
    if lacking := missing_package():
        pytest.skip(f"the package {lacking} is not installed")
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder, cluster(Path(folder)) as made:
        yield made

"""One thread, shape checking of the whole package, and hypothesis without deadlines.

On a bare image with torch and pytest alone, shapes are not checked, and tests that need more are not found: enough for
``pytest -m gpu tests/training/backends/test_chains.py``.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

torch.set_num_threads(1)
CHECKED = all(importlib.util.find_spec(name) for name in ("jaxtyping", "beartype"))

if CHECKED:
    from jaxtyping import install_import_hook

    import support.shape_checks  # noqa: F401 (the hook takes it as an attribute)

    install_import_hook("companion", "support.shape_checks.check")  # before anything imports the package

if importlib.util.find_spec("hypothesis"):
    from hypothesis import settings

    settings.register_profile("default", deadline=None, max_examples=50)
    settings.register_profile("ci", deadline=None, max_examples=50, derandomize=True, print_blob=True)
    settings.load_profile("ci" if os.environ.get("CI") else "default")


def pytest_report_header() -> list[str]:
    """What this environment leaves out."""
    return [] if CHECKED else ["shapes are not checked: jaxtyping and beartype are not here"]


@pytest.fixture(scope="session", autouse=True)
def _indexes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tests find out about the stores that they make up is no part of the user's cache."""
    from companion.records import index

    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "user_cache", lambda: folder)
        yield

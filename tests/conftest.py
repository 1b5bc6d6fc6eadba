"""One thread, shape checking of the whole package, and hypothesis without deadlines.

On a bare image with torch and pytest alone, shapes are not checked, and tests that need more are not found: enough for
``pytest -m gpu tests/training/backends/test_chains.py``.
"""

from __future__ import annotations

import importlib.util
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

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

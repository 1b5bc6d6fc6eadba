"""One thread, shape checking of the whole package, and hypothesis without deadlines."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from hypothesis import settings
from jaxtyping import install_import_hook

import support.shape_checks  # noqa: F401 (the hook takes it as an attribute)

install_import_hook("companion", "support.shape_checks.check")  # before anything imports the package
torch.set_num_threads(1)

settings.register_profile("default", deadline=None, max_examples=50)
settings.register_profile("ci", deadline=None, max_examples=50, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

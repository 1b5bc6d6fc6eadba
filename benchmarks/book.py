"""The book: a cold build of a fresh copy of the checkout, then a build in which nothing has changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from companion.costs.bench import Benchmark, Options, Unavailable, Variant
from companion.project import find

LEFT_OUT = shutil.ignore_patterns(".*", "_build", "__pycache__", "*.egg-info")
COMMAND = [sys.executable, "-c", "from companion.cli import main; raise SystemExit(main(['book']))"]


def variants(options: Options) -> list[Variant]:
    """``companion book`` twice; each round has a copy of its own."""
    holder = tempfile.TemporaryDirectory()
    copy = Path(holder.name) / "book"

    def build() -> float:
        environment = {**os.environ, "COMPANION_ROOT": str(copy), "OMP_NUM_THREADS": str(options.threads)}
        start = time.perf_counter()
        made = subprocess.run(COMMAND, capture_output=True, text=True, env=environment, cwd=copy)
        if made.returncode:
            raise Unavailable(f"the book cannot be built: {made.stderr.strip().splitlines()[-1]}")
        return time.perf_counter() - start

    def cold(_: object = holder) -> float:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(find().root, copy, ignore=LEFT_OUT)
        return build()

    return [
        Variant("cold build", lambda: cold, warm=False),
        Variant("warm build, nothing changed", lambda: build, warm=False),
    ]


BOOK = Benchmark("book", "Building the book: every chapter executed, every page rendered", "s", variants, rounds=1)

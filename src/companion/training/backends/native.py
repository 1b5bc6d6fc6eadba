"""Small C sources, compiled at first use by the machine's own compiler for this very processor."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from companion.project import user_cache
from companion.records.provenance import processor

__all__ = ["compiled"]

FLAGS = ["-O3", "-march=native", "-fno-math-errno", "-fPIC", "-shared"]


def compiled(source: Path) -> ctypes.CDLL:
    """The library of one C source, from the user's cache where this machine has built it before.

    Args:
        source: a file of C without dependencies but the C library; ``CC`` names the compiler, by default ``cc``.

    Raises:
        OSError: there is no compiler, or what it built cannot be loaded.
        subprocess.CalledProcessError: the compiler failed.
    """
    compiler = shlex.split(os.environ.get("CC") or "cc")
    if shutil.which(compiler[0]) is None:
        raise OSError(f"no C compiler {compiler[0]!r}")
    version = subprocess.run([*compiler, "--version"], capture_output=True, text=True, check=True).stdout
    features = processor("flags", "Features")  # what -march=native depends on, where the system tells
    identity = "\n".join([source.read_text(), version, *FLAGS, platform.machine(), features])
    target = user_cache() / "kernels" / f"{source.stem}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}.so"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            built = Path(folder) / target.name
            command = [*compiler, *FLAGS, str(source), "-o", str(built), "-lm"]
            subprocess.run(command, capture_output=True, text=True, check=True)
            built.replace(target)
    return ctypes.CDLL(str(target))

"""Small C sources, compiled at first use by the machine's own compiler for this very processor."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from companion.files.documents import DocumentError, regular
from companion.project import user_cache
from companion.records.provenance import processor

__all__ = ["VECTORS", "compiled"]

FLAGS = ["-O3", "-fno-math-errno", "-fPIC", "-shared"]
VECTORS = {
    "native": ["-march=native"],
    "avx512": ["-march=x86-64-v4"],
    "avx2": ["-march=x86-64-v3"],
    "portable": [],
}
"""Which instructions may be used: all that this processor has, those of two classes of processors, or what any has."""

LARGEST = 1 << 26
"""Bytes that a library may have."""


def compiled(source: Path, vectors: str = "native") -> ctypes.CDLL:
    """The library of one C source, from the user's cache where this machine has built it before.

    Args:
        source: a file of C without dependencies but the C library and headers that lie beside it; ``CC`` names the
            compiler, by default ``cc``.
        vectors: a key of :data:`VECTORS`; nobody checks that the processor has them.

    Raises:
        OSError: there is no compiler, or what it built cannot be loaded.
        subprocess.CalledProcessError: the compiler failed.
    """
    compiler = shlex.split(os.environ.get("CC") or "cc")
    if shutil.which(compiler[0]) is None:
        raise OSError(f"no C compiler {compiler[0]!r}")
    flags = FLAGS + VECTORS[vectors]
    version = subprocess.run([*compiler, "--version"], capture_output=True, text=True, check=True).stdout
    features = processor("flags", "Features")  # what -march=native depends on, where the system tells
    identity = "\n".join([*_texts(source), version, *flags, platform.machine(), features])
    folder = user_cache() / "kernels"
    name = f"{source.stem}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"
    known = next((path for path in sorted(folder.glob(f"{name}-*.so")) if path == _named(path, name)), None)
    return ctypes.CDLL(str(known or _build([*compiler, *flags, str(source)], folder, name)))


def _build(command: list[str], folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        built = Path(temporary) / f"{name}.so"
        subprocess.run([*command, "-o", str(built), "-lm"], capture_output=True, text=True, check=True)
        target = folder / _named(built, name).name
        built.replace(target)
    return target


def _named(library: Path, name: str) -> Path:
    """What a library must be called, by what is in it: loading one that was cut short ends the process."""
    try:
        content = regular(library, LARGEST)
    except DocumentError:
        return library.with_name(name)
    return library.with_name(f"{name}-{hashlib.sha256(content).hexdigest()[:16]}.so")


def _texts(source: Path) -> Iterator[str]:
    """The text of a source and of all headers of our own that it includes, each as often as it is included."""
    text = source.read_text()
    yield text
    for name in re.findall(r'^#include "(.+)"', text, re.MULTILINE):
        yield from _texts(source.parent / name)

"""Small C sources, compiled at first use by the machine's own compiler for this very processor.

Those of the package are compiled as this process has read them, of the bytes that the digest in a record is of: a file
that changes between the start of a process and its first kernel changes nothing.
"""

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
from collections.abc import Mapping
from pathlib import Path

from companion.files.documents import DocumentError, regular
from companion.project import user_cache
from companion.records.provenance import processor, sources

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
    texts = _texts(source)
    identity = "\n".join([*map(bytes.decode, texts.values()), version, *flags, platform.machine(), features])
    folder = user_cache() / "kernels"
    name = f"{source.stem}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"
    known = next((path for path in sorted(folder.glob(f"{name}-*.so")) if path == _named(path, name)), None)
    return ctypes.CDLL(str(known or _build([*compiler, *flags], texts, folder, name)))


def _build(command: list[str], texts: Mapping[Path, bytes], folder: Path, name: str) -> Path:
    """Compile the first of some texts, which lie beside each other as their files do."""
    folder.mkdir(parents=True, exist_ok=True)
    root = os.path.commonpath([path.parent for path in texts])
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        written = [Path(temporary) / "sources" / path.relative_to(root) for path in texts]
        for path, content in zip(written, texts.values(), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        built = Path(temporary) / f"{name}.so"
        words = [*command, str(written[0]), "-o", str(built), "-lm"]
        subprocess.run(words, capture_output=True, text=True, check=True)
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


def _texts(source: Path) -> dict[Path, bytes]:
    """A source and all headers of our own that it includes, as this process has read them where it has."""
    found: dict[Path, bytes] = {}
    open_ = [source]
    while open_:
        path = Path(os.path.normpath(open_.pop()))
        if path not in found:
            found[path] = sources().get(path) or path.read_bytes()
            included = re.findall(r'^#include "(.+)"', found[path].decode(), re.MULTILINE)
            open_ += [path.parent / name for name in included]
    return found

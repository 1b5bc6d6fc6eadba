"""Kernels are compiled of the very bytes that the digest in a record is of, whatever the files have become."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import companion
from companion.records import provenance
from companion.training.backends import native

needs_a_compiler = pytest.mark.skipif(shutil.which(os.environ.get("CC") or "cc") is None, reason="no C compiler")
PACKAGE = Path(companion.__file__).parent


@pytest.fixture
def sources(tmp_path, monkeypatch) -> Path:
    """The folder of a source with a header above it, which a process has read."""
    folder = tmp_path / "sources" / "below"
    folder.mkdir(parents=True)
    (folder / "answer.c").write_text('#include "../number.h"\nint answer(void) { return NUMBER; }\n')
    (folder.parent / "number.h").write_text("#define NUMBER 42\n")
    known = {path: path.read_bytes() for path in folder.parent.rglob("*.[ch]")}
    monkeypatch.setattr(native, "sources", lambda: known)
    monkeypatch.setattr(native, "user_cache", lambda: tmp_path / "cache")
    return folder


@needs_a_compiler
@pytest.mark.parametrize("changed", ["answer.c", "../number.h"])
def test_a_source_that_has_changed_since_it_was_read_is_compiled_as_it_was(sources, changed):
    (sources / changed).write_text("this is no C\n")
    assert native.compiled(sources / "answer.c").answer() == 42


@needs_a_compiler
def test_a_source_that_nobody_has_read_is_compiled_as_it_is(sources, tmp_path):
    other = tmp_path / "other.c"
    other.write_text("int answer(void) { return 43; }\n")
    assert native.compiled(other).answer() == 43
    assert native.compiled(sources / "answer.c").answer() == 42
    assert {path.name.partition("-")[0] for path in (tmp_path / "cache" / "kernels").iterdir()} == {"other", "answer"}


SCRIPT = """
import sys
from pathlib import Path
from companion.training import loop
from companion.records.provenance import sources_digest
from companion.training.backends import fused
from companion.training.backends.planes import kernel

for name in ("fused.c", "vectors.h", "planes/planes.c", "planes/gates.h"):
    file = Path(fused.__file__).with_name(name) if "/" not in name else Path(fused.__file__).parent / name
    file.write_text(file.read_text() + "#error changed\\n")
print(fused._library() is not None, kernel.library() is not None, sources_digest())
"""


@needs_a_compiler
def test_the_kernels_that_train_are_those_of_the_digest(tmp_path):
    """The sources of a fresh process change before its first kernel, whose cache is empty."""
    shutil.copytree(PACKAGE, tmp_path / "src" / "companion")  # with what is compiled of it, which saves time
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "src"), "COMPANION_CACHE": str(tmp_path / "cache")}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True)
    assert done.stdout.split() == ["True", "True", provenance.sources_digest()], done.stderr


def test_what_is_imported_late_and_has_changed_is_refused(tmp_path, monkeypatch):
    file = tmp_path / "kernels.py"
    file.write_text("A = 1\n")
    monkeypatch.setattr(provenance, "sources", lambda: {file: b"A = 1\n"})
    provenance.refuse_changed(file)
    file.write_text("A = 2\n")
    with pytest.raises(OSError, match=r"^kernels.py has changed since this process began"):
        provenance.refuse_changed(file)

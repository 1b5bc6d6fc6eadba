"""Kernels that are forked from one process: each a new interpreter, in the right place, and none that hangs."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from companion.project import Project
from companion.site import notebooks, warm
from companion.site.notebooks import NotebookError
from companion.site.warm import LIBRARIES, Nursery
from support.projects import make_project

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kernels start warm on Linux only")


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """One that imports little, so that it starts soon."""
    made = Nursery(("ipykernel.kernelapp",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(warm, "NURSERY", made)
        yield made
        made.close()


@pytest.fixture
def book(tmp_path: Path, nursery: Nursery) -> Project:
    return make_project(tmp_path / "book")


def _run(book: Project, source: str) -> list:
    """Outputs of a cell in a warm kernel."""
    path = book.chapter("a_t2_accuracy")
    notebook = notebooks.read(path)
    notebook.cells[2].source = source
    notebooks.write(notebook, path)
    done = notebooks.execute(path, root=book.root, store=book.results, downloads=book.build, warm=True)
    return list(done.cells[2].outputs)


def test_what_is_imported_beforehand_can_be_imported() -> None:
    for name in LIBRARIES:
        importlib.import_module(name)


def test_each_kernel_is_an_interpreter_of_its_own(book: Project) -> None:
    """Its parent, folder and variables are as they should be; what one did, the next does not see."""
    source = """
import builtins, os, sys
print(os.getppid(), os.getpid(), sys.executable, os.getcwd(), os.environ["COMPANION_ROOT"], sys.argv[0])
print(hasattr(builtins, "leak"), "json.tool" in sys.modules, "torch" in sys.modules, __name__)
import json.tool
builtins.leak = os.environ["LEAK"] = "here"
"""
    said = [_run(book, source)[0].text.splitlines() for _ in range(2)]
    (parent, one, *first), (same, other, *second) = (lines[0].split() for lines in said)
    assert parent == same != str(os.getpid())
    assert one != other
    assert first == second == [sys.executable, str(book.notebooks), str(book.root), "ipykernel_launcher"]
    assert said[0][1] == said[1][1] == "False False False __main__"
    assert "LEAK" not in os.environ


def test_figures_come_out(book: Project) -> None:
    outputs = _run(book, "import matplotlib.pyplot as plt\nplt.plot([0, 1])\nplt.show()")
    assert [set(output.data) for output in outputs] == [{"image/svg+xml", "text/plain"}]


def test_a_kernel_that_dies_is_an_error(book: Project) -> None:
    with pytest.raises(NotebookError, match=r"a_t2_accuracy\.ipynb failed: its kernel died"):
        _run(book, "import os\nos._exit(3)")


def test_without_a_nursery_kernels_start_as_always(book: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Nursery(("no_such_library",))
    monkeypatch.setattr(warm, "NURSERY", broken)
    assert _run(book, "import os\nprint(os.getppid())")[0].text == f"{os.getpid()}\n"
    broken.close()

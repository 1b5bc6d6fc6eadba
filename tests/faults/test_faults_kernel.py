"""The process of a chapter is killed in the midst of a cell: one sentence, nothing half-written, nobody left behind."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from companion import project
from companion.site import notebooks, warm
from companion.site.notebooks import NotebookError
from companion.site.run import Plan, execute_chapter, plan
from companion.site.warm import Nursery
from support.faults import STRUCK, visible
from support.projects import make_project

WORK = "a chapter"
"""What the report calls it."""
CELL = """
import os, signal
if os.path.exists({pipe!r}):
    with open({pipe!r}, "w") as told:
        told.write(str(os.getpid()))
    signal.pause()
print("done")
"""


@pytest.fixture
def chapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """One whose last cell says who executes it, and waits to be killed, while there is a pipe."""
    for name in (project.ROOT, project.STORE, project.DOWNLOADS):
        monkeypatch.delenv(name, raising=False)
    made = make_project(tmp_path / "book")
    path = made.chapter("a_t2_accuracy")
    notebook = notebooks.read(path)
    notebook.cells[2].source += CELL.format(pipe=str(tmp_path / "pipe"))
    notebooks.write(notebook, path)
    output = tmp_path / "out" / "chapter.ipynb"
    return plan(made, "A-T2", {"profile": "quick", "train": False}, store=tmp_path / "store", output=output)


@pytest.fixture(params=["started", "forked"])
def servers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A kernel that is started for the chapter, or forked as those of the book are: how many processes fork them."""
    if request.param == "forked":
        nursery, execute = Nursery(("ipykernel.kernelapp",)), notebooks.execute
        monkeypatch.setattr(warm, "NURSERY", nursery)
        monkeypatch.setattr(notebooks, "execute", lambda *words, **more: execute(*words, **more, warm=True))
        yield 1
        nursery.close()
    else:
        yield 0


def killed_by(pipe: Path, killed: list[int]) -> threading.Thread:
    """Kill the process that writes its number into a pipe."""

    def kill() -> None:
        killed.append(int(pipe.read_text()))
        os.kill(killed[0], signal.SIGKILL)

    os.mkfifo(pipe)
    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    return thread


def of_the_book(root: Path) -> list[str]:
    """What runs and has been started for a book; a process that is gone while we look is none."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if f"{project.ROOT}={root}".encode() in place.joinpath("environ").read_bytes().split(b"\0"):
                found.append(place.joinpath("cmdline").read_text())
        except OSError:
            continue
    return found


def test_a_chapter_whose_process_is_killed_in_a_cell_leaves_a_sentence_and_nothing_else(tmp_path, chapter, servers):
    root = tmp_path / "book"
    made = project.Project(root)
    before, killed = visible(root), list[int]()
    thread = killed_by(tmp_path / "pipe", killed)
    with pytest.raises(NotebookError) as error:
        execute_chapter(made, chapter)
    STRUCK.append("error")
    assert str(error.value) == "a_t2_accuracy.ipynb failed: its kernel died"
    thread.join()
    with pytest.raises(ProcessLookupError):
        os.kill(killed[0], 0)
    assert len(of_the_book(root)) == servers
    assert visible(root) == before
    assert not list(chapter.output.parent.rglob("*.ipynb"))
    assert not list(tmp_path.rglob(".*.partial"))
    (tmp_path / "pipe").unlink()
    written = notebooks.read(execute_chapter(made, chapter))
    assert written.cells[-1].outputs[0].text.endswith("done\n")
    assert len(of_the_book(root)) == servers

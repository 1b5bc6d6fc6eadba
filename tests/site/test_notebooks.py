"""Reading, executing and cleaning notebooks."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path

import nbformat
import pytest

from companion.site import notebooks
from companion.site.notebooks import NotebookError
from support.projects import make_project, nbval


def _notebook(*sources: str, tags: tuple[str, ...] = ("parameters",)) -> nbformat.NotebookNode:
    cells = [nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)}) for source in sources]
    return nbformat.v4.new_notebook(cells=cells)


def test_parameters_are_the_assignments_of_the_tagged_cell() -> None:
    found = notebooks.parameters(_notebook('a = 1\nb: str = "x"  # a word\nc = [1, None]\nd = -1e-3'))
    assert found == {"a": 1, "b": "x", "c": [1, None], "d": -1e-3}


@pytest.mark.parametrize("source", ["a = f(1)", "import os", "a, b = 1, 2", "a += 1"])
def test_a_cell_of_parameters_holds_literals_only(source: str) -> None:
    with pytest.raises(NotebookError, match="assigns no literal"):
        notebooks.parameters(_notebook(source))


@pytest.mark.parametrize("count", [0, 2])
def test_there_is_exactly_one_cell_of_parameters(count: int) -> None:
    with pytest.raises(NotebookError, match=f"exactly one cell tagged parameters, not {count}"):
        notebooks.parameters(_notebook(*["a = 1"] * count))


def test_a_notebook_that_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotebookError, match=r"x\.ipynb is not in"):
        notebooks.read(tmp_path / "x.ipynb")
    (tmp_path / "x.ipynb").write_text("{")
    with pytest.raises(NotebookError, match=r"x\.ipynb is damaged"):
        notebooks.read(tmp_path / "x.ipynb")


def test_execution_uses_this_environment_whatever_jupyter_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel called python3 that somebody put in the way must not be taken; nothing is left in our environment."""
    hijack = tmp_path / "jupyter" / "kernels" / "python3"
    hijack.mkdir(parents=True)
    spec = {"argv": ["/bin/false"], "display_name": "Not ours", "language": "python"}
    (hijack / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    made = make_project(tmp_path / "book")
    path = made.chapter("a_t2_accuracy")
    notebook = notebooks.read(path)
    notebook.cells[2].source += "\nimport sys\nprint(sys.executable)"
    notebooks.write(notebook, path)
    before = dict(os.environ)
    done = notebooks.execute(
        path, root=made.root, store=made.results, downloads=tmp_path / "downloads", values={"seeds": 3}
    )
    assert dict(os.environ) == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    said = "".join(o.text for cell in done.cells for o in cell.get("outputs", []))
    assert said == f"paper False 3 None {{}} 0\n{sys.executable}\n"
    assert (tmp_path / "downloads" / "a_t2_accuracy" / "table.csv").is_file()
    injected = next(cell for cell in done.cells if cell.id == "injected-parameters")
    assert injected.metadata.tags == ["injected-parameters", "remove-cell"]
    text = nbformat.writes(done)
    assert not any(word in text for word in ("start_time", "iopub", '"papermill"', '"version"'))
    assert nbformat.writes(notebooks.clean(done)) == text


DRAWN = """
import matplotlib.pyplot as plt
figure, ax = plt.subplots()
_ = ax.plot([1, 2], [1, 2], marker="o")
"""


@pytest.mark.parametrize("warm", [False, True])
def test_a_figure_is_a_drawing_and_the_same_every_time(tmp_path: Path, warm: bool) -> None:
    made = make_project(tmp_path / "book")
    path = made.chapter("a_t2_accuracy")
    notebook = notebooks.read(path)
    notebook.cells[2].source += DRAWN
    notebooks.write(notebook, path)
    drawn = []
    for _ in range(2):
        done = notebooks.execute(path, root=made.root, store=made.results, downloads=tmp_path / "downloads", warm=warm)
        (data,) = [
            o.data for cell in done.cells for o in cell.get("outputs", []) if "image/svg+xml" in o.get("data", {})
        ]
        assert data.keys() == {"image/svg+xml", "text/plain"}
        drawn.append(data["image/svg+xml"])
    assert drawn[0] == drawn[1]
    assert "<metadata>" not in drawn[0]
    assert re.findall('id="(part-[0-9]+)"', drawn[0]) == [f"part-{i}" for i in range(1, 5)]
    assert set(re.findall("#(part-[0-9]+)", drawn[0])) <= set(re.findall('id="([^"]+)"', drawn[0]))


def test_comparisons_go_on_at_once_and_name_notebook_and_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two kernels side by side, each of this environment, and a failure that says where it was."""
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "nowhere"))
    made = make_project(tmp_path / "book")
    shutil.copy2(Path(__file__).parents[2] / "notebooks" / "conftest.py", made.notebooks)
    first, second = made.chapter("a_t2_accuracy"), made.chapter("b")
    notebook = notebooks.read(first)
    notebook.cells[2].source = f"# NBVAL_CHECK_OUTPUT\nimport sys\nprint(sys.executable == {sys.executable!r})"
    for number, cell in enumerate(notebook.cells[1:], 1):
        cell.execution_count = number
    for path, outcome in ((first, "True\n"), (second, "False\n")):
        notebook.cells[2].outputs = [nbformat.v4.new_output("stream", name="stdout", text=outcome)]
        notebooks.write(notebook, path)
    result = nbval(made.root, "", "-n", "2", "--dist", "loadscope")
    assert result.returncode == 1
    failures = [line for line in result.stdout.splitlines() if line.startswith("FAILED")]
    assert len(failures) == 1, result.stdout
    assert failures[0].startswith("FAILED notebooks/b.ipynb::Cell 1")


def test_writing_is_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.ipynb"
    notebooks.write(_notebook("a = 1"), path)
    assert notebooks.parameters(notebooks.read(path)) == {"a": 1}
    assert [p.name for p in path.parent.iterdir()] == ["x.ipynb"]
    (tmp_path / "file").touch()
    with pytest.raises(NotebookError, match="cannot write"):
        notebooks.write(_notebook("a = 1"), tmp_path / "file" / "x.ipynb")

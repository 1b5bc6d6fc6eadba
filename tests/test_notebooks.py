"""What every chapter of this repository keeps to, and a negative test: a falsified record must be noticed."""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from companion.exhibits import EXHIBITS, cells
from companion.exhibits.parameters import COMMON, chapter_parameters
from companion.records.store import Store
from companion.site import notebooks
from support.projects import nbval
from support.records import alter

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))

pytestmark = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)


def _code(path: Path) -> list:
    return [cell for cell in notebooks.read(path).cells if cell.cell_type == "code"]


def test_parameters_are_those_of_the_exhibit(path: Path) -> None:
    found = notebooks.parameters(notebooks.read(path))
    exhibits = [e for e in EXHIBITS.values() if e.chapter == path.stem]
    for exhibit in exhibits:
        assert found == chapter_parameters(exhibit.id)
    assert exhibits or not found.keys() & COMMON.keys()


def test_every_chapter_is_in_the_table_of_contents(path: Path) -> None:
    assert f"- file: notebooks/{path.stem}\n" in (ROOT / "_toc.yml").read_text()


def test_chapters_are_thin(path: Path) -> None:
    definitions = (ast.FunctionDef, ast.ClassDef, ast.Lambda)
    nodes = [node for cell in _code(path) for node in ast.walk(ast.parse(cell.source))]
    assert not [node for node in nodes if isinstance(node, definitions)]
    lines = [line for cell in _code(path) for line in cell.source.splitlines() if line.split("#")[0].strip()]
    assert len(lines) <= 60


def test_figures_have_alternative_text_a_caption_and_a_name(path: Path) -> None:
    for cell in _code(path):
        drawn = any("image/png" in output.get("data", {}) for output in cell.outputs)
        if drawn or "figure(" in cell.source:
            said = cell.metadata.get("mystnb", {})
            assert said.get("image", {}).get("alt"), cell.id
            assert said.get("figure", {}).get("caption"), cell.id
            assert said.get("figure", {}).get("name"), cell.id


def test_outputs_are_committed_and_clean(path: Path) -> None:
    notebook = notebooks.read(path)
    code = _code(path)
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert any(cell.outputs for cell in code)
    figures = {mime for cell in code for o in cell.outputs for mime in o.get("data", {}) if mime.startswith("image/")}
    assert figures <= {"image/svg+xml"}
    for cell in code:
        assert not [o for o in cell.outputs if o.output_type == "error" or o.get("name") == "stderr"], cell.id
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    assert notebook == notebooks.clean(notebooks.read(path))


def _falsify(content: dict[str, Any]) -> None:
    """Another accuracy after the first epoch, in all the fields that tell it, and ten times what a probe measured."""
    curve = content["curves"]["test_accuracy"]
    curve[0] = content["best_test"] = 100.0
    content["best_epoch"], content["last_test"] = 1, curve[-1]
    if content.get("selected_epoch"):
        content["selected_test"] = curve[content["selected_epoch"] - 1]
    for name in content.get("probes", {}).keys() - {"epoch"}:
        content["probes"][name] = [10 * value for value in content["probes"][name]]


@pytest.mark.slow
def test_a_falsified_record_is_noticed(path: Path, tmp_path: Path) -> None:
    """Change what one record measured, digest and all: it verifies, and only the chapter's comparison can tell.

    That the comparison succeeds without the change is what `make test` sees when it compares all the chapters.
    """
    store = Store(ROOT / "results")
    mine = [e for e in EXHIBITS.values() if e.chapter == path.stem]
    shown = [cell.spec for e in mine for cell in cells(e.id, chapter_parameters(e.id)["profile"])]
    teachers = {spec.teacher for spec in shown}  # a page need not show those
    recorded = [spec for spec in shown if spec in store and spec not in teachers]
    if not recorded:
        pytest.skip("no record of this chapter's own profile is committed")
    for name in ("notebooks", "results"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy2(ROOT / "_config.yml", tmp_path)
    file = Store(tmp_path / "results").path(recorded[0].key)
    alter(file, _falsify)
    assert Store(tmp_path / "results").read(file).content["best_test"] == 100.0  # raises where a record does not verify

    result = nbval(tmp_path, path.name, "-x")
    assert result.returncode == 1, result.stdout  # tests failed
    cell = re.search(rf"^FAILED notebooks/{path.name}::Cell (\d+)", result.stdout, re.MULTILINE)
    assert cell, result.stdout
    assert "# NBVAL_CHECK_OUTPUT" in _code(path)[int(cell[1])].source

"""Renderers return tables and figures: none of them writes a file, and a test that watched nothing would say so."""

from __future__ import annotations

import ast
from pathlib import Path

import pandas as pd
import pytest

import companion.render
from companion.render import markdown, tables
from companion.verdicts.scorecard import number_entries
from companion.verdicts.stats import Summary
from support.files import watch_files

MODULES = sorted(Path(companion.render.__file__).parent.glob("*.py"))
WRITERS = {"open", "write", "write_text", "write_bytes", "mkdir", "touch", "savefig", "to_csv", "to_json", "to_html"}


@pytest.mark.parametrize("file", MODULES, ids=lambda file: file.stem)
def test_no_renderer_can_write(file: Path) -> None:
    tree = ast.parse(file.read_text())
    imported = {
        alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    imported |= {(node.module or "").split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not {name.split(".")[0] for name in imported} & {"pathlib", "os", "io", "shutil", "tempfile"}
    called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert not {f.attr if isinstance(f, ast.Attribute) else getattr(f, "id", "") for f in called} & WRITERS


def test_tables_write_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = number_entries("C-T2", pd.DataFrame(columns=["row", "column", "variant"]))
    with monkeypatch.context() as patch:
        written = watch_files(patch)
        for table in (
            tables.number_table(entries, {}, "a caption"),
            tables.claim_table([], "a caption"),
            tables.summary_table([({"row": "a"}, Summary(97.0, 0.1, 5, 0.1))], "a caption"),
        ):
            assert "a caption" in repr(table) + table._repr_html_()
        assert "| 1 |" in markdown.table(["a"], [[1]])
    assert written == []


def test_writing_would_be_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.csv"
    writers = (
        lambda: pd.DataFrame({"a": [1]}).to_csv(file),
        lambda: file.write_text("a"),
        lambda: file.open("w"),
        lambda: file.touch(),
    )
    with monkeypatch.context() as patch:
        written = watch_files(patch)
        for write in writers:
            with pytest.raises(PermissionError):
                write()
    assert written == [str(file)] * len(writers)
    assert not file.exists()

"""Small projects for tests: a checkout of a book with one chapter that tells what it was given."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat

from companion.project import Project

PARAMETERS = """\
profile = "paper"
device = "auto"
train = False
seeds = 5
rows = None
overrides = {}
"""
BODY = """\
from companion.project import downloads_folder, store_folder

folder = downloads_folder() / "a_t2_accuracy"
folder.mkdir(parents=True, exist_ok=True)
(folder / "table.csv").write_text("a,b\\n")
print(profile, train, seeds, rows, overrides, len(list(store_folder().glob("*.json"))))
assert seeds != 13, "unlucky"
"""
CONFIG = """\
title: A small book
author: Nobody
only_build_toc_files: true
execute: {execute_notebooks: "off"}
html: {favicon: book/_static/icon.svg}
sphinx: {config: {html_static_path: [book/_static], myst_heading_anchors: 3}}
"""
TOC = """\
format: jb-book
root: book/intro
chapters:
  - file: notebooks/a_t2_accuracy
  - file: book/generated/scorecard
  - file: book/generated/statements
  - file: book/generated/errata
  - file: book/how_to_read
"""


def make_project(root: Path) -> Project:
    """A project with one chapter, that of A-T2, and nothing else that a command would need."""
    cells = [
        nbformat.v4.new_markdown_cell("# A chapter", id="title"),
        nbformat.v4.new_code_cell(PARAMETERS, id="parameters", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(BODY, id="body"),
    ]
    (root / "notebooks").mkdir(parents=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), root / "notebooks" / "a_t2_accuracy.ipynb")
    (root / "_config.yml").write_text(CONFIG)
    (root / "_toc.yml").write_text(TOC)
    (root / "results").mkdir()
    (root / "book" / "_static").mkdir(parents=True)
    (root / "book" / "_static" / "icon.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    (root / "book" / "intro.md").write_text("# A small book\n\n```{include} generated/headline.md\n```\n")
    (root / "book" / "how_to_read.md").write_text("# How to read\n\nCarefully.\n")
    return Project(root)


def nbval(root: Path, notebooks: str, *options: str) -> subprocess.CompletedProcess[str]:
    """The comparison of chapters with their outputs, as `make test` does it; exit code 1 means that tests failed.

    Args:
        root: the project, with a copy of this repository's ``notebooks/conftest.py``.
        notebooks: a file in ``notebooks``, or nothing for all.
        options: more arguments of pytest.
    """
    always = ["-p", "no:cacheprovider", "-q", "-rf", "--nbval-lax", "--nbval-current-env", "--rootdir", str(root)]
    command = [sys.executable, "-m", "pytest", *always, *options, str(root / "notebooks" / notebooks)]
    environment = {**os.environ, "COMPANION_ROOT": str(root), "NO_COLOR": "1"}
    for name in ("COMPANION_STORE", "COMPANION_DOWNLOADS", "PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER"):
        environment.pop(name, None)
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)


def tree(root: Path) -> dict[str, bytes]:
    """Every file of the work tree with its content; what is generated is not part of it."""
    files = (path for path in root.rglob("*") if path.is_file() and "_build" not in path.relative_to(root).parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}

"""Small projects for tests: a checkout of a book with one chapter that tells what it was given."""

from __future__ import annotations

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
sphinx: {config: {html_static_path: [book/_static], mathjax_path: none.js, myst_heading_anchors: 3}}
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


def tree(root: Path) -> dict[str, bytes]:
    """Every file of the work tree with its content; what is generated is not part of it."""
    files = (path for path in root.rglob("*") if path.is_file() and "_build" not in path.relative_to(root).parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}

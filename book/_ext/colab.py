"""Say at the end of each chapter what its first cell must be on Colab, where nothing of this project is installed.

The launch button opens the notebook there, and nothing else comes with it.  Without the address of a repository there
is neither button nor cell.
"""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx

SECTION = "re-run-it"
"""Id of the section that tells how to re-run a chapter."""

SAID = (
    "The button for Colab opens the notebook alone. This is to be its first cell there, and installs the rest; it "
    "follows from how Colab says that it works, and has not been tried."
)
CELL = """\
!git clone --depth 1 --branch {branch} {url} checkout
%pip install --quiet ./checkout
%cd checkout/notebooks"""


def add_cell(app: Sphinx, doctree: nodes.document) -> None:
    """Put the cell of a chapter, if it can be launched, at the end of its last section."""
    options = app.config.html_theme_options
    url, branch = options.get("repository_url"), options.get("repository_branch") or "main"
    if not (url and options.get("launch_buttons", {}).get("colab_url") and app.env.docname.startswith("notebooks/")):
        return
    for section in doctree.findall(nodes.section):
        if SECTION in section["ids"]:
            text = CELL.format(branch=branch, url=url)
            section += [nodes.paragraph("", SAID), nodes.literal_block(text, text, language="text")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the hook."""
    app.connect("doctree-read", add_cell)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

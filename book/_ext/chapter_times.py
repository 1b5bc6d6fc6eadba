"""Say at the end of each exhibit's chapter how long its profiles take on two cores.

The sentences are a generated page's (``companion.site.times``), so that a chapter need not be executed for them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

TIMES = Path("book/generated/times.json")
SECTION = "re-run-it"
"""Id of the section that tells how to re-run a chapter."""


MARKS = re.compile(r"(`[^`]+`|\*[^*]+\*)")
"""The two kinds of marks that a sentence may have: names in code, and titles of pages."""


def _marked(words: str) -> nodes.Node:
    kind = {"`": nodes.literal, "*": nodes.emphasis}.get(words[0])
    return nodes.Text(words) if kind is None else kind("", words[1:-1])


def add_time(app: Sphinx, doctree: nodes.document) -> None:
    """Put the sentence of a chapter, if there is one, below the heading of its last section."""
    source, folder, name = Path(app.srcdir) / TIMES, *app.env.docname.rpartition("/")[::2]
    if folder != "notebooks" or not source.is_file():
        return
    app.env.note_dependency(str(source))
    said = json.loads(source.read_text(encoding="utf-8")).get(name)
    for section in doctree.findall(nodes.section):
        if said and SECTION in section["ids"]:
            section.insert(1, nodes.paragraph("", "", *(_marked(word) for word in MARKS.split(said) if word)))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the hook."""
    app.connect("doctree-read", add_time)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Mend what Sphinx writes that a screen reader cannot follow.

A signature on many lines is a list of descriptions without terms, and the entries of a bibliography have another role
than that of items of the list in which they stand; the first becomes plain blocks, the second items.  What folds out
the pages below another in the sidebar has no name, and gets one.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

SIGNATURE = re.compile(
    r'(?P<open><span class="sig-paren">\(</span>\s*)<dl>(?P<lines>.*?)</dl>(?=\s*<span class="sig-paren">\)</span>)',
    re.DOTALL,
)


def mended(body: str) -> str:
    """The HTML of a page with signatures and bibliography as they should be.

    >>> mended('<div class="citation" role="doc-biblioentry">')
    '<div class="citation" role="listitem">'
    """
    body = body.replace('role="doc-biblioentry"', 'role="listitem"')
    return SIGNATURE.sub(_blocks, body)


def _blocks(found: re.Match[str]) -> str:
    lines = found["lines"].replace("<dd>", '<span class="sig-line">').replace("</dd>", "</span>")
    return f"{found['open']}{lines}"


def mend(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Mend one page before it is written."""
    if "body" in context:
        context["body"] = mended(context["body"])


def name_folds(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Name what folds out in the sidebar, which the theme makes when the template asks for it."""
    make = context.get("generate_toctree_html")

    def named(*arguments: Any, **options: Any) -> Any:
        tree = make(*arguments, **options)
        for fold in tree.find_all("summary") if hasattr(tree, "find_all") else ():
            above = fold.find_parent("li")
            fold["aria-label"] = f"Pages below {above.a.get_text(strip=True)}" if above and above.a else "Pages below"
        return tree

    if make is not None:
        context["generate_toctree_html"] = named


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the hooks, the second after that of the theme."""
    app.connect("html-page-context", mend)
    app.connect("html-page-context", name_folds, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Keep every page free of scripts that would fetch something from another host.

Jupyter Book always loads ``sphinx_thebe``, whose scripts point at a content delivery network and at a launch service.
This book has no live cells, so the scripts and the page configuration are taken out of the pages.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx


def _is_thebe(script: Any) -> bool:
    """Whether a script element of a page, a file or an inline body, belongs to Thebe."""
    body = getattr(script, "attributes", {}).get("body", "")
    return "thebe" in str(script).lower() or "thebe" in body.lower()


def drop_thebe_scripts(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Remove Thebe's scripts from the context of one page."""
    context["script_files"] = [script for script in context.get("script_files", []) if not _is_thebe(script)]


def drop_thebe_configuration(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Remove the raw block that configures Thebe, with the address of a launch service, from one document."""
    for node in list(doctree.findall(nodes.raw)):
        if "thebe" in node.astext():
            node.parent.remove(node)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the two hooks, after those of the extensions they correct."""
    app.connect("html-page-context", drop_thebe_scripts, priority=900)
    app.connect("doctree-resolved", drop_thebe_configuration, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

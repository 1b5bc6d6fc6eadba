"""Write the pages that are made from records when a plain ``jupyter-book build .`` begins in a checkout.

``companion book`` writes them into the copy of the sources that it renders, where there are no records; then this does
nothing.
"""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

from companion.project import Project
from companion.site.build import GENERATED, generated_pages

EARLY = 100
"""Before the table of contents looks for the pages that it lists (priority 500 and above)."""


def write_pages(app: Sphinx, config: Config) -> None:
    """Write what is missing or has changed; a page that is as it was keeps its time, so that it is not read anew."""
    root = Path(app.srcdir)
    if not (root / "results").is_dir():
        return
    folder = root / GENERATED
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in generated_pages(Project(root)).items():
        page = folder / name
        if not page.is_file() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the hook that runs once the configuration is complete."""
    app.connect("config-inited", write_pages, priority=EARLY)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

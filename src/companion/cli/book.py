"""``companion book``: execute the chapters and render the site."""

from __future__ import annotations

from typing import Annotated

import typer

from companion.cli.output import say

__all__ = ["book"]


def book(
    refresh: Annotated[bool, typer.Option(help="Instead, rewrite the committed outputs of the chapters.")] = False,
    force: Annotated[bool, typer.Option(help="Build even if nothing has changed.")] = False,
) -> None:
    """Execute every chapter, render the book into _build/html, and print where it is."""
    from companion.project import find
    from companion.site.build import build, refresh_chapters

    project = find()
    if refresh:
        for path in refresh_chapters(project, tell=say):
            print(path)
        return
    print(build(project, force=force, tell=say) / "index.html")

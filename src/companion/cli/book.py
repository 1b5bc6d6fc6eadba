"""``companion book``: execute the chapters and render the site."""

from __future__ import annotations

from typing import Annotated

import typer

from companion.cli.options import StoreOption, room, store_of
from companion.cli.output import UsageError, say

__all__ = ["book"]


def book(
    refresh: Annotated[bool, typer.Option(help="Instead, rewrite the committed outputs of the chapters.")] = False,
    committed: Annotated[
        bool, typer.Option("--committed", help="Execute nothing: render the outputs that are committed.")
    ] = False,
    force: Annotated[bool, typer.Option(help="Build even if nothing has changed.")] = False,
    pdf: Annotated[bool, typer.Option("--pdf", help="Print all of it into one PDF too, with Chromium.")] = False,
    store: StoreOption = None,
) -> None:
    """Execute every chapter, render the book into _build/html, and print where it is.

    With ``--committed``, the chapters have the outputs of the repository; what they offer for download is what their
    last execution here has left.  With ``--store``, chapters and generated pages show the records of that folder.
    """
    from companion.project import find

    if refresh and (committed or force or pdf or store):
        raise UsageError("--refresh rewrites the committed outputs and builds nothing: it goes alone")
    if committed and store:
        raise UsageError("--committed renders outputs that show the project's own records: it takes no --store")
    records = store_of(store).folder.absolute() if store else None
    project = find()
    room((project.notebooks if refresh else project.build, "a checkout of the book elsewhere"))
    from companion.site.build import build, refresh_chapters
    from companion.site.pdf import write_pdf

    if refresh:
        for path in refresh_chapters(project, tell=say):
            print(path)
        return
    print(build(project, force=force, committed=committed, store=records, tell=say) / "index.html")
    if pdf:
        print(write_pdf(project, tell=say))

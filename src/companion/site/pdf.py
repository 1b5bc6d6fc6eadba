"""The whole book as one PDF: Sphinx makes one page of it, and Chromium prints that page."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from companion.files.whole import write
from companion.project import Project
from companion.site.build import STAGING, BookError, jupyter_book
from companion.site.staging import Tell

if TYPE_CHECKING:
    from playwright.sync_api import PdfMargins

__all__ = ["BROWSERS", "FILE", "browser", "print_page", "still", "write_pdf"]

FILE = "companion.pdf"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

MARGIN: PdfMargins = {"top": "16mm", "bottom": "18mm", "left": "15mm", "right": "15mm"}
FOOTER = '<div style="width: 100%; text-align: center; font-size: 8px"><span class="pageNumber"></span></div>'
READY = "async () => { await document.fonts.ready; }"
PATIENCE = 600_000
"""Milliseconds for a page of a thousand formulas on a slow machine."""


def write_pdf(project: Project, tell: Tell = lambda message: None) -> Path:
    """Print all of the book that was built last; the PDF, in the folder of builds.

    Args:
        project: the checkout, whose book has been built.
        tell: called with a sentence at each step.

    Raises:
        BookError: nothing was built, there is no browser to print it, or the page lacks something.
    """
    program = browser()
    if not (project.build / STAGING).is_dir():
        raise BookError("there is no book to print: build it first")
    output = project.build / "single"
    tell("Rendering one page of everything")
    site = jupyter_book(project.build / STAGING, output, "singlehtml")
    leads = re.search(r'url=([^"]+)"', (site / "index.html").read_text(encoding="utf-8"))
    if leads is None:
        raise BookError("the bare address of the book leads to no page")
    page = site / leads[1]
    whole = site / "whole.html"  # its links are those of a page at the top
    whole.write_text(still(page.read_text(encoding="utf-8")), encoding="utf-8")
    tell("Printing")
    target = project.build / FILE
    write(target, print_page(whole, program))
    shutil.rmtree(output, ignore_errors=True)
    return target


def still(page: str) -> str:
    """A page without the scripts of single pages, whose other files are found from the top.

    >>> still('<link href="../../_static/a.css"><script src="../_static/a.js"></script><img src="../b/_static/c.png">')
    '<link href="_static/a.css"><img src="../b/_static/c.png">'
    """
    page = re.sub(r'<script src="(?:\.\./)+_static/[^"]*"></script>', "", page)
    return re.sub(r'(href|src)="(?:\.\./)+_static/', r'\1="_static/', page)


def browser() -> str:
    """The program of an installed Chromium.

    Raises:
        BookError: there is none.
    """
    for name in BROWSERS:
        if found := shutil.which(name):
            return found
    raise BookError(f"a PDF is printed by Chromium, and none of {', '.join(BROWSERS)} is installed")


def print_page(page: Path, program: str) -> bytes:
    """A page as a PDF with bookmarks, in light colours whatever the user's are.

    Args:
        page: an HTML file.
        program: Chromium.

    Raises:
        BookError: Playwright is not installed, or a picture or a style of the page is missing.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise BookError("a PDF is printed through Playwright: install the package `playwright`") from None
    missing: list[str] = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        tab = chromium.new_page(color_scheme="light")
        tab.set_default_timeout(PATIENCE)
        tab.on("requestfailed", lambda request: missing.append(request.url.rpartition("/")[2]))
        tab.goto(page.as_uri(), wait_until="load")
        tab.evaluate(READY)
        made = tab.pdf(
            format="A4",
            margin=MARGIN,
            print_background=True,
            outline=True,
            tagged=True,
            display_header_footer=True,
            header_template="<span></span>",
            footer_template=FOOTER,
        )
        chromium.close()
    if missing:
        raise BookError(f"the page lacks {', '.join(sorted(set(missing)))}")
    return made

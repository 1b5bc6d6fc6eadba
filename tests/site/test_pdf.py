"""The book as one PDF."""

from __future__ import annotations

from pathlib import Path

import pytest

from companion.project import Project
from companion.site import pdf
from companion.site.build import STAGING, BookError
from support.browsers import CHROMIUM, in_browser

PAGE = """<!doctype html><html><head><title>All of it</title><link rel="stylesheet" href="../_static/page.css">
<script src="../../_static/scorecard/table.js"></script></head>
<body><h1>One</h1><p>first</p><h2>Two</h2>{}</body></html>"""


LEADS = '<meta http-equiv="Refresh" content="0; url=book/intro.html" />'


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    (made.build / STAGING).mkdir(parents=True)
    return made


def rendered(monkeypatch: pytest.MonkeyPatch, more: str = "") -> None:
    """Let Sphinx have made one page, which lies in a folder and has a style at the top."""

    def jupyter_book(sources: Path, output: Path, builder: str) -> Path:
        assert (sources.name, builder) == (STAGING, "singlehtml")
        made = {"book/intro.html": PAGE.format(more), "_static/page.css": "", "index.html": LEADS, "404.html": "lost"}
        for name, text in made.items():
            (output / name).parent.mkdir(parents=True, exist_ok=True)
            (output / name).write_text(text)
        return output

    monkeypatch.setattr(pdf, "jupyter_book", jupyter_book)


class TestPrinted:
    pytestmark = in_browser

    def test_all_of_the_book_is_one_file_with_bookmarks(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rendered(monkeypatch)
        said: list[str] = []
        made = pdf.write_pdf(project, said.append)
        assert made == project.build / "companion.pdf"
        content = made.read_bytes()
        assert content.startswith(b"%PDF-")
        assert b"/Outlines" in content
        assert said == ["Rendering one page of everything", "Printing"]
        assert [path.name for path in project.build.iterdir() if path != made] == [STAGING]

    def test_a_page_that_lacks_a_picture_is_not_printed(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rendered(monkeypatch, '<img src="_images/lost.svg">')
        with pytest.raises(BookError, match=r"^the page lacks lost\.svg$"):
            pdf.write_pdf(project)
        assert not (project.build / "companion.pdf").exists()

    def test_the_program_is_found(self) -> None:
        assert pdf.browser() == CHROMIUM


def test_without_a_browser_nothing_is_rendered(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf.shutil, "which", lambda name: None)
    monkeypatch.setattr(pdf, "jupyter_book", None)
    with pytest.raises(BookError, match=r"printed by Chromium, and none of chromium, .* is installed"):
        pdf.write_pdf(project)


def test_a_book_that_was_not_built_is_not_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "browser", lambda: "chromium")
    with pytest.raises(BookError, match="build it first"):
        pdf.write_pdf(Project(tmp_path))


def test_what_only_a_single_page_has_is_taken_out() -> None:
    text = pdf.still(PAGE.format('<a href="../_static/x.csv">x</a><script src="_static/mathjax.js"></script>'))
    assert 'href="_static/page.css"' in text
    assert 'href="_static/x.csv"' in text
    assert "table.js" not in text
    assert "mathjax.js" in text

"""The meaning of a word where the word is, and the page for addresses that lead nowhere, in a browser.

Scripts and styles are read from the book's source, so that no built site is needed.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from support.browsers import in_browser

BOOK = Path(__file__).parents[2] / "book"

pytestmark = in_browser

PAGE = """<!doctype html><html data-theme="light"><head><title>A page</title>
<link rel="stylesheet" href="companion.css"><script src="terms.js"></script></head>
<body><article class="bd-article"><p style="margin-top: {above}px">A
<a class="reference internal glossary-link" href="glossary.html#term-gate" title="What a gate is.">gate</a> and a
<a class="reference internal glossary-link" href="glossary.html#term-seed" title="What a seed is.">seed</a>, and
<a class="reference internal" href="other.html" title="Another page">more</a>.</p></article></body></html>"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("glossary")
    for name in ("terms.js", "companion.css"):
        shutil.copy(BOOK / "_static" / name, made)
    for name, above in (("top", 0), ("middle", 400)):
        (made / f"{name}.html").write_text(PAGE.format(above=above))
    return made


@pytest.fixture
def page(tab: Any, folder: Path) -> Any:
    """A page with three links, on a telephone."""
    tab.set_viewport_size({"width": 390, "height": 800})
    tab.goto((folder / "middle.html").as_uri())
    return tab


def test_a_word_tells_its_meaning_to_the_pointer_and_to_the_keyboard(page: Any) -> None:
    note = page.get_by_role("tooltip")
    gate, seed = page.locator("a.glossary-link").all()
    assert note.count() == 0  # hidden
    gate.hover()
    assert note.inner_text() == "What a gate is."
    assert gate.get_attribute("aria-describedby") == note.get_attribute("id")
    page.keyboard.press("Escape")
    assert note.count() == 0
    seed.focus()
    assert note.inner_text() == "What a seed is."
    assert gate.get_attribute("aria-describedby") is None
    seed.blur()
    assert note.count() == 0


def test_the_meaning_stays_while_the_pointer_is_on_it_and_goes_with_it(page: Any) -> None:
    note = page.get_by_role("tooltip")
    page.locator("a.glossary-link").first.hover()
    note.hover()
    page.wait_for_timeout(400)
    assert note.is_visible()
    page.mouse.move(10, 780)
    note.wait_for(state="hidden")


@pytest.mark.parametrize("place", ["top", "middle"])
def test_the_meaning_covers_no_word_and_stays_on_the_screen(page: Any, folder: Path, place: str) -> None:
    page.goto((folder / f"{place}.html").as_uri())
    for link in page.locator("a.glossary-link").all():
        link.focus()
        word, note = link.bounding_box(), page.get_by_role("tooltip").bounding_box()
        assert note["x"] >= 0
        assert note["x"] + note["width"] <= 390
        assert note["y"] >= 0
        assert note["y"] + note["height"] <= word["y"] or note["y"] >= word["y"] + word["height"]


def test_other_links_and_pages_without_scripts_keep_their_titles(page: Any, browser: Any, folder: Path) -> None:
    assert page.get_by_role("link", name="more").get_attribute("title") == "Another page"
    assert page.locator("a.glossary-link[title]").count() == 0  # else the browser shows the meaning twice
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto((folder / "middle.html").as_uri())
    assert plain.locator("a.glossary-link").first.get_attribute("title") == "What a gate is."
    context.close()


class _Host(SimpleHTTPRequestHandler):
    """A host that answers with its page for what is not found, as hosts of static sites do."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        body = (BOOK / "_extra" / "404.html").read_bytes()
        self.send_response(404)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        return None


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a host whose folder ``some/book`` has a site, as far as the page needs one."""
    root = tmp_path_factory.mktemp("host")
    site = root / "some" / "book"
    (site / "_static").mkdir(parents=True)
    (site / "notebooks").mkdir()
    (site / "_static" / "companion.css").touch()
    (site / "index.html").write_text("<title>First page</title>")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Host, directory=str(root)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("lost", ["old-name.html", "notebooks/old-name.html", "a/b/c/old-name"])
def test_the_book_is_found_from_an_address_of_any_depth(browser: Any, host: str, lost: str) -> None:
    tab = browser.new_page()
    answer = tab.goto(f"{host}/some/book/{lost}", wait_until="networkidle")
    assert answer.status == 404
    search = tab.get_by_role("link", name="Search").get_attribute("href")
    assert search == "/some/book/search.html?q=old%20name"
    tab.get_by_role("link", name="The first page of the book").click()
    tab.wait_for_url(f"{host}/some/book/index.html")
    assert tab.title() == "First page"
    tab.close()


def test_where_the_host_has_no_book_no_link_leads_astray(browser: Any, host: str) -> None:
    tab = browser.new_page()
    tab.goto(f"{host}/other/page.html", wait_until="networkidle")
    assert tab.get_by_role("link").count() == 0
    assert tab.locator("#lost").is_visible()
    tab.close()

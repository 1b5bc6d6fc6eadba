"""The rendered site as a reader's browser sees it: nothing from elsewhere, no errors, a title on every page.

`make test` builds the book first; without a built site, or without Chromium, the tests say so and are skipped.
"""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

SITE = Path(__file__).parents[2] / "_build" / "html"
PAGES = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html") if "_static" not in path.parts)
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

built = pytest.mark.skipif(not PAGES, reason="the site is not built: run `make book`")


class _Loads(HTMLParser):
    """Addresses that a browser loads by itself while it shows a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        if tag in ("script", "img", "iframe", "source", "audio", "video", "embed", "object"):
            self.found += [values.get("src", ""), values.get("data", ""), *values.get("srcset", "").split()]
        if tag == "link" and values.get("rel") not in ("canonical", "search", "next", "prev", "index", "author"):
            self.found.append(values.get("href", ""))
        self.found += re.findall(r"url\(['\"]?([^'\")]+)", values.get("style", ""))


def _outside(address: str) -> bool:
    return address.startswith("//") or bool(re.match(r"(https?|ftp|wss?):", address))


@built
def test_no_page_and_no_style_loads_anything_from_elsewhere() -> None:
    checked = 0
    for page in PAGES:
        parser = _Loads()
        parser.feed((SITE / page).read_text(encoding="utf-8"))
        assert not [address for address in parser.found if _outside(address)], page
        checked += len(parser.found)
    assert checked > len(PAGES)
    for style in SITE.rglob("*.css"):
        text = style.read_text(encoding="utf-8")
        found = re.findall(r"(?:url\(|@import\s+)['\"]?([^'\")\s]+)", text)
        assert not [address for address in found if _outside(address)], style


@built
def test_links_within_the_site_lead_somewhere() -> None:
    for page in PAGES:
        text = (SITE / page).read_text(encoding="utf-8")
        for address in re.findall(r'<a [^>]*href="([^"#?]+)', text):
            if not _outside(address) and not address.startswith(("mailto:", "data:")):
                assert ((SITE / page).parent / address).resolve().exists(), f"{page}: {address}"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        return None


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@built
@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_every_page_opens_without_errors_and_asks_no_other_host(address: str, browser: Any) -> None:
    for page in PAGES:
        requests: list[str] = []
        errors: list[str] = []
        tab = browser.new_page()
        tab.on("request", lambda request, seen=requests: seen.append(request.url))
        tab.on("console", lambda message, seen=errors: message.type == "error" and seen.append(message.text))
        tab.on("pageerror", lambda error, seen=errors: seen.append(str(error)))
        tab.goto(f"{address}/{page}", wait_until="networkidle")
        assert tab.title().strip(), page
        tab.close()
        assert any(request.endswith(page) for request in requests)
        foreign = [request for request in requests if not request.startswith((address, "data:", "blob:"))]
        assert not foreign, page
        assert not errors, page


@built
@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_mathematics_is_set_and_nothing_is_wider_than_a_telephone(address: str, browser: Any) -> None:
    tab = browser.new_page(viewport={"width": 390, "height": 800})
    tab.goto(f"{address}/book/intro.html", wait_until="networkidle")
    tab.wait_for_selector("mjx-container")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    tab.close()

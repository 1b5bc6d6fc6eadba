"""The rendered site as a reader's browser sees it: nothing from elsewhere, no errors, a title on every page.

`make test` builds the book first; without a built site, or without Chromium, the tests say so and are skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from support.browsers import in_browser, serving

SITE = Path(__file__).parents[2] / "_build" / "html"
PAGES = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html") if "_static" not in path.parts)
READ = [page for page in PAGES if page != "index.html"]
"""All pages but that of the bare address, which only leads on."""

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


def _path(address: str) -> str:
    """Where the file of an address lies in the site."""
    return unquote(urlsplit(address).path).lstrip("/")


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


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(SITE) as address:
        yield address


VIEWS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "light": ({"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"}, {}),
    "dark": ({"viewport": {"width": 1440, "height": 900}, "color_scheme": "dark"}, {"runOnly": ["color-contrast"]}),
    "phone": ({"viewport": {"width": 390, "height": 844}, "color_scheme": "light"}, {"runOnly": ["target-size"]}),
}
"""How a page is looked at, and what axe-core is asked there: all its rules once, then what a theme or width changes."""

HEAVIEST = 3_000_000
HEAVIEST_MOVING = 1_000_000
MOVING = re.compile(r'src="[^"]*_static/(?:film|permutations|playground)/')
"""Bytes, not compressed, of a page and of all that a browser asks for to show it; less where a figure moves."""

FIRST = {"phone": {"answer": 844}}
WIDE = {"box": 900, "height": 6_000}
"""Pixels of a chapter: where a phone begins the answer at the latest, where a wide window ends it, and all of it."""
FIRST_SCREEN = """async () => {
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    const box = document.querySelector(".companion-answer"), answer = box?.querySelector("p:not(.question)");
    return {box: box?.getBoundingClientRect().bottom ?? 0, answer: answer?.getBoundingClientRect().top ?? 0,
            height: document.documentElement.scrollHeight};
}"""

AXE = {"resultTypes": ["violations"], "preload": False}

SERIOUS = ("serious", "critical")

ALL_OF_IT = """async () => {
    const switches = [...document.querySelectorAll(".page-switch")];
    switches.filter((one) => /^(Open|Show) all/.test(one.textContent)).forEach((one) => one.click());
    await document.fonts.ready;
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    await Promise.allSettled(document.getAnimations().map((moving) => moving.finished));
}"""
"""Open what is folded and wait until formulas are set and nothing fades in any more."""


@built
class TestPages:
    """Page by page: what the browser asks for and complains of, whether all of it can be reached, and by everybody."""

    pytestmark = in_browser

    @pytest.mark.parametrize("view", VIEWS)
    def test_page_by_page(self, address: str, browser: Any, view: str) -> None:
        """No error, no request to another host, nothing too wide, no serious barrier by the rules of axe-core."""
        from axe_playwright_python.sync_playwright import Axe

        window, options = VIEWS[view]
        context = browser.new_context(**window)
        faults: list[str] = []
        for page in READ:
            tab = context.new_page()
            requests: list[str] = []
            errors: list[str] = []
            tab.on("request", lambda request, seen=requests: seen.append(request.url))
            tab.on("console", lambda message, seen=errors: message.type == "error" and seen.append(message.text))
            tab.on("pageerror", lambda error, seen=errors: seen.append(str(error)))
            tab.goto(f"{address}/{page}", wait_until="load")
            seen = tab.evaluate(FIRST_SCREEN)
            if page.startswith("notebooks/"):
                limits = FIRST.get(view, WIDE)
                faults += [f"{page}: {part} at {seen[part]} px" for part, most in limits.items() if seen[part] > most]
            tab.evaluate(ALL_OF_IT)
            tab.evaluate("localStorage.removeItem('companion-code')")  # the next page is a new reader's
            assert any(request.endswith(page) for request in requests)
            faults += [f"{page}: asks {r}" for r in requests if not r.startswith((address, "data:", "blob:"))]
            weight = sum((SITE / path).stat().st_size for path in {_path(r) for r in requests if r.startswith(address)})
            moves = MOVING.search((SITE / page).read_text(encoding="utf-8"))
            if weight >= (HEAVIEST_MOVING if moves else HEAVIEST):
                faults.append(f"{page}: {weight:,} bytes")
            if not tab.title().strip():
                faults.append(f"{page}: no title")
            if tab.evaluate("document.documentElement.scrollWidth > innerWidth"):
                faults.append(f"{page}: wider than the window")
            for barrier in Axe().run(tab, options={**AXE, **options}).response["violations"]:
                if barrier["impact"] in SERIOUS:
                    places = [node["target"] for node in barrier["nodes"]]
                    faults.append(f"{page}: {barrier['id']}: {len(places)} places, such as {places[0]}")
            faults += [f"{page}: {error}" for error in errors]
            tab.close()
        context.close()
        assert not faults, "\n".join(faults)

    def test_the_bare_address_leads_to_the_first_page(self, address: str, tab: Any) -> None:
        tab.goto(address)
        tab.wait_for_url(f"{address}/book/intro.html")

    def test_mathematics_is_set(self, address: str, browser: Any) -> None:
        """In its own letters, and without scripts too: a fraction is higher than a letter of it."""
        context = browser.new_context(java_script_enabled=False)
        tab = context.new_page()
        fonts: list[str] = []
        tab.on("request", lambda request: fonts.append(request.url))
        tab.goto(f"{address}/notebooks/base_kernel_and_depth.html", wait_until="networkidle")
        fraction = tab.locator("math mfrac").first
        assert fraction.bounding_box()["height"] > 1.5 * fraction.locator("mi, mn").first.bounding_box()["height"]
        assert [one for one in fonts if one.endswith("/companion-math.woff")]
        context.close()

    def test_icons_are_letters_that_the_font_has(self, address: str, tab: Any) -> None:
        tab.goto(f"{address}/notebooks/base_kernel_and_depth.html", wait_until="networkidle")
        shown = """() => [...document.querySelectorAll("i[class*=fa-]")].filter((one) => one.offsetWidth).map((one) => {
            const style = getComputedStyle(one, "::before");
            return [one.className, style.content, document.fonts.check(`${style.fontWeight} 16px "${
              style.fontFamily.replaceAll('"', "")}"`, style.content.replaceAll('"', ""))];
        })"""
        found = tab.evaluate(shown)
        assert len(found) > 3
        assert [one for one in found if len(one[1]) != 3 or not one[2]] == []

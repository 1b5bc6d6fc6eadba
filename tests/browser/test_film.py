"""The kernel of A-F2-nu through training in a browser: its numbers and pictures are the store's, for every reader.

The section is what the notebook shows, with scripts and styles of the book's source, so that no built site is needed.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from companion.chapters import open_chapter
from companion.chapters.a_f2_film import FilmChapter
from companion.exhibits.a_f2_probes import STAGES
from support.browsers import in_browser, serving

STATIC = Path(__file__).parents[2] / "book" / "_static"
PAGE = """<!doctype html><html lang="en" data-theme="{theme}"><head><meta charset="utf-8"><title>A chapter</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<style>:root {{ --pst-color-text-base: {text}; --pst-color-text-muted: {muted}; --pst-color-border: #999;
--pst-color-primary: {primary}; }} body {{ margin: 1rem; background: {ground}; color: {text}; }}</style></head>
<body><main><h1>A chapter</h1>{film}<figure id="a-f2-film">A still picture</figure></main></body></html>"""
LOOKS = {
    "light": {"text": "#222", "muted": "#555", "primary": "#14545c", "ground": "#fff"},
    "dark": {"text": "#ddd", "muted": "#aaa", "primary": "#7cc4cb", "ground": "#14181e"},
}
RAMPS = {
    "light": [(255, 253, 248), (61, 151, 163), (6, 48, 58)],
    "dark": [(22, 24, 28), (47, 140, 151), (217, 251, 255)],
}
PIXELS = """() => { const c = document.querySelector("canvas");
return [c.width, c.height, Array.from(c.getContext("2d").getImageData(0, 0, c.width, c.height).data)]; }"""


@pytest.fixture(scope="module")
def chapter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FilmChapter]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPANION_DOWNLOADS", str(tmp_path_factory.mktemp("downloads")))
        yield FilmChapter(open_chapter("A-F2-nu"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, chapter: FilmChapter) -> Path:
    site = tmp_path_factory.mktemp("site")
    shutil.copytree(STATIC / "film", site / "_static" / "film")
    (site / "notebooks").mkdir()
    for theme, look in LOOKS.items():
        page = PAGE.format(theme=theme, film=chapter.moving().html, **look)
        (site / "notebooks" / f"{theme}.html").write_text(page, encoding="utf-8")
    return site


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with serving(site) as address:
        yield f"{address}/notebooks"


def test_all_of_it_is_small_and_asks_no_other_host(chapter: FilmChapter) -> None:
    texts = [path.read_text(encoding="utf-8") for path in (STATIC / "film").iterdir()]
    html = chapter.moving().html
    assert sum(len(text.encode()) for text in (*texts, html)) < 400_000
    own = "http://www.w3.org/2000/svg"  # a name, which nothing asks
    assert not [text for text in (*texts, html) if re.search(r"https?://|fetch\(|import\(", text.replace(own, ""))]


def opened(tab: Any, address: str, theme: str = "light") -> None:
    tab.goto(f"{address}/{theme}.html")
    tab.wait_for_selector(".companion-film", state="visible")


def recorded(chapter: FilmChapter, network: int, epoch: int) -> str:
    """Nu as the store has it, as the page writes it."""
    cell, _ = chapter.films[network]
    probes = chapter.chapter.probes
    mine = probes[(probes["variant"] == cell.variant) & (probes["row"] == cell.row) & (probes["seed"] == 0)]
    return f"{mine.loc[mine['epoch'] == epoch, 'nu'].item():,.0f}"


def coloured(chapter: FilmChapter, network: int, stage: int, theme: str) -> np.ndarray:
    """The picture of a film's shades."""
    _, film = chapter.films[network]
    at = 2 * film.shades[stage].numpy()[..., None] / (film.content["shades"] - 1)
    low, middle, high = (np.array(colour) for colour in RAMPS[theme])
    found = np.where(at < 1, low + (middle - low) * at, middle + (high - middle) * (at - 1))
    return np.floor(found + 0.5)


class TestBrowser:
    pytestmark = in_browser

    def test_numbers_by_keys(self, tab: Any, address: str, chapter: FilmChapter) -> None:
        opened(tab, address)
        slider = tab.get_by_role("slider", name="Training")
        slider.focus()
        for network, choice in enumerate(("the digits", "random labels")):
            tab.get_by_label(choice).check()
            slider.focus()
            tab.keyboard.press("Home")
            for stage, epoch in enumerate(STAGES):
                words = f"after {epoch} epochs" if epoch else "before training"
                assert slider.get_attribute("aria-valuetext") == words == tab.inner_text("[data-part=when]")
                nu = recorded(chapter, network, epoch)
                assert f"ν = {nu};" in tab.inner_text("[data-part=said]")
                assert tab.text_content("svg .number") == f"ν = {nu}"
                assert words in tab.get_attribute("canvas", "aria-label")
                if stage + 1 < len(STAGES):
                    tab.keyboard.press("ArrowRight")
            tab.keyboard.press("ArrowRight")
            assert slider.input_value() == str(len(STAGES) - 1)

    @pytest.mark.parametrize("theme", LOOKS)
    def test_pixels_are_the_shades_of_the_film(self, tab: Any, address: str, chapter: FilmChapter, theme: str) -> None:
        opened(tab, address, theme)
        for network, choice in enumerate(("the digits", "random labels")):
            tab.get_by_label(choice).check()
            for stage in (0, 5, len(STAGES) - 1):
                tab.get_by_role("slider").fill(str(stage))
                wide, high, data = tab.evaluate(PIXELS)
                found = np.array(data).reshape(high, wide, 4)
                assert (found[..., 3] == 255).all()
                assert np.abs(found[..., :3] - coloured(chapter, network, stage, theme)).max() <= 1

    def test_the_theme_may_change_while_it_is_looked_at(self, tab: Any, address: str, chapter: FilmChapter) -> None:
        opened(tab, address)
        before = tab.evaluate(PIXELS)
        tab.evaluate("document.documentElement.dataset.theme = 'dark'")
        tab.wait_for_function(f"([w, h, d]) => ({PIXELS})()[2].some((v, i) => v !== d[i])", arg=before)

    def test_the_still_picture_makes_room_and_comes_back_on_paper(self, tab: Any, address: str) -> None:
        opened(tab, address)
        assert not tab.locator("#a-f2-film").is_visible()
        tab.emulate_media(media="print")
        assert tab.locator("#a-f2-film").is_visible()
        assert not tab.locator(".companion-film").is_visible()

    def test_without_scripts_the_still_picture_stands(self, browser: Any, address: str) -> None:
        context = browser.new_context(java_script_enabled=False)
        tab = context.new_page()
        tab.goto(f"{address}/light.html")
        assert tab.locator("#a-f2-film").is_visible()
        assert not tab.locator(".companion-film").is_visible()
        assert "packed" not in tab.inner_text("body")
        context.close()

    def test_damaged_data_leave_the_still_picture(self, tab: Any, site: Path, address: str) -> None:
        text = (site / "notebooks" / "light.html").read_text(encoding="utf-8")
        broken = re.sub(r'("packed":"[^"]{400})[^"]+', r"\1", text)
        (site / "notebooks" / "broken.html").write_text(broken, encoding="utf-8")
        with tab.expect_console_message(lambda message: message.text.startswith("The film cannot be shown")):
            tab.goto(f"{address}/broken.html")
        assert tab.locator("#a-f2-film").is_visible()
        assert not tab.locator(".companion-film").is_visible()

    def test_it_works_from_a_file(self, tab: Any, site: Path, chapter: FilmChapter) -> None:
        tab.goto((site / "notebooks" / "light.html").as_uri())
        tab.wait_for_selector(".companion-film", state="visible")
        assert recorded(chapter, 0, 0) in tab.inner_text("[data-part=said]")

    @pytest.mark.parametrize("theme", LOOKS)
    @pytest.mark.parametrize("width", [390, 1280])
    def test_everybody_can_use_it(self, browser: Any, address: str, theme: str, width: int) -> None:
        """No barrier by the rules of axe-core, and nothing wider than a telephone."""
        from axe_playwright_python.sync_playwright import Axe

        context = browser.new_context(viewport={"width": width, "height": 844}, has_touch=width < 500)
        tab = context.new_page()
        opened(tab, address, theme)
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if width < 500:
            box = tab.get_by_role("slider").bounding_box()
            tab.touchscreen.tap(box["x"] + box["width"] - 4, box["y"] + box["height"] / 2)
            assert "after 50 epochs" in tab.inner_text("[data-part=when]")
        found = Axe().run(tab).response["violations"]
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
        context.close()

"""A chapter's page in a browser: one switch for all code, and long pages folded section by section.

The script and the styles are read from the book's source, so that no built site is needed.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from support.browsers import in_browser

STATIC = Path(__file__).parents[2] / "book" / "_static"

pytestmark = in_browser

CELL = '<div class="cell"><details class="hide above-input"><summary>Show code</summary>x = 1</details>{}</div>'
PAGE = """<!doctype html><html data-theme="light"><head><title>A chapter</title>
<link rel="stylesheet" href="companion.css"><script src="chapter.js"></script><script src="reach.js"></script></head>
<body><article class="bd-article"><section id="title"><h1>Title</h1>{cells}{sections}</section></article></body>
</html>"""
SECTION = """<section id="part-{i}"><span id="alias-{i}"></span>
<h2>Part {i}<a class="headerlink" href="#part-{i}">#</a></h2>
<p style="height: {height}px">words of part {i}</p></section>"""


def page(height: int) -> str:
    """Two cells of code, the second with output, and four sections."""
    cells = CELL.format("") + CELL.format('<div class="cell_output">output</div>')
    return PAGE.format(cells=cells, sections="".join(SECTION.format(i=i, height=height) for i in range(1, 5)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("chapter")
    for name in ("chapter.js", "reach.js", "companion.css"):
        shutil.copy(STATIC / name, made)
    (made / "long.html").write_text(page(2000))
    (made / "short.html").write_text(page(100))
    return made


def open_parts(tab: Any) -> list[int]:
    return [i for i in range(1, 5) if tab.locator(f"#part-{i} p").is_visible()]


def test_code_takes_no_room_until_it_is_asked_for(tab: Any, folder: Path) -> None:
    tab.goto((folder / "short.html").as_uri())
    alone, beside = tab.locator(".cell").all()
    assert not alone.is_visible()
    assert beside.is_visible()
    assert not tab.locator("summary").nth(1).is_visible()
    switch = tab.get_by_role("button", name="Show all code")
    switch.focus()
    tab.keyboard.press("Enter")
    assert alone.is_visible()
    assert tab.locator("details[open]").count() == 2
    tab.reload()  # the choice is remembered
    assert tab.get_by_role("button", name="Hide all code").get_attribute("aria-pressed") == "true"
    tab.get_by_role("button", name="Hide all code").click()
    assert tab.locator("details[open]").count() == 0


def test_a_short_page_is_not_folded(tab: Any, folder: Path) -> None:
    tab.goto((folder / "short.html").as_uri())
    assert open_parts(tab) == [1, 2, 3, 4]
    assert tab.get_by_role("button", name="Open all sections").count() == 0


def test_a_long_page_shows_its_first_section_and_the_headings_of_all_others(tab: Any, folder: Path) -> None:
    tab.goto((folder / "long.html").as_uri())
    assert open_parts(tab) == [1]
    assert all(tab.get_by_role("heading", name=f"Part {i}").is_visible() for i in range(1, 5))
    third = tab.get_by_role("button", name="Part 3")
    assert third.get_attribute("aria-expanded") == "false"
    third.focus()
    tab.keyboard.press("Enter")
    assert open_parts(tab) == [1, 3]
    third.click()
    assert open_parts(tab) == [1]
    tab.get_by_role("button", name="Open all sections").click()
    assert open_parts(tab) == [1, 2, 3, 4]
    tab.get_by_role("button", name="Fold all sections").click()
    assert open_parts(tab) == [1]


@pytest.mark.parametrize("target", ["part-3", "alias-3"])
def test_a_link_into_a_folded_section_opens_it(tab: Any, folder: Path, target: str) -> None:
    tab.goto(f"{(folder / 'long.html').as_uri()}#{target}")
    assert open_parts(tab) == [1, 3]
    assert tab.locator("#part-3 h2").evaluate("node => Math.abs(node.getBoundingClientRect().top) < 200")
    tab.evaluate("location.hash = 'part-4'")
    tab.wait_for_function("document.querySelector('#part-4 p').checkVisibility()")
    tab.evaluate("location.hash = 'title'")
    assert open_parts(tab) == [1, 3, 4]


def test_what_is_printed_is_whole(tab: Any, folder: Path) -> None:
    tab.goto((folder / "long.html").as_uri())
    tab.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert open_parts(tab) == [1, 2, 3, 4]


def test_without_scripts_all_is_there(browser: Any, folder: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto((folder / "long.html").as_uri())
    assert all(tab.locator(f"#part-{i} p").is_visible() for i in range(1, 5))
    assert tab.locator("summary").first.is_visible()
    context.close()


WIDE = """<div style="width: 300px; overflow-x: auto"><p style="width: {width}px">words</p></div>
<div style="width: 300px; height: 50px; overflow-y: auto" role="region" aria-label="Mine"><p>a<br>b<br>c<br>d</p></div>
<div style="width: 300px"><p style="width: 900px">not scrolled by itself</p></div>"""


def test_what_scrolls_within_a_page_can_be_reached_by_keys_while_it_scrolls(tab: Any, folder: Path) -> None:
    cells = WIDE.format(width=900)
    (folder / "wide.html").write_text(PAGE.format(cells=cells, sections=""))
    tab.goto((folder / "wide.html").as_uri())
    wide, high, other = tab.locator("article section > div").all()
    tab.wait_for_selector("div[tabindex='0']")
    assert wide.get_attribute("role") == "group"
    assert wide.get_attribute("aria-label").startswith("Larger than its frame")
    assert (high.get_attribute("role"), high.get_attribute("aria-label")) == ("region", "Mine")
    assert high.get_attribute("tabindex") == "0"
    assert other.get_attribute("tabindex") is None
    tab.keyboard.press("Tab")
    tab.keyboard.press("ArrowRight")
    tab.wait_for_function("document.activeElement.scrollLeft > 0")
    tab.evaluate("document.querySelector('article p').style.width = '100px'")
    tab.evaluate("document.querySelector('article').style.width = '800px'")
    tab.wait_for_function("!document.querySelector('article section > div').hasAttribute('tabindex')")
    assert wide.get_attribute("role") is wide.get_attribute("aria-label") is None

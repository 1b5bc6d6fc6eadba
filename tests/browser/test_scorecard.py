"""The scorecard's table in a browser: sorted, filtered and folded, by pointer and keys, and whole without scripts.

The table is made from no records at all but a few values, so that no built site is needed; it is opened as a file.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from companion.records.store import Store
from companion.render.entries import entries_table
from companion.verdicts.scorecard import scorecard
from support.browsers import in_browser

STATIC = Path(__file__).parents[2] / "book" / "_static"
MEASURED = [97.5, 9.25, 100.0, 63.0]
SHOWN = "[...document.querySelectorAll('#entries tbody tr')].filter((line) => !line.hidden)"


def test_the_script_is_small_and_asks_no_other_host() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (STATIC / "scorecard").iterdir())
    assert len(text) < 20_000
    assert not re.search(r"https?://|fetch\(|XMLHttpRequest|import\(|@import|url\(", text)


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    """All entries without a record, and four numbers that are there."""
    lines = [entry.to_dict() for entry in scorecard(Store(tmp_path_factory.mktemp("empty")), {})]
    counted = [line for line in lines if line["kind"] == "number" and line["counts"]]
    for line, mean in zip(counted, MEASURED, strict=False):
        line |= {"mean": mean, "std": 0.5, "n": 5, "verdict": "reproduced", "word": "reproduced"}
    return lines


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, lines: list[dict]) -> str:
    site = tmp_path_factory.mktemp("site")
    shutil.copytree(STATIC / "scorecard", site / "_static" / "scorecard")
    shutil.copy2(STATIC / "companion.css", site / "_static")
    head = '<!doctype html><html lang="en" data-theme="light"><meta charset="utf-8"><title>Scorecard</title>'
    style = '<link rel="stylesheet" href="../../_static/companion.css"><article class="bd-article">'
    page = site / "book" / "generated" / "scorecard.html"
    page.parent.mkdir(parents=True)
    places = {"A-T2": "../../notebooks/a_t2_accuracy"}
    page.write_text(head + style + entries_table(lines, places) + "</article>", encoding="utf-8")
    return page.as_uri()


def _shown(tab: Any, what: str) -> list[Any]:
    return tab.evaluate(f"{SHOWN}.map((line) => {what})")


def _measured(tab: Any) -> list[float | None]:
    found = _shown(tab, "line.querySelector('[data-label=measured]').dataset.key ?? null")
    return [None if key is None else float(key) for key in found]


class TestBrowser:
    pytestmark = in_browser

    def test_a_header_sorts_up_down_and_back(self, tab: Any, address: str) -> None:
        tab.goto(address)
        before = _shown(tab, "line.id")
        head = tab.locator("th[data-column=measured]")
        for state, wanted in (("ascending", sorted(MEASURED)), ("descending", sorted(MEASURED, reverse=True))):
            head.locator("button").click()
            found = _measured(tab)
            assert head.get_attribute("aria-sort") == state
            assert found == [*wanted, *[None] * (len(before) - len(MEASURED))]  # what has no value stands last
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == "none"
        assert _shown(tab, "line.id") == before

    def test_keys_sort_too(self, tab: Any, address: str) -> None:
        tab.goto(address)
        tab.focus("th[data-column=measured] button")
        tab.keyboard.press("Enter")
        assert _measured(tab)[:4] == sorted(MEASURED)
        tab.keyboard.press("Space")
        assert _measured(tab)[:4] == sorted(MEASURED, reverse=True)
        tab.keyboard.press("Tab")
        assert tab.evaluate("document.activeElement.closest('th').dataset.column") == "n"

    @pytest.mark.parametrize(
        ("name", "value", "field", "fits"),
        [
            ("paper", "B", "papers", lambda seen: "B" in seen),
            ("exhibit", "A-T2", "exhibit", lambda seen: seen == "A-T2"),
            ("kind", "statement", "kind", lambda seen: seen == "statement"),
            ("verdict", "not checkable", "word", lambda seen: seen == "not checkable"),
        ],
    )
    def test_each_choice_leaves_the_lines_that_fit(
        self, tab: Any, address: str, lines: list[dict], name: str, value: str, field: str, fits: Any
    ) -> None:
        tab.goto(address)
        tab.check("[data-fold=pending]")
        tab.check("[data-fold=uncounted]")
        tab.select_option(f"[data-choice={name}]", value)
        expected = [line["id"] for line in lines if fits(line[field])]
        assert expected
        assert sorted(_shown(tab, "line.querySelector('details code').textContent")) == sorted(expected)
        assert tab.inner_text("[data-part=said]").startswith(f"{len(expected)} of {len(lines)} entries")

    def test_pending_and_uncounted_lines_are_folded_until_they_are_asked_for(
        self, tab: Any, address: str, lines: list[dict]
    ) -> None:
        tab.goto(address)
        open_ = [line for line in lines if line["counts"] and line["word"] != "pending"]
        assert len(_shown(tab, "1")) == len(open_) < len(lines)
        tab.select_option("[data-choice=verdict]", "cited")
        assert set(_shown(tab, "line.dataset.verdict")) == {"cited"}
        tab.click("[data-part=reset]")
        assert len(_shown(tab, "1")) == len(open_)

    def test_the_address_brings_the_choice_back(self, tab: Any, address: str) -> None:
        tab.goto(address)
        tab.select_option("[data-choice=paper]", "A")
        tab.check("[data-fold=pending]")
        tab.click("th[data-column=exhibit] button")
        assert tab.evaluate("location.href") == f"{address}#paper=A&sort=exhibit&pending=shown"
        before = _shown(tab, "line.id")
        tab.reload()
        assert _shown(tab, "line.id") == before
        assert tab.get_attribute("th[data-column=exhibit]", "aria-sort") == "ascending"
        tab.click("[data-part=reset]")
        assert tab.evaluate("location.href") == address

    def test_a_strange_address_is_as_none(self, tab: Any, address: str) -> None:
        tab.goto(f"{address}#paper=Z&sort=%00&pending=perhaps")
        found = _shown(tab, "line.id")
        tab.goto("about:blank")
        tab.goto(address)
        assert _shown(tab, "line.id") == found

    def test_an_entry_that_the_address_names_is_open(self, tab: Any, address: str) -> None:
        tab.goto(f"{address}#entry-item-a-t2-gates-learn-gconv-adam-cifar-10")
        line = tab.locator("[id='entry-item-a-t2-gates-learn-gconv-adam-cifar-10']")
        assert line.get_attribute("data-verdict") == "pending"
        assert line.locator("details p").first.is_visible()

    def test_on_a_telephone_nothing_is_wider_and_lines_can_be_sorted(self, tab: Any, address: str) -> None:
        tab.set_viewport_size({"width": 360, "height": 740})
        tab.goto(address)
        assert tab.evaluate("document.documentElement.scrollWidth") <= 360
        tab.select_option("[data-choice=sort]", "-measured")
        assert _measured(tab)[:4] == sorted(MEASURED, reverse=True)

    def test_without_scripts_the_table_is_whole(self, browser: Any, address: str, lines: list[dict]) -> None:
        context = browser.new_context(java_script_enabled=False)
        tab = context.new_page()
        tab.goto(address)
        assert tab.locator("#entries tbody tr:visible").count() == len(lines)
        assert not tab.locator("#entries .controls").is_visible()
        tab.locator("#entries summary").first.click()
        assert tab.locator("#entries details p").first.is_visible()
        context.close()

"""The gates playground in a browser: its numbers are the package's, and all of it can be reached and comes back.

The page's own parts are read from the book's source, so that no built site is needed.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest
import torch

from companion.runs.streams import stream
from companion.site.playground import picture
from golden.playground import FILE, PROBES, QUERIES, STEPS
from support.browsers import in_browser, serving

BOOK = Path(__file__).parents[2] / "book"
SCRIPTS = BOOK / "_static" / "playground"
GOLDEN = json.loads(FILE.read_text())
TOLERANCE = 1e-9


def source() -> str:
    return (BOOK / "playground.md").read_text(encoding="utf-8")


def test_scripts_and_picture_are_small() -> None:
    assert sum(path.stat().st_size for path in SCRIPTS.glob("*.js")) <= 60 * 1024
    drawn = picture(steps=2)
    assert len(drawn.encode()) < 500_000
    assert all(f">{regime}<" in drawn for regime in ("ReLU", "FR-II", "FR-DI", "DL", "FL"))


def test_nothing_asks_another_host() -> None:
    texts = [source(), *(path.read_text(encoding="utf-8") for path in SCRIPTS.iterdir())]
    assert not [text for text in texts if re.search(r"https?://|fetch\(|XMLHttpRequest|import\(", text)]


def test_every_question_leads_to_a_chapter_and_sets_the_page_up() -> None:
    questions = re.findall(r"^\d\. .*?(?=^\d\. |^## )", source(), re.MULTILINE | re.DOTALL)
    assert len(questions) == 5
    for question in questions:
        (chapter,) = re.findall(r"\((\.\./notebooks/\w+\.ipynb)\)", question)
        assert (BOOK / chapter).resolve().is_file()
        assert 'href="?regime=' in question


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page's own HTML and scripts, served without the book around them."""
    site = tmp_path_factory.mktemp("site")
    shutil.copytree(SCRIPTS, site / "_static" / "playground")
    blocks = re.findall(r"^```\{raw\} html\n(.*?)^```", source(), re.MULTILINE | re.DOTALL)
    head = '<!doctype html><html lang="en" data-theme="light"><meta charset="utf-8"><title>Playground</title>'
    icon = '<link rel="icon" href="data:,"><h1>Playground</h1><figure id="playground-still">A picture</figure>'
    (site / "book").mkdir()
    (site / "book" / "playground.html").write_text(head + icon + "".join(blocks), encoding="utf-8")
    with serving(site) as address:
        yield f"{address}/book/playground.html"


class TestBrowser:
    pytestmark = in_browser

    @pytest.mark.parametrize("query", QUERIES)
    def test_numbers_are_those_of_the_package(self, tab: Any, query: str) -> None:
        tab.add_script_tag(path=SCRIPTS / "numbers.js")
        found = tab.evaluate(
            """([query, steps, probes]) => {
              const P = PlaygroundNumbers, model = P.start(P.parse(query)), losses = [];
              for (let i = 0; i < steps; i++) losses.push(P.step(model));
              const seen = probes.map((at) => P.probe(model, ...at));
              const lists = (arrays) => (arrays || []).map((w) => Array.from(w));
              return { losses, value: lists(model.value), feature: lists(model.feature),
                outputs: seen.map((one) => one.output), rows: lists(seen.map((one) => one.row)),
                examples: Array.from(model.data.x) };
            }""",
            [query, STEPS, PROBES],
        )
        assert found.keys() == GOLDEN[query].keys()
        for name, golden in GOLDEN[query].items():
            one, other = ([*map(_numbers, value)] for value in (found[name], golden))
            assert one and [*map(len, one)] == [*map(len, other)] if golden else not one
            for mine, theirs in zip(one, other, strict=True):
                assert mine == pytest.approx(theirs, rel=0, abs=TOLERANCE), name

    @pytest.mark.parametrize("seed", [0, 1, 9999])
    def test_streams_are_those_of_the_package(self, tab: Any, seed: int) -> None:
        tab.add_script_tag(path=SCRIPTS / "numbers.js")
        for names in (["feature"], ["value"], ["toy", "rings"]):
            code = "([s, n]) => { const d = PlaygroundNumbers.stream(s, ...n); return Array.from({length: 1500}, d); }"
            assert tab.evaluate(code, [seed, names]) == torch.rand(1500, generator=stream(seed, *names)).tolist()

    def test_a_strange_address_is_mended(self, tab: Any, address: str) -> None:
        tab.goto(f"{address}?regime=XX&depth=99&width=-4&seed=x&order=1-1-9&toy=%00&teacher=1e99&input=two")
        fields = parse_qs(urlparse(tab.evaluate("location.href")).query)
        assert fields == {"regime": ["ReLU"], "toy": ["moons"], "depth": ["6"], "width": ["2"], "seed": ["0"]}

    def test_one_step_is_the_package_s_and_the_address_brings_it_back(self, tab: Any, address: str) -> None:
        tab.goto(address + QUERIES[-1])
        tab.click("[data-part=step]")
        tab.click("[data-part=step]")
        told = "document.querySelector('[data-part=state]').textContent.match(/^Step 2: .*/)?.[0]"
        said = tab.wait_for_function(told).json_value()
        tab.reload()
        tab.click("[data-part=step]")
        tab.click("[data-part=step]")
        tab.wait_for_function("t => document.querySelector('[data-part=state]').textContent === t", arg=said)

    def test_gates_move_by_keys_and_by_dragging(self, tab: Any, address: str) -> None:
        tab.goto(f"{address}?regime=FR-II")
        tab.focus("[data-gate='0']")
        tab.keyboard.press("ArrowRight")
        assert "order=2-1-3" in tab.evaluate("location.href")
        assert tab.evaluate("document.activeElement.dataset.gate") == "0"
        tab.keyboard.press("ArrowRight")
        assert "order=2-3-1" in tab.evaluate("location.href")
        tab.keyboard.press("ArrowRight")
        assert "order=2-3-1" in tab.evaluate("location.href")
        boxes = [tab.locator(f"[data-gate='{g}']").bounding_box() for g in (0, 1)]
        (x, y), (to, _) = ((b["x"] + b["width"] / 2, b["y"] + b["height"] / 2) for b in boxes)
        tab.mouse.move(x, y)
        tab.mouse.down()
        tab.mouse.move(to, y + 3, steps=4)
        tab.mouse.up()
        assert "order=" not in tab.evaluate("location.href")
        assert "moved to layer 1" in tab.inner_text("[data-part=said]")

    def test_learnt_gates_get_a_new_value_network(self, tab: Any, address: str) -> None:
        tab.goto(f"{address}?regime=DL&toy=rings")
        for _ in range(3):
            tab.click("[data-part=step]")
        tab.click("[data-part=anew]")
        fields = parse_qs(urlparse(tab.evaluate("location.href")).query)
        assert [fields[name] for name in ("regime", "from", "teacher")] == [["FL"], ["DL"], ["3"]]
        tab.click("[data-part=step]")
        told = "document.querySelector('[data-part=state]').textContent.match(/^Step 1: .*/)?.[0]"
        said = tab.wait_for_function(told).json_value()
        tab.reload()
        tab.click("[data-part=step]")
        assert tab.wait_for_function(told).json_value() == said

    @pytest.mark.parametrize(("query", "offered"), [("", True), ("&order=2-1-3", False), ("&input=ones", False)])
    def test_gates_that_no_address_can_name_are_not_handed_on(
        self, tab: Any, address: str, query: str, offered: bool
    ) -> None:
        tab.goto(f"{address}?regime=DL{query}")
        assert tab.locator("[data-part=anew]").is_enabled() is offered

    def test_the_point_is_moved_by_pointer_and_keys(self, tab: Any, address: str) -> None:
        tab.goto(f"{address}?regime=FL&input=ones&width=16")
        told = "document.querySelector('[data-part=point]').textContent.startsWith('At ({}')"
        tab.locator("[data-part=plane]").hover(position={"x": 5, "y": 5})
        tab.wait_for_function("document.querySelector('[data-part=point]').textContent.startsWith('At (−1.0')")
        tab.focus("[data-part=plane]")
        for _ in range(20):
            tab.keyboard.press("Shift+ArrowRight")
        tab.wait_for_function(told.format("1.100"))
        assert "paths" in tab.inner_text("[data-part=point]")

    def test_all_controls_have_names_and_training_runs(self, tab: Any, address: str) -> None:
        tab.goto(f"{address}?regime=FL")
        assert tab.locator("#playground-still").is_hidden()
        unnamed = """[...document.querySelectorAll('#playground :is(button, select, input, canvas)')].filter(
          (e) => !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.[0]?.textContent.trim())).length"""
        assert tab.evaluate(unnamed) == 0
        tab.click("[data-part=train]")
        tab.wait_for_function("+document.querySelector('[data-part=state]').textContent.match(/\\d+/)[0] >= 12")
        tab.click("[data-part=train]")
        assert tab.inner_text("[data-part=train]") == "Train"

    def test_on_a_telephone_nothing_is_wider(self, tab: Any, address: str) -> None:
        tab.set_viewport_size({"width": 360, "height": 740})
        tab.goto(f"{address}?regime=FL&depth=6&width=16")
        assert tab.evaluate("document.documentElement.scrollWidth") <= 360

    def test_without_scripts_there_is_a_picture(self, browser: Any, address: str) -> None:
        context = browser.new_context(java_script_enabled=False)
        tab = context.new_page()
        tab.goto(address)
        assert tab.locator("#playground-still").is_visible()
        assert tab.locator("#playground").is_hidden()
        context.close()


def _numbers(value: Any) -> list[float]:
    return value if isinstance(value, list) else [value]

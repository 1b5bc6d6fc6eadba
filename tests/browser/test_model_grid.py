"""The grid of models in a browser: numbers and curves are the frames', by pointer, keys and finger; and no scripts.

The grid is made of made-up records, so that no built site is needed; the theme's own styles are beside the book's.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pydata_sphinx_theme
import pytest

from companion.exhibits.b_f4_permutations import CIFAR_FIRST
from companion.render.model_grid import Model
from companion.verdicts import frames
from support.browsers import in_browser
from support.model_grids import MNIST, chapter, grid

STATIC = Path(__file__).parents[2] / "book" / "_static"
THEME = Path(pydata_sphinx_theme.__file__).parent / "theme" / "pydata_sphinx_theme" / "static" / "styles"
PLACE = ["row", "column", "permutation", "value_input"]
PARTS = ("name", "best", "range", "own", "gap")
SHOWN = "[...document.querySelectorAll('.detail [data-part]')]"
READ = f"Object.fromEntries({SHOWN}.map((one) => [one.dataset.part, one.innerText]))"


def test_the_scripts_and_the_grid_are_small_and_ask_no_other_host() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (STATIC / "permutations").iterdir())
    assert len(text) < 25_000
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|fetch\(|XMLHttpRequest|import\(|@import|url\((?!#)", text)
    assert len(grid()._repr_html_().encode()) < 150_000
    assert grid()._repr_html_() == grid()._repr_html_()


def page(theme: str) -> str:
    head = f'<!doctype html><html lang="en" data-theme="{theme}"><meta charset="utf-8"><title>Grid</title>'
    head += '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
    styles = "".join(f'<link rel="stylesheet" href="../_static/{name}.css">' for name in ("theme", "companion"))
    cell = (
        '<main class="bd-content"><article class="bd-article"><h1>Grid</h1><div class="cell"><div class="cell_output">'
    )
    return f"{head}{styles}{cell}{grid()._repr_html_()}</div></div></article></main></html>"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    site = tmp_path_factory.mktemp("site")
    shutil.copytree(STATIC / "permutations", site / "_static" / "permutations")
    shutil.copy2(STATIC / "companion.css", site / "_static")
    shutil.copy2(THEME / "pydata-sphinx-theme.css", site / "_static" / "theme.css")
    (site / "notebooks").mkdir()
    for theme in ("light", "dark"):
        (site / "notebooks" / f"{theme}.html").write_text(page(theme), encoding="utf-8")
    return site / "notebooks"


@pytest.fixture
def light(site: Path) -> str:
    return (site / "light.html").as_uri()


def said(model: Model) -> dict[str, str]:
    """What the page shows of a model."""
    mean, low, high = (f"{value:.2f}" for value in model.best)
    own = next((m for m in models() if (m.regime, m.name, m.value) == (model.regime, "1 2 3 4", "image")), None)
    return {
        "name": f"{model.regime}, order {model.name}, {model.value}",
        "best": f"{mean}%",
        "range": f"mean of n = {model.n} seeds, {low} to {high}",
        "own": "not recorded yet" if own is None else f"{own.best[0]:.2f}%",
        "gap": "not known yet" if own is None else f"{model.gap_text} points",
    }


def models() -> list[Model]:
    return list(grid().rows[0].models)


def read(tab: Any) -> dict[str, str]:
    found = tab.evaluate(READ)
    return {part: found[part] for part in PARTS}


def cell(tab: Any, i: int) -> Any:
    return tab.locator(f"table:not([hidden]) td[data-model='{i}'] button")


def index(regime: str, name: str, value: str) -> int:
    return [(m.regime, m.name, m.value) for m in models()].index((regime, name, value))


class TestBrowser:
    pytestmark = in_browser

    def test_every_model_s_numbers_are_those_of_the_frame(self, tab: Any, light: str) -> None:
        tab.goto(light)
        code = "(n) => Array.from({length: n}, (_, i) => { document.querySelector(`td[data-model='${i}'] button`)"
        found = tab.evaluate(f"{code}.focus(); return {READ}; }})", len(models()))
        assert [{part: one[part] for part in PARTS} for one in found] == [said(model) for model in models()]

    def test_every_curve_is_that_of_the_frame(self, tab: Any, light: str) -> None:
        tab.goto(light)
        rows = "JSON.parse(document.querySelector('script[type=\"application/json\"]').textContent)"
        found = tab.evaluate(f"{rows}[0].models.map((one) => ModelGrid.curve(one[8]))")
        bands = frames.bands(chapter().curves, by=PLACE).groupby(PLACE, sort=False)
        curves = {place: band[["mean", "low", "high"]].to_numpy().tolist() for place, band in bands}
        for model, points in zip(models(), found, strict=True):
            frame = curves[MNIST, model.regime, model.order, model.value]
            assert len(points) == len(frame) == 100
            flat = [value for point in points for value in point]
            assert flat == pytest.approx([value for point in frame for value in point], rel=0, abs=0.00501)

    def test_the_model_that_is_furthest_below_is_shown_first_and_the_pointer_shows_others(
        self, tab: Any, light: str
    ) -> None:
        tab.goto(light)
        assert read(tab) == said(min(models(), key=lambda model: round(model.gap or 0, 2)))
        i = index("DL", "3 1 4 2", "ones")
        cell(tab, i).hover()
        assert read(tab) == said(models()[i])
        assert tab.locator(".chart path.this").count() == 2
        assert tab.locator(".chart path.own").count() == 2
        assert tab.locator(".chart path.other").count() == 46
        label = tab.get_attribute(".chart", "aria-label")
        assert f"{models()[i].curve[-1][0]:.2f}% after epoch 100; own order with the image:" in label
        assert "layer 2 uses the gates of layer 1" in tab.get_attribute(".wiring", "aria-label")
        heard = "document.querySelector('[data-part=said]').textContent.startsWith('DL, order 3 1 4 2, ones: best')"
        tab.wait_for_function(heard)

    def test_keys_lead_from_model_to_model(self, tab: Any, light: str) -> None:
        tab.goto(light)
        tab.focus("[data-part=rows] button:last-child")
        tab.keyboard.press("Tab")
        first = read(tab)["name"]
        assert tab.evaluate("document.activeElement.getAttribute('aria-label')").endswith(first)
        assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        for key, name in (
            ("Home", "FR-II, order {}, image"),
            ("ArrowRight", "FR-II, order {}, ones"),
            ("End", "FL, order {}, ones"),
            ("ArrowRight", "FL, order {}, ones"),
            ("ArrowLeft", "FL, order {}, image"),
        ):
            tab.keyboard.press(key)
            assert read(tab)["name"] == name.format(first.split(", order ")[1].split(",")[0])
        cell(tab, index("FR-DI", "1 2 4 3", "image")).focus()
        tab.keyboard.press("ArrowUp")  # its own order is not recorded
        assert read(tab)["name"] == "FR-DI, order 1 2 4 3, image"
        for _ in range(5):
            tab.keyboard.press("ArrowDown")
        assert read(tab)["name"] == "FR-DI, order 2 1 3 4, image"  # past the line that names the next group
        tab.keyboard.press("Tab")
        assert tab.evaluate("document.activeElement.dataset.part") == "zoom"
        tab.keyboard.press("Shift+Tab")
        assert tab.evaluate("document.activeElement.getAttribute('aria-label')").endswith("FR-DI, order 2 1 3 4, image")

    def test_another_row_has_its_own_models(self, tab: Any, light: str) -> None:
        tab.goto(light)
        tab.get_by_role("button", name="C4GAP/CIFAR-10").click()
        assert tab.locator("table:visible").count() == 1
        cell(tab, 0).focus()
        tab.keyboard.press("ArrowRight")  # there is no model with ones
        assert read(tab)["name"] == "FL, order 1 2 3 4, image"
        tab.keyboard.press("ArrowDown")
        assert read(tab)["name"].split(" order ")[1] in {
            f"{' '.join(str(layer + 1) for layer in order)}, image" for order in CIFAR_FIRST[1:3]
        }
        assert "after epoch 32" in tab.get_attribute(".chart", "aria-label")

    def test_the_chart_can_be_scaled_to_two_curves(self, tab: Any, light: str) -> None:
        tab.goto(light)
        cell(tab, index("FL", "4 3 2 1", "image")).hover()
        values = "Array.from(document.querySelectorAll('.frame text[text-anchor=end]'), (e) => e.textContent)"
        wide = [float(value) for value in tab.evaluate(values)[:-1]]
        tab.check("[data-part=zoom]")
        near = [float(value) for value in tab.evaluate(values)[:-1]]
        assert max(wide) - min(wide) > 5 > 3 > max(near) - min(near)

    @pytest.mark.parametrize("width", [390, 320])
    def test_on_a_telephone_a_tap_shows_a_curve_below_the_grid(self, browser: Any, light: str, width: int) -> None:
        size = {"width": width, "height": 844}
        context = browser.new_context(viewport=size, has_touch=True, is_mobile=True)
        tab = context.new_page()
        errors: list[str] = []
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.goto(light)
        i = index("FR-II", "1 3 4 2", "image")
        cell(tab, i).tap()
        assert read(tab) == said(models()[i])
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        bottom = "document.querySelector('.chart').getBoundingClientRect().bottom"
        assert tab.evaluate(f"scrollTo(0, 0), {bottom}") < 844  # it stays in sight while the grid is scrolled
        assert not errors
        context.close()

    @pytest.mark.parametrize(("theme", "width"), [("light", 1200), ("dark", 1200), ("light", 390)])
    def test_there_are_no_barriers(self, tab: Any, site: Path, theme: str, width: int) -> None:
        from axe_playwright_python.sync_playwright import Axe

        tab.set_viewport_size({"width": width, "height": 900})
        tab.goto((site / f"{theme}.html").as_uri())
        found = Axe().run(tab, context=".model-grid", options={"resultTypes": ["violations"], "preload": False})
        assert [(one["id"], one["nodes"][0]["target"]) for one in found.response["violations"]] == []

    def test_without_scripts_it_is_a_table_of_the_same_gaps(self, browser: Any, light: str) -> None:
        context = browser.new_context(java_script_enabled=False)
        tab = context.new_page()
        tab.goto(light)
        assert tab.locator(".model-grid table:visible").count() == 2
        cells = tab.locator(".model-grid table").first.locator("td[data-model]")
        assert sorted(cells.all_inner_texts()) == sorted(model.gap_text for model in models())
        assert tab.locator(".model-grid :is(button, .detail, [data-part=how]):visible").count() == 0
        context.close()

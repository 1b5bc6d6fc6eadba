"""What is left out of a site once it is written, and what must stay."""

from __future__ import annotations

import base64
import doctest
import re
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont
from PIL import Image

ROOT = Path(__file__).parents[2]
SHEET = """\
/* .gone{} */@charset "utf-8";@font-face{font-family:Icons;src:url(../vendor/fontawesome/webfonts/fa-solid-900.woff2) \
format("woff2"),url(../vendor/fontawesome/webfonts/fa-solid-900.ttf) format("truetype")}
.fa-sun:before{content:"\\f185"}.fa-moon:before{content:"\\f186"}body,.gone p{margin:0}.sm\\:there{x:y}.made{x:y}
@media (min-width: 9px){.gone{x:y}.here>.there:not(.gone){x:y}}@media print{.gone{x:y}}
@keyframes turn{from{x:y}to{x:z}}a[title=".x,{"]{x:y}:is(.gone,.here){x:y}
"""
PAGE = """<link href="_static/styles/pydata-sphinx-theme.css?digest=1" rel="stylesheet" />
  <script src="_static/scripts/fontawesome.js?digest=1"></script>
<p class="here there"><i class="fa-solid fa-sun"></i></p><script>x.className = "there";</script>"""


@pytest.fixture(autouse=True)
def extensions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "book" / "_ext"))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A page, a style sheet of others, a font of two icons, and the script of all icons."""
    static = tmp_path / "_static"
    fonts = static / "vendor" / "fontawesome" / "webfonts"
    for folder in (static / "styles", static / "scripts", fonts, tmp_path / "_images"):
        folder.mkdir(parents=True)
    (static / "styles" / "pydata-sphinx-theme.css").write_text(SHEET)
    (static / "scripts" / "fontawesome.js").write_text("gone fa-moon")
    (static / "scripts" / "bootstrap.js").write_text('add("made")')
    (static / "scripts" / "bootstrap.js.map").write_text("{}")
    (tmp_path / "page.html").write_text(PAGE)
    (tmp_path / "_images" / "one.svg").write_text('<svg>\n <path d="M 1.234 5 \n"/>\n</svg>')
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "sun", "moon"])
    builder.setupCharacterMap({0xF185: "sun", 0xF186: "moon"})
    builder.setupGlyf(dict.fromkeys((".notdef", "sun", "moon"), TTGlyphPen(None).glyph()))
    builder.setupHorizontalMetrics(dict.fromkeys((".notdef", "sun", "moon"), (1000, 0)))
    builder.setupHorizontalHeader()
    builder.setupOS2()
    builder.setupPost()
    builder.save(fonts / "fa-solid-900.ttf")
    (fonts / "fa-solid-900.woff2").touch()
    return tmp_path


def lighten(site: Path, exception: Exception | None = None) -> None:
    import light

    app: Any = SimpleNamespace(outdir=str(site), builder=SimpleNamespace(format="html"))
    light.lighten(app, exception)


def test_rules_that_no_page_and_no_script_asks_for_go(site: Path) -> None:
    lighten(site)
    sheet = (site / "_static" / "styles" / "pydata-sphinx-theme.css").read_text()
    assert sheet.partition('format("woff")}')[2] == (
        '.fa-sun:before{content:"\\f185"}body{margin:0}.sm\\:there{x:y}.made{x:y}'
        "@media (min-width: 9px){.here>.there:not(.gone){x:y}}"
        '@keyframes turn{from{x:y}to{x:z}}a[title=".x,{"]{x:y}:is(.gone,.here){x:y}'
    )
    assert sheet.startswith('@charset "utf-8";@font-face{font-family:Icons;src:url(../vendor/fontawesome/')


def test_the_icons_of_pages_stay_as_letters_of_a_font_and_the_script_of_all_goes(site: Path) -> None:
    lighten(site)
    (font,) = (site / "_static" / "vendor").rglob("*.*")
    assert font.name == "fa-solid-900.woff"
    assert set(TTFont(font).getBestCmap()) == {0xF185}
    assert sorted(path.name for path in (site / "_static" / "scripts").iterdir()) == ["bootstrap.js"]
    text = (site / "page.html").read_text()
    assert "fontawesome.js" not in text
    assert re.search(r'pydata-sphinx-theme\.css\?v=[0-9a-f]{8}" rel', text)
    assert text.endswith(PAGE.partition("</script>\n")[2])


def test_pictures_are_smaller(site: Path) -> None:
    lighten(site)
    assert (site / "_images" / "one.svg").read_text() == '<svg><path d="M1.23 5"/></svg>'


def test_pixels_of_few_colours_stay_what_they_are_in_less_room() -> None:
    import light

    def png(image: Image.Image) -> str:
        made = BytesIO()
        image.save(made, "PNG")
        return base64.b64encode(made.getvalue()).decode()

    def drawn(text: str) -> Image.Image:
        return Image.open(BytesIO(base64.b64decode(text.partition("base64,")[2].partition('"')[0]))).convert("RGBA")

    few, clear, many = (Image.new("RGBA", (40, 40)) for _ in range(3))
    for x in range(40):
        for y in range(40):
            shade = (31 * x * x + 17 * y * y * y + 7 * x * y) // 5 % 64
            few.putpixel((x, y), (4 * shade, 255 - shade, 9, 255))
            clear.putpixel((x, y), (4 * shade, 0, 9, shade))
            many.putpixel((x, y), (6 * x, 6 * y, 9, 255))
    for image, less in ((few, True), (clear, False), (many, False)):
        before = f'<svg><image xlink:href="data:image/png;base64,{png(image)}"/></svg>'
        after = light.smaller(before)
        assert drawn(after).tobytes() == image.tobytes()
        assert (len(after) < 0.7 * len(before)) is less


def test_a_second_time_changes_nothing(site: Path) -> None:
    lighten(site)
    before = {path: path.read_bytes() for path in site.rglob("*.*") if path.is_file()}
    lighten(site)
    assert {path: path.read_bytes() for path in site.rglob("*.*") if path.is_file()} == before


def test_a_build_that_failed_is_left_alone(site: Path) -> None:
    lighten(site, RuntimeError())
    assert (site / "page.html").read_text() == PAGE


def test_examples_print_what_they_say() -> None:
    import light
    import mathematics
    import powers

    for module in (light, mathematics, powers):
        result = doctest.testmod(module)
        assert result.attempted > 0
        assert result.failed == 0

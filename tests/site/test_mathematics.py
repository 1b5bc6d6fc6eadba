"""Mathematics of the book as MathML: letters and spaces as TeX has them, and a font that has what formulas need."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont

ROOT = Path(__file__).parents[2]
FONT = ROOT / "book" / "_static" / "mathematics" / "companion-math.woff"
PAGES = [*(ROOT / "_build" / "html").rglob("*.html")]


@pytest.fixture(autouse=True)
def extensions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "book" / "_ext"))


def shown(tex: str) -> str:
    """What stands within the outermost row of a formula."""
    from mathematics import mathml

    return mathml(tex).partition("<mrow>")[2].rpartition("</mrow>")[0]


@pytest.mark.parametrize(
    ("tex", "made"),
    [
        (r"\mathcal I", "<mi>ℐ</mi>"),
        (r"\mathcal{J}", "<mi>𝒥</mi>"),
        (r"\mathbb{E}", "<mi>𝔼</mi>"),
        (r"\mathbf 1", "<mn>𝟏</mn>"),
        (r"\Theta", '<mi mathvariant="normal">Θ</mi>'),
        (r"\theta", "<mi>θ</mi>"),
        (r"\infty", "<mi>∞</mi>"),
        (r"a\ b", '<mi>a</mi><mspace width="0.278em" /><mi>b</mi>'),
        (r"\big\langle a \big\rangle_s", '<mo stretchy="false">⟨</mo><mi>a</mi><msub><mo stretchy="false">⟩</mo>'
         "<mi>s</mi></msub>"),
        (r"z(\cdot, l)", '<mi>z</mi><mo stretchy="false">(</mo><mi>·</mi><mo>,</mo><mi>l</mi>'
         '<mo stretchy="false">)</mo>'),
        (r"a^{d-1}", '<msup><mi>a</mi><mrow><mi>d</mi><mo lspace="0" rspace="0">−</mo><mn>1</mn></mrow></msup>'),
        (r"a_b-c", "<msub><mi>a</mi><mi>b</mi></msub><mo>−</mo><mi>c</mi>"),
        (r"a_b\cdot c_d", "<msub><mi>a</mi><mi>b</mi></msub><mo>·</mo><msub><mi>c</mi><mi>d</mi></msub>"),
        (r"y=-1", '<mi>y</mi><mo>=</mo><mo form="prefix">−</mo><mn>1</mn>'),
        (r"d-1", "<mi>d</mi><mo>−</mo><mn>1</mn>"),
        (r"a\longrightarrow b", '<mi>a</mi><mo lspace="0.278em" rspace="0.278em">⟶</mo><mi>b</mi>'),
    ],
)  # fmt: skip
def test_letters_and_spaces_are_those_of_tex(tex: str, made: str) -> None:
    assert shown(tex) == made


def test_rows_stand_below_each_other_without_numbers() -> None:
    assert shown(r"\begin{aligned} a &= b \\ c &= d \end{aligned}").count("<mtr>") == 2
    assert "(1)" not in shown(r"\begin{split} a &= b \\ c &= d \end{split}")


@pytest.mark.parametrize("tex", [r"\notacommand x", "a & b", r"\left( a"])
def test_what_is_not_known_is_an_error_that_names_the_formula(tex: str) -> None:
    from mathematics import mathml

    with pytest.raises(ValueError, match=re.escape(tex)):
        mathml(tex)


@pytest.mark.skipif(not PAGES, reason="the site is not built: run `make book`")
def test_the_font_has_every_character_of_every_formula() -> None:
    there = set(TTFont(FONT).getBestCmap())
    formulas = re.findall(r"<math.*?</math>", "".join(page.read_text(encoding="utf-8") for page in PAGES), re.DOTALL)
    assert len(formulas) > 300
    assert {c for one in formulas for c in unescape(re.sub("<[^>]+>|\\s", "", one))} - set(map(chr, there)) == set()

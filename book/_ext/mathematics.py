r"""Mathematics as MathML, which browsers set themselves: no script, and formulas can be read where scripts are off.

TeX is translated when a page is written, by latex2mathml.  What it does not know would be shown as a backslash and a
word: that is a warning, which the strict build turns into an error.
"""

from __future__ import annotations

import re
import unicodedata
from html import escape
from typing import Any
from xml.etree import ElementTree

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

NAMESPACE = "http://www.w3.org/1998/Math/MathML"
SCRIPTS = {"msub": 1, "msup": 1, "msubsup": 1, "munder": 1, "mover": 1, "munderover": 1}
"""Elements of which all children but so many are set small."""
LETTERS = set("\u2202\u2207\u221e\u2220\u22a4")
"""Signs that are no operators here, and have no space around them."""
CLOSE = set("/\u2026")
ARROWS = set("\u27f6\u2192\u21a6")
BIG = "1.2em"
SIGNS = {"\u2212", "+", "\u00b1"}
DOTS = {"\u00b7", "\u22c5"}

SPACE = re.compile(r"(?<!\\)\\ ")
LARGE = re.compile(r"(\\[bB]igg?[lrm]?)\\([lr]angle)(?![A-Za-z])")
ROWS = re.compile(r"\\(begin|end)\{(?:aligned|split)\}")
ANGLES = {"langle": "\u27e8", "rangle": "\u27e9"}


def mathml(tex: str, display: bool = False) -> str:
    r"""The element that shows a formula.

    Args:
        tex: without dollars or brackets around it.
        display: whether it stands in a line of its own.

    Raises:
        ValueError: something in it is not known.

    Example:
        >>> mathml(r"\mathbb{R}").partition("<mrow>")[2]
        '<mi>ℝ</mi></mrow></math>'
    """
    try:
        made = convert(_spelt(tex.strip()), display="block" if display else "inline")
    except Exception as error:  # it has a class for each thing that may be wrong, and raises others too
        raise ValueError(f"{tex}: {type(error).__name__} {error}") from None
    if unknown := re.search(r"<m[a-z]+[^>]*>([\\&](?!#)[^<]*)<", made):
        raise ValueError(f"{tex}: {unknown[1]} is not known")
    tree = ElementTree.fromstring(made)
    _set(tree, small=False)
    return ElementTree.tostring(tree, encoding="unicode")


def _spelt(tex: str) -> str:
    """TeX in the spelling that latex2mathml knows: of a space, of rows, and of angles that are to be large."""
    tex = ROWS.sub(r"\\\1{align*}", SPACE.sub(r"\\;", tex))
    return LARGE.sub(lambda found: found[1] + ANGLES[found[2]], tex)


def _set(element: ElementTree.Element, small: bool) -> None:
    """Set letters and spaces as TeX does, where MathML has other habits."""
    element.tag = element.tag.removeprefix(f"{{{NAMESPACE}}}")
    text, style = (element.text or "").strip(), element.get("mathvariant")
    if element.tag == "math":
        element.set("xmlns", NAMESPACE)
    elif len(text) == 1 and style not in (None, "normal"):
        element.text = _as_letter(text, str(style))
        del element.attrib["mathvariant"]
    elif element.tag == "mi" and style is None and "\u0391" <= text <= "\u03a9":
        element.set("mathvariant", "normal")
    elif element.tag == "mo" and text in LETTERS:
        element.tag = "mi"
    elif text in ARROWS:
        element.tag = "mo"
        element.attrib.update(lspace="0.278em", rspace="0.278em")
    elif element.tag == "mo" and element.get("minsize") == BIG:  # the larger letter has room beside it
        element.attrib.clear()
        element.set("stretchy", "false")
    elif element.tag == "mo" and (small or text in CLOSE):
        element.attrib.update(lspace="0", rspace="0")
    for at, child in enumerate(element):
        _set(child, small or at >= SCRIPTS.get(element.tag, len(element)))
    around = ["(", *((child.text or "").strip() for child in element), ")"]
    kinds = ["mo", *(child.tag for child in element)]
    for before, kind, child, after in zip(around, kinds, element, around[2:], strict=False):
        if (child.text or "") in DOTS and before in {*"(,["} and after in {*"),]"}:
            child.tag = "mi"  # it stands for an argument
        if (child.text or "") in SIGNS and ((kind == "mo" and before not in {*")]|"}) or before in {*"(["}):
            child.set("form", "prefix")


def _as_letter(letter: str, style: str) -> str:
    """The letter of an alphabet of its own, as browsers take no style from an attribute."""
    kind = "DIGIT" if letter.isdigit() else "SMALL" if letter.islower() else "CAPITAL"
    name = f"{style.upper()} {kind} {unicodedata.name(letter).split()[-1]}"
    for whole in (f"MATHEMATICAL {name}", name):  # a few were there before the alphabets, and have shorter names
        try:
            return unicodedata.lookup(whole)
        except KeyError:
            continue
    return letter


def _translated(node: nodes.Element, tex: str, display: bool) -> str:
    try:
        return mathml(tex, display)
    except ValueError as error:
        logging.getLogger(__name__).warning("mathematics that cannot be shown: %s", error, location=node)
        return f"<code>{escape(tex)}</code>"


def inline(writer: Any, node: nodes.math) -> None:
    """Write a formula within a line."""
    opened = writer.starttag(node, "span", "", CLASS="math notranslate nohighlight")
    writer.body.append(f"{opened}{_translated(node, node.astext(), False)}</span>")
    raise nodes.SkipNode


def block(writer: Any, node: nodes.math_block) -> None:
    """Write formulas that stand by themselves, one below the other, with their number if they have one."""
    writer.body.append(writer.starttag(node, "div", CLASS="math notranslate nohighlight"))
    if node["number"]:
        writer.body.append(f'<span class="eqno">({get_node_equation_number(writer, node)})')
        writer.add_permalink_ref(node, "Link to this equation")
        writer.body.append("</span>")
    parts = [part for part in node.astext().split("\n\n") if part.strip()]
    writer.body.append("".join(_translated(node, part, True) for part in parts) + "</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer, which ``html_math_renderer`` chooses."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Text of a store reaches pages as text: nothing in it is a tag, a role, a link, mathematics or the end of a block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import docutils.core
import pytest
from docutils import nodes
from hypothesis import given
from hypothesis import strategies as st
from myst_parser.docutils_ import Parser

from companion.records.store import Store
from companion.render.markdown import Markdown, plain, table
from companion.site import pages, performance
from companion.verdicts.scorecard import scorecard

HOSTILE = (
    "<script>alert(1)</script> <img src=x onerror=alert(1)> &lt;b&gt; {ref}`x` {raw}`y` [a](javascript:alert(1)) "
    "![i](x.png) <https://e.org> https://e.org $x_1$ $$y$$ {{ z }} `c` **d** _e_ ~~f~~ # | \\| | \\( g^2 [^1] % --> "
    "``` ```{raw} html ~~~ ::: <!-- "
)
SHOWN = " ".join(HOSTILE.split())

SETTINGS = {
    "myst_enable_extensions": ["amsmath", "attrs_block", "colon_fence", "deflist", "dollarmath"],
    "report_level": 5,
    "raw_enabled": True,
    "file_insertion_enabled": False,
}
MARKUP = (nodes.raw, nodes.reference, nodes.image, nodes.math, nodes.math_block, nodes.literal, nodes.literal_block)
MARKUP += (nodes.emphasis, nodes.strong, nodes.problematic, nodes.comment, nodes.footnote_reference, nodes.target)


def read(text: str) -> nodes.document:
    """What MyST makes of a page."""
    return docutils.core.publish_doctree(text, parser=Parser(), settings_overrides=SETTINGS)


def marked(document: nodes.document) -> Iterator[str]:
    """All markup of a page, as text."""
    for node in document.findall(lambda node: isinstance(node, MARKUP)):
        yield f"{type(node).__name__}: {node.astext()}"


def cells(document: nodes.document) -> list[str]:
    return [entry.astext() for entry in document.findall(nodes.entry)]


@pytest.mark.parametrize("text", [HOSTILE, HOSTILE.replace(" ", "\n"), *HOSTILE.split()])
def test_a_cell_shows_what_it_is_given(text: str) -> None:
    document = read(table(["a", text], [[text, "b"]]))
    assert list(marked(document)) == []
    assert cells(document) == ["a", " ".join(text.split()), " ".join(text.split()), "b"]


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1))
def test_any_text_is_shown(text: str) -> None:
    document = read(f"Before {plain(text)} after")
    assert list(marked(document)) == []
    assert " ".join(document.astext().split()) == " ".join(f"Before {text} after".split())


def test_what_is_markdown_is_left_alone() -> None:
    assert table(["`a`"], [[Markdown("`b`")], [Markdown("|c|")], ["`d`"], [None]]).splitlines() == [
        "| &#96;a&#96; |",
        "| --- |",
        "| `b` |",
        r"| \|c\| |",
        "| &#96;d&#96; |",
        "| – |",
    ]


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return [entry.to_dict() for entry in scorecard(Store(tmp_path_factory.mktemp("empty")))]


def test_a_stored_check_adds_no_markup_to_the_page_of_statements(lines: list[dict[str, Any]]) -> None:
    values = {"measured": 1.0, "expected": 2.0, "error": 0.5, "tolerance": 1e-10, "holds": False, "passed": False}
    found = [
        read(pages.statements(lines, {}, {"A-Eq8": [{"form": "stated", "aspect": text, **values}]}))
        for text in ("harmless", HOSTILE)
    ]
    harmless, hostile = (sorted(marked(document)) for document in found)
    assert hostile == harmless
    assert SHOWN in cells(found[1])


def test_a_rule_adds_no_markup_to_any_page(lines: list[dict[str, Any]]) -> None:
    statement = next(line for line in lines if line["kind"] == "statement")
    made = {}
    for text in ("harmless", HOSTILE, HOSTILE.replace(" ", "\n")):
        changed = [line | {"rule": f"{line['verdict']}: {text}"} if line is statement else line for line in lines]
        one = read(pages.statements(changed, {}))
        raw = [node.astext() for node in read(pages.scorecard(changed, {})).findall(nodes.raw)]
        made[text] = (sorted(marked(one)), len(raw), sum(block.count("<script") for block in raw))
    assert len(set(map(str, made.values()))) == 1


def test_a_benchmark_adds_no_markup_to_its_page() -> None:
    def page(text: str) -> nodes.document:
        row = dict.fromkeys(("value", "ratio", "spread", "of_peak", "paired", "low", "high"), 1.0)
        rows = [{"variant": text, "reason": text, "unit": "s", "against": text, "seconds": 1.0, **row}]
        facts = dict.fromkeys(("processor", "vectors", "threads", "cores", "python", "torch", "load"), text)
        return read(performance._result({"benchmark": "b", "machine": {**facts, "time": "2026-01-31"}, "rows": rows}))

    kinds = [[one.partition(":")[0] for one in marked(page(text))] for text in ("harmless", HOSTILE)]
    assert kinds[0] == kinds[1] == ["emphasis", "emphasis"]
    assert SHOWN in page(HOSTILE).astext()

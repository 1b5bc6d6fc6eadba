"""The API's pages: all is there, no page is too large, and what stands before a colon in a docstring is no type."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
from html import unescape
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest
from sphinx.ext.napoleon import Config, GoogleDocstring

import companion
from support.api_pages import PAGES, public

ROOT = Path(__file__).parents[2]
PACKAGE = Path(companion.__file__).parent
SITE = ROOT / "_build" / "html" / "book"
BUILT = [SITE / "api" / f"{name}.html" for name in PAGES]
LARGEST = 400_000
"""Bytes of HTML: what a telephone shows without a pause."""

built = pytest.mark.skipif(not SITE.is_dir(), reason="the site is not built: run `make book`")


@pytest.fixture(scope="module")
def extension() -> ModuleType:
    spec = importlib.util.spec_from_file_location("api_modules", ROOT / "book" / "_ext" / "api_modules.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _docstrings() -> list[str]:
    """Of every variable, field and property of the package."""
    found = []
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for scope in (tree, *(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))):
            for one, below in pairwise(scope.body):
                if isinstance(one, ast.Assign | ast.AnnAssign) and isinstance(below, ast.Expr):
                    found.append(ast.literal_eval(below.value) if isinstance(below.value, ast.Constant) else "")
            for one in scope.body:
                if isinstance(one, ast.FunctionDef) and any("property" in ast.unparse(d) for d in one.decorator_list):
                    found.append(ast.get_docstring(one, clean=False) or "")
    return [text for text in found if text]


def _shown(extension: ModuleType, text: str, what: str = "data") -> list[str]:
    lines = GoogleDocstring(text.splitlines(), Config(), None, what, "NAME", None, None).lines()
    extension.keep_words_before_a_colon(None, what, "NAME", None, None, lines)
    return lines


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def test_every_docstring_of_a_variable_keeps_all_its_words_in_order(extension: ModuleType) -> None:
    texts = _docstrings()
    assert sum(": " in text.splitlines()[0] for text in texts) > 10
    for text in texts:
        shown = _shown(extension, text)
        assert not [line for line in shown if line.startswith(":type:")], text
        assert _words(" ".join(shown)) == _words(text)


@pytest.mark.parametrize("what", ["attribute", "data", "property"])
def test_a_word_before_a_colon_begins_the_sentence(extension: ModuleType, what: str) -> None:
    assert _shown(extension, "Numbers: of all.\n\nMore.", what) == ["Numbers: of all.", "", "More.", ""]
    assert _shown(extension, "None of it.", what) == ["None of it."]


def test_what_is_no_variable_is_left_alone(extension: ModuleType) -> None:
    lines = ["It.", ":type: int"]
    extension.keep_words_before_a_colon(None, "function", "NAME", None, None, lines)
    assert lines == ["It.", ":type: int"]


@built
def test_what_the_pages_call_a_type_is_one() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in BUILT)
    found = re.findall(r'<dt class="field-\w+">Type<.*?<dd[^>]*>(.*?)</dd>', text, re.DOTALL)
    assert found
    for field in found:
        text = unescape(re.sub("<[^>]+>", "", field)).translate({ord("‘"): "'", ord("’"): "'", ord("…"): "..."})
        ast.parse(text.strip(), mode="eval")


@built
def test_no_page_is_too_large() -> None:
    assert {page.name: size for page in BUILT if (size := page.stat().st_size) > LARGEST} == {}


@built
def test_every_public_name_is_on_the_page_of_its_package() -> None:
    for page in BUILT:
        anchors = set(re.findall(r' id="(companion\.[\w.]+)"', page.read_text(encoding="utf-8")))
        for module in PAGES[page.stem]:
            missing = [name for name in importlib.import_module(module).__all__ if f"{module}.{name}" not in anchors]
            assert [name for name in missing if _ours(module, name)] == [], page.name


def _ours(module: str, name: str) -> bool:
    return any(thing is getattr(importlib.import_module(module), name) for _, thing in public(module))


@built
def test_what_one_reaches_for_first_leads_there() -> None:
    asked = re.findall(r"\{py:\w+\}`([\w.]+)`", (ROOT / "book" / "api.md").read_text(encoding="utf-8"))
    page = (SITE / "api.html").read_text(encoding="utf-8")
    assert len(asked) > 10
    for name in asked:
        assert re.search(rf'href="api/\w+\.html#{re.escape(name)}"', page), name


def test_every_page_is_in_the_overview_and_in_the_table_of_contents_in_one_order() -> None:
    overview = re.findall(r"^\| \[(\w+)\]\(api/\1\.md\)", (ROOT / "book" / "api.md").read_text(encoding="utf-8"), re.M)
    contents = re.findall(r"- file: book/api/(\w+)\n", (ROOT / "_toc.yml").read_text(encoding="utf-8"))
    assert overview == contents
    assert sorted(overview) == sorted(PAGES)

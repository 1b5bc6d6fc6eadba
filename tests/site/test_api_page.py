"""The API page: what stands before a colon in the docstring of a variable is no type."""

from __future__ import annotations

import ast
import importlib.util
import re
from html import unescape
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest
from sphinx.ext.napoleon import Config, GoogleDocstring

import companion

ROOT = Path(__file__).parents[2]
PACKAGE = Path(companion.__file__).parent
PAGE = ROOT / "_build" / "html" / "book" / "api.html"


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


@pytest.mark.skipif(not PAGE.is_file(), reason="the site is not built: run `make book`")
def test_what_the_page_calls_a_type_is_one() -> None:
    page = PAGE.read_text(encoding="utf-8")
    found = re.findall(r'<dt class="field-\w+">Type<.*?<dd[^>]*>(.*?)</dd>', page, re.DOTALL)
    assert found
    for field in found:
        text = unescape(re.sub("<[^>]+>", "", field)).translate({ord("‘"): "'", ord("’"): "'", ord("…"): "..."})
        ast.parse(text.strip(), mode="eval")

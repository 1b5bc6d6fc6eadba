"""Every example in a docstring of the package runs and prints what it says, and every public name has one."""

from __future__ import annotations

import ast
import dataclasses
import doctest
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import companion
from support.api_pages import MODULES, PAGES, PUBLIC, docstrings

PACKAGE = Path(companion.__file__).parent
WITH_EXAMPLES = sorted(
    ".".join(("companion", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_examples_print_what_they_say(module: str) -> None:
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("name", PUBLIC)
class TestPublicNames:
    """What a reader of the API's pages finds with every function and class, without exception."""

    def test_shows_how_it_is_used(self, name: str) -> None:
        assert any(">>> " in text for text in docstrings(PUBLIC[name]))

    def test_says_what_each_argument_is(self, name: str) -> None:
        """Of a function that takes several, and of a class of fields, unless it says where they are told."""
        thing, text = PUBLIC[name], PUBLIC[name].__doc__
        if inspect.isclass(thing):
            told = _told_below(thing)
            named = [f.name for f in dataclasses.fields(thing)] if dataclasses.is_dataclass(thing) else []
            named = [field for field in named if field in vars(thing).get("__annotations__", {}) and field not in told]
        else:
            named = list(inspect.signature(thing).parameters)
            named = named if len(named) > 1 and not re.search(r"[Aa]rguments\b.*:func:", text, re.DOTALL) else []
        assert [word for word in named if not re.search(rf"\b{word}\b", text)] == []

    def test_says_what_it_raises(self, name: str) -> None:
        """Every kind of error that stands in a ``raise`` of its own, but for those of faults of ours."""
        for node, text in _bodies(PUBLIC[name]):
            raised = {_name_of(one.exc) for one in ast.walk(node) if isinstance(one, ast.Raise) and one.exc is not None}
            kinds = {kind for kind in raised if kind.endswith("Error")} - {"AssertionError"}
            assert [kind for kind in sorted(kinds) if kind not in text] == []


def _name_of(raised: ast.expr) -> str:
    return ast.unparse(raised.func if isinstance(raised, ast.Call) else raised).rpartition(".")[2]


def _tree(thing: Any) -> ast.AST:
    return ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(thing)))).body[0]


def _bodies(thing: Any) -> Iterator[tuple[ast.AST, str]]:
    """A function with its docstring; of a class each public method, and what makes one, with the class's too."""
    if not inspect.isclass(thing):
        yield _tree(thing), thing.__doc__
        return
    for node in ast.iter_child_nodes(_tree(thing)):
        if isinstance(node, ast.FunctionDef) and (not node.name.startswith("_") or node.name.endswith("init__")):
            yield node, f"{thing.__doc__} {ast.get_docstring(node)}"


def _told_below(thing: type) -> set[str]:
    """The fields of a class that have a docstring of their own, on the line below."""
    body = list(ast.iter_child_nodes(_tree(thing)))
    pairs = [(one.target, below) for one, below in pairwise(body) if isinstance(one, ast.AnnAssign)]
    return {ast.unparse(target) for target, below in pairs if isinstance(below, ast.Expr)}


def test_the_pages_list_what_there_is() -> None:
    assert len(PUBLIC) > 250
    assert len(MODULES) == len(set(MODULES))
    assert {module.split(".")[1] for module in MODULES} == PAGES.keys()

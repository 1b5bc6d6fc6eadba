"""What somebody asks for: parameters of chapters and commands, fields of runs, notebooks with parameters in them."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.chapters.parameters import PARAMETERS, check_parameters
from companion.cli.output import UsageError
from companion.cli.run import joined, parse
from companion.exhibits import EXHIBITS
from companion.exhibits.request import Request, request
from companion.runs.fields import SpecError
from companion.runs.spec import RunSpec
from companion.site import notebooks
from companion.site.notebooks import NotebookError
from support.guarded import REFUSED, feeds, tried
from support.malformed import NASTY, WORDS, documents, dumped, spoiled, values
from support.strategies import spec_fields


@pytest.fixture
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("inputs")


@feeds("descriptions of runs")
@given(fields=spec_fields(), changed=st.dictionaries(st.sampled_from(list(RunSpec.__dataclass_fields__)), values))
def test_runs(here: Path, fields: dict[str, Any], changed: dict[str, Any]) -> None:
    found = tried(lambda: RunSpec.from_dict({**fields, **changed}), SpecError, here)
    if found is not REFUSED:
        again = RunSpec.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False)))
        assert (again, again.key) == (found, found.key)


GOOD: dict[str, dict[str, Any]] = {
    "paths_and_gates": {"pair": [0, 1], "x_cnn": [1.0, 2.0, 3.0], "c": 1.0},
    "dgn_and_gradients": {"order": [2, 0, 1], "steps": [1e-3, 1e-4, 1e-5]},
    "composite_kernels": {"d_in": 4, "w": 4, "layers": 3, "draws": 2, "seed": 0},
    "own_network": {"epochs": 3, "seeds": 2},
}
near = values | st.integers(0, 9) | st.lists(st.integers(0, 4) | st.floats(0, 1), max_size=4)


@feeds("parameters of chapters")
@given(chapter=st.sampled_from(sorted(GOOD)), data=st.data())
def test_parameters(here: Path, chapter: str, data: st.DataObject) -> None:
    given_ = {**GOOD[chapter], **data.draw(st.dictionaries(st.sampled_from(sorted(GOOD[chapter])), near, min_size=1))}
    if not data.draw(st.integers(0, 9)):
        given_ |= data.draw(st.dictionaries(st.text(max_size=5) | st.sampled_from(WORDS), near, max_size=2))
    found = tried(lambda: check_parameters(chapter, **given_), SpecError, here)
    if found is not REFUSED:
        for name, value in given_.items():
            assert PARAMETERS[chapter][name].holds(value)
            json.dumps(value, allow_nan=False)


asked = st.fixed_dictionaries(
    {},
    optional={
        "profile": values | st.sampled_from(["quick", "cpu", "paper"]),
        "device": values | st.sampled_from(["cpu", "auto", "cuda:0", "cpu:0"]),
        "train": values,
        "seeds": values | st.integers(-1, 3),
        "rows": values | st.lists(values | st.sampled_from(["FC/SGD/digits", "FC/Adam/digits"]), max_size=3),
        "overrides": values
        | st.dictionaries(st.sampled_from([*RunSpec.__dataclass_fields__, "x", *WORDS]), values, max_size=2),
    },
)


@feeds("requests for exhibits")
@given(name=st.just("A-T2") | st.sampled_from(sorted(EXHIBITS)) | values, asked=asked)
def test_exhibits(here: Path, name: Any, asked: dict[str, Any]) -> None:
    found = tried(lambda: request(name, **{"profile": "quick", **asked}), SpecError, here)
    if found is not REFUSED:
        assert isinstance(found, Request)
        assert found.cells
        assert found.train is asked.get("train", False)


SOME = ("seeds", "rows=1", "--parameter", "=", "a=")
text = st.sampled_from([dumped(one) for one in NASTY]) | st.sampled_from(WORDS) | st.text(max_size=20) | values.map(str)


@feeds("`-p name value`")
@given(words=st.lists(st.just("-p") | st.sampled_from(SOME) | text, max_size=6))
def test_words_of_a_command(here: Path, words: list[str]) -> None:
    pairs = [after for before, after in zip(["", *joined(words)], joined(words), strict=False) if before == "-p"]
    found = tried(lambda: parse(pairs), UsageError, here)
    if found is REFUSED:
        return
    code = _as_code(found)
    assert len(ast.parse(code).body) == len(found)
    for line in ast.parse(code).body:
        assert isinstance(line, ast.Assign)
        assert not [n for n in ast.walk(line.value) if isinstance(n, ast.Call) and ast.unparse(n.func) != "float"]


def _as_code(found: dict[str, Any]) -> str:
    """What papermill writes into a notebook for these parameters."""
    from papermill.translators import PythonTranslator

    return PythonTranslator.codify({f"p{i}": value for i, value in enumerate(found.values())})


def notebook(source: str) -> dict[str, Any]:
    tagged = {"tags": ["parameters"]}
    return {
        "cells": [
            {"cell_type": "markdown", "id": "a", "metadata": {}, "source": ["# A\n", "b"]},
            {"cell_type": "code", "id": "b", "metadata": tagged, "source": source, "outputs": [], "execution_count": 1},
        ],
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


SOURCES = (
    "profile = 'quick'\ntrain: bool = False\nseeds = None",
    "a = __import__('os').mkdir('ran')",
    "a = {[]: 1}",
    "a = 1; import os",
    "a = b = 1",
    "a = " + "(" * 500 + ")" * 500,
    "a = " + "-" * 5000 + "1",
    "a = " + "[" * 150 + "]" * 150,
    "a = 1 +",
    "a = 'x\x00y'",
    "a = " + "9" * 5000,
    "a = f'{1}'",
    "\ta = 1",
    "a = 1 if True else 2",
    "a = b'\\xff'",
    "a.b = 1",
)


@feeds("notebooks")
@given(data=st.data())
def test_notebooks(here: Path, data: st.DataObject) -> None:
    source = data.draw(st.sampled_from(SOURCES) | spoiled([SOURCES[0].encode()]).map(lambda b: b.decode("latin-1")))
    valid = notebook(source)
    content = data.draw(documents(valid) | st.just(json.dumps(valid).encode()) | spoiled([json.dumps(valid).encode()]))
    (here / "a.ipynb").write_bytes(content)
    found = tried(lambda: notebooks.parameters(notebooks.read(here / "a.ipynb")), NotebookError, here)
    assert not Path("ran").exists()
    if found is not REFUSED:
        assert all(name.isidentifier() for name in found)
        assert all(ast.literal_eval(repr(value)) == value or value != value for value in found.values())

"""Chapters that show no exhibit check what papermill sets, before anything runs."""

from __future__ import annotations

import ast
import math
from pathlib import Path
from typing import Any

import nbformat
import pytest

from companion.chapters.parameters import PARAMETERS, Many, Number, Whole, check_parameters
from companion.exhibits import EXHIBITS
from companion.runs.fields import SpecError
from companion.site import notebooks

CHAPTERS = Path(__file__).parents[2] / "notebooks"
OWN = {name: notebooks.parameters(notebooks.read(CHAPTERS / f"{name}.ipynb")) for name in PARAMETERS}
PLACES = [(chapter, name) for chapter, kinds in PARAMETERS.items() for name in kinds]


def test_every_chapter_without_an_exhibit_is_here():
    of_exhibits = {one.chapter for one in EXHIBITS.values()}
    assert set(PARAMETERS) == {file.stem for file in CHAPTERS.glob("*.ipynb")} - of_exhibits


@pytest.mark.parametrize("chapter", PARAMETERS)
def test_a_chapter_checks_all_its_parameters_before_it_uses_them(chapter):
    """The first cell of code after the parameters calls the check, with each of them under its own name."""
    assert set(OWN[chapter]) == set(PARAMETERS[chapter])
    check_parameters(chapter, **OWN[chapter])
    code = [cell for cell in notebooks.read(CHAPTERS / f"{chapter}.ipynb").cells if cell.cell_type == "code"]
    first = ast.parse(code[1].source)
    calls = [node for node in ast.walk(first) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    (call,) = [c for c in calls if c.func.id in ("theory_answer", "check_parameters")]
    assert ast.literal_eval(call.args[0]) == chapter
    assert {k.arg: getattr(k.value, "id", None) for k in call.keywords} == {name: name for name in PARAMETERS[chapter]}
    used = [n.lineno for n in ast.walk(first) if isinstance(n, ast.Name) and n.id in PARAMETERS[chapter]]
    assert min(used) >= call.lineno


def bad(kind: Any) -> list[Any]:
    never = [None, "false", "3", True, math.nan, math.inf, -(10**30), 10**30, {}, object(), "x" * 10_000, b"1"]
    if isinstance(kind, Many):
        fine = [kind.of.least + i for i in range(kind.least)]
        return [*never, [], fine[:-1], [*fine[:-1], "1"], [*fine[:-1], True], [*fine[:-1], [1]], fine * 20, str(fine)]
    return [*never, kind.least - 1, kind.most + 1, [kind.least], *([1.5] if isinstance(kind, Whole) else [])]


@pytest.mark.parametrize(("chapter", "name"), PLACES)
def test_a_bad_value_is_one_sentence_that_says_what_is_valid(chapter, name):
    for value in bad(PARAMETERS[chapter][name]):
        with pytest.raises(SpecError) as found:
            check_parameters(chapter, **(OWN[chapter] | {name: value}))
        said = str(found.value)
        assert said.startswith(f"{name} must be a ")
        assert "\n" not in said
        assert len(said) < 300


@pytest.mark.parametrize(("chapter", "name"), PLACES)
def test_ends_of_ranges_are_valid(chapter, name):
    kind = PARAMETERS[chapter][name]
    if isinstance(kind, Whole | Number):
        for value in (kind.least, kind.most):
            check_parameters(chapter, **(OWN[chapter] | {name: value}))
    else:
        fine = [kind.of.most - i * (kind.of.most - kind.of.least) / kind.most for i in range(kind.most)]
        fine = [int(one) for one in fine] if isinstance(kind.of, Whole) else fine
        check_parameters(chapter, **(OWN[chapter] | {name: fine}))
        with pytest.raises(SpecError):
            check_parameters(chapter, **(OWN[chapter] | {name: [*fine, kind.of.least]}))


def test_values_differ_where_they_must_and_others_need_not():
    with pytest.raises(SpecError, match=r"pair must be a list of 2 different values, each a whole number from 0 to 4"):
        check_parameters("paths_and_gates", **(OWN["paths_and_gates"] | {"pair": [1, 1]}))
    check_parameters("paths_and_gates", **(OWN["paths_and_gates"] | {"x_cnn": [0.5, 0.5, 0.5]}))
    with pytest.raises(SpecError, match="three of them at least 64"):
        check_parameters("ntk_npk", **(OWN["ntk_npk"] | {"widths": [16, 32, 63, 64, 512]}))
    with pytest.raises(SpecError, match="the largest four times the least of these"):
        check_parameters("ntk_npk", **(OWN["ntk_npk"] | {"widths": [8, 64, 65, 66]}))


def test_all_parameters_are_checked_or_none():
    with pytest.raises(SpecError, match="the parameters of own_network are epochs, seeds, not epochs"):
        check_parameters("own_network", epochs=3)


def test_papermill_meets_the_sentence_before_anything_is_drawn(tmp_path):
    """The chapter itself, executed with a bad value as papermill injects it."""
    import papermill

    with pytest.raises(papermill.PapermillExecutionError, match="pair must be a list of 2 different values"):
        papermill.execute_notebook(
            CHAPTERS / "paths_and_gates.ipynb", tmp_path / "out.ipynb", {"pair": "[0, 9]"}, progress_bar=False
        )
    made = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    assert not any(o.get("data", {}).get("image/svg+xml") for c in made.cells for o in c.get("outputs", []))

"""What the chapters on the theory show: the table of checks, and the data and figures beside it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from companion.chapters.checks import CHAPTER_OF, CHAPTERS, check_table, table_of
from companion.site.notebooks import parameters, read
from companion.statements import CHECKS, Check, run_checks, statements
from companion.verdicts.stats import Shade, Verdict

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
MINE = ("paths_and_gates", "dgn_and_gradients", "ntk_npk")
GOOD = Check("A-Eq2", "stated", "a case", 1.5, 1.5, 1e-16, 1e-10, True, True)


def test_every_checked_statement_has_one_chapter():
    assert set(CHECKS) <= set(CHAPTER_OF) <= set(statements())
    assert sum(map(len, CHAPTERS.values())) == len(CHAPTER_OF)


@pytest.mark.parametrize("name", MINE)
def test_a_chapter_shows_the_checks_of_its_statements(name: str):
    notebook = read(NOTEBOOKS / f"{name}.ipynb")
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    shown = set(re.findall(r'"([ABC]-[^"]+)"', "".join(re.findall(r"check_table\((.*?)\)", code, re.DOTALL))))
    assert shown == {id for id in CHAPTERS[name] if id in CHECKS}


@pytest.mark.parametrize("name", MINE)
def test_a_chapter_is_thin_and_its_figures_are_described(name: str):
    notebook = read(NOTEBOOKS / f"{name}.ipynb")
    assert parameters(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert sum(bool(line.strip()) for cell in cells for line in cell.source.splitlines()) <= 60
    assert not any(re.search(r"^\s*(def|class) ", cell.source, re.MULTILINE) for cell in cells)
    for cell in cells:
        if re.search(r"^\w+_figure\(", cell.source, re.MULTILINE):
            figure = cell.metadata["mystnb"]
            assert figure["figure"]["caption"]
            assert figure["figure"]["name"]
            assert figure["image"]["alt"]


def test_the_table_links_every_id_to_its_entry():
    table = check_table(["A-P2.1", "B-D3.3"])
    page = table._repr_html_()
    assert '<td><a href="../book/generated/statements.html#item-a-p2-1">A-P2.1</a></td>' in page
    assert page.count('statements.html#item-b-d3-3">B-D3.3</a>') == 2  # corrected and printed
    assert table.passed
    assert table.caption.startswith("5 of 5 comparisons")


def test_both_forms_of_a_wrong_print_are_shown():
    frame = check_table(["A-Eq8"]).frame
    assert list(frame["form"]) == ["corrected", "printed"]
    assert list(frame["verdict"]) == [Verdict.REPRODUCED, Shade.AS_IT_MUST]
    assert frame["error"].iloc[0] == "< 1e-10"


def test_the_decisive_case_is_the_worst_one():
    bad = replace(GOOD, aspect="another", error=1e-3, holds=False, passed=False)
    table = table_of([GOOD, bad, replace(GOOD, aspect="a third")])
    assert list(table.frame["decisive case"]) == ["another (1 of 3)"]
    assert list(table.frame["verdict"]) == [Verdict.PARTLY]
    assert not table.passed
    assert "2 of 3" in table.caption


def test_a_printed_form_that_holds_somewhere_is_no_failure_and_does_not_pass():
    wrong = replace(GOOD, form="printed", error=2.0, holds=False, passed=True)
    held = replace(wrong, aspect="holds", error=0.0, holds=True, passed=False)
    table = table_of([wrong, held])
    assert list(table.frame["decisive case"]) == ["holds (1 of 2)"]
    assert not table.passed
    assert table_of([wrong]).passed


def test_rounding_errors_do_not_choose_the_case():
    shaken = replace(GOOD, aspect="later", error=9e-16)
    assert list(table_of([GOOD, shaken]).frame["decisive case"]) == ["a case (1 of 2)"]
    assert table_of([GOOD]).frame.equals(table_of([replace(GOOD, error=7e-16, measured=1.5 + 1e-15)]).frame)


def test_unknown_statements_are_refused():
    with pytest.raises(ValueError, match="unknown statement"):
        check_table(["A-P9.9"])


def test_a_table_repeats_run_checks():
    (check,) = run_checks(["A-Eq3"])
    assert table_of([check]).frame.equals(check_table(["A-Eq3"]).frame)

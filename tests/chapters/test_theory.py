"""The box at the head of a chapter of theory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from companion.chapters.checks import CHAPTERS
from companion.chapters.theory import ASKED, theory_answer
from companion.site import notebooks
from companion.statements import CHECKS, Check
from companion.statements.outcomes import CheckStore, Outcome

ROOT = Path(__file__).parents[2]
OUTCOMES = CheckStore(ROOT / "results" / "checks").outcomes()


def outcome(id: str, *forms: str, wrong: int = 0) -> Outcome:
    """An outcome with one comparison of each form, the first ``wrong`` of which do not come out."""
    good = Check(id, "stated", "a case", 1.0, 1.0, 0.0, 1e-10, True, True)
    checks = []
    for i, form in enumerate(forms):
        holds = (form != "printed") is (i >= wrong)
        checks.append(replace(good, form=form, error=0.0 if holds else 1.0, holds=holds, passed=i >= wrong))
    return Outcome.build(checks)


def all_stated(chapter: str) -> dict[str, Outcome]:
    return {id: outcome(id, "stated") for id in CHAPTERS[chapter] if id in CHECKS}


def test_every_chapter_of_theory_asks_and_its_answer_hangs_on_statements_that_it_checks() -> None:
    assert ASKED.keys() == CHAPTERS.keys()
    assert len({asked.question for asked in ASKED.values()}) == len(ASKED)
    for chapter, asked in ASKED.items():
        assert asked.question.endswith("?")
        assert set(asked.key) <= set(CHAPTERS[chapter]) & CHECKS.keys()


@pytest.mark.parametrize("chapter", ASKED)
def test_its_page_opens_with_what_the_committed_outcomes_say(chapter: str) -> None:
    cells = notebooks.read(ROOT / "notebooks" / f"{chapter}.ipynb").cells
    first = next(i for i, cell in enumerate(cells) if cell.cell_type == "code" and cell.outputs)
    assert [cell.source.startswith("# ") for cell in cells[:first] if cell.cell_type == "markdown"] == [True]
    assert "\n" not in cells[0].source
    shown = cells[first].outputs[0]["data"]
    assert 'class="companion-answer"' in shown["text/html"]
    assert shown["text/plain"] == repr(theory_answer(chapter, OUTCOMES))
    assert ASKED[chapter].answer in shown["text/plain"]


def test_what_holds_is_counted_apart_from_what_is_misprinted() -> None:
    found = all_stated("base_kernel_and_depth")
    answer = theory_answer("base_kernel_and_depth", found)
    assert answer.sentences == (
        ASKED["base_kernel_and_depth"].answer,
        "Of 2 statements of the papers here 2 hold as printed.",
    )
    assert answer.standing.startswith("2 of 2 comparisons")
    found["B-Base"] = outcome("B-Base", "corrected", "printed")
    answer = theory_answer("base_kernel_and_depth", found)
    assert answer.sentences[1] == (
        "Of 2 statements of the papers here 1 holds as printed; 1 holds once what is printed is corrected (B-Base)."
    )
    assert answer.standing.startswith("3 of 3 comparisons")


def test_no_answer_is_given_where_a_statement_fails_or_was_not_checked() -> None:
    found = all_stated("base_kernel_and_depth")
    found["B-CONJ"] = outcome("B-CONJ", "stated", "stated", wrong=1)
    answer = theory_answer("base_kernel_and_depth", found)
    assert answer.sentences[0] == "Not as the papers say: B-CONJ does not come out."
    assert answer.sentences[1].endswith("; 1 do not come out (B-CONJ).")
    assert answer.standing.startswith("2 of 3 comparisons")
    del found["B-CONJ"]
    answer = theory_answer("base_kernel_and_depth", found)
    assert answer.sentences[0] == "Nothing can be said before B-CONJ is checked."
    assert answer.sentences[1].endswith("; 1 wait for their check (B-CONJ).")
    assert theory_answer("base_kernel_and_depth", {}).standing == "no comparison yet"


def test_a_failing_statement_on_which_the_answer_does_not_hang_leaves_it() -> None:
    found = all_stated("ntk_npk")
    found["A-nu"] = outcome("A-nu", "stated", wrong=1)
    assert theory_answer("ntk_npk", found).sentences[0] == ASKED["ntk_npk"].answer


def test_text_is_escaped_and_another_chapter_refused() -> None:
    answer = replace(theory_answer("ntk_npk", {}), question="<b>?")
    assert "&lt;b&gt;?" in answer._repr_html_()
    with pytest.raises(ValueError, match="'other' has no question: choose from paths_and_gates, "):
        theory_answer("other", {})

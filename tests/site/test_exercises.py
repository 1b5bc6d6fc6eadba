"""The exercises: their solutions run, each chapter of theory has some and leads to them."""

import doctest
import re
from pathlib import Path

import pytest

from companion.site import notebooks

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "book" / "exercises.md"
THEORY = ("paths_and_gates", "dgn_and_gradients", "ntk_npk", "composite_kernels", "base_kernel_and_depth")


def test_solutions_print_what_they_say():
    result = doctest.testfile(str(PAGE), module_relative=False)
    assert result.attempted > 40
    assert result.failed == 0


def test_every_exercise_has_a_folded_solution():
    text = PAGE.read_text()
    numbers = [int(number) for number in re.findall(r"^\*\*(\d+)\.\*\*", text, re.MULTILINE)]
    assert numbers == list(range(1, 11))
    assert text.count(":::{dropdown} Solution") == len(numbers)


@pytest.mark.parametrize("chapter", THEORY)
def test_a_chapter_of_theory_and_its_exercises_lead_to_each_other(chapter):
    assert f"(../notebooks/{chapter})" in PAGE.read_text()
    assert f"(exercises-{chapter.replace('_', '-')})=" in PAGE.read_text()
    last = notebooks.read(ROOT / "notebooks" / f"{chapter}.ipynb").cells[-1]
    assert "(../book/exercises)" in last.source

"""The grid of models as HTML: whole, small, and the same every time."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.render.model_grid import DIGITS, Model, ModelGrid, ModelRow, packed, step

ORDERS = ((0, 1), (1, 0))
CURVE = [(50.0, 49.5, 50.25), (60.125, 60.0, 60.25)]
OWN = Model("FL", (0, 1), "image", 3, (60.2, 60.0, 60.5), 0.0, CURVE)
MODELS = [
    OWN,
    replace(OWN, value="ones", best=(59.9, 59.0, 60.5), gap=-0.3),
    replace(OWN, order=(1, 0), best=(54.0, 54.0, 54.0), gap=-6.2),
]
GRID = ModelGrid([ModelRow("A <row>", 0.25, 4, MODELS)], "a title")


def unpacked(text: str) -> list[int]:
    """What the script does, in another way."""
    found = []
    for letters in re.findall(r"[g-z0-9_-]*[A-Za-f]", text):
        rest = sum((DIGITS.index(letter) & 31) << 5 * i for i, letter in enumerate(letters))
        found.append(-(rest >> 1) if rest & 1 else rest >> 1)
    return found


@given(st.lists(st.integers(-20_000, 20_000)))
def test_numbers_come_back(values: list[int]) -> None:
    assert unpacked(packed(values)) == values


def test_a_cell_for_every_model_in_the_line_of_its_order() -> None:
    page = GRID._repr_html_()
    cells = re.findall(r'<td data-model="(\d)" class="step-(\d)" style="--own:#\w+">([^<]+)</td>', page)
    assert cells == [("0", "0", "0.00"), ("1", "1", "−0.30"), ("2", "3", "−6.20")]
    assert page.count("<td></td>") == 2  # the corner, and the model that is not there
    assert re.findall(r'<th scope="row">(\d \d)</th>', page) == ["1 2", "2 1"]
    assert "Layer 2 uses the gates of layer 1" in page
    assert '<td colspan="2">60.20%</td>' in page
    assert "<strong>A &lt;row&gt;</strong>: models recorded so far, of 4 in each regime: FL 3<" in page
    full = ModelGrid([replace(GRID.rows[0], planned=3)], "")
    assert ": all 3 models of each regime<" in full._repr_html_()


def test_every_model_has_its_numbers_and_its_curve() -> None:
    (text,) = re.findall(r'<script type="application/json">(.*?)</script>', GRID._repr_html_())
    assert "<" not in text
    (row,) = json.loads(text)
    assert row["name"] == "A <row>"
    assert row["models"][1][:-1] == ["FL", "1 2", "ones", 3, "59.90", "59.00", "60.50", "−0.30"]
    assert unpacked(row["models"][0][-1]) == [5000, 50, 25, 1012, 12, 13]


def test_shades_are_steps_of_the_margin() -> None:
    assert [step(gap, 1.0) for gap in (-1.0, -1.01, -4.01, -16.01, None)] == [0, 1, 2, 3, 0]
    assert step(-99.0, None) == 0
    assert "at most 0.25, the margin" in GRID._repr_html_()
    assert "margin" not in ModelGrid([replace(GRID.rows[0], margin=None)], "")._repr_html_()


@pytest.mark.parametrize(
    ("gap", "text"), [(None, "–"), (0.004, "0.00"), (-0.004, "0.00"), (0.126, "+0.13"), (-5.45, "−5.45")]
)
def test_a_gap_is_told_with_its_sign(gap: float | None, text: str) -> None:
    assert replace(OWN, gap=gap).gap_text == text


def test_words_say_how_far_gaps_reach() -> None:
    assert repr(GRID).splitlines()[1:] == ["A <row>, FL: 3 of 4 models, -6.20 to +0.00 points"]
    unknown = ModelRow("row", 1.0, 4, [replace(OWN, gap=None)])
    assert repr(ModelGrid([unknown], "")).splitlines()[1:] == ["row, FL: 1 of 4 models"]


def test_nothing_recorded_is_told() -> None:
    assert ModelGrid([], "a title")._repr_html_() == "<p>No model is recorded yet.</p>"


def test_a_model_that_others_are_compared_with_may_be_missing() -> None:
    row = ModelRow("row", 1.0, 4, [replace(OWN, value="ones", gap=None)])
    assert '<td colspan="1">pending</td>' in ModelGrid([row], "")._repr_html_()

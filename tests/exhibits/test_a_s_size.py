"""The way from two cores to the paper: its sizes, and what it shares with Table 2."""

from __future__ import annotations

import pytest

from companion.exhibits import cells
from companion.exhibits.a_s_size import GAPS


@pytest.mark.parametrize(
    ("profile", "sizes"),
    [("cpu", {(8, 8), (8, 16), (8, 32), (16, 16), (32, 16)}), ("quick", {(4, 4), (4, 8), (8, 8)})],
)
def test_one_line_along_the_width_and_one_along_the_side(profile: str, sizes: set[tuple[int, int]]) -> None:
    grid = cells("A-S-size", profile, seeds=1)
    for column in ("ReLU", "FR-II", "FL", "DL"):
        found = [(cell.axes["width"], cell.axes["side"]) for cell in grid if cell.column == column]
        assert len(found) == len(set(found))
        assert set(found) == sizes


def test_a_size_is_called_what_its_axes_say() -> None:
    for cell in cells("A-S-size", "cpu", seeds=1):
        assert cell.variant == f"{cell.axes['width']} filters, {cell.axes['side']} pixels"


def test_the_profiles_own_size_is_that_of_table_2() -> None:
    table = {cell.spec for cell in cells("A-T2", "cpu") if cell.row == "GCONV/Adam/CIFAR-10"}
    mine = {c.spec for c in cells("A-S-size", "cpu") if c.variant == "16 filters, 16 pixels"}
    assert mine <= table
    assert len(mine) == 4 * 3


def test_all_train_alike_but_for_their_size() -> None:
    rest = {cell.spec.replace(width=16, downscale=2) for cell in cells("A-S-size", "cpu")}
    assert len(rest) == 4 * 3  # regimes and seeds
    assert {column for pair in GAPS for column in pair} == {c.column for c in cells("A-S-size", "cpu")}

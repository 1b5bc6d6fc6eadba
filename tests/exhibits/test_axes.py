"""Axes: typed values of cells, from the runs or from the rows, and never from a name."""

from __future__ import annotations

import pytest

from companion.exhibits import EXHIBITS, cells
from companion.exhibits.axes import ARCHITECTURE, DATASET, OPTIMISER, STAGE, WIDTH, Axis
from companion.exhibits.grid import Row, make
from companion.notation import Regime
from companion.runs.spec import RunSpec
from companion.verdicts.frames import places
from support.synthetic import grid_of

GRIDS = [(name, profile) for name, chosen in EXHIBITS.items() for profile in chosen.profiles]


@pytest.mark.parametrize(("name", "profile"), GRIDS)
def test_every_cell_has_a_value_of_the_right_type_on_every_axis(name: str, profile: str) -> None:
    axes = EXHIBITS[name].axes
    for cell in grid_of(name, profile):
        assert list(cell.axes) == [axis.name for axis in axes]
        for axis in axes:
            value = cell.axes[axis.name]
            assert value is None or isinstance(value, axis.kind)
            assert axis.read is None or value == axis.read(cell.spec)
    assert {axis.name for axis in axes} <= set(places(grid_of(name, profile)).columns)


@pytest.mark.parametrize("name", EXHIBITS)
def test_an_axis_is_something_that_the_exhibit_varies(name: str) -> None:
    for axis in EXHIBITS[name].axes:
        values = {cell.axes[axis.name] for profile in EXHIBITS[name].profiles for cell in grid_of(name, profile)}
        assert len(values) > 1, axis.name


def test_rows_of_table_2_are_called_what_their_axes_say() -> None:
    for profile in EXHIBITS["A-T2"].profiles:
        for cell in grid_of("A-T2", profile):
            words = [axis.words(cell.axes[axis.name]) for axis in (ARCHITECTURE, OPTIMISER, DATASET)]
            assert cell.row == "/".join(words)


def test_stages_are_numbers() -> None:
    grid = grid_of("A-F2-stages", "paper")
    assert {cell.axes["stage"] for cell in grid} == set(range(7))
    assert all(cell.row == STAGE.words(cell.axes["stage"]) for cell in grid)


def test_what_is_changed_in_every_run_is_changed_on_its_axis() -> None:
    grid = cells("A-S-width", "quick", seeds=1, overrides={"width": 12})
    assert {cell.axes[WIDTH.name] for cell in grid} == {12}
    stages = cells("A-F2-stages", "quick", seeds=1, overrides={"width": 12})
    assert {cell.axes["stage"] for cell in stages} == set(range(7))


def test_a_value_of_another_type_and_one_that_nobody_declares_are_refused() -> None:
    spec = RunSpec()
    with pytest.raises(TypeError, match="stage holds int, not '3'"):
        STAGE.value(spec, {"stage": "3"})
    with pytest.raises(TypeError, match="each row must declare it"):
        STAGE.value(spec, {})
    row = Row("a row", {"dataset": "digits", "width": 8, "depth": 3}, regimes=(Regime.RELU,))
    with pytest.raises(TypeError, match="each row must declare it"):
        make("A-X", "a title", "A question?", "a_x", {"quick": (row,)}, axes=(STAGE,)).cells("quick")


def test_the_axes_of_a_cell_cannot_be_changed() -> None:
    cell = grid_of("A-S-width", "quick")[0]
    with pytest.raises(TypeError):
        cell.axes["width"] = 3  # type: ignore[index]
    assert cell in {cell}
    assert Axis("x", int, "x").words(3) == "3"

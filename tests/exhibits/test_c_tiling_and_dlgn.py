"""The grids of moved gates and of linear features: what their runs are, and where they stand on the axes."""

from __future__ import annotations

from collections import Counter

import pytest

from companion.exhibits import CLAIMS
from companion.exhibits.b_f4_permutations import FC, models
from companion.exhibits.c_tiling import ARRANGEMENTS, NARROW_FL, NARROW_RELU
from companion.networks.gates import OpenGate
from companion.notation import Regime
from companion.papers.statements import statements
from support.synthetic import grid_of

TILING, DLGN = grid_of("C-tiling", "paper"), grid_of("C-DLGN", "paper")


@pytest.mark.parametrize("grid", [TILING, DLGN], ids=["C-tiling", "C-DLGN"])
def test_every_run_stands_in_one_place(grid) -> None:
    places = Counter((c.row, c.column, c.spec.seed, *c.axes.values()) for c in grid)
    assert set(places.values()) == {1}
    assert len({c.spec.key for c in grid}) == len(grid)
    assert {c.spec.seed for c in grid} == {0, 1, 2}


def test_what_does_not_move_are_the_runs_of_the_permutations() -> None:
    own = {cell.spec for cell in TILING if cell.row == "FC/MNIST" and cell.axes["arrangement"] == "unmoved"}
    wide = {spec for spec in own if spec.width is None}
    known = {spec for regime in (Regime.FL, Regime.FR_II) for spec in models(FC, regime, orders=[(0, 1, 2, 3)])}
    assert wide == known
    assert {cell.spec for cell in DLGN if cell.column == "FR-II" and cell.axes["features"] == "ReLU"} >= {
        spec for spec in known if spec.regime is Regime.FR_II
    }


@pytest.mark.parametrize("cell", TILING, ids=lambda cell: f"{cell.row} {cell.column} {cell.spec.key}")
def test_an_arrangement_is_what_its_run_does(cell) -> None:
    arrangement, routing = cell.axes["arrangement"], cell.spec.routing
    if cell.spec.regime is Regime.RELU:
        assert arrangement is None
        return
    assert arrangement in ARRANGEMENTS
    assert ("tiled" in arrangement) == (routing.tiles == 4)
    assert ("shifted" in arrangement) == bool(routing.shifts)
    assert ("shifted apart" in arrangement) == (len(routing.shifts) > 1)
    assert ("turned" in arrangement) == bool(routing.turns)
    assert ("turned apart" in arrangement) == (len(routing.turns) == 4)
    assert (arrangement == "unmoved") == routing.identity
    assert (cell.spec.width == 32) == (cell.column in (NARROW_RELU, NARROW_FL))


def test_the_teacher_of_tiled_gates_is_the_narrow_network() -> None:
    narrow = {(c.row, c.spec.seed): c.spec for c in TILING if c.column == NARROW_RELU}
    for cell in TILING:
        if cell.column == NARROW_FL or (cell.column == "FL" and cell.spec.routing.tiles > 1):
            assert cell.spec.teacher == narrow[cell.row, cell.spec.seed]


def test_shifts_are_not_multiples_of_each_other() -> None:
    for cell in TILING:
        shifts = cell.spec.routing.shifts
        assert len(set(shifts)) == len(shifts)
        assert all(map(any, shifts))


def test_fl_uses_the_gates_of_the_dlgn_that_is_shown() -> None:
    shown = {cell.spec.unmeasured: cell for cell in DLGN if cell.column == "DL"}
    assert all(cell.spec.probe == "hard-gates" and cell.spec.probe_every == cell.spec.epochs for cell in shown.values())
    used = [cell for cell in DLGN if cell.column == "FL"]
    assert len(used) == len(shown)
    for cell in used:
        source = shown[cell.spec.teacher]
        assert dict(cell.axes) == dict(source.axes)
        assert cell.spec.value_input == source.spec.value_input


def test_features_are_linear_where_the_axis_says_so() -> None:
    for cell in DLGN:
        linear = isinstance(cell.spec.inner_gate, OpenGate)
        assert cell.axes["features"] == (None if cell.column == "ReLU" else "linear" if linear else "ReLU")
    assert Counter(cell.axes["features"] for cell in DLGN if cell.row == "FC/MNIST") == {
        "linear": 18,
        "ReLU": 18,
        None: 3,
    }


def test_statements_are_decided_by_these_exhibits() -> None:
    for statement, exhibit in (("C-Claim1", "C-tiling"), ("C-Claim4", "C-DLGN")):
        assert statements()[statement].exhibit == exhibit
        mine = [claim for claim in CLAIMS if statement in claim.statements]
        assert {claim.exhibit for claim in mine} >= {exhibit}
    assert "C-E1:order" in [claim.id for claim in CLAIMS if "C-Claim1" in claim.statements]

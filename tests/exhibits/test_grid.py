"""Grids: rows times regimes times seeds, and who may stop early."""

from __future__ import annotations

from pathlib import Path

import pytest

from companion.exhibits import EXHIBITS
from companion.exhibits.grid import SEEDS, Row, make
from companion.notation import Regime
from companion.records.store import Store
from companion.verdicts.frames import stopping
from support.synthetic import record

FIELDS = {"dataset": "digits", "width": 8, "depth": 3, "epochs": 20}
ROW = Row("a row", FIELDS, early_stop=3, full_length=(Regime.DL,))
STORE = Store(Path(__file__).parents[2] / "results")
ALLOWED = 0.1
"""Points of best test accuracy that an early stop may cost."""


def test_an_exhibit_is_rows_times_regimes_times_seeds():
    exhibit = make(
        "A-X", "a title", "A question?", "a_x", {"quick": (ROW, Row("other", FIELDS, "variant", (Regime.FL,), "gates"))}
    )
    grid = exhibit.cells("quick")
    assert len(grid) == (5 + 1) * SEEDS["quick"]
    assert {(c.row, c.column, c.variant) for c in grid if c.row == "other"} == {("other", "gates", "variant")}
    assert {c.column for c in grid if c.row == "a row"} == {str(regime) for regime in Regime}
    assert len(exhibit.cells("quick", seeds=1)) == 6
    assert (exhibit.paper, exhibit.seeds) == ("A", {"quick": 5})
    assert make("A-X", "a title", "A question?", "a_x", {"quick": (ROW,)}, seeds={"quick": 2}).seeds == {"quick": 2}


def test_the_first_seed_never_stops_early_nor_does_a_regime_of_full_length():
    assert ROW.spec(Regime.RELU, 0).early_stop == 0
    assert ROW.spec(Regime.RELU, 1).early_stop == 3
    assert ROW.spec(Regime.DL, 1).early_stop == 0


def test_what_stopping_would_have_cost_is_told_of_runs_of_full_length(tmp_path):
    store = Store(tmp_path / "results")
    grid = make("A-X", "a title", "A question?", "a_x", {"quick": (ROW,)}).cells("quick", seeds=2)
    late, never = (cell for cell in grid if cell.spec.seed == 0 and cell.column in ("ReLU", "DL"))
    for cell, train in ((late, [50.0] * 4 + [99.9] * 16), (never, [50.0] * 20)):
        made = dict(record(cell.spec, 90.0).content)
        tested = [*made["curves"]["test_accuracy"][:-1], 90.5]
        made["curves"] = {**made["curves"], "train_accuracy": train, "test_accuracy": tested}
        made |= {"best_test": 90.5, "last_test": 90.5, "best_epoch": len(tested)}
        fields = {n: v for n, v in made.items() if n not in ("spec", "key", "take", "digest", "format")}
        store.write(type(record(cell.spec, 90.0)).build(cell.spec, 1, **fields))
    found = stopping(grid, store, 3).set_index("column")
    assert found.loc[late.column, "stop"] == 7
    assert found.loc[late.column, "moved"] == pytest.approx(0.5)
    assert found["stop"].isna()[never.column]
    assert found.loc[never.column, "moved"] == 0


@pytest.mark.parametrize("name", EXHIBITS)
def test_no_seed_stops_where_the_first_one_shows_that_it_matters(name):
    """A regime whose committed run of full length would have lost too much belongs into ``full_length`` of its row."""
    for row in EXHIBITS[name].profiles.get("paper", ()):
        if row.early_stop:
            cells = [c for c in EXHIBITS[name].cells("paper", 1) if c.row == row.name and c.variant == row.variant]
            found = stopping(cells, STORE, row.early_stop)
            moved = set(found.loc[found["moved"] > ALLOWED, "column"])
            assert moved <= {str(regime) for regime in row.full_length}, row.name

"""The grid of 48 models a regime: the runs that were fixed beforehand, and a place for each on the axes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from companion.exhibits.axes import PERMUTATION
from companion.exhibits.b_f4_permutations import CIFAR_FIRST, CNN, FC, IDENTITY, INPUTS, ORDERS, REVERSE, models
from companion.notation import Regime
from companion.papers.numbers import numbers
from companion.records.store import Store
from support.synthetic import grid_of

GRID = grid_of("C-E1", "paper")
RESULTS = Store(Path(__file__).parents[2] / "results")


@pytest.mark.parametrize(("row", "fields"), [("FC/MNIST", FC), ("C4GAP/CIFAR-10", CNN)])
@pytest.mark.parametrize("regime", Regime)
def test_the_grid_is_that_of_the_functions_that_trained_the_first_records(
    row: str, fields: dict, regime: Regime
) -> None:
    mine = {cell.spec.key for cell in GRID if (cell.row, cell.column) == (row, str(regime))}
    assert mine == {spec.key for spec in models(fields, regime)}
    assert len(mine) == (3 if regime is Regime.RELU else 24 * 2 * 3)


def test_the_records_that_were_made_first_are_in_it() -> None:
    recorded = Counter(cell.column for cell in GRID if cell.row == "C4GAP/CIFAR-10" and cell.spec in RESULTS)
    assert all(recorded[column] >= n for column, n in {"ReLU": 3, "FR-II": 3, "FR-DI": 3, "DL": 3, "FL": 12}.items())


def test_a_model_stands_where_its_run_says() -> None:
    for cell in GRID:
        if cell.column == "ReLU":
            assert dict(cell.axes) == {"permutation": None, "value_input": None}
        else:
            assert cell.axes["permutation"] == (cell.spec.gate_permutation or IDENTITY)
            assert cell.axes["value_input"] == str(cell.spec.value_input)
    gated = {(c.axes["permutation"], c.axes["value_input"]) for c in GRID if c.column == "DL"}
    assert gated == {(order, value) for order in ORDERS for value in INPUTS}


def test_orders_that_are_trained_first_come_first() -> None:
    orders = dict.fromkeys(c.axes["permutation"] for c in GRID if c.column == "FL")
    assert tuple(orders)[: len(CIFAR_FIRST)] == CIFAR_FIRST
    assert set(orders) == set(ORDERS)


def test_orders_have_names() -> None:
    assert [PERMUTATION.words(order) for order in (IDENTITY, REVERSE, (1, 2, 3, 0))] == [
        "identity",
        "reverse",
        "2 3 4 1",
    ]


def test_rows_are_those_of_the_printed_table() -> None:
    printed = numbers().query("exhibit == 'C-E1' and cited == 'no'")
    assert set(zip(printed["row"], printed["column"], strict=True)) == {(c.row, c.column) for c in GRID}

"""The data of C-E1's grid of models, against frames of a store whose truth is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from companion.chapters.b_f4_grid import model_grid
from companion.chapters.chapter import Chapter
from companion.chapters.models import chosen
from companion.exhibits import exhibit
from companion.exhibits.b_f4_permutations import CIFAR_FIRST, IDENTITY, ORDERS
from companion.records.store import Store
from companion.render.model_grid import Model, ModelRow
from support.model_grids import CIFAR, MNIST, chapter, grid
from support.synthetic import grid_of

INPUTS = ("image", "ones")


def of(row: ModelRow) -> dict[tuple[str, tuple[int, ...], str], Model]:
    return {(model.regime, model.order, model.value): model for model in row.models}


def test_models_with_all_their_seeds_are_there_and_no_others() -> None:
    mnist, cifar = grid().rows
    assert (mnist.name, mnist.margin, mnist.planned) == (MNIST, 0.25, 48)
    assert (cifar.name, cifar.margin, cifar.planned) == (CIFAR, 1.0, 48)
    every = {
        (regime, order, value) for regime in ("FR-II", "FR-DI", "DL", "FL") for order in ORDERS for value in INPUTS
    }
    assert of(mnist).keys() == every - {("FR-DI", IDENTITY, "image")}
    assert of(cifar).keys() == {("FL", order, value) for order in CIFAR_FIRST[:3] for value in INPUTS} - {
        ("FL", IDENTITY, "ones")
    }


@pytest.mark.parametrize("place", [("FR-II", ORDERS[5], "ones"), ("DL", IDENTITY, "image"), ("FL", ORDERS[-1], "ones")])
def test_numbers_are_those_of_the_frames(place: tuple[str, tuple[int, ...], str]) -> None:
    regime, order, value = place
    found = of(grid().rows[0])[place]
    mine = {"row": MNIST, "column": regime, "permutation": order, "value_input": value}
    best = chosen(chapter().runs, **mine)["best_test"]
    assert found.n == len(best) == 3
    assert found.best == pytest.approx((best.mean(), best.min(), best.max()))
    own = chosen(chapter().runs, **mine | {"permutation": IDENTITY, "value_input": "image"})["best_test"]
    assert found.gap == pytest.approx(best.mean() - own.mean())
    assert len(found.curve) == 100
    last = chosen(chapter().curves, **mine, epoch=100)["test_accuracy"]
    assert found.curve[-1] == pytest.approx((last.mean(), last.min(), last.max()))


def test_nothing_is_compared_with_a_model_that_lacks_a_seed() -> None:
    gaps = {model.gap for model in grid().rows[0].models if model.regime == "FR-DI"}
    assert gaps == {None}


def test_a_store_without_records_has_no_grid(tmp_path: Path) -> None:
    empty = Chapter(exhibit("C-E1"), "paper", grid_of("C-E1", "paper"), Store(tmp_path), own=True)
    assert model_grid(empty).rows == []

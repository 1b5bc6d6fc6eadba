"""The label-noise experiment: a tree of runs, each of which begins where it should, and a place for each."""

from __future__ import annotations

from itertools import pairwise

import pytest

from companion.exhibits import Cell
from companion.exhibits.c_t2_label_noise import CLAIMS, EPOCHS, GAMMAS, NOISY
from companion.papers.numbers import numbers
from companion.runs.lineage import with_sources
from companion.runs.spec import RunSpec
from support.synthetic import grid_of

GRID = grid_of("C-T2", "paper")
PLACES = sorted({(c.spec.dataset, c.axes["noise"], c.axes["gamma"]) for c in GRID if c.axes["gamma"]})


def models(dataset: str, kind: str | None, gamma: int, seed: int = 3) -> dict[str, RunSpec]:
    """Column to run; the run without noise belongs to each kind."""
    mine = [c for c in GRID if (c.spec.dataset, c.axes["gamma"], c.spec.seed) == (dataset, gamma, seed)]
    return {c.column: c.spec for c in mine if c.axes["noise"] in (None, kind)}


def test_there_is_a_row_for_each_noise_and_both_recipes_on_mnist_alone() -> None:
    recipes = [("cifar10", "uniform"), ("mnist", "uniform"), ("mnist", "wrong")]
    assert [(*recipe, gamma) for recipe in recipes for gamma in NOISY] == PLACES
    assert len(GRID) == 5 * (2 * (4 + 3 * 6) + 3 * 6)


@pytest.mark.parametrize(("dataset", "kind", "gamma"), PLACES)
def test_each_model_has_the_labels_the_gates_and_the_beginning_that_the_paper_gives_it(
    dataset: str, kind: str, gamma: int
) -> None:
    m = models(dataset, kind, gamma)
    assert list(m) == ["M1", "M2", "M3-upstream", "M3", "M4", "M5"]
    assert {name: (s.label_noise, s.noise_kind) for name, s in m.items()} == {
        "M1": (gamma / 100, kind),
        "M3-upstream": (1.0, "uniform"),
        **dict.fromkeys(("M2", "M3", "M4", "M5"), (0.0, "uniform")),
    }
    assert {name: dict(s.sources) for name, s in m.items()} == {
        "M1": {},
        "M2": {"gates": (m["M1"], "last")},
        "M3-upstream": {"gates": (m["M1"], "last")},
        "M3": {"gates": (m["M1"], "last"), "start": (m["M3-upstream"], "last")},
        "M4": {"start": (m["M1"], "last")},
        "M5": {"gates": (m["M4"], "last")},
    }
    assert {s.epochs for s in m.values()} == {EPOCHS}


def test_what_has_no_noise_is_one_run_for_both_recipes() -> None:
    clean = {recipe: models("mnist", recipe, 0) for recipe in ("uniform", "wrong")}
    assert clean["uniform"] == clean["wrong"]
    assert list(clean["wrong"]) == ["M1", "M2", "M3-upstream", "M3"]
    assert all(c.axes["noise"] is None for c in GRID if not c.axes["gamma"])


def test_the_network_without_noise_is_that_of_the_permutations() -> None:
    (relu,) = {c.spec for c in grid_of("C-E1", "paper") if (c.row, c.column, c.spec.seed) == ("FC/MNIST", "ReLU", 2)}
    assert models("mnist", None, 0, seed=2)["M1"] == relu


def test_a_phase_is_downstream_where_true_labels_follow() -> None:
    for cell in GRID:
        assert (cell.axes["phase"] == "upstream") == (cell.column in ("M1", "M3-upstream"))


def test_the_grid_is_all_that_is_trained() -> None:
    specs = {c.spec for c in GRID}
    assert set(with_sources(specs)) == specs


def test_every_printed_number_has_runs_and_only_those_on_cifar() -> None:
    printed = numbers().query("exhibit == 'C-T2'")
    places = set(zip(printed["row"], printed["column"], strict=True))
    mine = {(c.row, c.column) for c in GRID if c.spec.dataset == "cifar10"}
    assert mine - places == {(f"gamma={gamma}", "M3-upstream") for gamma in GAMMAS}
    assert places <= mine
    assert not places & {(c.row, c.column) for c in GRID if c.spec.dataset != "cifar10"}


def test_quick_has_both_recipes_and_a_row_without_noise() -> None:
    quick = grid_of("C-T2", "quick")
    assert {(c.axes["noise"], c.axes["gamma"]) for c in quick} == {(None, 0), ("uniform", 50), ("wrong", 50)}


def test_claims_speak_of_places_that_there_are() -> None:
    def there(cell: Cell) -> tuple[str, int]:
        return cell.column, cell.axes["gamma"]

    known = {there(c) for c in GRID}
    for claim in CLAIMS:
        places = [place for pair in claim.pairs for side in pair for place in side.places]
        assert {(place.column, place.value) for place in places} <= known
        assert {place.statistic for place in places} <= {"best_test", "last_test"}
    steps = next(claim for claim in CLAIMS if claim.id == "C-T2:falls-farther").pairs
    assert [(a.better.value, b.better.value) for a, b in steps] == list(pairwise(GAMMAS))

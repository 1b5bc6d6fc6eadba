"""The grids of the exhibits: which runs stand in which row and column, and what may be changed."""

from __future__ import annotations

from collections import Counter

import pytest

from companion.data import DATASETS
from companion.exhibits import EXHIBITS, PROFILES, cells, exhibit
from companion.notation import Regime
from companion.runs.fields import SpecError
from companion.runs.spec import RunSpec

GRIDS = [(name, profile) for name, chosen in EXHIBITS.items() for profile in chosen.profiles]
ROWS = {
    "FC/SGD/MNIST": ("FC", "mnist", "sgd", 1e-2, 300),
    "FC/Adam/MNIST": ("FC", "mnist", "adam", 1e-4, 100),
    "VCONV/SGD/CIFAR-10": ("VCONV", "cifar10", "sgd", 1e-2, 80),
    "VCONV/Adam/CIFAR-10": ("VCONV", "cifar10", "adam", 3e-4, 80),
    "GCONV/SGD/CIFAR-10": ("GCONV", "cifar10", "sgd", 1e-1, 100),
    "GCONV/Adam/CIFAR-10": ("GCONV", "cifar10", "adam", 3e-4, 200),
}
"""Paper A's Table 2 with the settings of its official code."""


def test_the_paper_grid_of_a_t2_is_the_papers():
    grid = cells("A-T2", "paper")
    assert len(grid) == (7 + 3) * 5 * 5
    for cell in grid:
        s = cell.spec
        if not cell.variant:
            assert (s.architecture, s.dataset, s.optimiser, s.learning_rate, s.epochs) == ROWS[cell.row]
        assert (s.batch_size, s.bias, s.train_size, s.test_size) == (32, True, None, None)
        assert s.holdout == (5000 if cell.variant == "holdout" else 0)
        assert s.early_stop == (10 if s.dataset == "cifar10" and s.seed and not s.holdout else 0)
        assert (s.gate_beta, s.gate_eps) == (4.0, 0.1)
        assert s.precision == ("bfloat16" if s.dataset == "cifar10" else "float32")
        assert s.width is s.depth is None
    variants = {(c.row, c.variant, c.spec.learning_rate) for c in grid if c.variant}
    held_out = [(row, "holdout", ROWS[row][3]) for row in ("FC/SGD/MNIST", "FC/Adam/MNIST", "GCONV/Adam/CIFAR-10")]
    assert variants == {("FC/Adam/MNIST", "step 3e-4", 3e-4), *held_out}


@pytest.mark.parametrize(("profile", "rows", "seeds"), [("paper", 10, 5), ("cpu", 4, 3), ("quick", 3, 5)])
def test_a_t2_has_five_regimes_and_all_seeds_in_every_row(profile, rows, seeds):
    grid = cells("A-T2", profile)
    counts = Counter((c.row, c.variant) for c in grid)
    assert len(counts) == rows
    assert set(counts.values()) == {5 * seeds}
    assert {(c.column, c.spec.seed) for c in grid} == {(str(r), seed) for r in Regime for seed in range(seeds)}
    assert all(c.column == c.spec.regime for c in grid)


@pytest.mark.parametrize(("name", "profile"), GRIDS)
def test_every_run_has_one_place(name, profile):
    grid = cells(name, profile)
    places = [(c.row, c.variant, c.column, *c.axes.values(), c.spec.seed) for c in grid]
    assert len(places) == len(set(places)) > 0
    if name != "A-machine":  # one run has machines for several numbers of images
        assert len(places) == len({c.spec.key for c in grid})
    assert {(c.exhibit, c.profile) for c in grid} == {(name, profile)}


@pytest.mark.parametrize(("name", "profile"), GRIDS)
def test_quick_means_the_embedded_set_and_paper_the_whole_of_a_real_one(name, profile):
    for cell in cells(name, profile):
        assert DATASETS[cell.spec.dataset].embedded == (profile == "quick")
        if profile == "paper":
            assert cell.spec.test_size is None
            assert name == "A-machine" or cell.spec.train_size is None  # it varies how many images there are


@pytest.mark.parametrize(("name", "profile"), GRIDS)
def test_every_student_finds_its_teacher_in_the_grid(name, profile):
    specs = {c.spec for c in cells(name, profile)}
    assert {s.teacher for s in specs if s.teacher is not None} <= {s.unmeasured for s in specs}


def test_profiles_share_no_run():
    keys = [{c.spec.key for c in cells("A-T2", profile)} for profile in PROFILES]
    assert sum(map(len, keys)) == len(set.union(*keys))


def test_exhibits_say_what_they_are():
    for name, chosen in EXHIBITS.items():
        assert exhibit(name) is chosen
        assert chosen.id == name
        assert chosen.paper == name[0]
        assert set(chosen.profiles) <= set(PROFILES)
        assert {"seeds", "rows", "overrides"} <= chosen.parameters.keys()


def test_seeds_are_a_prefix():
    few, many = cells("A-T2", "quick", seeds=2), cells("A-T2", "quick", seeds=7)
    assert [c.spec for c in few] == [c.spec for c in many if c.spec.seed < 2]
    assert {c.spec.seed for c in many} == set(range(7))


def test_rows_can_be_chosen():
    grid = cells("A-T2", "paper", rows=["FC/SGD/MNIST", "GCONV/SGD/CIFAR-10"])
    assert {c.row for c in grid} == {"FC/SGD/MNIST", "GCONV/SGD/CIFAR-10"}
    assert len([c for c in grid if not c.variant]) == 50


def test_overrides_reach_every_run_and_nothing_else():
    plain, changed = cells("A-T2", "quick"), cells("A-T2", "quick", overrides={"epochs": 2, "width": 5})
    assert [c.spec.replace(epochs=2, width=5) for c in plain] == [c.spec for c in changed]
    assert [(c.row, c.column, c.variant) for c in plain] == [(c.row, c.column, c.variant) for c in changed]
    assert cells("A-T2", "quick", overrides={}) == plain


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": "A-T9"}, ("A-T9", "A-T2")),
        ({"profile": "huge"}, ("quick", "cpu", "paper")),
        ({"seeds": 0}, ("at least 1",)),
        ({"seeds": True}, ("a whole number",)),
        ({"seeds": "3"}, ("a whole number",)),
        ({"seeds": 2.0}, ("a whole number",)),
        ({"rows": ["FC/SGD/MNIST"]}, ("FC/SGD/digits",)),
        ({"rows": "FC/SGD/digits"}, ("a list",)),
        ({"rows": []}, ("FC/SGD/digits",)),
        ({"rows": 3}, ("a list",)),
        ({"rows": [["FC/SGD/digits"]]}, ("a list",)),
        ({"overrides": {"epoch": 3}}, ("epochs",)),
        ({"overrides": {"epochs": 0}}, ("at least 1",)),
        ({"overrides": {"regime": "FL"}}, ("other than regime and seed",)),
        ({"overrides": {"seed": 3}}, ("other than regime and seed",)),
        ({"overrides": [("epochs", 3)]}, ("map fields",)),
        ({"overrides": {"width": 0}}, ("width",)),
    ],
    ids=str,
)
def test_a_bad_request_is_answered_by_one_sentence_that_says_what_is_valid(arguments, words):
    with pytest.raises(SpecError) as caught:
        cells(**{"name": "A-T2", "profile": "quick", **arguments})
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words), message


def test_the_tables_cannot_be_changed():
    with pytest.raises(TypeError):
        EXHIBITS["mine"] = EXHIBITS["A-T2"]
    with pytest.raises(TypeError):
        EXHIBITS["A-T2"].parameters["seeds"] = 9
    assert cells("A-T2", "paper", 1)[0].spec == RunSpec(epochs=300)

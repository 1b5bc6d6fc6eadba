"""The pair of networks of the papers' picture: whose gates, in which order, and what it sees."""

from __future__ import annotations

import torch

from companion.data import load
from companion.exhibits import CLAIMS
from companion.exhibits.b_f4_permutations import REVERSE
from companion.exhibits.b_f5_hidden_layers import ABOUT, OURS, PRINTED
from companion.papers.numbers import number
from companion.papers.statements import statements
from companion.runs.regimes import value_input
from companion.runs.spec import RunSpec
from support.synthetic import grid_of

GRID = grid_of("B-F5", "paper")


def spec(row: str, column: str, seed: int = 0) -> RunSpec:
    (found,) = [c.spec for c in GRID if (c.row, c.column, c.spec.seed) == (row, column, seed)]
    return found


def test_the_relu_networks_are_those_of_c_e1() -> None:
    theirs = {cell.spec for cell in grid_of("C-E1", "paper") if cell.column == "ReLU"}
    mine = {cell.spec for cell in GRID if cell.column == "ReLU"}
    assert mine == theirs
    assert {cell.spec.teacher for cell in GRID if cell.column == "FL"} == mine


def test_the_other_networks_take_gates_in_reverse_and_never_see_an_image() -> None:
    assert {cell.row for cell in GRID} == {PRINTED, OURS}
    assert len(GRID) == 2 * 3 * 3
    for cell in GRID:
        if cell.column == "ReLU":
            continue
        one = cell.spec
        assert one.gate_permutation == REVERSE == (3, 2, 1, 0)
        assert (one.value_input, one.probe, one.probe_every) == ("noise", "hidden-layers", one.epochs)
        assert one.network.gated_layers == 4


def test_the_random_input_is_one_picture_a_seed_for_training_and_testing_alike() -> None:
    quick = [cell.spec for cell in grid_of("B-F5", "quick") if cell.column == "FL"]
    digits = load("digits")
    drawn = []
    for one in quick:
        train, test = (value_input(one, x) for x in (digits.train_inputs[:5], digits.test_inputs[:3]))
        assert len({tuple(image.flatten().tolist()) for image in (*train, *test)}) == 1
        assert 0 <= float(train.min()) < float(train.max()) <= 1
        drawn.append(train[0])
    assert len(drawn) == 3
    assert not torch.equal(drawn[0], drawn[1])


def test_what_the_papers_say_is_put_to_their_row_alone_and_decides_their_statements() -> None:
    mine = {claim.id: claim for claim in CLAIMS if claim.exhibit == "B-F5"}
    theirs = {name for name, one in statements().items() if one.exhibit == "B-F5"}
    assert {name for claim in mine.values() for name in claim.statements} == theirs == {"B-F5", "C-F3", "B-Claim6"}
    assert {claim.datasets for claim in mine.values() if claim.statements} == {("cifar10",)}
    assert mine["B-F5:as-good-on-MNIST"].datasets == ("mnist",)
    assert mine["B-F5:gates-learn"].datasets == ()
    assert number(ABOUT.number) == 80

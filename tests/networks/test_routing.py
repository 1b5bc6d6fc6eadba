"""One place for what happens to gates on their way: tiled, shifted, turned, permuted."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import companion
from companion.networks.routing import Routing, permute, roll

LAYERS, UNITS, SIZE = 3, 2, 4


def stack(seed: int = 0) -> list[torch.Tensor]:
    """Gates of three convolutional layers of two units and 4 x 4 positions."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(2, (5, UNITS, SIZE, SIZE), generator=generator).float() for _ in range(LAYERS)]


def equal(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_the_identity_hands_over_the_very_tensors():
    gates = stack()
    for routing in (Routing(), Routing((0, 1, 2)), Routing(None, 1, ((0, 0),), (0,))):
        assert routing.identity
        assert routing == Routing()
        assert all(a is b for a, b in zip(routing.apply(gates), gates, strict=True))


SHIFT = st.tuples(st.integers(-5, 5), st.integers(-5, 5))


@given(
    order=st.permutations(range(LAYERS)).map(tuple),
    tiles=st.integers(1, 3),
    shifts=st.lists(SHIFT, min_size=1, max_size=1) | st.lists(SHIFT, min_size=LAYERS, max_size=LAYERS),
    turns=st.lists(st.integers(0, 3), min_size=1, max_size=UNITS).map(tuple),
)
def test_all_of_it_is_what_torch_does_in_this_order(order, tiles, shifts, turns):
    gates = stack()
    moved = [g.repeat(1, tiles, 1, 1) for g in gates]
    each = shifts * LAYERS if len(shifts) == 1 else shifts
    moved = [torch.roll(g, (-dy, -dx), (2, 3)) for g, (dy, dx) in zip(moved, each, strict=True)]
    for g in moved:
        size = g.shape[1] // len(turns)
        for k, quarters in enumerate(turns):
            g[:, k * size : (k + 1) * size] = torch.rot90(g[:, k * size : (k + 1) * size], quarters, (2, 3)).clone()
    routing = Routing(order, tiles, tuple(shifts), turns)
    assert equal(routing.apply(gates), [moved[source] for source in order])
    assert equal(routing.between.apply(routing.within.apply(gates)), routing.apply(gates))
    assert routing.identity == (order == (0, 1, 2) and tiles == 1 and not any(map(any, shifts)) and not any(turns))


def test_layers_without_positions_stay_where_they_are():
    dense = torch.tensor([[1.0, 0.0]])
    moved = Routing(None, 2, ((1, 1),), (1,)).apply([*stack()[:1], dense])
    assert moved[1].tolist() == [[1, 0, 1, 0]]
    assert moved[0].shape == (5, 2 * UNITS, SIZE, SIZE)


def test_units_without_positions_are_rolled_by_one_number():
    dense = [torch.arange(5.0)[None] + 10 * l for l in range(2)]
    assert equal(Routing(shifts=((2,),)).apply(dense), roll(dense, 2))
    assert roll(dense, 2)[1].tolist() == [[12, 13, 14, 10, 11]]
    own = Routing(shifts=((2,), (-1,))).apply(dense)
    assert [g[0].tolist() for g in own] == [[2, 3, 4, 0, 1], [14, 10, 11, 12, 13]]


def test_a_layer_beyond_the_shifts_is_not_shifted():
    gates = stack()
    moved = Routing(shifts=((1, 0), (0, 1))).apply(gates)
    assert torch.equal(moved[2], gates[2])
    assert not torch.equal(moved[1], gates[1])


def test_half_a_turn_needs_no_square_and_a_quarter_does():
    gates = [torch.rand(2, 1, 3, 4)]
    assert torch.equal(Routing(turns=(2,)).apply(gates)[0], gates[0].flip(2, 3))
    with pytest.raises(ValueError, match=r"\(3, 4\) cannot be turned by \[1\] quarters"):
        Routing(turns=(1,)).apply(gates)


def test_one_axis_of_positions_is_shifted_and_not_turned():
    gates = [torch.arange(10.0).reshape(1, 2, 5)]
    assert torch.equal(Routing(shifts=((2,),)).apply(gates)[0], torch.roll(gates[0], -2, 2))
    with pytest.raises(ValueError, match="cannot be turned"):
        Routing(turns=(2,)).apply(gates)
    with pytest.raises(ValueError, match="one per axis"):
        Routing(shifts=((1, 1),)).apply(gates)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"permutation": (0, 0)}, "each of 0..1 once"),
        ({"permutation": (1, 2)}, "each of 0..1 once"),
        ({"tiles": 0}, "at least 1"),
        ({"turns": (4,)}, "from 0 to 3"),
        ({"turns": (0, -1)}, "from 0 to 3"),
    ],
)
def test_a_bad_routing_is_answered_by_a_sentence(fields, words):
    with pytest.raises(ValueError, match=words):
        Routing(**fields)


def test_the_order_of_layers_is_what_applying_does():
    for order in ((2, 0, 1), (0, 2, 1)):
        routing = Routing(order)
        assert routing.order(LAYERS) == order
        assert equal(routing.apply(stack()), permute(stack(), order))
    assert Routing().order(4) == (0, 1, 2, 3)
    with pytest.raises(ValueError, match=r"each of 0\.\.3 once"):
        Routing((1, 0, 2)).order(4)
    with pytest.raises(ValueError, match=r"each of 0\.\.2 once"):
        Routing((1, 0)).apply(stack())


@pytest.mark.parametrize(
    "routing", [Routing(tiles=2), Routing(shifts=((1, 0),)), Routing((1, 0, 2), turns=(1,))], ids=str
)
def test_who_keeps_whole_layers_refuses_what_moves_gates_within_them(routing):
    with pytest.raises(ValueError, match="only whole layers have an order"):
        routing.order(LAYERS)
    assert routing.between.order(LAYERS) == (routing.permutation or (0, 1, 2))


def test_groups_that_do_not_come_out_even_are_refused():
    with pytest.raises(ValueError, match="2 units have no 3 equal groups"):
        Routing(turns=(0, 1, 2)).apply(stack())


def test_no_backend_permutes_by_itself():
    """In training, a permutation reaches gates through the routing of the run alone."""
    package = Path(companion.__file__).parent
    for file in (package / "training").rglob("*.py"):
        text = file.read_text()
        assert "permute(" not in text.replace(".permute(", ""), file
        declared = text.count('\n        "gate_permutation",\n')  # among the fields that a backend knows
        assert declared <= text.count("KNOWS = ")
        assert text.count("gate_permutation") == declared, file
    places = [f.name for f in package.rglob("*.py") if "routing.apply(" in f.read_text()]
    assert places == ["regimes.py"]

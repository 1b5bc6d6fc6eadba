"""Gates, and what may be done to a stack of them."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from companion.networks.gates import HardGate, SoftGate
from companion.networks.routing import check_permutation, permute, rotate, tile

ORDERS = st.integers(1, 6).flatmap(lambda n: st.permutations(range(n)))
NUMBERS = st.floats(-20, 20)


def stack(layers: int) -> list[torch.Tensor]:
    return [torch.full((2, 3), float(l)) for l in range(layers)]


@given(NUMBERS)
def test_the_hard_gate_is_open_above_zero_only(q):
    assert HardGate()(torch.tensor([q], dtype=torch.float64)).item() == (1.0 if q > 0 else 0.0)


def test_the_hard_gate_is_shut_at_zero_and_has_no_gradient():
    q = torch.tensor([-1.0, -0.0, 0.0, 1.0], requires_grad=True)
    G = HardGate()(q)
    assert G.tolist() == [0, 0, 0, 1]
    assert not G.requires_grad


@given(NUMBERS, st.floats(0.1, 10), st.floats(0, 1))
def test_the_soft_gate_is_the_papers_formula(q, beta, eps):
    measured = SoftGate(beta, eps)(torch.tensor([q], dtype=torch.float64)).item()
    assert measured == pytest.approx((1 + eps) / (1 + math.exp(-beta * q)), rel=1e-12)


def test_the_soft_gate_passes_a_gradient_and_keeps_the_dtype():
    for dtype in (torch.float32, torch.float64):
        q = torch.linspace(-1, 1, 5, dtype=dtype, requires_grad=True)
        G = SoftGate()(q)
        G.sum().backward()
        assert G.dtype == dtype == HardGate()(q).dtype
        assert q.grad is not None
        assert (q.grad > 0).all()


@given(ORDERS)
def test_layer_l_receives_the_gates_of_layer_order_l(order):
    assert [int(g[0, 0]) for g in permute(stack(len(order)), order)] == list(order)


@given(ORDERS)
def test_the_inverse_permutation_restores_the_stack(order):
    inverse = sorted(range(len(order)), key=lambda l: order[l])
    assert [int(g[0, 0]) for g in permute(permute(stack(len(order)), order), inverse)] == list(range(len(order)))


@pytest.mark.parametrize("order", [(0, 0, 1), (0, 1), (1, 2, 3), (0, 1, 2, 3), ()])
def test_no_permutation(order):
    with pytest.raises(ValueError, match=r"each of 0\.\.2 once"):
        check_permutation(order, 3)
    with pytest.raises(ValueError, match=r"each of 0\.\.2 once"):
        permute(stack(3), order)


def test_gates_of_unlike_shape_do_not_change_places():
    gates = [torch.ones(2, 3), torch.ones(2, 3), torch.ones(2, 4)]
    assert len(permute(gates, [1, 0, 2])) == 3
    with pytest.raises(ValueError, match="equal shapes"):
        permute(gates, [0, 2, 1])


def test_tile_repeats_whole_layers():
    (tiled,) = tile([torch.tensor([[1.0, 0.0]])], 3)
    assert tiled.tolist() == [[1, 0, 1, 0, 1, 0]]


def test_rotate_brings_position_i_plus_shift_to_i():
    gates = torch.arange(24.0).reshape(1, 2, 3, 4)
    (turned,) = rotate([gates], [1, 2])
    for i in range(3):
        for j in range(4):
            assert turned[0, 1, i, j] == gates[0, 1, (i + 1) % 3, (j + 2) % 4]


@given(st.integers(-5, 5), st.integers(-5, 5))
def test_rotations_add_up(a, b):
    gates = [torch.arange(10.0).reshape(1, 2, 5)]
    assert torch.equal(rotate(rotate(gates, [a]), [b])[0], rotate(gates, [a + b])[0])

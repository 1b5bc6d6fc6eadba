"""All orders at once against the kernel of each permuted stack, one by one."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.kernels.npk import npk_from_gates
from companion.kernels.orders import npk_of_orders
from companion.networks.architectures import Architecture, CircularConv, Conv, Dense, GlobalAveragePool
from companion.networks.families import fully_connected
from companion.networks.routing import permute
from companion.notation import Tensor


def convolutional(side: tuple[int, int], channels: int, layers: int, kernel: int) -> Architecture:
    convolutions = tuple(Conv(channels, kernel) for _ in range(layers))
    return Architecture((2, *side), (*convolutions, GlobalAveragePool()), 3, bias=False)


def random(architecture: Architecture, n: int, seed: int) -> tuple[list[Tensor], list[Tensor]]:
    g = torch.Generator().manual_seed(seed)
    x = torch.rand(n, *architecture.input_shape, generator=g, dtype=torch.float64)
    gates = [(torch.rand(n, *shape, generator=g) > 0.4).double() for shape in architecture.gate_shapes()]
    return [x, torch.ones_like(x)], gates


def slowly(architecture: Architecture, inputs: list[Tensor], gates: list[Tensor], orders: list) -> Tensor:
    found = [[npk_from_gates(architecture, x, permute(gates, order)) for order in orders] for x in inputs]
    return torch.stack([torch.stack(one) for one in found])


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(st.integers(2, 5), st.integers(2, 5)),
    st.integers(1, 3),
    st.integers(1, 4),
    st.sampled_from([1, 3, 5]),
    st.integers(0, 10**6),
)
def test_convolutional_kernels_are_those_of_permuted_gates(
    side: tuple[int, int], channels: int, layers: int, kernel: int, seed: int
) -> None:
    architecture = convolutional(side, channels, layers, kernel)
    inputs, gates = random(architecture, 3, seed)
    orders = list(permutations(range(layers)))
    found = npk_of_orders(architecture, inputs, gates, orders)
    torch.testing.assert_close(found, slowly(architecture, inputs, gates, orders), rtol=1e-11, atol=1e-9)


def test_tiles_of_more_images_than_one_holds_fit_together() -> None:
    architecture = convolutional((8, 8), 2, 4, 3)
    inputs, gates = random(architecture, 17, 1)
    found = npk_of_orders(architecture, inputs, gates, [(3, 1, 0, 2)])
    torch.testing.assert_close(found, slowly(architecture, inputs, gates, [(3, 1, 0, 2)]), rtol=1e-11, atol=0)


def test_dense_kernels_do_not_change_and_convolutional_ones_do() -> None:
    orders = list(permutations(range(4)))
    dense = fully_connected((6,), width=8, depth=5, bias=False)
    inputs, gates = random(dense, 5, 2)
    found = npk_of_orders(dense, inputs, gates, orders)
    torch.testing.assert_close(found, slowly(dense, inputs, gates, orders), rtol=1e-13, atol=0)
    torch.testing.assert_close(found, found[:, :1].expand_as(found), rtol=1e-13, atol=0)
    convolved = convolutional((4, 4), 2, 4, 3)
    inputs, gates = random(convolved, 5, 3)
    H = npk_of_orders(convolved, inputs, gates, orders)
    assert ((H - H[:, :1]).flatten(2).norm(dim=2)[:, 1:] > 1e-3 * H[:, 0].flatten(1).norm(dim=1)[:, None]).all()


def test_orders_of_single_layers_and_of_unlike_networks() -> None:
    architecture = convolutional((3, 3), 2, 2, 3)
    inputs, gates = random(architecture, 2, 4)
    with pytest.raises(ValueError, match=r"each of 0\.\.1 once"):
        npk_of_orders(architecture, inputs, gates, [(0, 0)])
    with pytest.raises(ValueError, match="2 gates, not 1"):
        npk_of_orders(architecture, inputs, gates[:1], [(0, 1)])
    mixed = replace(architecture, layers=(Conv(2, 3), Conv(2, 5), GlobalAveragePool()))
    with pytest.raises(ValueError, match="equal convolutions"):
        npk_of_orders(mixed, inputs, gates, [(0, 1)])
    unlike = Architecture((3,), (Dense(4), Dense(5)), 2, bias=False)
    with pytest.raises(ValueError, match="layers of one shape"):
        npk_of_orders(unlike, *random(unlike, 2, 5), [(0, 1)])
    around = Architecture((2, 5), (CircularConv(3, 2), CircularConv(3, 2), GlobalAveragePool()), 1, bias=False)
    with pytest.raises(ValueError, match="orders of gates are compared"):
        npk_of_orders(around, *random(around, 2, 6), [(0, 1)])

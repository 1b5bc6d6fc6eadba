"""Pairs of positions, by sums written out."""

from __future__ import annotations

import pytest
import torch

from companion.kernels.pairs import Pairs, parallel
from companion.networks.architectures import CircularConv, Conv


def random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64)


@pytest.mark.parametrize("diagonal", [False, True])
@pytest.mark.parametrize("positions", [(5,), (3, 4)])
def test_parallel_is_an_inner_product_over_channels(positions: tuple[int, ...], diagonal: bool) -> None:
    a, b = random(2, 3, *positions), random(4, 3, *positions)
    pairs = parallel(a, b, diagonal=diagonal)
    wanted = torch.einsum("nci,mcj->nmij", a.flatten(2), b.flatten(2))
    wanted = wanted.diagonal(dim1=2, dim2=3) if diagonal else wanted
    torch.testing.assert_close(pairs.values.flatten(2), wanted.flatten(2))
    torch.testing.assert_close(pairs.total(), wanted.flatten(2).sum(-1))
    assert (pairs.axes, pairs.diagonal) == (len(positions), diagonal)
    assert pairs.positions == torch.Size(positions).numel()


@pytest.mark.parametrize("diagonal", [False, True])
def test_a_circular_convolution_adds_up_what_is_a_tap_to_the_right(diagonal: bool) -> None:
    d, k = 5, 3
    values = random(2, 2, d) if diagonal else random(2, 2, d, d)
    found = Pairs(values, 1, diagonal).convolve(CircularConv(4, k)).values
    wanted = torch.zeros_like(values)
    for i in range(d):
        for j in [i] if diagonal else range(d):
            for tap in range(k):
                if diagonal:
                    wanted[..., i] += values[..., (i + tap) % d]
                else:
                    wanted[..., i, j] += values[..., (i + tap) % d, (j + tap) % d]
    torch.testing.assert_close(found, wanted)


def test_a_padded_convolution_adds_up_the_neighbours_that_are_there() -> None:
    values = random(1, 2, 3, 4)
    found = Pairs(values, 2, True).convolve(Conv(4, 3)).values
    padded = torch.nn.functional.pad(values, (1, 1, 1, 1))
    torch.testing.assert_close(found, sum(padded[..., i : i + 3, j : j + 4] for i in range(3) for j in range(3)))


def test_gates_multiply_pair_by_pair() -> None:
    a, b = random(1, 2, 3, 3), random(1, 2, 3, 3).abs()
    torch.testing.assert_close(Pairs(a, 1, False).gate(Pairs(b, 1, False)).values, a * b)

"""Effective filters of a network without activations: applied to the input they are its pre-activations."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from companion.networks.architectures import Architecture, Conv, Dense, Flatten, GlobalAveragePool, MaxPool
from companion.networks.collapse import effective_filters
from companion.networks.families import build, fully_connected
from companion.networks.forward import trace
from companion.networks.gates import OpenGate
from companion.networks.initialise import initialise


def drawn(network: Architecture, seed: int = 0) -> dict[str, torch.Tensor]:
    return initialise(network, torch.Generator().manual_seed(seed), "normal", 0.7, torch.float64)


@given(width=st.integers(1, 6), depth=st.integers(2, 5), seed=st.integers(0, 50))
def test_a_dense_unit_is_one_vector_in_the_image(width, depth, seed):
    network = fully_connected((1, 3, 4), width, depth, 2)
    params = drawn(network, seed)
    x = torch.randn(5, 1, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    q = trace(network, params, x, gate=OpenGate()).q
    zero = trace(network, params, torch.zeros_like(x), gate=OpenGate()).q
    filters = effective_filters(network, params)
    assert [f.shape for f in filters] == [(width, 1, 3, 4)] * (depth - 1)
    for f, full, constant in zip(filters, q, zero, strict=True):
        torch.testing.assert_close(torch.einsum("nchw,uchw->nu", x, f), full - constant)


def test_a_convolution_is_one_kernel_that_grows_from_layer_to_layer_away_from_the_border():
    network = build("C4GAP", (2, 15, 15), 3, width=4)
    params = drawn(network)
    x = torch.randn(3, 2, 15, 15, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    q = trace(network, params, x, gate=OpenGate()).q
    zero = trace(network, params, torch.zeros_like(x), gate=OpenGate()).q
    filters = effective_filters(network, params)
    assert [f.shape for f in filters] == [(4, 2, s, s) for s in (3, 5, 7, 9)]
    for f, full, constant in zip(filters, q, zero, strict=True):
        reach = f.shape[-1] // 2
        inner = slice(reach, 15 - reach)
        torch.testing.assert_close(F.conv2d(x, f), (full - constant)[..., inner, inner])


def test_what_follows_a_pool_is_left_out():
    network = build("GCONV", (1, 8, 8), 3, width=2)
    assert len(effective_filters(network, drawn(network))) == 4


@pytest.mark.parametrize("layers", [(MaxPool(2), Flatten(), Dense(3)), (GlobalAveragePool(), Dense(2))], ids=str)
def test_a_layer_that_is_not_linear_in_the_image_is_refused(layers):
    network = Architecture((1, 4, 4), layers, 2)
    with pytest.raises(ValueError, match="no effective filters"):
        effective_filters(network, drawn(network))


def test_a_normalised_convolution_is_refused():
    network = Architecture((1, 4, 4), (Conv(2, norm=True), GlobalAveragePool()), 2)
    with pytest.raises(ValueError, match="no effective filters"):
        effective_filters(network, drawn(network))

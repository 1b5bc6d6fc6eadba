"""Shapes, counts and refusals of the descriptions of networks."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.networks.architectures import (
    Architecture,
    CircularConv,
    Conv,
    Dense,
    Flatten,
    GlobalAveragePool,
    GlobalMaxPool,
    Skip,
)
from companion.networks.families import ARCHITECTURES, build, circular_cnn, fully_connected, residual

SIZES = st.integers(1, 9)


@given(d_in=SIZES, width=SIZES, depth=st.integers(2, 7), classes=SIZES, bias=st.booleans())
def test_a_fully_connected_network_is_what_its_numbers_say(d_in, width, depth, classes, bias):
    network = fully_connected((d_in,), width, depth, classes, bias=bias)
    sizes = [d_in, *[width] * (depth - 1), classes]
    pairs = list(pairwise(sizes))
    shapes = network.parameter_shapes()
    assert network.depth == depth == network.gated_layers + 1
    assert network.gate_shapes() == ((width,),) * (depth - 1)
    assert [shapes[f"weight.{i}"] for i in range(depth)] == pairs
    assert network.macs() == sum(a * b for a, b in pairs)
    assert len(shapes) == depth * (1 + bias)


def test_the_paper_networks_have_the_papers_sizes():
    fc = build("FC", (1, 28, 28), 10)
    assert fc.depth == 6
    assert fc.weight_shapes()[0].weight == (784, 128)

    gconv, vconv = build("GCONV", (3, 32, 32), 10), build("VCONV", (3, 32, 32), 10)
    channels = [shape[0] for shape in gconv.gate_shapes()]
    assert channels == [64, 64, 128, 128, 256, 256]
    assert gconv.gate_shapes()[:4] == vconv.gate_shapes()[:4] == tuple((c, 32, 32) for c in channels[:4])
    assert gconv.weight_shapes()[4].weight == (128, 256)
    assert vconv.weight_shapes()[4].weight == (128 * 32 * 32, 256)

    c4gap = build("C4GAP", (3, 32, 32), 10)
    assert c4gap.gate_shapes() == ((128, 32, 32),) * 4
    assert c4gap.weight_shapes()[-1].weight == (128, 10)


def test_fans_and_multiply_adds_of_a_convolution():
    first = Architecture((2, 4, 5), (Conv(3), GlobalAveragePool()), 1).weight_shapes()[0]
    assert (first.fan_in, first.fan_out, first.macs) == (2 * 9, 3 * 9, 2 * 9 * 3 * 4 * 5)
    ring = Architecture((2, 7), (CircularConv(3, 4), GlobalMaxPool()), 1).weight_shapes()[0]
    assert (ring.weight, ring.output, ring.macs) == ((3, 2, 4), (3, 7), 2 * 4 * 3 * 7)


def test_width_scales_every_layer():
    gates = build("VCONV", (1, 8, 8), 10, width=3).gate_shapes()
    assert [shape[0] for shape in gates] == [3, 3, 6, 6, 12, 12]


def test_paper_b_networks():
    cnn = circular_cnn(6, 3, 4, d_cv=2, d_fc=2)
    assert cnn.gate_shapes() == ((4, 6), (4, 6), (4,))
    assert not cnn.bias
    assert cnn.depth == 4
    assert GlobalMaxPool() in circular_cnn(6, 3, 4, 1, 1, GlobalMaxPool()).layers
    net = residual(5, 3, 2, pre=[0.5, 2], post=[3, 0.1])
    assert net.depth == (2 + 2) * 2
    assert [layer.pre for layer in net.layers if isinstance(layer, Skip)] == [0.5, 2]


def test_descriptions_can_be_compared_and_hashed():
    assert build("FC", (4,), 2) == fully_connected((4,), 128, 6, 2)
    assert len({build("C4GAP", (1, 8, 8), 10), build("C4GAP", (1, 8, 8), 10)}) == 1


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: build("fc", (4,), 2), "VCONV, GCONV"),
        (lambda: build("FC", (4,), 2, width=0), "at least 1"),
        (lambda: build("FC", (4,), 2, depth=1), "at least 2"),
        (lambda: build("GCONV", (1, 8, 8), 2, depth=6), "depth 7"),
        (lambda: Architecture((4,), (Dense(-1),), 1), "at least 1"),
        (lambda: Architecture((4,), (Dense(2),), 0), "at least 1"),
        (lambda: Architecture((3, 4), (Dense(2),), 1), "Flatten"),
        (lambda: Architecture((4,), (Conv(2),), 1), "3 axes"),
        (lambda: Architecture((1, 4, 4), (Conv(2, 2), Flatten()), 1), "odd"),
        (lambda: Architecture((1, 4, 4), (Conv(0), Flatten()), 1), "at least 1"),
        (lambda: Architecture((1, 4, 4), (CircularConv(2, 2), Flatten()), 1), "2 axes"),
        (lambda: circular_cnn(3, 5, 2, 1, 1), "3 positions"),
        (lambda: circular_cnn(3, 2, 2, 0, 1), "at least 1"),
        (lambda: circular_cnn(3, 2, 2, 1, 0), "at least 1"),
        (lambda: Architecture((4,), (GlobalAveragePool(),), 1), "positions"),
        (lambda: Architecture((4,), (Skip((Dense(3),)),), 1), "keep the shape .4,."),
        (lambda: Architecture((4,), (Skip(()),), 1), "keep the shape .4,."),
        (lambda: residual(4, 3, 2, [1], [1, 2]), "1 and 2"),
        (lambda: residual(4, 3, 0, [1], [1]), "at least one"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(make, word):
    with pytest.raises(ValueError, match=word) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_the_table_cannot_be_changed():
    with pytest.raises(TypeError):
        ARCHITECTURES["mine"] = ARCHITECTURES["FC"]

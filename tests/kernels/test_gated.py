"""Kernels and statistics of gates for any gated network, against pairs compared one by one."""

from __future__ import annotations

import doctest
from itertools import combinations

import pytest
import torch
from torch import nn

import companion
from companion import kernels
from companion.kernels import gated, tiled
from support.kernels import close, examples, networks_of
from support.relu_networks import RandomNetwork


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    steps = [("gate", "leaky", 0), ("module", "largest", 0), ("module", "strided", 0)][:2]
    model = RandomNetwork([*steps, ("gate", "relu6", 0), ("function", "F.relu", 0)], 4, "strided", "mean")
    return companion.decouple(model.double().eval(), torch.zeros(1, 3, 8, 8, dtype=torch.float64))


@pytest.fixture(scope="module")
def x():
    return torch.randn(7, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def gates_of(network, x):
    return [G.to(x.dtype) for G, site in zip(network.gates(x), network.sites, strict=True) if site.kind == "gate"]


@pytest.mark.parametrize("block", [2**30, 40_000])
def test_layer_kernels_and_overlap(network, x, block, monkeypatch):
    monkeypatch.setattr(tiled, "BLOCK_BYTES", block)
    monkeypatch.setattr(gated, "PASS", 2)
    gates = gates_of(network, x)
    assert len(gates) == 4
    expected = torch.stack([torch.einsum("nchw,mchw->nm", G, G) / G[0].numel() for G in gates])
    found = kernels.layer_kernels_of(network, x)
    close(found, expected)
    close(
        kernels.layer_kernels_of(network, x[:3], x[3:], normalise=False)[2],
        gates[2][:3].flatten(1) @ gates[2][3:].flatten(1).T,
    )
    close(kernels.overlap_of(network, x), expected.prod(0))


def test_deep_gated_networks_are_gated_networks():
    dgn = networks_of("fc")["relu"]
    x = examples(dgn.architecture, 5, 1)
    gates = dgn.gates(x)
    close(kernels.layer_kernels_of(dgn, x, normalise=False), torch.stack(kernels.layer_kernels(gates)))
    close(kernels.overlap_of(dgn, x), kernels.overlap(gates, normalise=True))
    close(dgn.value(x, gates), dgn(x))
    assert [layer.layer for layer in kernels.gate_statistics(dgn, x)] == [str(l) for l in range(len(gates))]


@pytest.mark.parametrize("batch", [3, 128])
def test_statistics(network, x, batch):
    labels = torch.tensor([3, 3, 1, 1, 1, 7, 3])
    found = kernels.gate_statistics(network, x, labels, batch=batch)
    assert [layer.layer for layer in found] == list(network.gate_names)
    for layer, G in zip(found, gates_of(network, x), strict=True):
        H = torch.einsum("nchw,mchw->nm", G, G) / G[0].numel()
        pairs = {
            alike: [float(H[s, t]) for s, t in combinations(range(7), 2) if bool(labels[s] == labels[t]) is alike]
            for alike in (True, False)
        }
        assert layer.units == G[0].numel()
        assert layer.examples == 7
        assert layer.active == pytest.approx(float((G != 0).double().mean()))
        assert layer.mean == pytest.approx(float(G.mean()))
        dead = (G == 0).all(0)
        assert layer.dead == pytest.approx(float(dead.double().mean()))
        assert layer.constant == pytest.approx(float((G[:1] == G).all(0).double().mean()))
        assert layer.dead_channels == pytest.approx(float(dead.flatten(1).all(1).double().mean()))
        assert layer.within == pytest.approx(sum(pairs[True]) / len(pairs[True]))
        assert layer.between == pytest.approx(sum(pairs[False]) / len(pairs[False]))


def test_statistics_of_dead_units():
    model = nn.Sequential(nn.Linear(2, 4, bias=False), nn.ReLU(), nn.Linear(4, 1)).eval()
    model[0].weight.data = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    x = torch.tensor([[1.0, 1.0], [2.0, -1.0]])
    (layer,) = kernels.gate_statistics(companion.decouple(model, x), x)
    assert (layer.dead, layer.dead_channels, layer.constant, layer.active) == (0.5, 0.5, 0.75, 3 / 8)
    assert layer.within is None
    (layer,) = kernels.gate_statistics(companion.decouple(model, x), x, torch.tensor([0, 1]))
    assert layer.within is None
    assert layer.between == 1 / 4


def test_bad_input_is_named(network, x):
    linear = companion.decouple(nn.Sequential(nn.Flatten(), nn.Linear(192, 2)).double().eval(), x)
    with pytest.raises(ValueError, match="this network has no gates"):
        kernels.layer_kernels_of(linear, x)
    with pytest.raises(ValueError, match="at least one example"):
        kernels.layer_kernels_of(network, x[:0])
    with pytest.raises(ValueError, match=r"7 examples need as many labels: labels must be a tensor \[7\], not \[3\]"):
        kernels.gate_statistics(network, x, torch.zeros(3, dtype=torch.long))
    training = companion.decouple(nn.Sequential(nn.Flatten(), nn.Linear(192, 2), nn.ReLU()).double(), x)
    with pytest.raises(ValueError, match=r"evaluation mode: call eval\(\)"):
        kernels.gate_statistics(training, x)


def test_examples_in_docstrings():
    result = doctest.testmod(gated)
    assert result.attempted > 0
    assert result.failed == 0


def test_dropout_that_never_rests_is_no_gate():
    class Always(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(4, 6), nn.Linear(6, 2)

        def forward(self, x):
            return self.last(torch.nn.functional.dropout(self.first(x).relu(), 0.5))

    x = torch.randn(5, 4)
    network = companion.decouple(Always().eval(), x)
    assert [site.kind for site in network.sites] == ["gate", "dropout"]
    (gate,) = kernels.layer_kernels_of(network, x)
    open_ = (network.value_network.first(x) > 0).float()
    close(gate, open_ @ open_.T / 6)
    close(kernels.overlap_of(network, x), gate.double())
    assert [layer.layer for layer in kernels.gate_statistics(network, x)] == ["relu"]

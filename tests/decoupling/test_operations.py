"""Each operation by itself, in both precisions and both modes; random networks (`test_network`) put them together."""

from __future__ import annotations

import copy
import weakref

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import companion
from companion.decoupling import network as network_module

EXACT = {torch.float32: 2e-6, torch.float64: 1e-10}


class Of(nn.Module):
    """A function between two convolutions."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        self.first, self.last = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 1)

    def forward(self, x):
        return self.last(self.function(self.first(x)))


def layers(*middle, channels=4):
    return nn.Sequential(nn.Conv2d(4, 4, 3), *middle, nn.ReLU(), nn.Conv2d(channels, 3, 1))


def perceptron():
    return nn.Sequential(
        nn.Flatten(), nn.Linear(4 * 8 * 8, 20), nn.ReLU(), nn.Linear(20, 20), nn.ReLU(), nn.Linear(20, 3)
    )


MODELS = {
    "multilayer perceptron": perceptron,
    **{
        type(gate).__name__ + (" in place" if getattr(gate, "inplace", False) else ""): (lambda gate=gate: layers(gate))
        for gate in (
            nn.ReLU(),
            nn.ReLU(inplace=True),
            nn.ReLU6(),
            nn.ReLU6(inplace=True),
            nn.LeakyReLU(0.2),
            nn.LeakyReLU(0.2, inplace=True),
            nn.PReLU(4),
            nn.Hardtanh(-0.3, 0.4),
            nn.Dropout(0.4),
            nn.Dropout2d(0.4),
            nn.MaxPool2d(2),
            nn.MaxPool2d(3, 2, 1, ceil_mode=True),
            nn.MaxPool2d(2, dilation=2),
            nn.AvgPool2d(2),
            nn.AdaptiveAvgPool2d(3),
            nn.AdaptiveMaxPool2d(3),
            nn.BatchNorm2d(4),
            nn.Upsample(scale_factor=2),
            nn.ZeroPad2d(1),
        )
    },
    "strided": lambda: layers(nn.Conv2d(4, 4, 3, stride=2)),
    "dilated": lambda: layers(nn.Conv2d(4, 4, 3, dilation=2)),
    "grouped": lambda: layers(nn.Conv2d(4, 6, 3, groups=2), channels=6),
    "depthwise": lambda: layers(nn.Conv2d(4, 8, 3, groups=4), channels=8),
    "transposed": lambda: layers(nn.ConvTranspose2d(4, 4, 3, stride=2)),
    **{
        name: (lambda function=function: Of(function))
        for name, function in {
            "F.relu": F.relu,
            "F.relu in place": lambda z: F.relu(z, inplace=True),
            "relu_": lambda z: z.relu_(),
            "F.relu6": F.relu6,
            "F.leaky_relu": lambda z: F.leaky_relu(z, 0.1),
            "F.leaky_relu in place": lambda z: F.leaky_relu(z, 0.1, inplace=True),
            "clamp": lambda z: z.clamp(min=0),
            "clamp of both": lambda z: z.clamp(-0.2, 0.3),
            "F.hardtanh": lambda z: F.hardtanh(z, -0.2, 0.3),
            "F.max_pool2d": lambda z: F.max_pool2d(z, 2),
            "F.avg_pool2d": lambda z: F.avg_pool2d(z.relu(), 2),
            "F.adaptive_avg_pool2d": lambda z: F.adaptive_avg_pool2d(z.relu(), 2),
            "F.adaptive_max_pool2d": lambda z: F.adaptive_max_pool2d(z, 2),
            "cat": lambda z: torch.cat([z[:, :2].relu(), z[:, 2:]], 1),
            "chunk": lambda z: torch.cat(z.relu().chunk(2, 1)[::-1], 1),
            "reshape": lambda z: z.relu().reshape(z.shape[0], 2, 2, -1).transpose(1, 2).reshape(z.shape),
            "view and flatten": lambda z: z.flatten(1).relu().view(z.size(0), 4, 8, 8),
            "a skip": lambda z: z + z.relu(),
            "a skip in place": lambda z: z.relu().add_(z),
            "F.dropout": lambda z: F.dropout(z.relu(), 0.3),
        }.items()
    },
}  # fmt: skip


@pytest.mark.parametrize("dtype", EXACT, ids=str)
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("name", MODELS)
def test_an_operation(name, training, dtype):
    torch.manual_seed(0)
    model = copy.deepcopy(MODELS[name]()).to(dtype).train(training)
    x = 3 * torch.randn(5, 4, 8, 8, dtype=dtype)
    network = companion.decouple(model, x)
    torch.manual_seed(1)
    expected = model(x.clone())
    torch.manual_seed(1)
    found = network(x)
    assert found.dtype == dtype
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= EXACT[dtype] * expected.abs().max()
    for half in (network.feature_network, network.value_network):
        for buffer, of_model in zip(half.buffers(), model.buffers(), strict=True):
            torch.testing.assert_close(buffer, of_model)
    torch.manual_seed(1)
    stack = network.gates(x)
    assert len(stack) == len(network.sites) > 0
    assert (network.value(x, stack) - expected).abs().max() <= EXACT[dtype] * expected.abs().max()
    noisy = [
        torch.zeros_like(entry) if site.kind == "gate" else entry
        for site, entry in zip(network.sites, stack, strict=True)
    ]
    if network.gate_names:
        assert not torch.allclose(network.value(x, noisy), expected)


def test_gates_of_bools_keep_out_whatever_is_behind_them():
    """And have the derivatives of a product, with bools in memory."""
    model = nn.Sequential(nn.ReLU())
    network = companion.decouple(model, torch.zeros(1, 4))
    gate = [torch.tensor([[True, False, True, False]])]
    x = torch.tensor([[torch.inf, torch.inf, torch.nan, torch.nan]])
    torch.testing.assert_close(network.value(x, gate), torch.tensor([[torch.inf, 0, torch.nan, 0]]), equal_nan=True)
    z = torch.randn(1, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda z: network.value(z, gate), z, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(lambda z: network.value(z, gate) ** 2, z)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.dtype) or t, lambda t: t):
        network.value(z, gate)
    assert kept == [torch.bool]


def test_a_forward_pass_never_holds_the_whole_stack(monkeypatch):
    """Each gate is made when the value network comes to it: at most two of the thirty are there at once."""
    model = nn.Sequential(*[nn.Sequential(nn.Linear(8, 8), nn.ReLU()) for _ in range(30)]).eval()
    network = companion.decouple(model, torch.randn(2, 8))
    plain, made, alive = network_module.GATES["relu"], [], []

    def watched(q, inplace=False):
        gate = plain(q)
        made.append(weakref.ref(gate))
        alive.append(sum(one() is not None for one in made))
        return gate

    monkeypatch.setitem(network_module.GATES, "relu", watched)
    with torch.no_grad():
        network.gates(torch.ones(2, 8))
        assert alive[-1] == 30
        made.clear()
        alive.clear()
        assert torch.equal(network(torch.ones(2, 8)), model(torch.ones(2, 8)))
    assert len(alive) == 30
    assert max(alive) <= 2

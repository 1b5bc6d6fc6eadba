"""The models of torchvision, decoupled: exact, in evaluation and while they train."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn

import companion

MODELS = [
    "resnet18",
    "vgg11_bn",
    "squeezenet1_1",
    "alexnet",
    "mobilenet_v2",
    "shufflenet_v2_x1_0",
    "densenet121",
    "googlenet",
    "mnasnet0_5",
]


def same(found, expected, relative=1e-6):
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= relative * expected.abs().max()


def with_random_statistics(model):
    """Batch norms of a new network do nothing in evaluation: give them something to do."""
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return model


@pytest.mark.parametrize(
    ("dtype", "relative"), [(torch.float32, 1e-6), (torch.float64, 1e-10)], ids=["single", "double"]
)
@pytest.mark.parametrize("name", MODELS)
def test_models_of_torchvision(name, dtype, relative):
    torch.manual_seed(0)
    extra = {"init_weights": False} if name == "googlenet" else {}
    model = with_random_statistics(getattr(torchvision.models, name)(weights=None, **extra)).eval().to(dtype)
    x = 3 * torch.randn(2, 3, 64, 64, dtype=dtype)
    network = companion.decouple(model, x, check=False)
    with torch.no_grad():
        expected = model(x)
        assert expected.abs().max() > 0
        stack = network.gates(x)
        same(network.value(x, stack), expected, relative)
        same(network(x), expected, relative)
        assert not torch.equal(network.value(x, [G.roll(1, 0) for G in stack]), expected)
        assert set(network.value_network.state_dict()) == set(model.state_dict())


@pytest.mark.parametrize("name", MODELS)
def test_models_of_torchvision_while_they_train(name):
    """Dropout with the same random numbers, batch norm with the batch's statistics, branches that only training has."""
    torch.manual_seed(0)
    extra = {"init_weights": False} if name == "googlenet" else {}
    model = getattr(torchvision.models, name)(weights=None, **extra).train()
    x = torch.randn(2, 3, 64, 64)
    network = companion.decouple(model, x, check=False)
    torch.manual_seed(1)
    expected = model(x)
    torch.manual_seed(1)
    found = network(x)
    if name == "googlenet":
        assert type(found) is type(expected)
        for a, b in zip(found, expected, strict=True):
            same(a, b)
    else:
        same(found, expected)
    for half in (network.feature_network, network.value_network):
        for buffer, of_model in zip(half.buffers(), model.buffers(), strict=True):
            assert torch.allclose(buffer, of_model)
    drops = any(isinstance(m, nn.Dropout) and m.p > 0 for m in model.modules())
    assert any(site.kind == "dropout" for site in network.sites) == drops

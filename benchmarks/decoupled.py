"""What it costs to run a network of torchvision as a deep gated network: both halves, beside the original."""

from __future__ import annotations

import functools

import torch
import torchvision
from torch import Tensor, nn

from companion.costs.bench import Benchmark, Options, Step, Variant
from companion.decoupling import DecoupledNetwork

NETWORKS = (
    "resnet18",
    "vgg11_bn",
    "squeezenet1_1",
    "alexnet",
    "mobilenet_v2",
    "shufflenet_v2_x1_0",
    "densenet121",
    "googlenet",
    "mnasnet0_5",
)
"""Of torchvision, with random weights; the same that the tests decouple."""


def network(name: str) -> nn.Module:
    """In evaluation mode."""
    torch.manual_seed(0)
    extra = {"init_weights": False} if name == "googlenet" else {}
    return getattr(torchvision.models, name)(weights=None, **extra).eval()


@functools.cache
def pair(name: str) -> tuple[nn.Module, DecoupledNetwork]:
    """A network and its decoupled twin, both as they come."""
    model = network(name)
    return model, DecoupledNetwork(network(name), network(name)).eval()


def forward(way: nn.Module, x: Tensor) -> Step:
    """One forward pass without gradients."""

    def step() -> None:
        with torch.no_grad():
            way(x)

    return step


def variants(options: Options) -> list[Variant]:
    """Each network as it is, and decoupled, one after the other."""
    batch, size = (1, 64) if options.tiny else (8, 128)
    x = torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(0))
    found = []
    for name in NETWORKS[2:4] if options.tiny else NETWORKS:
        found += [
            Variant(name, lambda name=name: forward(pair(name)[0], x), batch),
            Variant(f"{name}, decoupled", lambda name=name: forward(pair(name)[1], x), batch, against=name),
        ]
    return found


DECOUPLED = Benchmark(
    "decoupled",
    "A forward pass of networks of torchvision, as they are and decoupled (8 images of 128 x 128)",
    "images/s",
    variants,
)

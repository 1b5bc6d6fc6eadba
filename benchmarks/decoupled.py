"""What it costs to run a network of torchvision as a deep gated network: both halves, beside the original."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
import torchvision
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

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
def decoupled(name: str) -> DecoupledNetwork:
    """Two copies, of which the feature network is the original too."""
    return DecoupledNetwork(network(name), network(name))


def forward(way: nn.Module, x: Tensor) -> Step:
    """One forward pass without gradients."""

    def step() -> None:
        with torch.no_grad():
            way(x)

    return step


def peak(way: nn.Module, x: Tensor) -> Step:
    """The most memory that a forward pass holds at once, in MiB."""

    def step() -> float:
        with torch.no_grad(), profile(activities=[ProfilerActivity.CPU], profile_memory=True) as watched:
            way(x)
        events = [event for event in watched.profiler.kineto_results.events() if event.name() == "[memory]"]
        held = most = 0
        for event in sorted(events, key=lambda event: event.start_ns()):
            held += event.nbytes()
            most = max(most, held)
        return most / 2**20

    return step


def variants(measured: Callable[[nn.Module, Tensor], Step], options: Options) -> list[Variant]:
    """Each network as it is, and decoupled, one after the other."""
    batch, size = (1, 64) if options.tiny else (8, 128)
    x = torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(0))
    found = []
    for name in NETWORKS[2:4] if options.tiny else NETWORKS:

        def original(name: str = name) -> Step:
            return measured(decoupled(name).feature_network, x)

        def both(name: str = name) -> Step:
            return measured(decoupled(name), x)

        found += [Variant(name, original, batch), Variant(f"{name}, decoupled", both, batch, against=name)]
    return found


DECOUPLED = Benchmark(
    "decoupled",
    "A forward pass of networks of torchvision, as they are and decoupled (8 images of 128 x 128)",
    "images/s",
    functools.partial(variants, forward),
    rounds=15,
)
DECOUPLED_MEMORY = Benchmark(
    "decoupled-memory",
    "The most memory that such a forward pass holds at once, weights apart",
    "MiB",
    functools.partial(variants, peak),
    rounds=1,
)

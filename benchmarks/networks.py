"""The papers' networks as most people would write them, the random examples they train on, and our engines."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from companion.costs.bench import Step, Unavailable
from companion.data import DATASETS
from companion.runs.examples import Examples
from companion.runs.regimes import initial_model
from companion.runs.spec import RunSpec
from companion.training.backends import Backend
from companion.training.state import TrainState


@functools.cache
def examples(dataset: str, size: int, downscale: int = 1) -> Examples:
    """Random images and labels of a dataset's shape: a fifth of the pixels are not zero, as in MNIST."""
    info, generator = DATASETS[dataset], torch.Generator().manual_seed(0)
    channels, height, width = info.input_shape
    inputs = torch.rand((size, channels, height // downscale, width // downscale), generator=generator)
    inputs *= torch.rand(inputs.shape, generator=generator) < 0.2
    return Examples(inputs, torch.randint(info.classes, (size,), generator=generator))


def perceptron(spec: RunSpec) -> nn.Sequential:
    """A fully connected ReLU network."""
    shapes = [layer.weight for layer in spec.network.weight_shapes()]
    layers: list[nn.Module] = [nn.Flatten()]
    for entering, leaving in shapes[:-1]:
        layers += [nn.Linear(entering, leaving), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(*shapes[-1]))


def convolutional(spec: RunSpec) -> nn.Sequential:
    """Convolutions, each with a ReLU, then a global average pool and a linear layer."""
    shapes = [layer.weight for layer in spec.network.weight_shapes()]
    layers: list[nn.Module] = []
    for leaving, entering, kernel, _ in shapes[:-1]:
        layers += [nn.Conv2d(entering, leaving, kernel, padding="same"), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(*shapes[-1]))


def optimiser(spec: RunSpec, parameters: Sequence[Tensor], **options: bool) -> torch.optim.Optimizer:
    """The optimiser of a run as PyTorch has it."""
    kinds = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}
    return kinds[spec.optimiser](parameters, lr=spec.learning_rate, **options)


def engine(
    backend: Backend, spec: RunSpec, models: int, data: Examples, steps: int, threads: int, device: str = "cpu"
) -> Step:
    """A step that trains ``models`` seeds of a run by one of our backends, ``steps`` batches each.

    Raises:
        Unavailable: the backend cannot train such a run here.
    """
    if backend.refusal(spec) is not None:
        raise Unavailable(f"the {backend.name} backend cannot train such networks on this machine")
    specs = [spec.replace(seed=seed) for seed in range(models)]
    started = backend.start(specs, [TrainState(initial_model(s)) for s in specs], data, device, threads)
    chosen = orders(models, steps * spec.batch_size, len(data.labels))

    def step() -> None:
        started.epoch(list(chosen))
        if device != "cpu":
            torch.cuda.synchronize()

    return step


def orders(models: int, count: int, size: int) -> Tensor:
    """For each model an order of its own, ``[models, count]``, of examples below ``size``."""
    generator = torch.Generator().manual_seed(0)
    return torch.stack([torch.randperm(size, generator=generator)[:count] for _ in range(models)])

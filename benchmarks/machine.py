"""What a kernel machine from gates costs part by part; an exact kernel with convolutions against draws of it."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.networks import examples
from companion.costs.bench import Benchmark, Options, Step, Variant
from companion.kernels import npk, relu_network
from companion.kernels.machine import KernelMachine
from companion.kernels.sketch import path_sketch
from companion.runs.regimes import initial_model
from companion.runs.spec import RunSpec

FITTED, TESTED = 20_000, 10_000
DRAWS = 256
SIZES = (250, 1000)


def parts(options: Options) -> list[Variant]:
    """The kernel of all pairs, its factorisation, and the classes of new images, by a network without biases."""
    n, new = (200, 100) if options.tiny else (FITTED, TESTED)
    spec = RunSpec(dataset="mnist", depth=5, bias=False)
    kernel = npk(relu_network(spec.network, initial_model(spec).value), normalise=True)
    x = examples(spec.dataset, n + new).inputs
    labels = torch.arange(n) % 10
    made: list[Tensor] = []

    def matrix() -> Step:
        return lambda: kernel(x[:n])

    def factorised() -> Step:
        if not made:
            made.append(kernel(x[:n]))
        return lambda: KernelMachine.fit(lambda a, b: made[0].clone(), x[:n], labels, ridge=1e-2, classes=10)

    def classified() -> Step:
        machine = KernelMachine(kernel, x[:n], torch.zeros(n, 10), 1e-2)
        return lambda: machine.classify(x[n:])

    return [
        Variant(f"kernel, n = {n}", matrix, warm=False),
        Variant(f"coefficients, n = {n}", factorised, warm=False),
        Variant(f"{new} new images, n = {n}", classified, warm=False),
    ]


def draws(options: Options) -> list[Variant]:
    """All pairs of images: the exact kernel compares all pairs of positions, draws run a few networks an image."""
    sizes, count = ((4, 8), 16) if options.tiny else (SIZES, DRAWS)
    spec = RunSpec(dataset="cifar10", architecture="C4GAP", width=16, downscale=4, regime="ReLU")
    network = relu_network(spec.network, initial_model(spec).value)
    exact, drawn = npk(network, normalise=True), path_sketch(network, count)
    x = examples(spec.dataset, max(sizes), spec.downscale).inputs

    def sketched(some: Tensor) -> Tensor:
        Z = drawn(some)
        return Z @ Z.T

    found = []
    for size in sizes:
        some, whole = x[:size], f"exact, n = {size}"
        found += [
            Variant(whole, lambda some=some: lambda: exact(some), size**2 / 1e3),
            Variant(
                f"{count} draws, n = {size}", lambda some=some: lambda: sketched(some), size**2 / 1e3, against=whole
            ),
        ]
    return found


MACHINE = Benchmark(
    "machine", f"A kernel machine from the gates of a network on {FITTED:,} images, part by part", "s", parts, rounds=3
)
SKETCH = Benchmark(
    "sketch",
    "The path kernel of C4GAP with 16 filters on images of 8 x 8: exact, and by draws",
    "thousand entries/s",
    draws,
    rounds=3,
)

"""What the gates of a network know by themselves: kernel machines with the path kernel of its gates, as it trains.

A machine (:mod:`companion.kernels.machine`) is fitted to the first ``n`` of the images that the network was trained on,
or of images that it has never seen: gates that were learnt from the very labels that a machine is fitted to have been
told the answers, and only the second design says what they have learnt for other images.  The ridge is chosen on
images that neither has seen, and accuracy is that on all test images.

The path kernel of a network with convolutions compares all pairs of positions for each pair of images, which for ten
thousand images is too much.  There the machine has draws of it in place of the kernel
(:func:`companion.kernels.sketch.path_sketch`), and what a quarter of them would have given is told beside.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import partial
from math import prod

import torch

from companion.data import DATASETS
from companion.kernels import DeepGatedNetwork, gram, npk, ntk, relu_network, relu_ntk_limit
from companion.kernels.machine import (
    CHOSEN_ON,
    RIDGES,
    KernelFunction,
    choose_machine,
    gaussian_kernel,
    median_distance,
)
from companion.kernels.sketch import path_sketch
from companion.networks.architectures import Architecture
from companion.networks.forward import Params, forward, trace
from companion.notation import Tensor
from companion.runs.examples import Examples, Split
from companion.runs.regimes import Model
from companion.runs.spec import RunSpec

__all__ = ["KEPT", "MOST", "OTHERS", "OWN", "SIZES", "fitted_images", "fitted_to", "kernel_machine", "sizes", "work"]

OWN, OTHERS = "machine-own", "machine-others"
"""Probes: machines fitted to the images that the network trains on, or to the first of those kept out."""
SIZES = (100, 500, 1000, 5000, 10_000, 20_000)
"""``n``; those that there are images for."""
MOST = {"npk": 20_000, "ones": 10_000, "layers": 1000, "ntk": 1000, "gaussian": 20_000, "limit": 20_000}
"""Up to how many images each kernel is tried: what it costs grows with their square and cube."""
KEPT = 15
"""Of the images kept out, the last one in so many chooses the ridge of machines that are fitted to the others."""
MEDIAN_OF = 1000
"""Images whose median distance is the unit of the Gaussian kernel's width."""
WIDTHS = (0.25, 0.5, 1.0)
"""Widths of the Gaussian kernel that are chosen from, in that unit."""
BLOCK = 500
"""Examples whose angles to all others are held at a time."""
UNIT = 2**0.5
"""Standard deviation of weights, times the root of the width, that keeps the infinite network's outputs in size."""

BY_DRAWS = ("npk", "ones", "quarter", "gaussian", "limit")
"""Machines that are tried where there are convolutions."""
DRAWS, QUARTER = 256, 4
"""Networks that are drawn where there are convolutions; and a part of them, to see what more of them bring."""
HALVED_ON = 500
"""Images whose kernels by either half of the draws are compared."""

PER_PAIR = 100
"""Operations on each entry of a kernel besides its products, by and large; for what a measurement may cost alone."""

_untrained: dict[str, dict[str, float]] = {}
"""By the digest of all images and labels what kernels that nobody trained reach, which no network changes."""


def sizes(spec: RunSpec, images: int) -> list[int]:
    """The numbers of images that the probe of a run fits to, of so many that it can: all of its own, or :data:`SIZES`.

    Args:
        spec: the run.
        images: that machines can be fitted to.
    """
    return [images] if spec.probe == OWN else [n for n in SIZES if n <= images]


def fitted_to(spec: RunSpec, data: Split) -> tuple[Examples, Examples]:
    """The images that machines are fitted to, and those that choose their ridge.

    Args:
        spec: the run.
        data: what it sees; its holdout is needed.
    """
    assert data.holdout is not None
    if spec.probe == OWN:
        return data.train, data.holdout
    images = len(data.holdout) - _choosing(len(data.holdout))
    return data.holdout[:images], data.holdout[images:]


def _choosing(holdout: int) -> int:
    """How many images choose the ridge of machines that are fitted to the others that were kept out."""
    return max(1, holdout // KEPT)


def fitted_images(spec: RunSpec) -> int:
    """How many images machines can be fitted to."""
    if spec.probe == OTHERS:
        return spec.holdout - _choosing(spec.holdout)
    return (spec.train_size or DATASETS[spec.dataset].train_size) - spec.holdout


def work(spec: RunSpec, images: int, test: int, draws: int = DRAWS) -> float:
    """By and large the floating-point operations of one measurement of a ReLU network's gates.

    Args:
        spec: the run.
        images: that machines can be fitted to.
        test: images that they are tested on.
        draws: of the path kernel, with convolutions.
    """
    shapes = [spec.input_shape, *spec.network.gate_shapes()]
    features, total, tried = sum(prod(shape) for shape in shapes), 0.0, MOST
    if spec.network.convolutional:
        features, tried = draws * spec.network.gate_shapes()[-1][0], dict.fromkeys(BY_DRAWS, images)
        total = 2 * 2 * draws * spec.network.macs() * (max(sizes(spec, images)) + test)
    entry = PER_PAIR + 2 * features
    for n in sizes(spec, images):
        few = min(n, CHOSEN_ON)
        kernels = sum(
            (spec.network.gated_layers if name == "layers" else 1) * (n <= most) for name, most in tried.items()
        )
        total += kernels * (entry * (n**2 / 2 + n * test) + len(RIDGES) * few**3 / 3 + (n > few) * n**3 / 3)
    return total


@torch.no_grad()
def kernel_machine(spec: RunSpec, model: Model, data: Split, draws: int = DRAWS) -> dict[str, float]:
    """Test accuracy in percent of machines with the kernels of a ReLU network's gates, and of untrained ones.

    Kernels are those of the network's own parameters, in single precision; each layer's factor is divided by its width.

    Args:
        spec: the run.
        model: its network.
        data: what it sees.
        draws: of the path kernel, with convolutions.

    Returns:
        ``network``, the network's own accuracy; and for each ``n``, up to what :data:`MOST` says: ``npk_n``, the path
        kernel; ``ones_n``, the same with ones in place of the images; ``layer1_n ...``, that of one layer's gates
        alone; ``ntk_n``, the tangent kernel of the network as it is, summed over classes; ``gaussian_n``, the Gaussian
        kernel of the images, its width chosen too; ``limit_n``, the tangent kernel of the network of infinite width.
        With convolutions, :data:`BY_DRAWS`: ``npk`` and ``ones`` are draws of the kernel, ``quarter_n`` a quarter of
        those of ``npk``; and ``spread`` is how far the kernels by either half of them, brought to one trace, are
        apart, over their sum, in percent: about the relative error of all together.
    """
    images, held_out = fitted_to(spec, data)
    guesses = torch.cat([forward(spec.network, model.value, x).argmax(1) for x in data.test.inputs.split(1000)])
    values = {"network": 100 * float((guesses == data.test.labels).double().mean())}
    convolutional = spec.network.convolutional
    if convolutional:
        values |= _by_draws(spec, model.value, images, held_out, data.test, draws)
    for n in sizes(spec, len(images)):
        if not convolutional:
            trained = {name: (k,) for name, k in _of_gates(spec.network, model.value, n)}
            values |= _accuracies(spec, trained, images[:n], held_out, data.test)
        known = _digest(spec.network.depth, images[:n], held_out, data.test)
        if known not in _untrained:
            _untrained[known] = _accuracies(spec, _of_images(spec, images[:n]), images[:n], held_out, data.test)
        values |= _untrained[known]
    return {name: round(value, 4) for name, value in values.items()}


def _digest(depth: int, *parts: Examples) -> str:
    """Of a depth and all examples, to the last bit."""
    found = hashlib.sha256(f"{depth}".encode())
    for tensor in (tensor for part in parts for tensor in (part.inputs, part.labels)):
        found.update(f"{tensor.dtype} {list(tensor.shape)}".encode())
        found.update(tensor.contiguous().numpy(force=True).tobytes())
    return found.hexdigest()


def _accuracies(
    spec: RunSpec,
    kernels: Mapping[str, tuple[KernelFunction, ...]],
    images: Examples,
    held_out: Examples,
    test: Examples,
) -> dict[str, float]:
    """``name_n`` to the test accuracy of the machine with the best of the kernels of a name."""
    found = {}
    classes = len(spec.class_names)
    for name, alternatives in kernels.items():
        machine = choose_machine(
            alternatives, images.inputs, images.labels, held_out.inputs, held_out.labels, classes=classes
        )
        found[f"{name}_{len(images)}"] = machine.accuracy(test.inputs, test.labels)
    return found


def _by_draws(
    spec: RunSpec, params: Params, images: Examples, held_out: Examples, test: Examples, draws: int
) -> dict[str, float]:
    """What machines with draws of the path kernel reach, whose features are made once for all ``n``."""
    numbers, found = sizes(spec, len(images)), dict[str, float]()
    parts = [images[: max(numbers)], held_out, test]
    units = spec.network.gate_shapes()[-1][0]
    for name, network in _networks(spec.network, params).items():
        draw = path_sketch(network, draws, units=True)
        features = [draw(part.inputs)[..., None, None] for part in parts]
        counts = {name: draws} | ({"quarter": draws // QUARTER} if name == "npk" else {})
        for kind, count in counts.items():
            some = [Examples(Z[:, : count * units], part.labels) for Z, part in zip(features, parts, strict=True)]
            for n in numbers:
                found |= _accuracies(spec, {kind: (gram,)}, some[0][:n], *some[1:])
        if name == "npk":
            halves = (gram(half) for half in features[0][:HALVED_ON].chunk(2, dim=1))
            one, other = (K / K.trace() for K in halves)
            found["spread"] = 100 * float((one - other).norm() / (one + other).norm())
    return found


def _of_gates(architecture: Architecture, params: Params, n: int) -> Iterator[tuple[str, KernelFunction]]:
    """The kernels of a network's gates that are tried on so many images."""
    networks = _networks(architecture, params)
    for name, network in networks.items():
        if n <= MOST[name]:
            yield name, npk(network, normalise=True)
    if n <= MOST["layers"]:
        for l in range(architecture.gated_layers):
            yield f"layer{l + 1}", partial(_layer, architecture, params, l)
    if n <= MOST["ntk"]:
        yield "ntk", ntk(networks["npk"])


def _networks(architecture: Architecture, params: Params) -> dict[str, DeepGatedNetwork]:
    """The network, and the same with ones in place of the images, by the name of its kernel."""
    blind = DeepGatedNetwork(architecture, params, params, value_input=torch.ones_like)
    return {"npk": relu_network(architecture, params), "ones": blind}


def _layer(architecture: Architecture, params: Params, layer: int, x1: Tensor, x2: Tensor | None = None) -> Tensor:
    """How many units of a layer are open for both, as a part of all."""
    a, b = (None if x is None else trace(architecture, params, x, layers=layer + 1).G[layer] for x in (x1, x2))
    assert a is not None
    return a @ (a if b is None else b).T / a.shape[1]


def _of_images(spec: RunSpec, images: Examples) -> dict[str, tuple[KernelFunction, ...]]:
    """Kernels of the images alone, by name; where there are several of one name the best is taken."""
    n = len(images)
    found: dict[str, tuple[KernelFunction, ...]] = {}
    if n <= MOST["gaussian"]:
        unit = median_distance(images.inputs[:MEDIAN_OF])
        found["gaussian"] = tuple(gaussian_kernel(width * unit) for width in WIDTHS)
    if n <= MOST["limit"]:
        found["limit"] = (partial(_limit, spec.network.depth),)
    return found


def _limit(depth: int, x1: Tensor, x2: Tensor | None = None) -> Tensor:
    """The tangent kernel of a network of infinite width, some examples at a time."""
    others = (x1 if x2 is None else x2).flatten(1)
    K = x1.new_empty(len(x1), len(others))
    for at in range(0, len(x1), BLOCK):
        K[at : at + BLOCK] = relu_ntk_limit(x1[at : at + BLOCK].flatten(1), others, depth=depth, scale=UNIT)
    return K

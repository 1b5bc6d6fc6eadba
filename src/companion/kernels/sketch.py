"""The neural path kernel by random draws: features whose inner products are the kernel in the mean.

A value network that is linear, under fixed gates, with independent weights of mean 0 puts out ``f(x) = sum_p phi_p(x)
v_p``, and two paths have uncorrelated values: ``E[f(x) f(x')]`` is the path kernel times the variance of a value, at
every width.  So the outputs of ``M`` such networks are ``M`` features of an example.  The exact kernel of a
convolutional network compares all pairs of positions for each pair of examples; draws cost ``M`` passes an example,
which is less where there are many.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from companion.kernels.checks import require_batch, require_count, require_precision
from companion.kernels.dgn import DeepGatedNetwork
from companion.networks.architectures import (
    Architecture,
    CircularConv,
    Conv,
    Dense,
    GlobalAveragePool,
    GlobalMaxPool,
    Layer,
    Skip,
)
from companion.networks.forward import Params, forward
from companion.networks.routing import tile
from companion.notation import Float, Tensor

__all__ = ["path_sketch"]

EXAMPLES = 500
"""Examples that go through the networks at a time."""
MOST_DRAWS, MOST_TILES = 2**24, 1024
FLOATS = 2**26
"""Numbers that a layer of all networks at a time may have, for so many examples."""


def path_sketch(
    dgn: DeepGatedNetwork, draws: int, *, tiles: int = 1, units: bool = False, seed: int = 0
) -> Callable[[Float[Tensor, "N ..."]], Float[Tensor, "N features"]]:
    """Features ``Z`` with ``E[Z Z^T]`` the normalised path kernel, ``npk(dgn, normalise=True)``.

    The error of an entry falls as ``draws^(-1/2)``.  How large it is depends on the widths, and gates that are *tiled*
    have the same normalised kernel (Paper C, remark on tiling) in wider networks: each draw is better then, never
    better than that of an infinitely wide one, and its price grows with the square of the tiles.

    Args:
        dgn: the network; its gates and its value input make the path features.
        draws: ``M``, the number of networks.
        tiles: how often the gates of each layer are repeated.
        units: whether the units of the last hidden layer are features, in place of the output: as many for each draw as
            that layer has units.  The mean over output weights is exact then, which no more passes have to pay for.
        seed: of the weights; the features of a seed begin with those of fewer draws.

    Returns:
        From examples to features, in their precision: the same features whenever it is called.

    Raises:
        ValueError: ``draws`` is not a whole number from 1 to 2^24, ``tiles`` not one from 1 to 1024, or ``seed`` not
            one of at least 0; a network with a maximum pool, which is not linear under given gates; more than one tile
            where a skip passes the input on; or, when it is called, what :func:`companion.kernels.npk` raises.

    Example:
        >>> from companion.networks.families import fully_connected
        >>> from companion.networks.initialise import initialise
        >>> network = fully_connected((3,), width=8, depth=3, bias=False)
        >>> theta = initialise(network, torch.Generator().manual_seed(0))
        >>> dgn = DeepGatedNetwork(network, theta, theta)
        >>> path_sketch(dgn, draws=100)(torch.eye(3)).shape
        torch.Size([3, 100])
        >>> path_sketch(dgn, draws=100, units=True)(torch.eye(3)).shape
        torch.Size([3, 800])
    """
    require_count("draws", draws, most=MOST_DRAWS)
    require_count("tiles", tiles, most=MOST_TILES)
    require_count("seed", seed, 0)
    plain = dgn.architecture
    if _has_maximum(plain.layers):
        raise ValueError("a network with a maximum pool is not linear under given gates: no draws make its path kernel")
    if tiles > 1 and _begins_with_skip(plain.layers):
        raise ValueError("a block whose skip passes the input on cannot be tiled: tiles must be 1")
    wide = Architecture(plain.input_shape, _widened(plain.layers, tiles), 1, bias=False)
    if units:
        wide = replace(wide, classes=wide.weight_shapes()[-1].weight[0])
    scales = _scales(wide)
    size = max(math.prod(shape) for shape in (wide.input_shape, *wide.gate_shapes()))
    together = max(1, min(draws, FLOATS // (EXAMPLES * size)))

    @torch.no_grad()
    def features(x: Tensor) -> Tensor:
        require_batch("x", (x,), [dgn.input_shape])
        require_precision(x, dgn.dtype)
        Z = x.new_empty(len(x), draws, wide.classes)
        for first in range(0, draws, together):
            numbers = range(first, min(first + together, draws))
            params = _draw(wide, scales, numbers, seed, x)
            if units:
                params[f"weight.{len(scales) - 1}"] = torch.eye(wide.classes).to(x).expand(len(numbers), -1, -1)
            for at in range(0, len(x), EXAMPLES):
                part = x[at : at + EXAMPLES]
                gates = tile([G.to(x.dtype) for G in dgn.gates(part)], tiles)
                outputs = forward(wide, params, dgn.value_input(part), gates=gates)
                Z[at : at + EXAMPLES, first : numbers.stop] = outputs.transpose(0, 1)
        return Z.flatten(1).mul_(_positions(wide) / math.sqrt(draws))

    return features


def _draw(wide: Architecture, scales: list[float], numbers: range, seed: int, like: Tensor) -> Params:
    """Weights of the networks of these numbers, stacked: each from a generator of its own."""
    made: list[Params] = []
    for number in numbers:
        generator = torch.Generator().manual_seed(
            int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0] >> 1)
        )
        made.append(
            {
                f"weight.{l}": scale * torch.randn(layer.weight, generator=generator, dtype=like.dtype)
                for l, (layer, scale) in enumerate(zip(wide.weight_shapes(), scales, strict=True))
            }
        )
    return {name: torch.stack([params[name] for params in made]).to(like.device) for name in made[0]}


def _scales(wide: Architecture) -> list[float]:
    """Deviations of each layer's weights: one over the root of a path's choices there, and 1 in the output layer."""
    choices = [math.prod(layer.bias) * math.prod(layer.weight[2:]) for layer in wide.weight_shapes()[:-1]]
    return [*(1 / math.sqrt(n) for n in choices), 1.0]


def _positions(architecture: Architecture) -> int:
    """Over how many positions an average pool takes the mean, where the kernel takes the sum; 1 without one."""
    if not any(isinstance(layer, GlobalAveragePool) for layer in architecture.layers):
        return 1
    return math.prod(architecture.input_shape[1:])


def _widened(layers: tuple[Layer, ...], times: int) -> tuple[Layer, ...]:
    found: list[Layer] = []
    for layer in layers:
        match layer:
            case Dense(width):
                found.append(Dense(times * width))
            case Conv() | CircularConv():
                found.append(replace(layer, channels=times * layer.channels))
            case Skip(inner):
                found.append(Skip(_widened(inner, times)))  # type: ignore[arg-type]  # nothing but weight layers in it
            case _:
                found.append(layer)
    return tuple(found)


def _begins_with_skip(layers: tuple[Layer, ...]) -> bool:
    """Whether a skip comes before any layer with weights, so that what it passes on is as wide as the input."""
    first = next((layer for layer in layers if isinstance(layer, Dense | Conv | CircularConv | Skip)), None)
    return isinstance(first, Skip)


def _has_maximum(layers: tuple[Layer, ...]) -> bool:
    return any(isinstance(layer, GlobalMaxPool) for layer in layers)

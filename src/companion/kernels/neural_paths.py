"""Neural path features and values by enumeration: the slow, obvious oracle that every fast kernel is tested against.

A path enters at one input node, crosses one weight and one gate per layer, and leaves at the single output.  In a
network with skips it may pass by a block; in a convolution it takes one tap of the filter.  Its *feature* is the input
it starts from times its gates, its *value* the product of its weights and constants, and ``output = <phi, v>``
(Paper A, Proposition 2.1; Paper B, Proposition 3.4).

Nothing here is fast.  A request for more paths than ``limit`` is refused before any memory is spent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import torch

from companion.kernels.checks import require_batch
from companion.networks.architectures import (
    Architecture,
    CircularConv,
    Conv,
    Dense,
    Flatten,
    GlobalAveragePool,
    GlobalMaxPool,
    Layer,
    Shape,
    Skip,
)
from companion.networks.forward import Params
from companion.notation import Bool, Float, Int, Tensor

__all__ = [
    "LIMIT",
    "Paths",
    "activity",
    "bundle_features",
    "bundle_values",
    "count_paths",
    "enumerate_paths",
    "neural_path_features",
    "neural_path_values",
    "pool_mask",
]

LIMIT = 1_000_000
"""The largest number of paths that is enumerated unless the caller asks for more."""

ABSENT = -1
"""Stands for a unit or weight of a block that a path passes by."""


@dataclass(frozen=True)
class Paths:
    """Every path of a network as columns of indices: the index maps of Paper A, Section 2.2, and Paper B, Notation 3.1.

    Attributes:
        architecture: the network.
        node: where the path stands now; after enumeration the output, 0.
        source: input node, an index into the flattened example.
        units: for each of the ``L`` gated layers, the unit, an index into that layer's flattened gates, or ``ABSENT``.
        weights: for each of the ``L + 1`` weight layers, an index into its flattened weight, or ``ABSENT``.
        pooled: the node of the last convolution that enters the pool, or ``None`` where nothing is pooled.
        through: for each skip, whether the path goes through its block (Paper B, Definition 2.3).
        scale: the product of the constants ``pre`` and ``post`` on the way (Paper B, Definition 3.4), and of the
            network's ``output_scale``.

    >>> paths = enumerate_paths(Architecture((2,), (Dense(2),), classes=1))
    >>> len(paths), paths.source, paths.units[0]
    (4, tensor([0, 0, 1, 1]), tensor([0, 1, 0, 1]))
    """

    architecture: Architecture
    node: Int[Tensor, "P"]
    source: Int[Tensor, "P"]
    units: tuple[Int[Tensor, "P"], ...]
    weights: tuple[Int[Tensor, "P"], ...]
    pooled: Int[Tensor, "P"] | None
    through: tuple[Bool[Tensor, "P"], ...]
    scale: Float[Tensor, "P"]

    def __len__(self) -> int:
        return len(self.source)

    def select(self, index: Tensor) -> Paths:
        """The paths at ``index`` (integers or a mask); an index may come more than once."""
        return replace(
            self,
            node=self.node[index],
            source=self.source[index],
            units=tuple(u[index] for u in self.units),
            weights=tuple(u[index] for u in self.weights),
            pooled=None if self.pooled is None else self.pooled[index],
            through=tuple(u[index] for u in self.through),
            scale=self.scale[index],
        )

    def bundles(self, weight_layers: int | None = None) -> Int[Tensor, "P"]:
        """The bundle of each path: paths with all their weights in common share one (Paper B, Definition 3.3).

        Args:
            weight_layers: compare only that many layers from the input on.  The printed definition compares the
                convolutions alone, which merges paths through different dense units.
        """
        keys = torch.stack(self.weights[:weight_layers], dim=1)
        return torch.unique(keys, dim=0, return_inverse=True)[1]


def count_paths(architecture: Architecture) -> int:
    """Number ``P`` of neural paths, by adding up the ways into each node, exact and of any size (Paper A, Section 2.2).

    Raises:
        ValueError: more than one output.

    Example:
        >>> from companion.networks.families import fully_connected
        >>> count_paths(fully_connected((4,), width=3, depth=4))
        108
    """
    _require_one_output(architecture)
    positions = prod(architecture.input_shape[1:])
    ways, shape = _count(architecture.layers, [1] * positions, architecture.input_shape)
    return sum(ways) * shape[0]


def enumerate_paths(architecture: Architecture, limit: int = LIMIT) -> Paths:
    """All paths of a network whose ``architecture`` has one output (Paper A, Section 2.2; Paper B, Notation 3.1).

    Raises:
        ValueError: more than one output, or more than ``limit`` paths.

    >>> len(enumerate_paths(Architecture((2,), (Dense(3), Dense(3)), classes=1)))
    18
    """
    count = count_paths(architecture)
    if count > limit:
        raise ValueError(f"this network has {count} paths, more than the limit of {limit}: enumerate a smaller one")
    source = torch.arange(prod(architecture.input_shape))
    start = Paths(architecture, source, source, (), (), None, (), torch.ones(len(source), dtype=torch.float64))
    paths, shape = _follow(architecture.layers, start, architecture.input_shape)
    paths = _dense(paths, shape[0], 1)
    return replace(paths, units=paths.units[:-1], scale=paths.scale * architecture.output_scale)


def activity(
    paths: Paths, gates: Sequence[Float[Tensor, "N ..."]], mask: Float[Tensor, "N ..."] | None = None
) -> Float[Tensor, "N P"]:
    """``A(x, p)``: the product of a path's gates (Paper A, Eq. 2; Paper B, Definition 3.2).

    Args:
        paths: the enumerated paths.
        gates: ``L`` tensors ``[N, *gate_shape]``, hard or soft.
        mask: the pooling mask ``[N, C, *positions]`` of :func:`pool_mask`; ``None`` leaves the pool out, i.e. counts 1.

    Raises:
        ValueError: wrong number or shapes of gates, or a mask for a network without a pool.

    >>> activity(enumerate_paths(Architecture((1,), (Dense(2),), classes=1)), [torch.tensor([[1.0, 0.0]])])
    tensor([[1., 0.]])
    """
    if len(gates) != len(paths.units):
        raise ValueError(f"{len(paths.units)} gated layers need as many gates, not {len(gates)}")
    require_batch("gates", gates, paths.architecture.gate_shapes())
    A = torch.ones((), dtype=gates[0].dtype)
    for G, unit in zip(gates, paths.units, strict=True):
        A = A * torch.where(unit == ABSENT, 1.0, G.flatten(1)[:, unit.clamp(min=0)])
    if mask is not None:
        if paths.pooled is None:
            raise ValueError("a pooling mask was given, but this network does not pool")
        A = A * mask.flatten(1)[:, paths.pooled]
    return A


def neural_path_features(
    paths: Paths,
    x: Float[Tensor, "N ..."],
    gates: Sequence[Float[Tensor, "N ..."]],
    mask: Float[Tensor, "N ..."] | None = None,
) -> Float[Tensor, "N P"]:
    """``phi_x(p) = x(source of p) A(x, p)``, one entry per path (Paper A, Eq. 3); arguments as in :func:`activity`.

    Example:
        The output is the inner product of features and values (Paper A, Proposition 2.1):

        >>> from companion.networks.families import fully_connected
        >>> network = fully_connected((1,), width=2, depth=2, bias=False)
        >>> params = {"weight.0": torch.tensor([[1.0, -1.0]]), "weight.1": torch.tensor([[2.0], [3.0]])}
        >>> paths = enumerate_paths(network)
        >>> phi = neural_path_features(paths, torch.tensor([[5.0]]), [torch.tensor([[1.0, 0.0]])])
        >>> phi, phi @ neural_path_values(paths, params)
        (tensor([[5., 0.]]), tensor([10.]))
    """
    require_batch("x", (x,), [paths.architecture.input_shape])
    return x.flatten(1)[:, paths.source] * activity(paths, gates, mask)


def neural_path_values(paths: Paths, params: Params) -> Float[Tensor, "P"]:
    """``v(p)`` of all ``paths``: the product of weights and constants (Paper A, Eq. 4; Paper B, Definition 3.5).

    Example:
        >>> from companion.networks.families import fully_connected
        >>> params = {"weight.0": torch.tensor([[1.0, -1.0]]), "weight.1": torch.tensor([[2.0], [3.0]])}
        >>> neural_path_values(enumerate_paths(fully_connected((1,), width=2, depth=2, bias=False)), params)
        tensor([ 2., -3.])
    """
    v = paths.scale.to(params["weight.0"].dtype)
    for l, weight in enumerate(paths.weights):
        v = v * torch.where(weight == ABSENT, 1.0, params[f"weight.{l}"].flatten()[weight.clamp(min=0)])
    return v


def bundle_features(phi: Float[Tensor, "N P"], bundles: Int[Tensor, "P"]) -> Float[Tensor, "N B"]:
    """The feature of each of ``bundles``: the sum of ``phi`` over its paths (Paper B, Definition 3.6).

    >>> bundle_features(torch.tensor([[1.0, 2.0, 4.0]]), torch.tensor([0, 1, 0]))
    tensor([[5., 2.]])
    """
    return phi.new_zeros(len(phi), int(bundles.max()) + 1).index_add(1, bundles, phi)


def bundle_values(v: Float[Tensor, "P"], bundles: Int[Tensor, "P"]) -> Float[Tensor, "B"]:
    """The value of each of ``bundles``: ``v`` of any of its paths (Paper B, Definition 3.5).

    >>> bundle_values(torch.tensor([3.0, 2.0, 3.0]), torch.tensor([0, 1, 0]))
    tensor([3., 2.])
    """
    return v.new_zeros(int(bundles.max()) + 1).index_copy(0, bundles, v)


def pool_mask(pool: GlobalAveragePool | GlobalMaxPool, z: Float[Tensor, "N C ..."]) -> Float[Tensor, "N C ..."]:
    """``G_pool`` of Paper B, Definition 2.2: ``1 / positions`` for the average, one-hot at the largest for the maximum.

    Where several positions of ``z`` share the maximum, the first of them is marked; ``pool`` says which it is.

    >>> pool_mask(GlobalMaxPool(), torch.tensor([[[1.0, 3.0, 2.0]]]))
    tensor([[[0., 1., 0.]]])
    """
    flat = z.flatten(2)
    if isinstance(pool, GlobalAveragePool):
        return torch.full_like(z, 1 / flat.shape[-1])
    return torch.zeros_like(flat).scatter(2, flat.argmax(2, keepdim=True), 1.0).view_as(z)


def _require_one_output(architecture: Architecture) -> None:
    if architecture.classes != 1:
        raise ValueError(
            f"paths end at a single output: use an architecture with classes=1, not {architecture.classes}"
        )


def _follow(layers: Sequence[Layer], paths: Paths, shape: Shape) -> tuple[Paths, Shape]:
    """Extend partial paths, which stand at nodes of a layer of that shape, through ``layers``."""
    for layer in layers:
        match layer:
            case Dense(width):
                paths, shape = _dense(paths, shape[0], width), (width,)
            case Conv() | CircularConv():
                paths, shape = _convolve(paths, layer, shape), (layer.channels, *shape[1:])
            case GlobalAveragePool() | GlobalMaxPool():
                paths = replace(paths, pooled=paths.node, node=paths.node // prod(shape[1:]))
                shape = shape[:1]
            case Flatten():
                shape = (prod(shape),)
            case Skip(inner, pre, post):
                entered, before = len(paths.units), paths
                paths, _ = _follow(inner, before, shape)
                paths = _join(before, paths, len(paths.units) - entered, pre, post)
    return paths, shape


def _dense(paths: Paths, fan_in: int, width: int) -> Paths:
    unit = torch.arange(width).repeat(len(paths))
    paths = paths.select(torch.arange(len(paths)).repeat_interleave(width))
    weight = paths.node * width + unit
    return replace(paths, node=unit, units=(*paths.units, unit), weights=(*paths.weights, weight))


def _convolve(paths: Paths, layer: Conv | CircularConv, shape: Shape) -> Paths:
    target = _targets(layer, shape)  # [positions, taps]
    positions, taps = target.shape
    branches = layer.channels * taps
    branch = torch.arange(branches).repeat(len(paths))
    paths = paths.select(torch.arange(len(paths)).repeat_interleave(branches))
    channel_in, position = paths.node // positions, paths.node % positions
    channel, tap = branch // taps, branch % taps
    weight = (channel * shape[0] + channel_in) * taps + tap
    to = target[position, tap]
    unit = channel * positions + to
    paths = replace(paths, node=unit, units=(*paths.units, unit), weights=(*paths.weights, weight))
    return paths.select(to != ABSENT)


def _targets(layer: Conv | CircularConv, shape: Shape) -> Int[Tensor, "D T"]:
    """Position reached from each position by each tap of the filter, or ``ABSENT`` outside the image."""
    k = layer.kernel
    if isinstance(layer, CircularConv):
        return (torch.arange(shape[1])[:, None] - torch.arange(k)) % shape[1]
    reach = []
    for size in shape[1:]:
        to = torch.arange(size)[:, None] - torch.arange(k) + k // 2
        reach.append(torch.where((to >= 0) & (to < size), to, ABSENT))
    rows, columns = reach[0][:, None, :, None], reach[1][None, :, None, :]
    to = torch.where((rows == ABSENT) | (columns == ABSENT), ABSENT, rows * shape[2] + columns)
    return to.reshape(shape[1] * shape[2], k * k)


def _join(before: Paths, through: Paths, layers: int, pre: float, post: float) -> Paths:
    """The paths past a block together with those through it."""
    absent = (torch.full_like(before.node, ABSENT),) * layers
    past, into = torch.zeros(len(before), dtype=torch.bool), torch.ones(len(through), dtype=torch.bool)

    def both(a: Sequence[Tensor], b: Sequence[Tensor]) -> tuple[Tensor, ...]:
        return tuple(torch.cat(pair) for pair in zip(a, b, strict=True))

    return Paths(
        before.architecture,
        torch.cat([before.node, through.node]),
        torch.cat([before.source, through.source]),
        both((*before.units, *absent), through.units),
        both((*before.weights, *absent), through.weights),
        None if before.pooled is None or through.pooled is None else torch.cat([before.pooled, through.pooled]),
        both((*before.through, past), (*through.through, into)),
        torch.cat([before.scale * post, through.scale * (pre * post)]),
    )


def _count(layers: Sequence[Layer], ways: list[int], shape: Shape) -> tuple[list[int], Shape]:
    """Ways into each position; every channel has as many, and the channels are ``shape[0]``."""
    for layer in layers:
        match layer:
            case Dense(width):
                ways, shape = [sum(ways) * shape[0]], (width,)
            case Conv() | CircularConv():
                into = [0] * len(ways)
                for position, reached in enumerate(_targets(layer, shape).tolist()):
                    for to in reached:
                        if to != ABSENT:
                            into[to] += ways[position] * shape[0]
                ways, shape = into, (layer.channels, *shape[1:])
            case GlobalAveragePool() | GlobalMaxPool():
                ways, shape = [sum(ways)], shape[:1]
            case Flatten():
                continue
            case Skip(inner):
                ways = [a + b for a, b in zip(ways, _count(inner, ways, shape)[0], strict=True)]
    return ways, shape

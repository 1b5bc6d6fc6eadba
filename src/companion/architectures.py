"""Descriptions of networks: which layers, how wide, how deep.  Frozen, hashable, without a single tensor.

A network is a tuple of layers followed by an output layer.  Every layer with weights is *gated*, except the output
layer. So a network of depth ``d`` (the papers count weight layers) has ``L = d - 1`` gated layers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

__all__ = [
    "ARCHITECTURES",
    "Architecture",
    "CircularConv",
    "Conv",
    "Dense",
    "Flatten",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "Layer",
    "Skip",
    "WeightLayer",
    "build",
    "circular_cnn",
    "fully_connected",
    "residual",
]

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Dense:
    """Fully connected layer: ``width`` units.  Weight ``[in, width]``, i.e. (from, to)."""

    width: int


@dataclass(frozen=True)
class Conv:
    """Two-dimensional convolution, stride 1, zero padding that keeps the size.  Weight ``[out, in, k, k]``."""

    channels: int
    kernel: int = 3


@dataclass(frozen=True)
class CircularConv:
    """One-dimensional circular convolution of Paper B, Definition 2.1.  Weight ``[out, in, k]``.

    ``q(i) = sum_c theta(c) z(i + c mod d_in)`` for ``c = 0 .. k-1``: it looks to the right and wraps around.
    """

    channels: int
    kernel: int


@dataclass(frozen=True)
class GlobalAveragePool:
    """Mean over all positions: ``[..., C, *positions] -> [..., C]``."""


@dataclass(frozen=True)
class GlobalMaxPool:
    """Maximum over all positions, a one-hot gate at the largest (Paper B, Definition 2.2)."""


@dataclass(frozen=True)
class Flatten:
    """``[..., *shape] -> [..., prod(shape)]``."""


@dataclass(frozen=True)
class Skip:
    """A block with a skip connection: ``z -> post * (z + block(pre * z))`` (Paper B, Figure 1)."""

    layers: tuple[Dense, ...]
    pre: float = 1.0
    post: float = 1.0


WeightLayer = Dense | Conv | CircularConv
Layer = WeightLayer | GlobalAveragePool | GlobalMaxPool | Flatten | Skip


@dataclass(frozen=True)
class WeightShape:
    """What one weight layer needs: shapes, fans, and multiply-adds per example."""

    weight: Shape
    bias: Shape
    output: Shape
    fan_in: int
    fan_out: int
    macs: int


@dataclass(frozen=True)
class Architecture:
    """A network: input shape, layers, number of outputs.

    Args:
        input_shape: shape of one example, ``(d_in,)``, ``(channels, positions)`` or ``(channels, height, width)``.
        layers: everything between the input and the output layer; those with weights are gated.
        classes: outputs ``C`` of the last, ungated, dense layer.
        bias: whether weight layers have biases.  The theory needs ``False``; the experiments have them.

    Raises:
        ValueError: where a layer does not fit the shape that reaches it.
    """

    input_shape: Shape
    layers: tuple[Layer, ...]
    classes: int
    bias: bool = True

    def __post_init__(self) -> None:
        self.weight_shapes()

    @property
    def gated_layers(self) -> int:
        """``L``: the weight layers but for the output layer."""
        return len(self.weight_shapes()) - 1

    @property
    def depth(self) -> int:
        """``d``: the weight layers, the output layer among them."""
        return self.gated_layers + 1

    @property
    def convolutional(self) -> bool:
        """Whether any layer is a two-dimensional convolution."""
        return any(isinstance(layer, Conv) for layer in self.layers)

    def weight_shapes(self) -> tuple[WeightShape, ...]:
        """Every weight layer in order; the last is the output layer."""
        return self._weight_shapes

    @cached_property
    def _weight_shapes(self) -> tuple[WeightShape, ...]:
        return tuple(_walk(self.input_shape, (*self.layers, Dense(self.classes))))

    def gate_shapes(self) -> tuple[Shape, ...]:
        """Shape of one example's gates in each of the ``L`` gated layers."""
        return tuple(layer.output for layer in self.weight_shapes()[:-1])

    def parameter_shapes(self) -> dict[str, Shape]:
        """Name to shape: ``weight.0``, ``bias.0``, ..., the output layer last."""
        shapes: dict[str, Shape] = {}
        for i, layer in enumerate(self.weight_shapes()):
            shapes[f"weight.{i}"] = layer.weight
            if self.bias:
                shapes[f"bias.{i}"] = layer.bias
        return shapes

    def macs(self) -> int:
        """Multiply-adds of one forward pass for one example."""
        return sum(layer.macs for layer in self.weight_shapes())


def _walk(shape: Shape, layers: tuple[Layer, ...]) -> Iterator[WeightShape]:
    """Yield the weight layers while following the shape of one example through the network."""
    for layer in layers:
        match layer:
            case Dense(width):
                _require(width >= 1, f"a dense layer needs a width of at least 1, not {width}")
                _require(
                    len(shape) == 1,
                    f"a dense layer needs a flat input, not {shape}: put Flatten or a pool before it",
                )
                yield WeightShape((shape[0], width), (width,), (width,), shape[0], width, shape[0] * width)
                shape = (width,)
            case Conv(channels, k) | CircularConv(channels, k):
                axes = 2 if isinstance(layer, Conv) else 1
                _require(len(shape) == axes + 1, f"{layer} needs an input with {axes + 1} axes, not {shape}")
                _require(channels >= 1 and k >= 1, f"{layer} needs at least 1 channel and a kernel of at least 1")
                _require(axes == 1 or k % 2 == 1, f"{layer} keeps the size only with an odd kernel")
                _require(
                    axes == 2 or k <= shape[-1], f"{layer} needs a kernel no longer than its {shape[-1]} positions"
                )
                field, output = k**axes, (channels, *shape[1:])
                macs = field * shape[0] * math.prod(output)
                weight = (channels, shape[0], *(k,) * axes)
                yield WeightShape(weight, (channels,), output, field * shape[0], field * channels, macs)
                shape = output
            case GlobalAveragePool() | GlobalMaxPool():
                _require(len(shape) > 1, f"a global pool needs positions to pool over, not {shape}")
                shape = shape[:1]
            case Flatten():
                shape = (math.prod(shape),)
            case Skip(inner):
                _require(
                    bool(inner) and inner[-1].width == shape[-1],
                    f"a skip over {inner} must keep the width {shape[-1]}",
                )
                yield from _walk(shape, inner)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


def fully_connected(input_shape: Shape, width: int, depth: int, classes: int = 1, *, bias: bool = True) -> Architecture:
    """``depth`` weight layers, all hidden ones ``width`` wide (Paper A, Table 1)."""
    hidden: tuple[Layer, ...] = (Dense(width),) * (depth - 1)
    flatten: tuple[Layer, ...] = (Flatten(),) if len(input_shape) > 1 else ()
    return Architecture(input_shape, flatten + hidden, classes, bias)


def circular_cnn(
    d_in: int, w_cv: int, w: int, d_cv: int, d_fc: int, pool: GlobalAveragePool | GlobalMaxPool | None = None
) -> Architecture:
    """Paper B's CNN: ``d_cv`` circular convolutions with ``w`` filters of size ``w_cv``, a pool, ``d_fc`` dense layers.

    One input channel of ``d_in`` positions, one output, no biases; ``pool`` is the global average unless given.

    Raises:
        ValueError: no convolution, or no dense layer (the output layer is the last of the ``d_fc``).
    """
    _require(d_cv >= 1 and d_fc >= 1, f"d_cv and d_fc must be at least 1, not {d_cv} and {d_fc}")
    convolutions: tuple[Layer, ...] = (CircularConv(w, w_cv),) * d_cv
    dense: tuple[Layer, ...] = (Dense(w),) * (d_fc - 1)
    return Architecture((1, d_in), (*convolutions, pool or GlobalAveragePool(), *dense), 1, bias=False)


def residual(d_in: int, w: int, d_blk: int, pre: Sequence[float], post: Sequence[float]) -> Architecture:
    """Paper B's ResNet (Figure 1): ``b + 2`` blocks of ``d_blk`` weight layers, skips over the ``b`` inner ones.

    One output, no biases; the last layer of the last block is the output layer.

    Args:
        d_in: input size.
        w: width of every hidden layer.
        d_blk: weight layers of a block.
        pre: the ``b`` constants before the inner blocks.
        post: the ``b`` constants after their skips.

    Raises:
        ValueError: ``pre`` and ``post`` of different lengths, or an empty block.
    """
    _require(len(pre) == len(post), f"each skip has one pre and one post, not {len(pre)} and {len(post)} in all")
    _require(d_blk >= 1, f"a block has at least one weight layer, not {d_blk}")
    block = (Dense(w),) * d_blk
    skips: tuple[Layer, ...] = tuple(Skip(block, a, c) for a, c in zip(pre, post, strict=True))
    return Architecture((d_in,), (*block, *skips, *block[1:]), 1, bias=False)


def _fc(input_shape: Shape, classes: int, width: int, depth: int, bias: bool) -> Architecture:
    return fully_connected(input_shape, width, depth, classes, bias=bias)


def _conv_stack(end: Layer) -> Callable[[Shape, int, int, int, bool], Architecture]:
    def make(input_shape: Shape, classes: int, width: int, depth: int, bias: bool) -> Architecture:
        convs = (Conv(width), Conv(width), Conv(2 * width), Conv(2 * width))
        return Architecture(input_shape, (*convs, end, Dense(4 * width), Dense(4 * width)), classes, bias)

    return make


def _c4gap(input_shape: Shape, classes: int, width: int, depth: int, bias: bool) -> Architecture:
    convs = (Conv(width),) * (depth - 1)
    return Architecture(input_shape, (*convs, GlobalAveragePool()), classes, bias)


@dataclass(frozen=True)
class Family:
    """A named network of the papers with its own width and depth."""

    title: str
    make: Callable[[Shape, int, int, int, bool], Architecture]
    width: int
    depth: int
    fixed_depth: bool
    image: bool


ARCHITECTURES: Mapping[str, Family] = MappingProxyType(
    {
        "FC": Family("fully connected", _fc, width=128, depth=6, fixed_depth=False, image=False),
        "VCONV": Family("4 convolutions, flatten, 2 dense (Paper A)", _conv_stack(Flatten()), 64, 7, True, True),
        "GCONV": Family(
            "4 convolutions, global average pool, 2 dense (Paper A)",
            _conv_stack(GlobalAveragePool()),
            64,
            7,
            True,
            True,
        ),
        "C4GAP": Family("convolutions and global average pool (Papers B, C)", _c4gap, 128, 5, False, True),
    }
)
"""The networks that are trained.  ``width`` scales all layers: VCONV and GCONV have ``w, w, 2w, 2w, 4w, 4w``."""


def build(
    name: str,
    input_shape: Shape,
    classes: int,
    *,
    width: int | None = None,
    depth: int | None = None,
    bias: bool = True,
) -> Architecture:
    """The architecture of a family; ``None`` means the paper's own width or depth.

    Raises:
        ValueError: unknown name, or a width or depth that the family cannot have.
    """
    if name not in ARCHITECTURES:
        raise ValueError(f"unknown architecture {name!r}: valid are {', '.join(ARCHITECTURES)}")
    family = ARCHITECTURES[name]
    width = family.width if width is None else width
    depth = family.depth if depth is None else depth
    _require(width >= 1, f"width must be at least 1, not {width}")
    _require(depth >= 2, f"depth counts weight layers and must be at least 2, not {depth}")
    _require(
        not family.fixed_depth or depth == family.depth,
        f"{name} has depth {family.depth} and no other, not {depth}",
    )
    return family.make(input_shape, classes, width, depth, bias)

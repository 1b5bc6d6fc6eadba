"""Descriptions of networks: which layers, how wide, how deep.  Frozen, hashable, without a single tensor.

A network is a tuple of layers followed by an output layer.  Every layer with weights is *gated*, except the output
layer. So a network of depth ``d`` (the papers count weight layers) has ``L = d - 1`` gated layers.  A local maximum
pool is a gate too, one-hot in each of its windows (Paper B, Definition 2.2).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

__all__ = [
    "RUNNING",
    "TRAINED",
    "Architecture",
    "CircularConv",
    "Conv",
    "Dense",
    "Flatten",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "Layer",
    "MaxPool",
    "Shape",
    "Skip",
    "WeightLayer",
    "WeightShape",
    "require",
]

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Dense:
    """Fully connected layer: ``width`` units.  Weight ``[in, width]``, i.e. (from, to).

    Example:
        >>> Architecture((4,), (Dense(3),), classes=2).parameter_shapes()["weight.0"]
        (4, 3)
    """

    width: int


@dataclass(frozen=True)
class Conv:
    """Two-dimensional convolution, stride 1, zero padding that keeps the size.  Weight ``[out, in, k, k]``.

    With ``norm`` there is no bias: pre-activations are normalised over the batch, then scaled and shifted per channel.

    Args:
        channels: filters.
        kernel: rows and columns of a filter; odd.
        norm: whether pre-activations are normalised.

    Example:
        >>> Architecture((3, 8, 8), (Conv(16), GlobalAveragePool()), classes=2).parameter_shapes()["weight.0"]
        (16, 3, 3, 3)
    """

    channels: int
    kernel: int = 3
    norm: bool = False


@dataclass(frozen=True)
class CircularConv:
    """One-dimensional circular convolution of Paper B, Definition 2.1.  Weight ``[out, in, k]``.

    ``q(i) = sum_c theta(c) z(i + c mod d_in)`` for ``c = 0 .. k-1``: it looks to the right and wraps around.

    Args:
        channels: filters.
        kernel: positions that a filter sees, ``k``.

    Example:
        >>> Architecture((1, 5), (CircularConv(3, 2), GlobalAveragePool()), classes=1).parameter_shapes()["weight.0"]
        (3, 1, 2)
    """

    channels: int
    kernel: int


@dataclass(frozen=True)
class GlobalAveragePool:
    """Mean over all positions: ``[..., C, *positions] -> [..., C]``.

    Example:
        >>> Architecture((3, 8, 8), (Conv(16), GlobalAveragePool()), classes=2).parameter_shapes()["weight.1"]
        (16, 2)
    """


@dataclass(frozen=True)
class GlobalMaxPool:
    """Maximum over all positions, a one-hot gate at the largest (Paper B, Definition 2.2).

    Example:
        >>> Architecture((1, 5), (CircularConv(3, kernel=2), GlobalMaxPool()), classes=1).gate_shapes()
        ((3, 5),)
    """


@dataclass(frozen=True)
class MaxPool:
    """Maximum over square windows of ``size`` positions: ``[..., C, H, W] -> [..., C, H / size, W / size]``.

    Given gates, it adds up what they let through in each window (Paper B, Definition 2.2).

    Example:
        >>> Architecture((1, 8, 8), (Conv(4), MaxPool(2), Flatten()), classes=2).parameter_shapes()["weight.1"]
        (64, 2)
    """

    size: int


@dataclass(frozen=True)
class Flatten:
    """``[..., *shape] -> [..., prod(shape)]``.

    Example:
        >>> Architecture((1, 8, 8), (Flatten(), Dense(16)), classes=2).parameter_shapes()["weight.0"]
        (64, 16)
    """


@dataclass(frozen=True)
class Skip:
    """A block with a skip connection: ``z -> post * (z + block(pre * z))`` (Paper B, Figure 1).

    Args:
        layers: of the block; they keep the shape.
        pre: a constant before the block.
        post: a constant after the sum.

    Example:
        >>> Architecture((4,), (Dense(3), Skip((Dense(3), Dense(3)))), classes=1).depth
        4
    """

    layers: tuple[Dense | Conv, ...]
    pre: float = 1.0
    post: float = 1.0


TRAINED, RUNNING = ("scale", "shift"), ("mean", "variance")
"""Of a layer with normalisation: what trains, and the running statistics that stand in for a batch's in testing."""

WeightLayer = Dense | Conv | CircularConv
Layer = WeightLayer | GlobalAveragePool | GlobalMaxPool | MaxPool | Flatten | Skip


@dataclass(frozen=True)
class WeightShape:
    """What one weight layer needs: shapes, fans, and multiply-adds per example.

    Args:
        weight: shape of the weight.
        bias: shape of the bias, and of whatever normalisation has in its place.
        output: shape of one example's pre-activations.
        fan_in: numbers that one of them depends on.
        fan_out: numbers that one input reaches.
        macs: multiply-adds for one example.
        norm: whether the layer normalises over the batch.

    Example:
        >>> layer = Architecture((3, 8, 8), (Conv(16), Flatten()), classes=2).weight_shapes()[0]
        >>> layer.fan_in, layer.fan_out, layer.macs  # 3 x 3 x 3, 3 x 3 x 16, and 27 for each of 16 x 8 x 8 units
        (27, 144, 27648)
    """

    weight: Shape
    bias: Shape
    output: Shape
    fan_in: int
    fan_out: int
    macs: int
    norm: bool = False

    @property
    def per_channel(self) -> tuple[str, ...]:
        """Names of what a layer with normalisation has instead of a bias, each shaped like a bias."""
        return (*TRAINED, *RUNNING) if self.norm else ()


@dataclass(frozen=True)
class Architecture:
    """A network: input shape, layers, number of outputs.

    Args:
        input_shape: shape of one example, ``(d_in,)``, ``(channels, positions)`` or ``(channels, height, width)``.
        layers: everything between the input and the output layer; those with weights are gated.
        classes: outputs ``C`` of the last, ungated, dense layer.
        bias: whether weight layers have biases.  The theory needs ``False``; the experiments have them.
        output_scale: a constant factor on the outputs.

    Raises:
        ValueError: where a layer does not fit the shape that reaches it.

    Example:
        >>> network = Architecture((4,), (Dense(3), Dense(3)), classes=2, bias=False)
        >>> network.depth, network.gate_shapes(), network.macs()  # 4 x 3 + 3 x 3 + 3 x 2
        (3, ((3,), (3,)), 27)
    """

    input_shape: Shape
    layers: tuple[Layer, ...]
    classes: int
    bias: bool = True
    output_scale: float = 1.0

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

    @property
    def normalised(self) -> bool:
        """Whether any layer normalises over the batch."""
        return any(layer.norm for layer in self.weight_shapes())

    @property
    def pooled(self) -> bool:
        """Whether any gate is that of a local maximum pool."""
        return len(self.gate_shapes()) > self.gated_layers

    def weight_shapes(self) -> tuple[WeightShape, ...]:
        """Every weight layer in order; the last is the output layer."""
        return self._weight_shapes

    @cached_property
    def _weight_shapes(self) -> tuple[WeightShape, ...]:
        found = _walk(self.input_shape, (*self.layers, Dense(self.classes)))
        return tuple(shape for shape in found if isinstance(shape, WeightShape))

    def gate_shapes(self) -> tuple[Shape, ...]:
        """Shape of one example's gates: of the ``L`` gated layers and of local maximum pools, in their order."""
        return self._gate_shapes

    @cached_property
    def _gate_shapes(self) -> tuple[Shape, ...]:
        found = _walk(self.input_shape, self.layers)
        return tuple(shape.output if isinstance(shape, WeightShape) else shape for shape in found)

    def parameter_shapes(self) -> dict[str, Shape]:
        """Name to shape: ``weight.0``, ``bias.0``, ..., the output layer last, running statistics among them."""
        shapes: dict[str, Shape] = {}
        for i, layer in enumerate(self.weight_shapes()):
            shapes[f"weight.{i}"] = layer.weight
            if self.bias and not layer.norm:
                shapes[f"bias.{i}"] = layer.bias
            shapes |= {f"{name}.{i}": layer.bias for name in layer.per_channel}
        return shapes

    @cached_property
    def weights(self) -> int:
        """How many numbers its parameters are."""
        return sum(math.prod(shape) for shape in self.parameter_shapes().values())

    def macs(self) -> int:
        """Multiply-adds of one forward pass for one example."""
        return sum(layer.macs for layer in self.weight_shapes())


def _walk(shape: Shape, layers: tuple[Layer, ...]) -> Iterator[WeightShape | Shape]:
    """Yield the weight layers, and what enters a local pool, while following one example through the network."""
    for layer in layers:
        match layer:
            case Dense(width):
                require(width >= 1, f"a dense layer needs a width of at least 1, not {width}")
                require(
                    len(shape) == 1,
                    f"a dense layer needs a flat input, not {shape}: put Flatten or a pool before it",
                )
                yield WeightShape((shape[0], width), (width,), (width,), shape[0], width, shape[0] * width)
                shape = (width,)
            case Conv(channels, k) | CircularConv(channels, k):
                axes = 2 if isinstance(layer, Conv) else 1
                require(len(shape) == axes + 1, f"{layer} needs an input with {axes + 1} axes, not {shape}")
                require(channels >= 1 and k >= 1, f"{layer} needs at least 1 channel and a kernel of at least 1")
                require(axes == 1 or k % 2 == 1, f"{layer} keeps the size only with an odd kernel")
                require(axes == 2 or k <= shape[-1], f"{layer} needs a kernel no longer than its {shape[-1]} positions")
                field, output = k**axes, (channels, *shape[1:])
                macs = field * shape[0] * math.prod(output)
                weight = (channels, shape[0], *(k,) * axes)
                norm = isinstance(layer, Conv) and layer.norm
                yield WeightShape(weight, (channels,), output, field * shape[0], field * channels, macs, norm)
                shape = output
            case MaxPool(size):
                require(
                    len(shape) == 3 and size >= 1 and not any(n % size for n in shape[1:]),
                    f"a maximum pool of {size} needs an image whose sides are multiples of it, not {shape}",
                )
                yield shape
                shape = (shape[0], *(n // size for n in shape[1:]))
            case GlobalAveragePool() | GlobalMaxPool():
                require(len(shape) > 1, f"a global pool needs positions to pool over, not {shape}")
                shape = shape[:1]
            case Flatten():
                shape = (math.prod(shape),)
            case Skip(inner):
                found = list(_walk(shape, inner))
                require(
                    bool(found) and isinstance(found[-1], WeightShape) and found[-1].output == shape,
                    f"a skip over {inner} must keep the shape {shape}",
                )
                yield from found


def require(condition: bool, message: str) -> None:
    """Raise ``ValueError`` with the message unless the condition holds.

    Example:
        >>> require(False, "a width must be at least 1")
        Traceback (most recent call last):
            ...
        ValueError: a width must be at least 1
    """
    if not condition:
        raise ValueError(message)

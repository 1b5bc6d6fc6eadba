"""The papers' networks by name: fully connected, convolutional, residual; of theory and experiments alike."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from companion.networks.architectures import (
    Architecture,
    CircularConv,
    Conv,
    Dense,
    Flatten,
    GlobalAveragePool,
    GlobalMaxPool,
    Layer,
    MaxPool,
    Shape,
    Skip,
    require,
)

__all__ = ["ARCHITECTURES", "Family", "build", "circular_cnn", "fully_connected", "residual"]


def fully_connected(input_shape: Shape, width: int, depth: int, classes: int = 1, *, bias: bool = True) -> Architecture:
    """``depth`` weight layers, all hidden ones ``width`` wide (Paper A, Table 1).

    Args:
        input_shape: of one example; flattened where it has several axes.
        width: units of each hidden layer.
        depth: weight layers ``d``, the output layer among them.
        classes: outputs ``C``.
        bias: whether layers have biases.

    Example:
        >>> network = fully_connected((4,), width=3, depth=4)
        >>> network.depth, network.gated_layers, network.gate_shapes()
        (4, 3, ((3,), (3,), (3,)))
    """
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

    Example:
        >>> circular_cnn(d_in=5, w_cv=2, w=3, d_cv=2, d_fc=1).gate_shapes()
        ((3, 5), (3, 5))
    """
    require(d_cv >= 1 and d_fc >= 1, f"d_cv and d_fc must be at least 1, not {d_cv} and {d_fc}")
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

    Example:
        >>> residual(d_in=4, w=3, d_blk=2, pre=[1.0], post=[0.5]).depth
        6
    """
    require(len(pre) == len(post), f"each skip has one pre and one post, not {len(pre)} and {len(post)} in all")
    require(d_blk >= 1, f"a block has at least one weight layer, not {d_blk}")
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


def _davidnet(input_shape: Shape, classes: int, width: int, depth: int, bias: bool) -> Architecture:
    """The ResNet of cifar10-fast: four normalised convolutions, two skips over two more, pools between them."""
    require(len({*input_shape[1:]}) == 1, f"DAVIDNET needs square images, not {input_shape}")

    def conv(times: int) -> Conv:
        return Conv(times * width, norm=True)

    layers: tuple[Layer, ...] = (
        *(conv(1), conv(2), MaxPool(2), Skip((conv(2), conv(2)))),
        *(conv(4), MaxPool(2)),
        *(conv(8), MaxPool(2), Skip((conv(8), conv(8)))),
    )
    side = min(input_shape[1:]) // 8
    return Architecture(input_shape, (*layers, MaxPool(side), Flatten()), classes, bias=False, output_scale=0.125)


def _c4gap(input_shape: Shape, classes: int, width: int, depth: int, bias: bool) -> Architecture:
    convs = (Conv(width),) * (depth - 1)
    return Architecture(input_shape, (*convs, GlobalAveragePool()), classes, bias)


@dataclass(frozen=True)
class Family:
    """A named network of the papers with its own width and depth.

    Args:
        title: for readers.
        make: from input shape, classes, width, depth and whether there are biases to an architecture.
        width: of the paper.
        depth: of the paper, in weight layers.
        fixed_depth: whether it has no other.
        image: whether its input is an image ``(channels, height, width)``.

    Example:
        >>> ARCHITECTURES["GCONV"].width, ARCHITECTURES["GCONV"].depth
        (64, 7)
    """

    title: str
    make: Callable[[Shape, int, int, int, bool], Architecture]
    width: int
    depth: int
    fixed_depth: bool
    image: bool
    biased: bool = True
    """Whether its layers can have biases; normalised ones have shifts instead."""


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
        "DAVIDNET": Family("the ResNet of cifar10-fast (Paper B)", _davidnet, 64, 9, True, True, biased=False),
    }
)
"""The networks that are trained.

``width`` scales all layers: VCONV and GCONV have ``w, w, 2w, 2w, 4w, 4w``, DAVIDNET ``w, 2w, 4w, 8w``.
"""


@functools.lru_cache(maxsize=1024)
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

    Args:
        name: of a family in :data:`ARCHITECTURES`.
        input_shape: of one example.
        classes: outputs ``C``.
        width: of the layers.
        depth: weight layers, the output layer among them.
        bias: whether layers have biases, where the family can have some.

    Raises:
        ValueError: unknown name, or a width or depth that the family cannot have.

    Example:
        >>> build("FC", (784,), 10).gate_shapes()
        ((128,), (128,), (128,), (128,), (128,))
    """
    if name not in ARCHITECTURES:
        raise ValueError(f"unknown architecture {name!r}: valid are {', '.join(ARCHITECTURES)}")
    family = ARCHITECTURES[name]
    width = family.width if width is None else width
    depth = family.depth if depth is None else depth
    require(width >= 1, f"width must be at least 1, not {width}")
    require(depth >= 2, f"depth counts weight layers and must be at least 2, not {depth}")
    require(
        not family.fixed_depth or depth == family.depth,
        f"{name} has depth {family.depth} and no other, not {depth}",
    )
    return family.make(input_shape, classes, width, depth, bias and family.biased)

"""The neural path kernel under every order of the layers of gates, at hardly more than the price of one.

Where theory says nothing changes it is a product (dense layers, Paper A, Lemma 4.1).  With convolutions the order
counts, and three things make all ``L!`` orders cheap (derived from Paper B, Lemma 4.3):

* Two paths that share weights stay the same displacement apart.  So pairs of positions whose rows are ``r`` apart never
  meet those of another ``r``, and one ``r`` at a time fits in cache, where all pairs of positions would not.
* Orders that begin alike share their beginning: ``X_0 = C M``, ``X_k = K_k o C X_(k-1)``, where ``M`` compares the
  inputs, ``K_l`` the gates of a layer, and ``C`` adds up what a filter reaches.
* ``C`` is its own adjoint (odd filters, zeros around the image), so the last one is moved onto the last gates:
  ``sum(K_L o C X) = <C K_L, X>``, and is needed once a layer, not once an order.

For four layers and two inputs these are 38 sums over filters in place of 192.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import prod

import torch

from companion.kernels.base import gram
from companion.kernels.checks import require_batch
from companion.kernels.pairs import shift_sum
from companion.kernels.tiled import Batch, Kernel
from companion.networks.architectures import Architecture, Conv, Dense, Flatten, GlobalAveragePool
from companion.networks.routing import check_permutation
from companion.notation import Float, Tensor

__all__ = ["npk_of_orders"]

Order = tuple[int, ...]


def npk_of_orders(
    architecture: Architecture,
    inputs: Sequence[Float[Tensor, "N ..."]],
    gates: Sequence[Float[Tensor, "N ..."]],
    orders: Sequence[Sequence[int]],
) -> Float[Tensor, "I O N N"]:
    """The kernels of ``I`` inputs of the value network under ``O`` orders of its gates.

    The same as :func:`companion.kernels.npk.npk_from_gates` of each input and of permuted gates: layer ``l`` receives
    the gates of layer ``order[l]`` (Paper C, Section 4.1).

    Args:
        architecture: dense layers alone, or equal convolutions and a global average pool, all gated layers alike.
        inputs: what may enter the value network, each ``[N, *input_shape]``.
        gates: ``L`` gates ``[N, *gate_shape]`` of one shape.
        orders: permutations of ``0 .. L - 1``.

    Raises:
        TypeError: no tensors of one floating type.
        ValueError: another architecture, an order that is no permutation, or inputs and gates of other shapes.
    """
    shapes, layers = set(architecture.gate_shapes()), architecture.gated_layers
    chosen = [check_permutation(order, layers) for order in orders]
    if len(shapes) > 1 or len(gates) != layers:
        raise ValueError(f"gates change places between layers of one shape: {layers} gates, not {len(gates)}")
    convolutions = [layer for layer in architecture.layers if isinstance(layer, Conv)]
    floats = len(inputs) * prod(architecture.input_shape) + layers * prod(next(iter(shapes)))
    count = len(inputs)
    require_batch("inputs", inputs, [architecture.input_shape] * count)
    require_batch("gates", gates, architecture.gate_shapes())

    def dense(f1: Batch, f2: Batch) -> Tensor:
        H = [a @ b.T for a, b in zip(f1[count:], f2[count:], strict=True)]
        starts = [gram(a, b) for a, b in zip(f1[:count], f2[:count], strict=True)]
        return torch.stack([torch.stack([reduce(torch.mul, [H[l] for l in o], S) for o in chosen]) for S in starts])

    def rows_first(batch: Batch) -> Batch:
        """What meets from the left as ``[N, y, w, C]``, and from the right as ``[N, y, C, w]``."""
        return [t.movedim(1, -1).contiguous() for t in batch] + [t.transpose(1, 2).contiguous() for t in batch]

    def convolved(f1: Batch, f2: Batch) -> Tensor:
        return _all_rows(f1[: count + layers], f2[count + layers :], count, convolutions[0], chosen)

    if not convolutions and all(isinstance(layer, Dense | Flatten) for layer in architecture.layers):
        return Kernel(lambda batch: batch, dense, floats, len(chosen) * count)([*inputs, *gates])
    plain = [*convolutions, GlobalAveragePool()]
    if len(set(convolutions)) != 1 or len(convolutions) != layers or list(architecture.layers) != plain:
        raise ValueError(
            "orders of gates are compared in dense networks, and in equal convolutions with an average pool"
        )
    height, width = architecture.input_shape[1:]
    held = (2 * len(shapes) + 3 * layers + 2 * count) * height * width**2
    return Kernel(rows_first, convolved, 2 * floats, held)([*inputs, *gates])


def _all_rows(f1: Batch, f2: Batch, count: int, layer: Conv, orders: Sequence[Order]) -> Float[Tensor, "I O n m"]:
    """The sum over ``r``: how many rows the position in the second example is below that in the first."""
    height = f1[0].shape[1]
    total = f1[0].new_zeros(count, len(orders), len(f1[0]), len(f2[0]))
    for r in range(1 - height, height):
        rows1, rows2 = slice(max(0, -r), height - max(0, r)), slice(max(0, r), height + min(0, r))
        pairs = [_compare(a[:, rows1], b[:, rows2]) for a, b in zip(f1, f2, strict=True)]
        _add_orders(total, pairs[:count], pairs[count:], layer, orders)
    return total


def _compare(a: Float[Tensor, "n y w C"], b: Float[Tensor, "m y C v"]) -> Float[Tensor, "y n w m v"]:
    """``sum_c a[n, y, w, c] b[m, y, c, v]``: one product of matrices a row."""
    left = a.transpose(0, 1).flatten(1, 2)
    right = b.permute(1, 2, 0, 3).flatten(2)
    return (left @ right).unflatten(2, (len(b), -1)).unflatten(1, (len(a), -1))


def _add_orders(
    total: Float[Tensor, "I O n m"],
    starts: Sequence[Float[Tensor, "y n w m v"]],
    K: Sequence[Float[Tensor, "y n w m v"]],
    layer: Conv,
    orders: Sequence[Order],
) -> None:
    """Add what one ``r`` has to give to every order, walking the tree of their beginnings."""
    last = [_convolved(one, layer) for one in K]

    def walk(X: Tensor, prefix: Order, mine: Sequence[int], out: Tensor) -> None:
        depth = len(prefix)
        for l in dict.fromkeys(orders[i][depth] for i in mine):
            those = [i for i in mine if orders[i][depth] == l]
            if depth == len(K) - 1:
                out[those] += (X * last[l]).sum((0, 2, 4))
            else:
                Y = X * K[l]
                walk(Y if depth == len(K) - 2 else _convolved(Y, layer), (*prefix, l), those, out)

    for start, out in zip(starts, total, strict=True):
        first = start if len(K) == 1 else _convolved(start, layer)
        walk(first, (), range(len(orders)), out)


def _convolved(values: Float[Tensor, "y n w m v"], layer: Conv) -> Float[Tensor, "y n w m v"]:
    """Both positions move together by each tap of the filter; the results add up."""
    return shift_sum(shift_sum(values, (0,), layer), (2, 4), layer)

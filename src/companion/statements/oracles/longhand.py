"""The papers' index formulas written out as loops over plain numbers: independent of every tensor operation elsewhere.

A path is a tuple of indices from the input node on.  Indices start at 0.  These functions know nothing of architectures
or enumeration; checks compare them with both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, combinations, product
from math import prod
from typing import Any

__all__ = [
    "circular_convolution",
    "cnn_paths",
    "fc_activity",
    "fc_output",
    "fc_paths",
    "fc_value",
    "residual_paths",
    "subsets",
]

Matrix = Sequence[Sequence[float]]


def fc_paths(d_in: int, w: int, d: int) -> Iterator[tuple[int, ...]]:
    """``(i_0, i_1, ..., i_(d-1))``: input node, then one unit per gated layer (Paper A, Section 2.2)."""
    return product(range(d_in), *[range(w)] * (d - 1))


def fc_activity(path: tuple[int, ...], gates: Matrix) -> float:
    """Product of the gates, ``gates[l - 1][i_l]`` (Paper A, Eq. 2)."""
    return prod(gates[l][i] for l, i in enumerate(path[1:]))


def fc_value(path: tuple[int, ...], weights: Sequence[Matrix]) -> float:
    """Product of the weights, ``weights[l - 1][i_(l-1)][i_l]``, the last one into the only output (Paper A, Eq. 4)."""
    return prod(weights[l][path[l]][(*path, 0)[l + 1]] for l in range(len(path)))


def fc_output(x: Sequence[float], weights: Sequence[Matrix]) -> tuple[list[list[float]], float]:
    """Gates of every hidden layer and the output of a ReLU network (Paper A, Table 1; Paper B, Table 1)."""
    z, gates = list(x), []
    for weight in weights[:-1]:
        q = [sum(weight[j][i] * z[j] for j in range(len(z))) for i in range(len(weight[0]))]
        gates.append([1.0 if value > 0 else 0.0 for value in q])
        z = [value * gate for value, gate in zip(q, gates[-1], strict=True)]
    return gates, sum(weights[-1][j][0] * z[j] for j in range(len(z)))


def circular_convolution(weight: Any, z: Matrix) -> list[list[float]]:
    """``q[o][f] = sum_(i, c) weight[o][i][c] z[i][f + c mod d_in]`` (Paper B, Definition 2.1)."""
    d_in = len(z[0])
    return [
        [
            sum(row[i_in][i_cv] * z[i_in][(i + i_cv) % d_in] for i_in in range(len(z)) for i_cv in range(len(row[0])))
            for i in range(d_in)
        ]
        for row in weight
    ]


def cnn_paths(
    d_in: int, w_cv: int, w: int, d_cv: int, d_fc: int
) -> Iterator[tuple[int, tuple[tuple[int, int, int], ...], tuple[int, ...]]]:
    """``(i_0, ((tap, position, filter), ...), (unit, ...))``, dense units last (Paper B, Notation 3.1).

    A window that starts at ``position`` sees ``position + tap``, so by a tap a path moves back.
    """
    for source in range(d_in):
        for steps in product(product(range(w_cv), range(w)), repeat=d_cv):
            position, convolutions = source, []
            for tap, channel in steps:
                position = (position - tap) % d_in
                convolutions.append((tap, position, channel))
            for units in product(range(w), repeat=d_fc - 1):
                yield source, tuple(convolutions), units


def subsets(b: int) -> Iterator[tuple[int, ...]]:
    """Every subset of ``0 .. b-1``, as Paper B's power set of blocks."""
    return chain.from_iterable(combinations(range(b), size) for size in range(b + 1))


def residual_paths(d_in: int, w: int, d_blk: int, b: int) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """``(J, (i_0, units ...))``, unit -1 in every layer of a block that is passed by (Paper B, Definition 2.3)."""
    for J in subsets(b):
        block = [(range(w),) * d_blk if j in J else ((-1,),) * d_blk for j in range(b)]
        ranges = [(range(w),) * d_blk, *block, (range(w),) * (d_blk - 1)]
        for path in product(range(d_in), *chain.from_iterable(ranges)):
            yield J, path

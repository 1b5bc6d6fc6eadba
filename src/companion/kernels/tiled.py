"""A kernel as two functions: what is computed for each example, and how two batches of that combine into a matrix.

Everything per example (gates, back-propagated signals) is computed once per *block* of examples; the matrix is then
filled
*tile* by tile, small enough to stay in cache, and a symmetric matrix is filled above the diagonal and mirrored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import isqrt

import torch

from companion.kernels.checks import require_precision, require_sides
from companion.networks.architectures import Shape
from companion.networks.precision import fast_products
from companion.notation import Float, Tensor

__all__ = ["Batch", "Kernel"]

Batch = Sequence[Tensor]
"""Tensors with the same leading axis ``N``."""

TILE_ELEMENTS = 2**20
"""Numbers in one tile, intermediate ones included: a few MiB."""

BLOCK_BYTES = 2**30
"""Memory for what is kept per example, for one block."""


@dataclass(frozen=True)
class Kernel:
    """A kernel function: ``kernel(x1, x2=None)`` is the matrix, ``kernel.tiles(x1, x2=None)`` its pieces one by one.

    Args:
        factors: from a batch of examples to whatever the kernel needs of each, tensors with leading axis ``N``.
        combine: from the factors of ``n`` and of ``m`` examples to ``[..., n, m]``.
        floats: numbers that ``factors`` makes per example; decides the size of a block.
        area: numbers that ``combine`` holds per pair; decides the size of a tile.
        shapes: the shape of one example in each tensor of a batch; ``None`` where any will do.
        dtype: the type of a network's parameters, which the examples must have; ``None`` where any will do.

    Example:
        >>> linear = Kernel(factors=lambda batch: batch, combine=lambda a, b: a[0] @ b[0].T, floats=2)
        >>> linear(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[ 5., 11.],
                [11., 25.]])
    """

    factors: Callable[[Batch], Batch]
    combine: Callable[[Batch, Batch], Tensor]
    floats: int
    area: int = 1
    shapes: Sequence[Shape] | None = None
    dtype: torch.dtype | None = None

    def __call__(self, x1: Tensor | Batch, x2: Tensor | Batch | None = None) -> Float[Tensor, "*C N M"]:
        """The matrix between the examples of ``x1`` and those of ``x2`` (``None``: ``x1`` again, symmetric).

        Raises:
            TypeError: no tensors of one floating type, that of the network's parameters.
            ValueError: no example on a side, or examples of another shape than the network's.
        """
        out: Tensor | None = None
        for rows, columns, value in self.tiles(x1, x2):
            if out is None:
                n, m = len(_batch(x1)[0]), len(_batch(x1 if x2 is None else x2)[0])
                out = value.new_empty(*value.shape[:-2], n, m)
            out[..., rows, columns] = value
            if x2 is None and rows != columns:
                out[..., columns, rows] = value.mT
        if out is None:
            raise AssertionError("two sides with examples have a tile")
        return out

    def tiles(
        self, x1: Tensor | Batch, x2: Tensor | Batch | None = None
    ) -> Iterator[tuple[slice, slice, Float[Tensor, "*C n m"]]]:
        """Rows, columns and values of each tile; where ``x2`` is ``None`` only those on and above the diagonal.

        For more examples than a full matrix has room for: reduce each tile (a trace, a product with labels) and drop
        it.
        """
        symmetric = x2 is None
        left = _batch(x1)
        right = left if x2 is None else _batch(x2)
        require_sides(left, None if symmetric else right, self.shapes)
        if self.dtype is not None:
            require_precision(left[0], self.dtype)
        block = max(1, BLOCK_BYTES // (self.floats * left[0].element_size()))
        tile = max(1, isqrt(TILE_ELEMENTS // self.area))
        for rows in _slices(0, len(left[0]), block):
            f1 = self._factors(left, rows)
            for columns in _slices(rows.start if symmetric else 0, len(right[0]), block):
                f2 = f1 if symmetric and rows == columns else self._factors(right, columns)
                for r in _slices(rows.start, rows.stop, tile):
                    part1 = _cut(f1, r, rows.start)
                    first = max(columns.start, r.start) if symmetric else columns.start
                    for c in _slices(first, columns.stop, tile):
                        with fast_products():
                            value = self.combine(part1, _cut(f2, c, columns.start))
                        yield r, c, value

    def _factors(self, batch: Batch, part: slice) -> Batch:
        with fast_products():
            return self.factors([t[part] for t in batch])


def _batch(x: Tensor | Batch) -> Batch:
    return x if isinstance(x, list | tuple) else (x,)  # an array is no batch: it is refused as an example


def _slices(start: int, stop: int, size: int) -> Iterator[slice]:
    return (slice(i, min(i + size, stop)) for i in range(start, stop, size))


def _cut(factors: Batch, part: slice, offset: int) -> Batch:
    return [t[part.start - offset : part.stop - offset] for t in factors]

"""The four raw arrays of a dataset, and the digest that identifies them.

The canonical byte sequence of a set is, for ``train_inputs``, ``train_labels``, ``test_inputs`` and
``test_labels`` in this order, one line of ASCII text ended by a line feed, ::

    train_inputs uint8 60000x1x28x28

that is the array's name, its dtype, its shape, with single spaces between, followed by the array's bytes in C
order (last axis fastest).  The digest of the set is the SHA-256 of all that.  The same sequence is what
shards carry (:mod:`companion.data.shards`), so that one number vouches for both.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from companion.data.errors import DataError
from companion.data.table import FIELDS, DatasetInfo

__all__ = ["Bytes", "RawArrays"]

Bytes = npt.NDArray[np.uint8]
"""A NumPy array of unsigned bytes."""


@dataclass(frozen=True, eq=False)
class RawArrays:
    """One dataset as it is kept on disk: unsigned bytes, nothing scaled.

    Nothing is checked when it is made, so that damaged files can be held and named; :meth:`verify` does that.

    Attributes:
        train_inputs: uint8, shape ``N C H W`` (C channels).
        train_labels: uint8, shape ``N``.
        test_inputs: uint8, shape ``N C H W``.
        test_labels: uint8, shape ``N``.

    Example:
        >>> from companion.data import DATASETS, raw_arrays
        >>> raw_arrays("digits").digest() == DATASETS["digits"].digest
        True
    """

    train_inputs: npt.NDArray[Any]
    train_labels: npt.NDArray[Any]
    test_inputs: npt.NDArray[Any]
    test_labels: npt.NDArray[Any]

    def items(self) -> Iterator[tuple[str, npt.NDArray[Any]]]:
        """Yield name and array, in the order of :data:`~companion.data.table.FIELDS`."""
        for field in FIELDS:
            yield field, getattr(self, field)

    def canonical(self) -> Iterator[bytes | memoryview]:
        """Yield the canonical byte sequence: a header line, then a flat array, four times."""
        for field, array in self.items():
            yield header(field, array.shape)
            yield np.ascontiguousarray(array).reshape(-1).data

    def digest(self) -> str:
        """Return the SHA-256, in hex, of the canonical byte sequence."""
        hasher = hashlib.sha256()
        for part in self.canonical():
            hasher.update(part)
        return hasher.hexdigest()

    @staticmethod
    def from_canonical(content: bytes | bytearray, info: DatasetInfo, origin: str) -> RawArrays:
        """Return the arrays of the dataset ``info`` from its canonical byte sequence; they share its memory.

        Raises:
            DataError: a header line or the length is not what it should be; the digest is :meth:`verify`'s
                business.
        """
        arrays: dict[str, Bytes] = {}
        position = 0
        for field, shape in info.shapes.items():
            line = header(field, shape)
            found = bytes(content[position : position + len(line)])
            if found != line:
                raise DataError(
                    f"{origin}: {info.name} should have the line {line!r} at byte {position}, found {found!r}."
                )
            position += len(line)
            size = math.prod(shape)
            if len(content) < position + size:
                raise DataError(f"{origin}: {info.name} breaks off within {field}.")
            arrays[field] = np.frombuffer(content, np.uint8, count=size, offset=position).reshape(shape)
            position += size
        if len(content) != position:
            raise DataError(f"{origin}: {info.name} should be {position} bytes long, found {len(content)}.")
        return RawArrays(**arrays)

    def verify(self, info: DatasetInfo, origin: str) -> RawArrays:
        """Return ``self`` if it is the dataset ``info`` describes.

        Args:
            info: what the arrays should be.
            origin: the file, folder or package they came from, to be named if they are not.

        Raises:
            DataError: a shape, a dtype or the digest differs.
        """
        for field, array in self.items():
            wanted = describe_array(np.dtype(np.uint8), info.shapes[field])
            found = describe_array(array.dtype, array.shape)
            if found != wanted:
                raise DataError(f"{origin}: {field} of {info.name} should be {wanted}, found {found}.")
        found = self.digest()
        if found != info.digest:
            raise DataError(f"{origin}: the digest of {info.name} should be sha256 {info.digest}, found {found}.")
        return self


def header(field: str, shape: tuple[int, ...]) -> bytes:
    """Return the line that precedes an array in the canonical byte sequence."""
    return f"{field} {describe_array(np.dtype(np.uint8), shape)}\n".encode("ascii")


def describe_array(dtype: np.dtype[Any], shape: tuple[int, ...]) -> str:
    """Return dtype and shape as text, for example ``uint8 60000x1x28x28``."""
    return f"{dtype} {'x'.join(map(str, shape))}"

"""The arrays of an ``.npz`` from anywhere, each looked at before memory is taken for it.

An array says at its beginning how large it is, and an archive how large its members are.  Both may lie, and whoever
believes them takes that much memory before a byte of it has been read.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Collection
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from companion.files.quoting import brief, one_line

__all__ = ["ArraysError", "read"]

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
MOST = 1032
"""Bytes that one byte can unpack to by the second of these methods."""
HEAD = 1 << 16
"""Bytes that a header, and an archive's note of a member, may have."""
PIECE = 1 << 20
"""Bytes that are read at a time."""
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}

Array = npt.NDArray[Any]


class ArraysError(ValueError):
    """It is no ``.npz`` of plain arrays; the message says in one line why not."""


def read(file: BinaryIO, wanted: Collection[str] | None = None) -> dict[str, Array]:
    """Arrays by name.

    Args:
        file: open for reading; it is left open.
        wanted: the names that are of interest; by default all.

    Returns:
        Those of them that are there.

    Raises:
        ArraysError: it is no archive of arrays, one of the arrays is of Python objects, or something in it says that it
            is larger than it is.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            files = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            if len(files) < len(archive.infolist()):
                raise ArraysError("it names an array twice")
            if sum(info.compress_size for info in files.values()) > file.seek(0, 2):
                raise ArraysError("its members lie in each other")
            names = list(files) if wanted is None else [name for name in wanted if name in files]
            return {name: _array(archive, name, files[name]) for name in names}
    except ArraysError:
        raise
    except Exception as error:  # whatever bad bytes provoke in the decoders
        raise ArraysError(f"it is no file of arrays ({brief(str(error))[1:-1]})") from None


def _array(archive: zipfile.ZipFile, name: str, info: zipfile.ZipInfo) -> Array:
    what = f"its array {one_line(name)}"
    if not info.filename.endswith(".npy") or info.compress_type not in METHODS:
        raise ArraysError(f"{what} is none that numpy.savez wrote")
    if info.file_size > MOST * info.compress_size + HEAD:
        raise ArraysError(f"{what} says that it unpacks to {info.file_size:,} bytes, which it cannot")
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        if version not in HEADERS:
            raise ArraysError(f"{what} has a format of a version that is not known, {version[0]}.{version[1]}")
        shape, by_columns, dtype = HEADERS[version](member)
        if dtype.hasobject:
            raise ArraysError("it has arrays of Python objects: only arrays of numbers are read")
        left, size = info.file_size - member.tell(), math.prod(shape) * dtype.itemsize
        if left != size or min(shape, default=0) < 0:
            raise ArraysError(f"{what} says that it has {size:,} bytes, and {left:,} are there")
        content = bytearray(size)
        view, at = memoryview(content), 0
        while piece := member.read(PIECE):
            view[at : at + len(piece)] = piece
            at += len(piece)
    if at < size:
        raise ArraysError(f"{what} breaks off")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if by_columns else "C")

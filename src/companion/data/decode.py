"""From the files that sources hand over to arrays of unsigned bytes."""

from __future__ import annotations

import json

import numpy as np
import torch

from companion.data.arrays import Bytes
from companion.data.errors import DataError

__all__ = ["cifar_images", "idx", "labels"]


def idx(content: bytes, name: str) -> Bytes:
    """Decode an idx file of unsigned bytes, the format in which MNIST is published.

    The file is two zero bytes, a type code (8: unsigned byte), the number of axes, the length of each axis as
    a big-endian 32-bit integer, then the values, last axis fastest.

    Args:
        content: the whole file.
        name: the file's name, to be named if it cannot be decoded.

    Returns:
        A uint8 array with as many axes as the file says.

    Raises:
        DataError: this is not an idx file of unsigned bytes, or it is too short or too long.
    """
    if len(content) < 4 or content[:3] != b"\x00\x00\x08":
        raise DataError(f"{name} is not an idx file of unsigned bytes.")
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise DataError(f"{name} breaks off within its header.")
    shape = tuple(int(length) for length in np.frombuffer(content[4:start], ">u4"))
    values = np.frombuffer(content, np.uint8, offset=start)
    wanted = int(np.prod(shape, dtype=np.int64))
    if values.size != wanted:
        raise DataError(f"{name} should hold {wanted} values after its header, found {values.size}.")
    return values.reshape(shape)


def cifar_images(content: bytes, name: str) -> Bytes:
    """Decode a PNG with one 32 x 32 colour image in each row of 1,024 pixels.

    Args:
        content: the whole file.
        name: the file's name, to be named if it cannot be decoded.

    Returns:
        A uint8 array of shape ``N 3 32 32``, N being the number of rows.

    Raises:
        DataError: this is not a PNG, or its rows are not 1,024 pixels of three channels.
    """
    from torchvision.io import decode_png

    try:
        rows = decode_png(torch.from_numpy(np.frombuffer(content, np.uint8).copy()))  # 3 N 1024
    except RuntimeError as error:
        raise DataError(f"{name} is not a readable PNG ({str(error).splitlines()[0]}).") from error
    if rows.shape[0] != 3 or rows.shape[2] != 1024:
        raise DataError(f"{name} should be RGB and 1024 pixels wide, found {tuple(rows.shape)} (channels first).")
    images: Bytes = rows.permute(1, 0, 2).reshape(-1, 3, 32, 32).numpy()
    return images


def labels(content: bytes, name: str) -> Bytes:
    """Decode a JSON list of class numbers from 0 to 255.

    Raises:
        DataError: this is not such a list.
    """
    try:
        numbers = json.loads(content)
    except ValueError as error:
        raise DataError(f"{name} is not JSON ({error}).") from error
    if not isinstance(numbers, list) or not all(type(number) is int and 0 <= number < 256 for number in numbers):
        raise DataError(f"{name} should be one flat list of class numbers.")
    return np.array(numbers, dtype=np.uint8)

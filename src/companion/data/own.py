"""A reader's own data as four whole tensors: a folder of images by class, or the arrays of an ``.npz``.

>>> from companion.data.own import own_data
>>> own_data("digits").train[0].shape
torch.Size([1437, 1, 8, 8])
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from companion.data.dataset import load
from companion.data.table import DATASETS
from companion.files import npz
from companion.files.documents import DocumentError, regular
from companion.files.npz import ArraysError
from companion.files.quoting import brief, one_line, printable
from companion.notation import Tensor

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

__all__ = ["ARRAYS", "OwnData", "own_data"]

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
"""The arrays of an ``.npz``."""

FORMATS = ("BMP", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""Of images: those that folders of images hold.  Pillow knows others, of which one is read by another program."""
LARGEST, PIXELS = 1 << 28, 1 << 26
"""Bytes and pixels that an image may have."""
BITS, PHOTOMETRIC, WHITE_IS_ZERO = 258, 262, 0
"""Tags of a TIFF, and a value of the second."""
MOST_NAMES = 8
"""Classes that a sentence names."""

VALID = (
    f"valid are {', '.join(DATASETS)}, a folder with train/ and test/ (or val/) that have one folder of images for "
    f"each class, or an .npz with {', '.join(ARRAYS)}"
)


@dataclass(frozen=True, eq=False)
class OwnData:
    """Examples to train on and to test on.

    Args:
        name: as it was asked for.
        train: examples ``[N, ...]``, floating point or bytes (parts of 255), and classes ``[N]`` from 0, int64.
        test: the same.
        classes: their names, in the order of their numbers; none where the data have none.

    Example:
        >>> own_data("digits").test[0].shape
        torch.Size([360, 1, 8, 8])
    """

    name: str
    train: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]
    classes: tuple[str, ...] = ()


def own_data(source: str | Path, *, size: int | None = None, grey: bool = False) -> OwnData:
    """Data by name or place, in memory as a whole.

    Args:
        source: ``mnist``, ``cifar10``, ``digits``; a folder with ``train`` and ``test`` (or ``val``), each with one
            folder of images for each class, as torchvision's ``ImageFolder`` has it; or an ``.npz`` with ``x_train [N,
            ...]``, floating point or bytes, ``y_train [N]``, whole numbers from 0, ``x_test`` and ``y_test``.
        size: rows and columns of the images of a folder: the shorter side is made so long, and the middle cut out.
            Without it all images must be of one size.  Grey images of 16 bits become the nearest of 8, colours of 16
            bits their upper 8.
        grey: whether the images of a folder are read with one channel instead of three.

    Raises:
        ValueError: it is none of these, or not as it should be; the message says what is valid.
        DataError: a dataset that is asked for by name is absent or damaged.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> x, y = np.zeros((2, 3), np.float32), np.array([0, 1])
        >>> with TemporaryDirectory() as folder:
        ...     np.savez(f"{folder}/mine.npz", x_train=x, y_train=y, x_test=x, y_test=y)
        ...     own_data(f"{folder}/mine.npz").train[1]
        tensor([0, 1])
    """
    if size is not None and size < 1:
        raise ValueError(f"the size of images must be at least 1, not {size}")
    if str(source) in DATASETS:
        refuse_folder_options(size, grey)
        found = load(str(source))
        train, test = (found.train_inputs, found.train_labels), (found.test_inputs, found.test_labels)
        return OwnData(str(source), train, test)
    place = Path(source).expanduser()
    if place.is_dir():
        return _folder(str(source), place, size, grey)
    if place.is_file() and place.suffix == ".npz":
        refuse_folder_options(size, grey)
        return _arrays(str(source), place)
    what = "not there" if not place.exists() else "neither a folder nor an .npz"
    raise ValueError(f"the data {str(source)!r} are {what}: {VALID}")


def refuse_folder_options(size: int | None, grey: bool) -> None:
    """Size and greyness are those of folders."""
    if size is not None or grey:
        raise ValueError("a size of images and grey are for folders of images; other data are taken as they are")


def _arrays(name: str, place: Path) -> OwnData:
    try:
        with place.open("rb") as file:
            found = npz.read(file, ARRAYS)
    except (ArraysError, OSError) as error:
        raise ValueError(f"{place} is no .npz that can be read: {error}") from error
    if missing := [key for key in ARRAYS if key not in found]:
        raise ValueError(f"{place} lacks {', '.join(missing)}: an .npz must have {', '.join(ARRAYS)}")
    halves = [_half(place, found, half) for half in ("train", "test")]
    (x, _), (x_test, _) = halves
    if x.shape[1:] != x_test.shape[1:] or x.dtype != x_test.dtype:
        raise ValueError(
            f"x_train and x_test of {place} must have examples of one shape and type, not {brief(list(x.shape[1:]))} "
            f"{x.dtype} and {brief(list(x_test.shape[1:]))} {x_test.dtype}"
        )
    return OwnData(name, halves[0], halves[1])


def _half(place: Path, found: dict[str, Any], half: str) -> tuple[Tensor, Tensor]:
    """Examples and classes of one half, as numbers that every device has."""
    x, y = found[f"x_{half}"], found[f"y_{half}"]
    if x.ndim < 2 or not len(x) or (x.dtype != np.uint8 and x.dtype.kind != "f"):
        raise ValueError(
            f"x_{half} of {place} must be examples [N, ...] of floating-point numbers or bytes, not "
            f"{brief(list(x.shape))} {brief(str(x.dtype))[1:-1]}"
        )
    with np.errstate(over="ignore"):  # what is beyond a float32 is named below
        x = x if x.dtype == np.uint8 else x.astype(np.float32)
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        raise ValueError(f"x_{half} of {place} has numbers that are not finite")
    if y.dtype.kind not in "iu" or y.shape != (len(x),) or y.min() < 0 or y.max() >= 2**31:
        raise ValueError(
            f"y_{half} of {place} must be {len(x)} classes, whole numbers from 0, [N], not {brief(list(y.shape))} "
            f"{brief(str(y.dtype))[1:-1]}"
        )
    return torch.from_numpy(np.ascontiguousarray(x)), torch.from_numpy(y.astype(np.int64))


def _folder(name: str, place: Path, size: int | None, grey: bool) -> OwnData:
    from torchvision.datasets import ImageFolder

    test = next((place / half for half in ("test", "val") if (place / half).is_dir()), None)
    if test is None or not (place / "train").is_dir():
        raise ValueError(f"{place} has no train/ and test/ (or val/): {VALID}")
    for half in (place / "train", test):
        _refuse_endless(half)
    try:
        folders = [ImageFolder(str(half)) for half in (place / "train", test)]
    except OSError as error:
        said = printable(str(error.strerror or error).rstrip(". \n"))
        raise ValueError(f"{place}: {said:.300}; {VALID}") from error
    classes, others = (folder.classes for folder in folders)
    if classes != others:
        apart = ", ".join(map(one_line, sorted(set(classes) ^ set(others))[:MOST_NAMES]))
        raise ValueError(
            f"train/ and {test.name}/ of {place} must have the same classes; {apart} is only in one of them"
        )
    halves = []
    shape: tuple[int, ...] | None = None
    for folder in folders:
        images = torch.empty(0)
        for i, (path, _) in enumerate(folder.samples):
            image = _image(Path(path), size, grey)
            if shape is None:
                shape = tuple(image.shape)
            if tuple(image.shape) != shape:
                raise ValueError(
                    f"{printable(path)} has {image.shape[1]} x {image.shape[2]} pixels, and the first image "
                    f"{shape[1]} x {shape[2]}: give the size that all should have"
                )
            if not i:
                images = _space(place, (len(folder.samples), *shape))
            images[i] = image
        halves.append((images, torch.tensor(folder.targets)))
    return OwnData(name, halves[0], halves[1], tuple(classes))


def _refuse_endless(half: Path) -> None:
    """Raise where links lead to a folder twice: there could be no end to it."""
    seen = set[tuple[int, int]]()
    for folder, _, _ in os.walk(half, followlinks=True):
        found = Path(folder).stat()
        if (found.st_dev, found.st_ino) in seen:
            raise ValueError(f"{printable(folder)} is a folder that links lead to twice: give each class a folder once")
        seen.add((found.st_dev, found.st_ino))


def _space(place: Path, shape: tuple[int, ...]) -> Tensor:
    try:
        return torch.empty(shape, dtype=torch.uint8)
    except RuntimeError as error:
        raise ValueError(f"the images of {place}, {list(shape)} bytes, do not fit in memory: give a size") from error


def _image(path: Path, size: int | None, grey: bool) -> Tensor:
    """One image as bytes ``[C, rows, columns]``."""
    from PIL import Image
    from torchvision.transforms.v2 import functional as V

    what = printable(str(path))
    try:
        with Image.open(io.BytesIO(regular(path, LARGEST)), formats=FORMATS) as file:
            columns, rows = file.size
            scaled = 0 if size is None else size * size * max(file.size) // max(1, min(file.size))
            large = max(columns * rows, scaled) > PIXELS
            image = None if large else _of_bytes(file).convert("L" if grey else "RGB")
    except DocumentError as error:
        raise ValueError(f"{what} is no image that can be read: {error}") from error
    except Exception as error:  # each format has errors of its own
        raise ValueError(f"{what} is no image that can be read ({type(error).__name__})") from error
    if image is None:
        raise ValueError(f"{what} has {rows} x {columns} pixels, and takes more than {PIXELS:,} of them in memory")
    pixels = V.pil_to_tensor(image)
    return pixels if size is None else V.center_crop(V.resize(pixels, [size], antialias=True), [size, size])


def _of_bytes(file: ImageFile) -> Image:
    """An image with at most 8 bits a channel; of more, which Pillow would cut off at 255, the nearest parts of 255."""
    from PIL import Image

    tags = getattr(file, "tag_v2", {})  # of TIFF
    sixteen = file.mode.startswith("I;16") or (file.mode == "I" and file.format in ("PNG", "PPM"))
    if not sixteen:
        if file.mode[0] in "IF":
            found = "floating point" if file.mode[0] == "F" else "whole numbers of 32 bits or with a sign"
            raise DocumentError(f"its pixels are {found}, and valid are 8 bits, or 16 without a sign, a channel")
        return file
    largest = (1 << (tags.get(BITS) or (16,))[0]) - 1
    parts = ((np.asarray(file).astype(np.int64) * 255 + largest // 2) // largest).astype(np.uint8)
    return Image.fromarray(255 - parts if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO else parts)

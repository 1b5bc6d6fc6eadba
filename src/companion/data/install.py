"""Put a verified set into the cache: whole or not at all, however the process ends.

Whoever changes a set holds that set's lock, an advisory lock on a file that the operating system releases
when the process dies.  Everything is written into a staging folder beside the set, forced to disk and renamed
into place.  Under the lock, a staging folder that is already there can only be the remains of a process that
was killed, and is removed.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from companion.data.arrays import RawArrays
from companion.data.cache import DIGESTS, read, set_folder
from companion.data.errors import DataError
from companion.data.table import dataset_info

__all__ = ["Progress", "install", "quiet", "staging"]

Progress = Callable[[str], None]
"""Called with one short sentence whenever something worth telling happens."""


def quiet(message: str) -> None:
    """Tell nobody: the default :data:`Progress`."""


@contextmanager
def staging(name: str, directory: str | os.PathLike[str] | None = None, progress: Progress = quiet) -> Iterator[Path]:
    """Hold the lock of a set, and a fresh folder in the cache to prepare it in, which vanishes afterwards.

    A second process that wants the same set waits until the first has finished.

    Args:
        name: the dataset.
        directory: the cache, if not the default one.
        progress: told when there is something to wait for, or remains are removed.

    Raises:
        DataError: the cache cannot be written to.
        ValueError: there is no dataset of that name.
    """
    folder = set_folder(name, directory).parent
    prefix = f".staging-{name}-"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / f".{name}.lock").open("a")
    except OSError as error:
        raise _unwritable(folder, error) from error
    with lock:
        if _lock(lock, lambda: progress(f"another process is preparing {name}: waiting for it")):
            for remains in folder.glob(f"{prefix}*"):
                progress(f"removing what an interrupted run left: {remains.name}")
                shutil.rmtree(remains, ignore_errors=True)
        try:
            staged = Path(tempfile.mkdtemp(prefix=prefix, dir=folder))
        except OSError as error:
            raise _unwritable(folder, error) from error
        try:
            yield staged
        finally:
            shutil.rmtree(staged, ignore_errors=True)


def install(
    arrays: RawArrays, name: str, staged: Path, origin: str, directory: str | os.PathLike[str] | None = None
) -> Path:
    """Verify the arrays and move them into the cache in one step; return the set's folder.

    A set that is there already and verifies is left alone; one that is damaged is replaced.

    Args:
        arrays: the decoded set.
        name: the dataset.
        staged: the folder that :func:`staging` gave for the same set and cache.
        origin: where the arrays came from, to be named if they are wrong.
        directory: the cache, if not the default one.

    Raises:
        DataError: the arrays are not the set (the cache is then as it was), or the cache cannot be written
            to.
    """
    arrays.verify(dataset_info(name), origin)
    target = set_folder(name, directory)
    if _verifies(name, directory):
        return target
    complete = staged / "complete"
    try:
        complete.mkdir()
        digests = {}
        for field, array in arrays.items():
            buffer = io.BytesIO()
            np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
            digests[f"{field}.npy"] = hashlib.sha256(buffer.getbuffer()).hexdigest()
            _write_durably(complete / f"{field}.npy", buffer.getbuffer())
        _write_durably(complete / DIGESTS, json.dumps(digests, indent=2).encode("ascii"))
        _sync(complete)
        if target.exists():  # a folder cannot be renamed over a full one: the old one goes out of the way first
            target.rename(staged / "replaced")
        complete.rename(target)
        _sync(target.parent)
    except OSError as error:
        raise _unwritable(target.parent, error) from error
    return target


def _write_durably(file: Path, content: bytes | memoryview) -> None:
    """Write a file and wait until the disk has it."""
    with file.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _verifies(name: str, directory: str | os.PathLike[str] | None) -> bool:
    try:
        read(name, directory)
    except DataError:
        return False
    return True


def _sync(folder: Path) -> None:
    """Wait until the disk has a folder's entries, where the system can say so."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:  # Windows opens no folders
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _lock(stream: IO[str], waiting: Callable[[], None]) -> bool:
    """Lock an open file until it is closed; return False where the system or the file system has no such locks."""
    try:
        import fcntl
    except ModuleNotFoundError:
        return False
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        waiting()
        fcntl.flock(stream, fcntl.LOCK_EX)
    except OSError:
        return False
    return True


def _unwritable(folder: Path, error: OSError) -> DataError:
    return DataError(
        f"cannot write to {folder} ({error.strerror or error}); set COMPANION_DATA to a folder that can be written to."
    )

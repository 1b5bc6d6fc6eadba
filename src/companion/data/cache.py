"""The cache of decoded datasets: where it is, what is in it, and reading from it.

A set is a folder of four ``.npy`` files of unsigned bytes, which appears in the cache whole or not at all
(:mod:`companion.data.install`)::

    <cache>/mnist/train_inputs.npy  train_labels.npy  test_inputs.npy  test_labels.npy  digests.json

``digests.json`` holds one SHA-256 per file.  It is no authority, the digest in the source tree is; it only
tells which of the files is the damaged one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from companion.data.arrays import RawArrays
from companion.data.errors import DataError
from companion.data.table import DATASETS, FIELDS, dataset_info

__all__ = ["SetStatus", "cache_folder", "describe", "installed", "read", "set_folder"]

DIGESTS = "digests.json"


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

    In this order: ``directory``, the environment variable ``COMPANION_DATA``, ``data`` in the user's cache
    folder as platformdirs finds it, or, without platformdirs, ``data`` in ``companion`` in
    ``$XDG_CACHE_HOME`` or ``~/.cache``.
    """
    chosen = directory if directory is not None else os.environ.get("COMPANION_DATA")
    if chosen:
        return Path(chosen).expanduser().absolute()
    try:
        from platformdirs import user_cache_path
    except ModuleNotFoundError:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return Path(base).absolute() / "companion" / "data"
    return user_cache_path("companion") / "data"


def set_folder(name: str, directory: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of one set in the cache; it need not exist.

    Raises:
        ValueError: there is no dataset of that name.
    """
    return cache_folder(directory) / dataset_info(name).name


def installed(name: str, directory: str | os.PathLike[str] | None = None) -> bool:
    """Tell whether the cache holds the set, without reading it; :func:`read` also verifies.

    Raises:
        ValueError: there is no dataset of that name.
    """
    return set_folder(name, directory).is_dir()


def read(name: str, directory: str | os.PathLike[str] | None = None) -> RawArrays:
    """Read a set from the cache and verify its digest.

    Raises:
        DataError: the set is not there, or is damaged; the message names the file and the command that helps.
        ValueError: there is no dataset of that name.
    """
    info = dataset_info(name)
    folder = set_folder(name, directory)
    if not folder.is_dir():
        raise DataError(f"{info.title} is not in {folder.parent}; run: companion data fetch {name}")
    try:
        arrays = RawArrays(**{field: _load(folder / f"{field}.npy") for field in FIELDS})
        return arrays.verify(info, str(folder))
    except DataError as error:
        detail = _blame(folder) or str(error)
        raise DataError(f"{detail} To replace it, run: companion data fetch {name}") from None


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
    """
    return [_status(name, directory, verify) for name in (DATASETS if names is None else names)]


def _status(name: str, directory: str | os.PathLike[str] | None, verify: bool) -> SetStatus:
    folder = set_folder(name, directory)
    present = folder.is_dir()
    reason = None
    if present and verify:
        try:
            read(name, directory)
        except DataError as error:
            reason = str(error)
    return SetStatus(
        name=name,
        title=dataset_info(name).title,
        embedded=dataset_info(name).embedded,
        present=present,
        path=folder,
        bytes=sum(file.stat().st_size for file in folder.iterdir() if file.is_file()) if present else 0,
        ok=reason is None if present and verify else None,
        reason=reason,
    )


def _load(file: Path) -> npt.NDArray[Any]:
    try:
        array: npt.NDArray[Any] = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{file} cannot be read ({error}).") from error
    return array


def _blame(folder: Path) -> str | None:
    """Return a sentence about the first file of a damaged set that differs from its own digest, if one does."""
    try:
        digests = json.loads((folder / DIGESTS).read_text("ascii"))
        for file in sorted(folder.glob("*.npy")):
            found = hashlib.sha256(file.read_bytes()).hexdigest()
            if found != digests[file.name]:
                return f"{file} is damaged: expected sha256 {digests[file.name]}, found {found}."
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return None

"""Records on their way from one store to another: out as a zip, in from a zip or a folder.

Two stores are merged: what is new comes in, what is there already stays as it is.  A file of the same name with other
bytes is a conflict, which is named and decided by nobody.  Every file is verified before it is written.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from companion.files.quoting import one_line
from companion.files.whole import write, writing
from companion.records import films, kernels
from companion.records.parcel import MemberError, Shelf, opened
from companion.records.store import RecordError, Store, why
from companion.records.weights import LARGEST

__all__ = ["SHELVES", "Arrival", "bring", "pack"]

KEY = r"[0-9a-f]{16}"

SHELVES = (
    Shelf("", rf"{KEY}(\.take[1-9][0-9]{{0,5}})?\.json", lambda folder: Store(folder).read),
    Shelf("weights", rf"{KEY}\.npz", lambda folder: Store(folder)._read_weights, LARGEST),
    Shelf("pictures", rf"{KEY}\.npz", lambda folder: Store(folder)._read_pictures, LARGEST),
    Shelf(kernels.FOLDER, rf"{KEY}\.json", lambda folder: kernels.KernelStore(folder / kernels.FOLDER).read),
    Shelf(films.FOLDER, rf"{KEY}\.json", lambda folder: films.FilmStore(Store(folder)).read),
)
"""Records first: they vouch for the weights, pictures and films beside them."""

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every member, so that the same records make the same archive."""


@dataclass(frozen=True)
class Arrival:
    """What became of one file.

    Args:
        name: relative to the folder of the store, on one line.
        what: ``imported``; ``present``, the same bytes were there; ``conflict``, other bytes are there, or records that
            do not vouch for it; ``damaged``, it does not verify.
        reason: why, of the last two.
    """

    name: str
    what: Literal["imported", "present", "conflict", "damaged"]
    reason: str | None = None


def pack(
    store: Store, file: Path, keys: Collection[str] | None = None, shelves: Sequence[Shelf] = SHELVES
) -> list[str]:
    """Write records, and all that belongs to them, as one zip.

    Args:
        store: the records.
        file: the archive, written whole or not at all.
        keys: of the runs whose records to take; by default everything that the store holds.
        shelves: the kinds of files to take.

    Returns:
        The names in the archive.

    Raises:
        RecordError: one of the files does not verify; nothing is written.
        OSError: the archive cannot be written, or is there already.
    """
    chosen: dict[str, Path] = {}
    for shelf in shelves:
        place, read = shelf.within(store.folder), shelf.reader(store.folder)
        for path in sorted(place.iterdir()) if place.is_dir() else ():
            name = path.relative_to(store.folder).as_posix()
            if shelf.holds(name) and (keys is None or path.name.partition(".")[0] in keys):
                if (reason := _reason(read, path)) is not None:
                    raise RecordError(f"{reason}; nothing was exported")
                chosen[name] = path
    with writing(file, replace=False) as out, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in chosen.items():
            member = zipfile.ZipInfo(name, EPOCH)
            member.compress_type, member.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(member, path.read_bytes())
    return list(chosen)


def bring(source: Path, store: Store, shelves: Sequence[Shelf] = SHELVES) -> list[Arrival]:
    """Merge a parcel into a store; nothing that is there is changed.

    Args:
        source: the folder of another store, or what :func:`pack` wrote.
        store: what receives.
        shelves: the kinds of files to take, records first.

    Returns:
        What became of each file.

    Raises:
        RecordError: the parcel is no archive, or unpacks to more than is sane.
        OSError: the parcel cannot be read, or the store cannot be written.
    """
    arrivals, staged = [], []
    with tempfile.TemporaryDirectory(prefix="companion-") as temporary:
        theirs = Path(temporary)
        with opened(source, shelves) as members:
            for member in members:
                try:
                    content = member.read()
                except MemberError as error:
                    arrivals.append(Arrival(one_line(member.name), "damaged", str(error)))
                    continue
                _stage(theirs / member.name, content)
                staged.append(member)
        for shelf in shelves:
            arrivals += [_settle(one.name, shelf, theirs, store.folder) for one in staged if one.shelf is shelf]
    return arrivals


def _stage(path: Path, content: bytes) -> None:
    """Put a member where it can be read as in a store; an error names that place, which may be full."""
    path.parent.mkdir(exist_ok=True)
    try:
        path.write_bytes(content)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def _settle(name: str, shelf: Shelf, theirs: Path, ours: Path) -> Arrival:
    """Verify a file, by the records that it came with or by ours, and write it where nothing stands."""
    path, target = theirs / name, ours / name
    damaged, foreign = (_reason(shelf.reader(folder), path) for folder in (theirs, ours))
    if damaged is not None and foreign is not None:
        return Arrival(name, "damaged", damaged.partition(" is damaged: ")[2] or damaged)
    content = path.read_bytes()
    if not os.path.lexists(target) and foreign is not None:
        return Arrival(name, "conflict", "the records of its run that are here do not name it")
    try:
        if not os.path.lexists(target):
            write(target, content, replace=False)
            return Arrival(name, "imported")
    except FileExistsError:  # another process was faster
        pass
    if target.is_file() and target.read_bytes() == content:
        return Arrival(name, "present")
    return Arrival(name, "conflict", "there is another of this name here")


def _reason(read: Callable[[Path], object], path: Path) -> str | None:
    """Why a file does not verify; ``None`` if it does."""
    try:
        read(path)
    except RecordError as error:
        return str(error)
    except Exception as error:  # whatever a file that somebody made provokes
        return f"{path.name} is damaged: {why(error)}"
    return None

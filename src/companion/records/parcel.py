"""What somebody hands over as a store: a folder, or a zip of one.  Nothing in it is trusted.

A member has a name that a store gives to its files, a sane size, and is a regular file; all others are named and not
read.  So nothing is ever written outside a store, and nothing small unpacks to something large.
"""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from companion.files import documents
from companion.files.quoting import brief
from companion.records.store import RecordError
from companion.records.weights import unpacked

__all__ = ["MEMBERS", "TOTAL", "Member", "MemberError", "Shelf", "opened"]

TOTAL = 1 << 33
"""Bytes that all of an archive may unpack to."""
MEMBERS = 200_000
"""Files that an archive may hold."""

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class MemberError(ValueError):
    """A member that is not read; the message says why."""


@dataclass(frozen=True)
class Shelf:
    """One kind of file of a store.

    Args:
        folder: where it stands below the store's own; empty for records.
        name: the regular expression of its names.
        reader: of the folder of a store, what reads one of these files, verified; it raises
            :class:`~companion.records.store.RecordError`, and may ask the records of that store.
        largest: bytes that one may have, packed and unpacked.
    """

    folder: str
    name: str
    reader: Callable[[Path], Callable[[Path], object]]
    largest: int = documents.LARGEST

    def within(self, store: Path) -> Path:
        """The folder of these files in the folder of a store."""
        return store / self.folder if self.folder else store

    def holds(self, name: str) -> bool:
        """Whether a name, relative to the folder of a store, is that of such a file."""
        before = re.escape(f"{self.folder}/") if self.folder else ""
        return re.fullmatch(f"{before}(?:{self.name})", name, re.ASCII) is not None


@dataclass(frozen=True)
class Member:
    """One file of a parcel.

    Args:
        name: relative to the folder of the store.
        shelf: where it belongs; ``None`` if nowhere.
        read: its bytes; :class:`MemberError` says why not.
    """

    name: str
    shelf: Shelf | None
    read: Callable[[], bytes]


@contextmanager
def opened(source: Path, shelves: Sequence[Shelf]) -> Iterator[list[Member]]:
    """The members of a parcel, open while the block lasts.

    Args:
        source: the folder of a store, or a zip of one.
        shelves: the kinds of files that are taken.

    Raises:
        RecordError: it is no zip archive, or one that unpacks to more than is sane.
        OSError: it cannot be read.
    """
    if source.is_dir():
        yield _lying(source, shelves)
        return
    try:
        archive = zipfile.ZipFile(source)
    except OSError:
        raise
    except Exception as error:  # whatever bad bytes provoke in the decoder
        said = brief(str(error))[1:-1]
        raise RecordError(f"{source} is damaged: it is no zip archive that can be read ({said})") from None
    with archive:
        files = [info for info in archive.infolist() if not info.is_dir()]
        unpacked = sum(info.file_size for info in files)
        if len(files) > MEMBERS or unpacked > TOTAL:
            raise RecordError(
                f"{source} would unpack to {len(files):,} files of {unpacked:,} bytes together, and no more than "
                f"{MEMBERS:,} files of {TOTAL:,} bytes are taken at once: export one exhibit at a time"
            )
        yield _packed(archive, files, shelves)


def _packed(archive: zipfile.ZipFile, files: Iterable[zipfile.ZipInfo], shelves: Sequence[Shelf]) -> list[Member]:
    times = Counter(info.filename for info in files)

    def reading(info: zipfile.ZipInfo, shelf: Shelf | None) -> Callable[[], bytes]:
        def read() -> bytes:
            if shelf is None:
                raise MemberError(_no_name(shelves))
            if times[info.filename] > 1:
                raise MemberError(f"the archive holds it {times[info.filename]} times")
            _sane(info.file_size, shelf)
            if info.compress_type not in METHODS:
                raise MemberError("it is compressed by another method than that of `companion records export`")
            try:
                with archive.open(info) as file:
                    content = file.read(info.file_size + 1)
            except Exception as error:  # a wrong checksum, a password, bytes that do not decompress
                raise MemberError(f"it cannot be unpacked ({brief(str(error))[1:-1]})") from None
            return _bounded(content, shelf)

        return read

    places = ((info, next((shelf for shelf in shelves if shelf.holds(info.filename)), None)) for info in files)
    return [Member(info.filename, shelf, reading(info, shelf)) for info, shelf in places]


def _lying(folder: Path, shelves: Sequence[Shelf]) -> list[Member]:
    """The files of a folder that end as those of a store do; what else lies there is no part of the store."""

    def reading(path: Path, shelf: Shelf) -> Callable[[], bytes]:
        def read() -> bytes:
            if not re.fullmatch(shelf.name, path.name, re.ASCII):
                raise MemberError(_no_name(shelves))
            if path.is_symlink():
                raise MemberError("it is a link, and links are not followed")
            try:
                content = documents.regular(path, shelf.largest)
            except documents.DocumentError as error:
                raise MemberError(str(error)) from None
            return _bounded(content, shelf)

        return read

    members = []
    for shelf in shelves:
        place = shelf.within(folder)
        suffix = f".{shelf.name.rpartition('.')[2]}"
        for path in sorted(place.iterdir()) if place.is_dir() else ():
            if path.name.endswith(suffix) and not path.name.startswith("."):
                members.append(Member(path.relative_to(folder).as_posix(), shelf, reading(path, shelf)))
    return members


def _sane(size: int, shelf: Shelf) -> None:
    if size > shelf.largest:
        raise MemberError(f"it has {size:,} bytes, and no more than {shelf.largest:,} are taken")


def _bounded(content: bytes, shelf: Shelf) -> bytes:
    """The bytes of a file that does not take more when it is read: a file of arrays is an archive itself."""
    _sane(_unpacked(content, shelf), shelf)
    return content


def _unpacked(content: bytes, shelf: Shelf) -> int:
    if not shelf.name.endswith("npz"):
        return len(content)
    try:
        return unpacked(content)
    except Exception:  # whoever reads it says what is wrong with it
        return len(content)


def _no_name(shelves: Sequence[Shelf]) -> str:
    folders = [f"{shelf.folder}/" for shelf in shelves if shelf.folder]
    return f"it has no name that a store gives to a record or to a file in {', '.join(folders)}"

"""Files looked at again only where they have changed since, by what an index remembers of them.

A file is as it was if the system says so (size, times, number of the file), or else if its bytes have the digest that
they had.  The time of the last change, which nobody can set, is among the first; but a file that was changed a moment
ago may change again without another time, so that those of the last :data:`MOMENT` are known by their bytes alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion.files.documents import LARGEST, DocumentError, regular
from companion.records.errors import RecordError
from companion.records.index import Index, Line

__all__ = ["MOMENT", "Seen", "Sort", "digest_of_file", "looked_at", "recalled", "survey"]

MOMENT = 3 * 10**9
"""Nanoseconds: no file system's clock ticks more slowly than every two seconds."""
CHUNK = 500
"""Files of which the index is asked at once."""


@dataclass(frozen=True)
class Sort:
    """A sort of files that lie in one folder.

    Args:
        shelf: its name in an index.
        look: reads and verifies one; :class:`~companion.records.errors.RecordError` says what is wrong with it.
        facts: what is to be remembered of what it found, as JSON.
        parse: makes of a file's facts what is wanted; ``ValueError`` or ``TypeError`` where they are none of this sort.
        stale: of a file and what was made of it, why it must be made anew, in a sentence; ``None`` if it need not.
        voucher: of a file that others vouch for, a digest of these, never empty.
        largest: bytes that one may have.

    Example:
        >>> notes = Sort("notes", look=Path.read_text, facts=len)
        >>> notes.facts("three"), notes.voucher(Path("a.txt"))
        (5, '')
    """

    shelf: str
    look: Callable[[Path], Any]
    facts: Callable[[Any], Any] = lambda found: None
    parse: Callable[[Path, Any], Any] = lambda path, facts: facts
    stale: Callable[[Path, Any], str | None] = lambda path, facts: None
    voucher: Callable[[Path], str] = lambda path: ""
    largest: int = LARGEST


@dataclass(frozen=True)
class Seen:
    """What there is to say of one file.

    Args:
        path: the file.
        facts: what was found in it; ``None`` where it is damaged.
        reason: why it is damaged; ``None`` if it is sound.
        stale: why it must be made anew, though it is sound.
        believed: whether nothing of it was read, as the system says that it is as it was.

    Example:
        >>> Seen(Path("a.json"), reason="it is empty").facts is None
        True
    """

    path: Path
    facts: Any = None
    reason: str | None = None
    stale: str | None = None
    believed: bool = False


def survey(sort: Sort, files: Sequence[Path], index: Index | None = None) -> Iterator[Seen]:
    """Every file of a folder with what it is worth, from the index where it is as it was.

    Args:
        sort: what these files are.
        files: by name.
        index: what is remembered; what is found out is added, and files that are gone are forgotten.  Without one,
            every byte of every file is looked at.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder) / "a.txt"
        ...     _ = path.write_text("three")
        ...     [seen.facts for seen in survey(Sort("notes", look=Path.read_text, facts=len), [path])]
        [5]
    """
    if index is not None:
        for name in set(index.names(sort.shelf)) - {path.name for path in files}:
            index.forget(sort.shelf, name)
    for start in range(0, len(files), CHUNK):
        chunk = files[start : start + CHUNK]
        lines = {} if index is None else index.lines(sort.shelf, chunk[0].name, chunk[-1].name)
        for path in chunk:
            line = lines.get(path.name)
            seen = None if index is None or line is None else _remembered(sort, path, index, line)
            yield seen or _seen_now(sort, path, index)
    if index is not None:
        index.flush()


def _remembered(sort: Sort, path: Path, index: Index, line: Line) -> Seen | None:
    """What the index says of a file, if that is as it was."""
    if line.voucher != sort.voucher(path):
        return None
    believed = line.signature != "" and line.signature == _signature(path)
    if not believed and not _known(sort, path, index, line):
        return None
    try:
        facts = sort.parse(path, json.loads(line.facts))
    except (ValueError, TypeError, RecursionError):
        return None
    return Seen(path, facts, None, sort.stale(path, facts), believed)


def _seen_now(sort: Sort, path: Path, index: Index | None) -> Seen:
    try:
        found = sort.look(path) if index is None else looked_at(sort, path, index)
    except RecordError as error:
        return Seen(path, reason=str(error))
    facts = sort.parse(path, sort.facts(found))
    return Seen(path, facts, None, sort.stale(path, facts))


def _known(sort: Sort, path: Path, index: Index, line: Line) -> bool:
    """Whether the bytes of a file are those of a line; from now on its signature tells."""
    before, signature = time.time_ns(), _signature(path)
    if digest_of_file(path, sort.largest) != line.digest:
        return False
    if (settled := _settled(path, signature, before)) != line.signature:
        index.keep(sort.shelf, line._replace(signature=settled))
    return True


def recalled(sort: Sort, path: Path, index: Index) -> bytes | None:
    """The bytes of a file, if they are those that have been verified; else ``None``.

    Args:
        sort: what the file is.
        path: the file.
        index: what is remembered.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> notes = Sort("notes", look=Path.read_text)
        >>> with TemporaryDirectory() as folder:
        ...     path, index = Path(folder) / "a.txt", Index(Path(folder), Path(folder) / "index.sqlite")
        ...     _ = path.write_text("three")
        ...     recalled(notes, path, index), looked_at(notes, path, index), recalled(notes, path, index)
        (None, 'three', b'three')
    """
    line = index.line(sort.shelf, path.name)
    if line is None:
        return None
    try:
        content = regular(path, sort.largest)
    except DocumentError:
        return None
    return (
        content if hashlib.sha256(content).hexdigest() == line.digest and line.voucher == sort.voucher(path) else None
    )


def looked_at(sort: Sort, path: Path, index: Index) -> Any:
    """What is found in a file by a look at it, of which the index notes the facts.

    Args:
        sort: what the file is.
        path: the file.
        index: what is remembered.

    Raises:
        RecordError: it is damaged, of which nothing is noted.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> notes = Sort("notes", look=Path.read_text, facts=len)
        >>> with TemporaryDirectory() as folder:
        ...     path, index = Path(folder) / "a.txt", Index(Path(folder), Path(folder) / "index.sqlite")
        ...     _ = path.write_text("three")
        ...     looked_at(notes, path, index), index.line("notes", "a.txt").facts
        ('three', '5')
    """
    before, signature, voucher = time.time_ns(), _signature(path), sort.voucher(path)
    digest = digest_of_file(path, sort.largest)
    try:
        found = sort.look(path)
    except RecordError:
        index.forget(sort.shelf, path.name)
        raise
    # What is noted are the bytes before and after the look: those that it saw, unless somebody writes at that moment.
    same = digest_of_file(path, sort.largest) == digest and sort.voucher(path) == voucher
    if digest and same and path.name.isascii() and _signature(path) == signature:
        settled = _settled(path, signature, before)
        index.keep(sort.shelf, Line(path.name, settled, digest, voucher, json.dumps(sort.facts(found))))
    return found


def digest_of_file(path: Path, largest: int = LARGEST) -> str:
    """SHA-256, in hex, of the bytes of a regular file; empty where there is none that can be read.

    Args:
        path: the file.
        largest: bytes that it may have.

    Example:
        >>> digest_of_file(Path("/no/such/file"))
        ''
    """
    try:
        return hashlib.sha256(regular(path, largest)).hexdigest()
    except DocumentError:
        return ""


def _signature(path: Path) -> str:
    """What the system says of a regular file without opening it; empty where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 (a path of a string of its own would take as long again)
    except (OSError, ValueError):
        return ""
    if not stat.S_ISREG(found.st_mode):
        return ""
    return f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_dev} {found.st_ino}"


def _settled(path: Path, signature: str, before: int) -> str:
    """The signature that a file had before it was read, where any later change would give it another; else nothing.

    That is so where it has it still, and its last change was not a moment before; one that lies in the future, as after
    the clock was set back, tells nothing.
    """
    if not signature or _signature(path) != signature:
        return ""
    changed = max(map(int, signature.split()[1:3]))
    return signature if changed < before - MOMENT else ""

"""The one way in which a durable file is written: whole or not at all, whatever happens in between.

A temporary name in the same folder, the content, ``fsync``, the new name, and ``fsync`` of the folder: after a crash of
the process or of the machine there is the old file or the new one, never half of one.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import BinaryIO

from companion.files.quoting import one_line

__all__ = ["FolderError", "abandoned", "foreseen", "writable", "write", "writing"]

NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
"""What file systems say that have no second names for a file."""
PROBE = 1 << 16
"""Bytes that a folder must take: as many as a record of the larger sort."""
IN_ITS_PLACE = "a file stands in its place"


class FolderError(OSError):
    """A folder that takes no files; the message names it, and what to do.

    Example:
        >>> writable(Path("/dev/null/records"), "--store DIR")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        companion.files.whole.FolderError: /dev/null/records takes no files (...): --store DIR names a folder elsewhere
    """


def writable(folder: Path, instead: str) -> None:
    """Find out whether files can be written into a folder, by writing one; the folder is made where it is missing.

    Long work begins with this, or its outcome would be lost at its end.

    Args:
        folder: which.
        instead: how another folder is named, such as ``--store DIR``.

    Raises:
        FolderError: in one sentence, why not.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     writable(Path(folder) / "new", "--store DIR")
        ...     [path.name for path in Path(folder).rglob("*")]
        ['new']
    """
    probe = folder / f".{secrets.token_hex(6)}.probe"
    try:
        write(probe, bytes(PROBE), replace=False)
        probe.unlink()
    except OSError as error:
        with suppress(OSError):  # a disk that is read-only refuses to remove what is not there
            probe.unlink(missing_ok=True)
        reason = IN_ITS_PLACE if isinstance(error, (FileExistsError, NotADirectoryError)) else error.strerror or error
        raise FolderError(_refusal(folder, reason, instead)) from None


def foreseen(folder: Path, instead: str) -> None:
    """The same as far as it shows before anything is made: a folder that is missing must have a place to be made in.

    Commands begin with this, before they load what takes seconds.

    Args:
        folder: which.
        instead: as in :func:`writable`.

    Raises:
        FolderError: in one sentence, why not.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as place:
        ...     foreseen(Path(place) / "new", "--store DIR")
        ...     (Path(place) / "new").exists()
        False
    """
    if folder.is_dir():
        return writable(folder, instead)
    nearest = next(place for place in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(place))
    if not nearest.is_dir():
        raise FolderError(_refusal(folder, IN_ITS_PLACE, instead))
    probe = nearest / f".{secrets.token_hex(6)}.probe"  # of a name that no other process waits for
    try:
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        raise FolderError(_refusal(folder, error.strerror or error, instead)) from None


def _refusal(folder: Path, reason: object, instead: str) -> str:
    return f"{one_line(str(folder))} takes no files ({reason}): {instead} names a folder elsewhere"


def write(path: Path, content: bytes | str, *, replace: bool = True) -> None:
    """Write a file whole or not at all; its folder is made where it is missing.

    Args:
        path: the file.
        content: text is UTF-8.
        replace: whether a file that is there already gives way.

    Raises:
        FileExistsError: it is there already, and ``replace`` is false.
        OSError: the system refuses; what was there is as it was.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     write(Path(folder) / "new" / "a.txt", "all of it")
        ...     (Path(folder) / "new" / "a.txt").read_text()
        'all of it'
    """
    with writing(path, replace=replace) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def writing(path: Path, *, replace: bool = True) -> Iterator[BinaryIO]:
    """A file to write to, which takes its name when the block ends well, and vanishes when it does not.

    Args:
        path: the name that it takes.
        replace: as in :func:`write`.

    Raises:
        FileExistsError: the name is taken, and ``replace`` is false.
        OSError: the system refuses; what was there is as it was.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     with writing(Path(folder) / "a.bin") as file:
        ...         _ = file.write(b"all of it")
        ...     (Path(folder) / "a.bin").read_bytes()
        b'all of it'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.partial")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if replace:
            temporary.replace(path)
        else:
            _take(temporary, path)
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error  # a write does not say where
    finally:
        with suppress(OSError):  # what failed is more than what it leaves
            temporary.unlink(missing_ok=True)
    _sync(path.parent)


def _take(temporary: Path, path: Path) -> None:
    """Give a file its name unless that is taken; one writer at a time where the file system has no links."""
    try:
        os.link(temporary, path)  # unlike a rename, a link refuses to replace what another process wrote
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        import fcntl

        handle = os.open(path.parent, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if os.path.lexists(path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
            temporary.replace(path)
        finally:
            os.close(handle)


def abandoned(path: Path) -> list[Path]:
    """What writers of a file that were killed have left beside it; one that is at work has such a file too.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     _ = (Path(folder) / ".a.json.12ab.partial").write_text("half of")
        ...     [path.name for path in abandoned(Path(folder) / "a.json")]
        ['.a.json.12ab.partial']
    """
    return sorted(path.parent.glob(f".{escape(path.name)}.*.partial"))


def _sync(folder: Path) -> None:
    """Make the names in a folder last; file systems that cannot are let be."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)

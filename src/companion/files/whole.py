"""The one way in which a durable file is written: whole or not at all, whatever happens in between.

A temporary name in the same folder, the content, ``fsync``, the new name, and ``fsync`` of the folder: after a crash of
the process or of the machine there is the old file or the new one, never half of one.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import BinaryIO

__all__ = ["abandoned", "write", "writing"]


def write(path: Path, content: bytes | str, *, replace: bool = True) -> None:
    """Write a file whole or not at all; its folder is made where it is missing.

    Args:
        path: the file.
        content: text is UTF-8.
        replace: whether a file that is there already gives way.

    Raises:
        FileExistsError: it is there already, and ``replace`` is false.
        OSError: the system refuses; what was there is as it was.
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
            os.link(temporary, path)  # unlike a rename, a link refuses to replace what another process wrote
    finally:
        temporary.unlink(missing_ok=True)
    _sync(path.parent)


def abandoned(path: Path) -> list[Path]:
    """What writers of a file that were killed have left beside it; one that is at work has such a file too."""
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

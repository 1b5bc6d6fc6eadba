"""Small JSON documents that may come from anywhere: read only where it is safe to read, and parsed without guessing.

A name in a folder may be that of a folder, a pipe, a device, or a link that leads nowhere: none of them is opened for
reading.  JSON may name a key twice, nest without end, or hold numbers that no computer has: none of it is taken.
"""

from __future__ import annotations

import errno
import json
import math
import os
import stat
from pathlib import Path
from typing import Any, NoReturn

from companion.files.quoting import brief

__all__ = ["DEEPEST", "LARGEST", "DocumentError", "depth", "parse", "read", "regular"]

LARGEST = 8 << 20
"""Bytes that a document may have."""
DEEPEST = 64
"""Objects and lists that may stand in each other."""
WHOLE = 2**63
"""Whole numbers are below it."""

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class DocumentError(ValueError):
    """What a name leads to is no document; the message says what it is instead."""


def regular(path: Path, largest: int = LARGEST) -> bytes:
    """The bytes of a regular file of sane size; nothing else is read, and nothing is waited for.

    Args:
        path: the file, or a link to it.
        largest: how many bytes it may have.

    Raises:
        DocumentError: it is none, is too large, or cannot be read.
    """
    try:
        _refuse(path.stat(), largest)  # opening a device or a pipe can already do something
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            _refuse(found := os.fstat(handle), largest)  # it may have been replaced
            most = min(found.st_size, largest)
            content = file.read(most + 1)  # as much memory is taken as is asked for
    except OSError as error:
        raise DocumentError(_reason(path, error)) from None
    if len(content) > most:
        raise DocumentError(f"it grew beyond {most:,} bytes while it was read")
    return content


def _refuse(found: os.stat_result, largest: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise DocumentError(f"it is {KINDS.get(stat.S_IFMT(found.st_mode), 'something else')}, not a file")
    if found.st_size > largest:
        raise DocumentError(f"it has {found.st_size:,} bytes, more than {largest:,}")


def _reason(path: Path, error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "it is a link that leads back to itself"
    if error.errno == errno.ENOENT and path.is_symlink():
        return "it is a link to something that is not there"
    return f"it cannot be read ({error.strerror})"


def parse(content: bytes) -> dict[str, Any]:
    """The JSON object that these bytes are, in UTF-8.

    Raises:
        DocumentError: they are none, or one with a key named twice, with numbers beyond 64 bits, or too deep.
    """
    try:
        text = content.decode("utf-8")
        found = json.loads(
            text,
            object_pairs_hook=_once,
            parse_int=_whole,
            parse_float=_finite,
            parse_constant=_constant,
        )
        if "\\ud" in text or "\\uD" in text:  # half a character, which no file and no page can hold
            json.dumps(found, ensure_ascii=False).encode("utf-8")
    except DocumentError:
        raise
    except UnicodeError:
        raise DocumentError("it is not text in UTF-8") from None
    except RecursionError:
        raise DocumentError(TOO_DEEP) from None
    except ValueError as error:
        raise DocumentError(f"it is no JSON ({error})") from None
    if not isinstance(found, dict):
        raise DocumentError("it is no JSON object")
    if depth(found) > DEEPEST:
        raise DocumentError(TOO_DEEP)
    return found


def read(path: Path) -> dict[str, Any]:
    """The JSON object of a regular file: :func:`regular`, then :func:`parse`, whose errors it raises."""
    return parse(regular(path))


TOO_DEEP = f"its objects and lists are nested more than {DEEPEST} deep"


def depth(found: Any) -> int:
    """How deep lists and objects are nested in a value, without a call for each level; 0 where it is neither."""
    level, levels = [found] if isinstance(found, (dict, list)) else [], 0
    while level:
        levels += 1
        inner = [value for one in level for value in (one.values() if isinstance(one, dict) else one)]
        level = [value for value in inner if isinstance(value, (dict, list))]
    return levels


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise DocumentError(f"it names {brief(next(name for name in names if names.count(name) > 1))} twice")
    return found


def _whole(digits: str) -> int:
    if len(digits) > 20 or abs(number := int(digits)) >= WHOLE:
        raise DocumentError(f"it holds the number {brief(digits)[1:-1]}, which is beyond 64 bits")
    return number


def _finite(digits: str) -> float:
    if not math.isfinite(number := float(digits)):
        raise DocumentError(f"it holds the number {brief(digits)[1:-1]}, which is not finite")
    return number


def _constant(word: str) -> NoReturn:
    raise DocumentError(f"it holds {word}, which is no number of JSON")

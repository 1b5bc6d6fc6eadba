"""Who trains what: a lock for each run, and beside it a line that says whose it is.

The operating system ends a lock with its process, however that ends; the line is for readers, and decides nothing.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from companion.files.documents import DocumentError, read
from companion.files.quoting import one_line

__all__ = ["Holder", "held"]


@dataclass(frozen=True)
class Holder:
    """A process that trains something.

    Args:
        host: the name of its machine.
        pid: its number there.
        since: UTC, as ``2026-01-31 12:00:00 UTC``.
    """

    host: str
    pid: int
    since: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} (since {self.since})"

    @classmethod
    def of(cls, lock: Path) -> Holder | None:
        """Who says that it holds a lock; ``None`` if nobody does in words that can be read."""
        try:
            found = read(_line(lock))
        except DocumentError:
            return None
        host, pid, since = (found.get(name) for name in ("host", "pid", "since"))
        if not isinstance(host, str) or type(pid) is not int or not isinstance(since, str):
            return None
        return cls(one_line(host), pid, one_line(since))


@contextmanager
def held(lock: Path) -> Iterator[bool]:
    """Whether this process has the lock, which it gives back with the block; it never waits for it."""
    from filelock import FileLock, Timeout  # torch brings it

    lock.parent.mkdir(parents=True, exist_ok=True)
    taken = FileLock(lock)
    with suppress(Timeout):
        taken.acquire(blocking=False)
    try:
        if taken.is_locked:
            since = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
            line = json.dumps({"host": platform.node(), "pid": os.getpid(), "since": since})
            with suppress(OSError):  # nobody learns whose it is then
                _line(lock).write_text(line + "\n", encoding="utf-8")
        yield taken.is_locked
    finally:
        if taken.is_locked:
            _line(lock).unlink(missing_ok=True)
        taken.release()  # nothing, if another holds it


def _line(lock: Path) -> Path:
    return lock.with_name(f"{lock.name}.holder")

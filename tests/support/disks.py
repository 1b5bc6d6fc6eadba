"""A real file system that is small, and full where a test wants it: one of the kernel's, in memory.

It is mounted in a process of its own, in a view of the file systems that ends with this process, whatever happens in
it.  That takes root, or a system on which users may have a view of their own (``unshare --map-root-user --mount``).
"""

from __future__ import annotations

import ctypes
import functools
import os
import pickle
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from companion.files.console import sentence
from support.faults import SECONDS

__all__ = ["Disk", "on_a_disk", "refusal", "sweep"]

WIDE = 1 << 19
"""Bytes of a disk that is not full."""
OWN_MOUNTS, OWN_USERS = 0x20000, 0x10000000
PRIVATE, REMOUNT = 1 << 18 | 1 << 14, 1 << 5
"""Flags of the kernel's: for ``unshare`` and ``mount``."""


@dataclass(frozen=True)
class Disk:
    """A mounted file system.

    Args:
        folder: where it is.
    """

    folder: Path

    def leave(self, pages: int) -> None:
        """Let there be room for so many pages more than are taken, and for nothing beyond them."""
        found = os.statvfs(self.folder)
        self._resize((found.f_blocks - found.f_bfree + pages) * found.f_frsize)

    def widen(self) -> None:
        """Make room."""
        self._resize(WIDE)

    def _resize(self, size: int) -> None:
        _mount(b"tmpfs", self.folder, b"tmpfs", REMOUNT, f"size={size}".encode())


def on_a_disk(place: Path, work: Callable[[Disk], list[str]], seconds: int = 4 * SECONDS) -> list[str]:
    """What some work returns that is done in a process of its own, where a small file system is at this place.

    Args:
        place: a folder that is there.
        work: what is done; where it raises something, the test fails.
        seconds: what it has to end.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(seconds)
        answer: tuple[list[str], str] = [], ""
        try:
            _mounted(place)
            answer = work(Disk(place)), ""
        except BaseException:
            answer = [], traceback.format_exc()
        finally:
            with os.fdopen(writing, "wb") as pipe:
                pickle.dump(answer, pipe)
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    assert status == 0, f"it was ended by {signal.Signals(os.WTERMSIG(status)).name}"
    found, said = pickle.loads(told)
    if said:
        pytest.fail(said, pytrace=False)
    return found


@functools.cache
def refusal() -> str | None:
    """Why this system lets nobody have such a disk, in a few words; ``None`` if it does."""
    if sys.platform != "linux":
        return "this is not Linux"
    with tempfile.TemporaryDirectory() as folder:
        try:
            on_a_disk(Path(folder), lambda disk: disk.widen() or [])
        except pytest.fail.Exception as error:
            return str(error).splitlines()[-1]
    return None


def sweep(
    disk: Disk,
    ready: Callable[[Path], object],
    work: Callable[[Path], object],
    check: Callable[[Path, str], None],
) -> list[str]:
    """Work with room for nothing, then for one page, for two, until it ends well; how each time ended.

    Args:
        disk: where it works.
        ready: what is done in a folder before, with room enough.
        work: what is done there; it must say in a sentence that there is no room.
        check: what must hold then, as soon as there is room again; its second argument says how much there was.
    """
    disk.folder.joinpath("filler").write_bytes(b"0")  # a size of nothing would be no limit
    ends: list[str] = []
    while ends[-1:] != ["done"]:
        folder, room = disk.folder / "work", f"room for {len(ends)} pages"
        folder.mkdir()
        ready(folder)
        disk.leave(len(ends))
        try:
            work(folder)
        except Exception as error:
            said = sentence(error) if isinstance(error, OSError) else str(error)
            assert "(No space left on device)" in said, f"{room}: {said}"
            assert said.isprintable(), room
            assert "[" not in said, f"{room}: {said}"
            ends.append("error")
        else:
            ends.append("done")
        left = [file.name for file in folder.rglob(".*") if file.name.endswith((".partial", ".probe"))]
        assert left == [], room
        disk.widen()
        check(folder, room)
        shutil.rmtree(folder)
    return ends


def _mounted(place: Path) -> None:
    """Mount an empty file system for this process alone."""
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(OWN_MOUNTS):
        _well(libc.unshare(OWN_MOUNTS | OWN_USERS))
        for name, line in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
            Path("/proc/self", name).write_text(line)
    _mount(b"none", Path("/"), None, PRIVATE, None)
    _mount(b"tmpfs", place, b"tmpfs", 0, f"size={WIDE}".encode())


def _mount(what: bytes, place: Path, kind: bytes | None, flags: int, settings: bytes | None) -> None:
    _well(ctypes.CDLL(None, use_errno=True).mount(what, os.fsencode(place), kind, ctypes.c_ulong(flags), settings))


def _well(answer: int) -> None:
    if answer:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

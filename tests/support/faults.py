"""What can go wrong with files: the process that works on them fails, is interrupted or is killed at any one act.

An act is what Python's audit events tell of: a file opened for writing, a name given, changed or removed, a folder
made; a part of a durable file that is written, the first and the fourth of each file, in the long form each; and a sync
to disk, of which only the order counts, as what dies here is a process and no machine.
"""

from __future__ import annotations

import errno
import io
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["HOW", "LONG", "STRUCK", "Outcome", "strike", "strikes", "visible"]

HOW = ("fails", "full", "stops", "killed")
"""One act fails; it and all after it that need space fail; it is interrupted, a write after half of it; there the
process is killed, in a write after half of it."""
NAMED = {"os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.symlink", "os.truncate"}
FREES = ("os.remove", "os.rmdir")
SAID = ("OSError", "FolderError", "DataError", "NotebookError", "Error: [(")
"""Errors as which a failed act is told of; the last is that of :mod:`shutil`."""

STRUCK: list[str] = []
"""How each struck process ended; who reports them takes them out."""

LONG = [False]
"""Whether this is the long form, for which nobody waits; in a list so that ``--faults-long`` can change it."""

SECONDS = 60
"""What a struck process has to end."""


@dataclass(frozen=True)
class Outcome:
    """How a process ended.

    Args:
        how: ``done``, ``error`` (it raised something) or ``killed``.
        acts: what it did, in words, as far as it could tell.
        said: the error, where there was one.
    """

    how: str
    acts: tuple[str, ...]
    said: str = ""


class _Fault:
    """The acts of this process on files below a folder, and what befalls one of them."""

    def __init__(self, folder: Path, at: int, how: str) -> None:
        self.folder, self.at, self.how, self.acts = f"{folder}{os.sep}", at, how, list[str]()

    def act(self, what: str, name: Any, half: Callable[[], object] = lambda: None) -> None:
        if ".probe" in str(name):  # it comes before all work, and tests of its own
            return
        short = re.sub(r"\.[0-9a-f]{12}\.partial$", ".partial", str(name).removeprefix(self.folder))
        self.acts.append(f"{what} {short}")
        struck = len(self.acts) == self.at
        full = self.how == "full" and 0 < self.at <= len(self.acts) and not self.acts[-1].startswith(FREES)
        if full or (struck and self.how == "fails"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if struck and self.how in ("stops", "killed"):
            half()
            if self.how == "stops":
                raise KeyboardInterrupt
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        opens = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if opens or event in NAMED:
            names = [os.fsdecode(a) for a in arguments[:2] if isinstance(a, (str, bytes, os.PathLike))]
            if event == "os.mkdir" and Path(names[0]).is_dir():
                return  # it is there already
            if inside := [name for name in names if name.startswith(self.folder)]:
                self.act(event, inside[-1 if event in ("os.rename", "os.link") else 0])

    def install(self) -> None:
        really_open = io.open

        def opened(file: Any, mode: str = "r", *rest: Any, **options: Any) -> Any:
            made = really_open(file, mode, *rest, **options)
            return _Handle(made, self) if str(file).endswith(".partial") else made

        io.open = opened  # what pathlib calls
        os.fsync = lambda handle: self.act("fsync", Path(f"/proc/self/fd/{handle}").readlink())
        sys.addaudithook(self.audit)


class _Handle:
    """A file that is open for writing, and tells of what is written to it."""

    def __init__(self, file: Any, fault: _Fault) -> None:
        self.file, self.fault, self.writes = file, fault, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def __enter__(self) -> _Handle:
        return self

    def __exit__(self, *error: object) -> None:
        self.file.close()

    def write(self, content: Any) -> int:
        self.writes += 1
        if LONG[0] or self.writes in (1, 4):
            self.fault.act("write", self.file.name, lambda: self._half(memoryview(content).cast("B")))
        return self.file.write(content)

    def _half(self, content: memoryview) -> None:
        self.file.write(content[: len(content) // 2])
        self.file.flush()

    def writelines(self, parts: Any) -> None:
        for part in parts:
            self.write(part)


def strike(folder: Path, work: Callable[[], object], at: int = 0, how: str = "") -> Outcome:
    """Do some work in a process of its own, in which something goes wrong at one act below a folder.

    Args:
        folder: only what happens below it counts.
        work: what the process does.
        at: the number of the act, from 1; with 0 nothing goes wrong.
        how: one of :data:`HOW`.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)  # one that hangs is killed by that, and its test fails
        fault, said = _Fault(folder, at, how), ""
        try:
            fault.install()
            work()
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        finally:
            os.write(writing, json.dumps([fault.acts, said]).encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL, f"it was ended by {signal.Signals(os.WTERMSIG(status)).name}"
        outcome = Outcome("killed", ())
    else:
        acts, said = json.loads(told)
        outcome = Outcome("error" if said else "done", tuple(acts), said)
    if at:
        STRUCK.append(outcome.how)
    return outcome


def strikes(
    place: Path,
    work: Callable[[Path], object],
    how: str,
    ready: Callable[[Path], object] = lambda folder: None,
) -> Iterator[tuple[Path, str, Outcome]]:
    """Everything that can befall a piece of work: folder, act and outcome, one after the other.

    Args:
        place: where folders are made, one for each time.
        work: what is done in a folder.
        how: one of :data:`HOW`.
        ready: what is done in it before, of which nothing counts.
    """

    def folder(name: str) -> Path:
        (made := place / name).mkdir(parents=True)
        ready(made)
        return made

    whole = folder("undisturbed")
    undisturbed = strike(whole, lambda: work(whole))
    assert undisturbed.how == "done", undisturbed.said
    for at, act in enumerate(undisturbed.acts, start=1):
        here = folder(str(at))
        outcome = strike(here, lambda here=here: work(here), at, how)
        if outcome.how == "error":  # what was done to it, perhaps in the words of whoever met it
            assert outcome.said.startswith("KeyboardInterrupt" if how == "stops" else SAID), f"{act}: {outcome.said}"
        yield here, act, outcome


def visible(folder: Path) -> dict[str, bytes]:
    """The files below a folder with their content, without those that hide behind a dot."""
    files = sorted(folder.rglob("*")) if folder.is_dir() else []
    return {f.relative_to(folder).as_posix(): f.read_bytes() for f in files if f.is_file() and f.name[0] != "."}

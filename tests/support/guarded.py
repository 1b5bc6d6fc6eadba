"""What a parser of foreign input may do: answer, or refuse in one sentence.  Anything else is noticed here.

The interpreter's audit events tell of files that are written outside a folder, of programs that are started, of
connections, of names that a pickle looks up and of code that is no file of a library.  A clock ends what hangs, and the
peak of memory says what was claimed and touched.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, settings

__all__ = ["INPUTS", "REFUSED", "TALLY", "TooSlow", "feeds", "tried"]

INPUTS = [200]
"""Inputs for each parser, in a list so that ``--inputs`` can change it."""
TALLY: Counter[str] = Counter()
"""How many inputs were accepted and refused since somebody has emptied it."""

SECONDS = 20
"""What one input may take, on a machine that is busy."""
MEMORY = 512
"""MiB by which one input may raise the peak of this process."""
SENTENCE = 2000
"""Characters of a refusal."""

NAMED = {"os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.symlink", "os.truncate", "os.chmod"}
RUNS = {
    *("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "subprocess.Popen", "pty.spawn"),
    *("socket.connect", "socket.bind", "urllib.Request", "webbrowser.open", "ctypes.dlopen", "pickle.find_class"),
}
REFUSED: Any = object()
"""What :func:`tried` gives for an input that was refused."""
T = TypeVar("T")

_inside: list[str] = []
"""The folder that may be written to, while something is tried."""
_seen: list[str] = []


class TooSlow(BaseException):
    """An input that takes too long; no parser catches it."""


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not _inside:
        return
    if event in RUNS and not _by_a_library():
        _seen.append(f"{event} {arguments!r:.200}")
    elif event == "exec":
        name = getattr(arguments[0], "co_filename", "?")
        if not name.startswith("<frozen ") and not Path(name).is_file() and not _by_a_library():
            _seen.append(f"exec {name}")
    elif event in NAMED or (event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)):
        names = [os.fsdecode(one) for one in arguments[:2] if isinstance(one, (str, bytes, os.PathLike))]
        for name in names[:1]:
            place = os.path.normpath(_folder(event, arguments) / name)
            if name != os.devnull and place != _inside[-1] and not place.startswith(f"{_inside[-1]}{os.sep}"):
                _seen.append(f"{event} {name}")


def _folder(event: str, arguments: tuple[Any, ...]) -> Path:
    """Where a relative name of an act stands: whoever removes a tree holds its folders open."""
    held = arguments[-1] if event in ("os.remove", "os.rmdir", "os.mkdir") else -1
    return Path(f"/proc/self/fd/{held}").readlink() if isinstance(held, int) and held >= 0 else Path.cwd()


def _by_a_library() -> bool:
    """Whether code without a file is made where a module is imported, or by the checker of shapes at a first call."""
    files = [frame.f_code.co_filename for frame, _ in traceback.walk_stack(None)]
    return any(name in file for file in files for name in ("importlib", "beartype", "jaxtyping"))


_installed: list[bool] = []


def _late(signum: int, frame: Any) -> None:
    raise TooSlow(f"more than {SECONDS} seconds")


@contextmanager
def _watched(inside: Path) -> Iterator[None]:
    if not _installed:
        sys.addaudithook(_audit)
        _installed.append(True)
    _seen.clear()
    temporary, tempfile.tempdir = tempfile.tempdir, str(inside)
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    before = signal.signal(signal.SIGALRM, _late)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    _inside.append(str(inside))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        _inside.pop()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        tempfile.tempdir, sys.dont_write_bytecode = temporary, written


def tried(read: Callable[[], T], refuses: type[Exception] | tuple[type[Exception], ...], inside: Path) -> T:
    """What a parser makes of an input; :data:`REFUSED` where it says in one printable line why not.

    Args:
        read: calls the parser.
        refuses: the errors that it documents; any other one is passed on, and fails the test.
        inside: the only folder in which it may write.
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    said = None
    with _watched(inside):
        try:
            found = read()
        except refuses as error:
            said = str(error)
    assert not _seen, str(_seen)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) >> 10
    assert grown < MEMORY, f"{grown} MiB were touched"
    TALLY["accepted" if said is None else "refused"] += 1
    if said is None:
        return found
    assert said, "an error without a word"
    assert said.isprintable(), f"no printable line: {said!r:.300}"
    assert len(said) <= SENTENCE, f"{len(said)} characters: {said[:300]}"
    return REFUSED


def feeds(parser: str, share: float = 1.0) -> Callable[[Any], Any]:
    """Name the parser that a test feeds, and let it take so many inputs as were asked for.

    Args:
        parser: its name in the report.
        share: of the inputs, where several tests feed one parser.
    """

    def named(test: Any) -> Any:
        test = settings(
            max_examples=max(1, round(share * INPUTS[0])),
            suppress_health_check=list(HealthCheck),
            phases=[phase for phase in Phase if phase is not Phase.explain],
            database=None,
        )(test)
        test.parser = parser
        return test

    return named

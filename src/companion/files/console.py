"""Standard output and standard error: whatever their encoding, full, closed, or read by nobody any more.

A reader that has seen enough, such as ``head``, is a success.  A device that is full is a failure, told in one
sentence.  What goes to standard error is for a human who may not be there: it never fails.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import sys
from collections.abc import Callable
from typing import Any, TextIO, cast

from companion.files.quoting import one_line

__all__ = ["INTERRUPTED", "OK", "REFUSED", "Forgiving", "answer", "sentence", "silence", "tell"]

OK, REFUSED, INTERRUPTED = 0, 2, 130
"""Exit codes: all is well, the system refuses what the user can mend, Ctrl-C."""


class _Stream:
    """A stream like another."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class Forgiving(_Stream):
    """A stream like another, but what cannot be written is lost without an error."""

    def write(self, text: str) -> int:
        """Write, or do not."""
        with contextlib.suppress(OSError, ValueError):
            self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, or do not."""
        with contextlib.suppress(OSError, ValueError):
            self.stream.flush()


class _Output(_Stream):
    """Standard output, whose errors name it, and which remembers that it was refused, whoever caught the error."""

    refused: OSError | None = None

    def write(self, text: str) -> int:
        return self._asked(lambda: self.stream.write(text))

    def flush(self) -> None:
        self._asked(self.stream.flush)

    def _asked(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except OSError as error:
            self.refused = OSError(error.errno, error.strerror, "standard output")
            raise self.refused from None


def answer(work: Callable[[], int], stopped: str = "Stopped.") -> int:
    """The exit code of a command, its output flushed, and one sentence on standard error where the system refused.

    Args:
        work: the command; it returns its exit code.
        stopped: what is said after Ctrl-C.
    """
    _prepare()
    before, output = sys.stdout, _Output(sys.stdout)
    sys.stdout = cast(TextIO, output)
    try:
        return _answer(work, output, stopped)
    finally:
        sys.stdout = before


def _answer(work: Callable[[], int], output: _Output, stopped: str) -> int:
    try:
        try:
            code = work()
        except KeyboardInterrupt:
            tell(stopped)
            code = INTERRUPTED
        except SystemExit:
            output.flush()
            if output.refused is None:
                raise
            raise output.refused from None
        output.flush()
    except OSError as error:
        if output.refused is None:
            tell(sentence(error))
            return REFUSED
        error = output.refused
        silence(output)
        if isinstance(error, BrokenPipeError):
            return OK
        tell(sentence(error))
        return REFUSED
    if code == INTERRUPTED:
        _caught()
    return code


def _caught() -> None:
    """The interpreter takes a Ctrl-C for caught, so that ours is the exit code.

    One that falls into source given as a string, as :mod:`dataclasses` and :mod:`collections` run on import, is noted
    down there as caught by nobody, and under ``python -m`` the process then ends by the signal.  The next string that
    is run takes the note back.
    """
    exec("")


def sentence(error: OSError) -> str:
    """What the system refused, and where, in one sentence."""
    reason = error.strerror or str(error) or type(error).__name__
    if isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list):
        return _copies(error.args[0])
    if error.errno is None:
        return reason
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return f"too many files are open ({reason}): raise the limit, such as with `ulimit -n 4096`, and go on"
    if error.filename is None:
        return f"the system refuses to go on ({reason})"
    return f"{one_line(os.fsdecode(error.filename))} cannot be read or written ({reason})"


def _copies(failed: list[tuple[str, str, str]]) -> str:
    """Which file of a folder could not be copied, and how many others, from what :mod:`shutil` has collected."""
    _, target, said = failed[0]
    reason = re.sub(r"^\[Errno \d+\] |: '.*$", "", one_line(said))
    more = f", nor {len(failed) - 1} other files" if len(failed) > 1 else ""
    return f"{one_line(os.fsdecode(target))} cannot be written ({reason}){more}"


def silence(stream: Any) -> None:
    """From now on, what is written to a stream is lost: at its end the interpreter complains no more."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    if isinstance(stream, _Output):
        stream.refused = None


def tell(text: str) -> None:
    """One line to standard error, if it can be written there."""
    print(text, file=cast(TextIO, Forgiving(sys.stderr)), flush=True)


def _prepare() -> None:
    """Streams that take any letter, those that the shell has closed too; a width that is no number is none."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    for name in ("COLUMNS", "LINES"):
        value = os.environ.get(name, "0")
        if not (value.isascii() and value.isdecimal() and len(value) < 6):
            del os.environ[name]

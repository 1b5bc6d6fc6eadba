"""Standard output and standard error: whatever their encoding, full, closed, or read by nobody any more.

A reader that has seen enough, such as ``head``, is a success.  A device that is full is a failure, told in one
sentence.  What goes to standard error is for a human who may not be there: it never fails.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import sys
from collections.abc import Callable
from typing import Any, TextIO, cast

from companion.files.quoting import one_line

__all__ = ["INTERRUPTED", "OK", "REFUSED", "Forgiving", "answer", "sentence", "silence", "tell"]

OK, REFUSED, INTERRUPTED = 0, 2, 130
"""Exit codes: all is well, the system refuses what the user can mend, Ctrl-C."""


class Forgiving:
    """A stream like another, but what cannot be written is lost without an error."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, or do not."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, or do not."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def answer(work: Callable[[], int], stopped: str = "Stopped.") -> int:
    """The exit code of a command, its output flushed, and one sentence on standard error where the system refused.

    Args:
        work: the command; it returns its exit code.
        stopped: what is said after Ctrl-C.
    """
    _prepare()
    try:
        code = work()
        sys.stdout.flush()
    except KeyboardInterrupt:
        tell(stopped)
        code = INTERRUPTED
    except OSError as error:
        refused = _refused()
        if refused is not None:
            silence(sys.stdout)
        if isinstance(refused or error, BrokenPipeError) and (refused or _unread()):
            return OK
        tell(sentence(error) if refused is None else f"standard output cannot be written ({refused.strerror})")
        return REFUSED
    if (refused := _refused()) is not None:  # of what was printed before the end, such as by Ctrl-C
        silence(sys.stdout)
    return code


def sentence(error: OSError) -> str:
    """What the system refused, and where, in one sentence."""
    reason = error.strerror or str(error) or type(error).__name__
    if error.errno is None:
        return reason
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return f"too many files are open ({reason}): raise the limit, such as with `ulimit -n 4096`, and go on"
    if error.filename is None:
        return f"the system refuses to go on ({reason})"
    return f"{one_line(os.fsdecode(error.filename))} cannot be read or written ({reason})"


def silence(stream: TextIO) -> None:
    """From now on, what is written to a stream is lost: at its end the interpreter complains no more."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _prepare() -> None:
    """Streams that take any letter, those that the shell has closed too."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def tell(text: str) -> None:
    """One line to standard error, if it can be written there."""
    print(text, file=cast(TextIO, Forgiving(sys.stderr)), flush=True)


def _refused() -> OSError | None:
    """Why standard output does not take what is waiting for it; ``None`` where it does."""
    try:
        sys.stdout.flush()
    except OSError as error:
        return error
    except ValueError:  # closed
        pass
    return None


def _unread() -> bool:
    """Whether standard output is a pipe whose reader is gone."""
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), select.POLLOUT)
        return any(events & select.POLLERR for _, events in poll.poll(0))
    except (OSError, ValueError, AttributeError):
        return False

"""What the system allows this process, and what of it can be had for the asking."""

from __future__ import annotations

import errno
import os
from contextlib import suppress

__all__ = ["FILES", "open_files"]

FILES = 256
"""Files that training or a kernel may hold open at once: a lock for each claimed run, libraries, sockets."""


def open_files(count: int = FILES) -> None:
    """Make sure that this process may hold so many files open at once; a limit that can be raised is.

    Args:
        count: how many.

    Raises:
        OSError: the system allows fewer, and no more for the asking.
    """
    try:
        import resource
    except ModuleNotFoundError:  # systems without such limits
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= count:
        return
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
        return
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

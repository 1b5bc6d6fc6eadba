"""Large blocks of memory that a step frees are kept for the next one.

The C library gives blocks of many megabytes back to the system at once, and each comes back page by page, filled with
zeros: a tenth of a convolutional training step.
"""

from __future__ import annotations

import ctypes
import functools

__all__ = ["keep_freed_memory"]

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Parameters of ``mallopt`` in the GNU C library."""
LARGEST = 2**31 - 1


@functools.cache
def keep_freed_memory() -> bool:
    """Tell the C library to keep what this process frees, from now on; whether it has such a setting."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    return bool(mallopt(MMAP_THRESHOLD, LARGEST) and mallopt(TRIM_THRESHOLD, LARGEST))

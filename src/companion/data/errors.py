"""The one exception of the data modules."""

from __future__ import annotations

__all__ = ["DataError"]


class DataError(RuntimeError):
    """A dataset is absent, damaged or out of reach; the message says which, and what to do about it.

    A *request* that makes no sense (an unknown name, a size that is not positive) is a ``ValueError``
    instead.

    Example:
        >>> from companion.data import load
        >>> load("mnist", "/no/such/folder")
        Traceback (most recent call last):
            ...
        companion.data.errors.DataError: MNIST is not in /no/such/folder; run: companion data fetch mnist
    """

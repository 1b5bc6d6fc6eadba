"""What every reader of stored files raises."""

from __future__ import annotations

__all__ = ["RecordError"]


class RecordError(ValueError):
    """A record that does not verify; the message says what is wrong with it.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from companion.records.store import Store
        >>> with TemporaryDirectory() as folder:
        ...     _ = (Path(folder) / "a.json").write_text("half of")
        ...     list(Store(folder))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        companion.records.errors.RecordError: a.json is damaged: ...
    """

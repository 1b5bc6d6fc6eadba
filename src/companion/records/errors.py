"""What every reader of stored files raises."""

from __future__ import annotations

__all__ = ["RecordError"]


class RecordError(ValueError):
    """A record that does not verify; the message says what is wrong with it."""

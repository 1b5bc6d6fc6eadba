"""The digest of the sources as they are now, whatever they were when this process began."""

from __future__ import annotations

from companion.files.digests import digest_of
from companion.records import provenance

__all__ = ["sources_now"]


def sources_now() -> str:
    """What :func:`companion.records.provenance.sources_digest` would be in a process that begins now."""
    return digest_of(provenance.sources.__wrapped__(), provenance.PACKAGE)[:16]

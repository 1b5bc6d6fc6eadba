"""A record: what is kept of one run, and what makes it sound."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from companion.files.quoting import brief
from companion.records import schema
from companion.records.errors import RecordError
from companion.runs.fields import SpecError
from companion.runs.spec import RunSpec

__all__ = ["FORMAT", "Record", "canonical", "content_digest", "signed", "why"]

FORMAT = 1


@dataclass(frozen=True)
class Record:
    """One finished run.

    Args:
        content: the JSON object: ``format, key, take, spec, status, curves, best_test, best_epoch, last_test,
            selected_test, selected_epoch, teacher, weights, provenance, digest``, ``start`` in a run that begins with
            another's weights, ``probes`` and perhaps ``pictures`` in one that has a probe.  Accuracies are percentages;
            curves have one value per epoch, losses in nats; epochs count from 1.

    Example:
        >>> record = Record({"spec": {"seed": 3}, "status": "finished", "best_test": 97.5})
        >>> record.spec.seed, record.statistic("best_test")
        (3, 97.5)
    """

    content: Mapping[str, Any]

    @cached_property
    def spec(self) -> RunSpec:
        """The run; fields that the record does not name have their defaults, which never change."""
        return RunSpec.from_dict(self.content["spec"])

    @property
    def key(self) -> str:
        """The content key of :attr:`spec`."""
        return self.content["key"]

    @property
    def take(self) -> int:
        """1 for the first record of a key."""
        return self.content["take"]

    @property
    def finished(self) -> bool:
        """False for a run that diverged."""
        return self.content["status"] == "finished"

    @property
    def curves(self) -> Mapping[str, list[float]]:
        """Name to one value per epoch."""
        return self.content["curves"]

    def statistic(self, name: str) -> float | None:
        """``best_test``, ``last_test`` or ``selected_test`` in percent; ``None`` where the run has none."""
        return self.content.get(name) if self.finished else None

    @classmethod
    def build(cls, spec: RunSpec, take: int, **parts: Any) -> Record:
        """A record with key, format and digest filled in.

        Raises:
            RecordError: if what results would not verify.
        """
        content = {"format": FORMAT, "key": spec.key, "take": take, "spec": spec.to_dict(), **parts}
        content["digest"] = content_digest(content)
        record = cls(content)
        record.check()
        return record

    def check(self) -> None:
        """Raise :class:`RecordError` unless schema, key, statistics and digest agree."""
        content = self.content
        signed(content, schema.NEEDED, FORMAT)
        schema.shape(content)
        try:
            spec = self.spec
        except SpecError as error:
            raise RecordError(f"the spec is not valid: {error}") from None
        if content["key"] != spec.key:
            raise RecordError(f"key {content['key']} is not the spec's key {spec.key}")
        schema.agree(content, spec)


def signed(content: Mapping[str, Any], parts: Collection[str], format: int, protocol: int | None = None) -> None:
    """Raise :class:`RecordError` unless a document is of a version that this code knows, whole, and as it was written.

    The version goes first: what a later one lacks, or has beside, is no damage.

    Args:
        content: the JSON object.
        parts: the fields that it must have.
        format: the one that this code reads.
        protocol: of its mathematics, where the document says its own: the last that this code knows.

    Example:
        >>> content = {"format": 1, "runs": 2}
        >>> signed({**content, "digest": content_digest(content)}, ("digest", "runs"), format=1)
        >>> signed({**content, "format": 2}, ("digest", "runs"), format=1)
        Traceback (most recent call last):
            ...
        companion.records.errors.RecordError: format 2 is unknown, this code reads format 1
    """
    if content.get("format", format) != format:
        raise RecordError(f"format {brief(content['format'])} is unknown, this code reads format {format}")
    later = content.get("protocol")
    if protocol is not None and type(later) is int and later > protocol:
        raise RecordError(f"protocol {brief(later)} is unknown, this code knows protocols up to {protocol}")
    if missing := set(parts) - content.keys():
        raise RecordError(f"fields are missing: {', '.join(sorted(missing))}")
    if content["digest"] != content_digest(content):
        raise RecordError("the digest does not match the content: the file was changed after it was written")


def why(error: Exception) -> str:
    """An error as the reason why a file is damaged, on one line.

    Example:
        >>> why(ValueError("it is empty")), why(TypeError("no list"))
        ('it is empty', 'TypeError: no list')
    """
    said = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
    return said if said.isprintable() else " ".join(brief(said)[1:-1].split())


def canonical(content: Any) -> str:
    """JSON with sorted keys and no spaces; NaN is refused.

    Example:
        >>> canonical({"b": 1, "a": [0.5, None]})
        '{"a":[0.5,null],"b":1}'
    """
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def content_digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of a JSON object without its own ``digest``.

    Example:
        >>> content_digest({"take": 1, "digest": "another"}) == content_digest({"take": 1})
        True
    """
    return hashlib.sha256(canonical({k: v for k, v in content.items() if k != "digest"}).encode()).hexdigest()

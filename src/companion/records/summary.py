"""A sound record in a few words: what one asks of twenty thousand records at once, without their curves."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

from companion.runs import spec as specs
from companion.runs.aspects import Trial
from companion.runs.spec import RunSpec

__all__ = ["Summary"]

TRIAL = {field.name: field.default for field in dataclasses.fields(Trial)}


@dataclass(frozen=True)
class Summary:
    """What there is to know of a sound record but for its curves, statistics and weights.

    Args:
        key: of its run.
        take: 1 for the first record of a key.
        protocol: the version of the mathematics that made it.
        finished: false for a run that diverged.
        epochs: that were trained.
        device: as people know it.
        backend: by name.
        threads: CPU threads that it had; 1 where the record does not say.
        seconds: wall-clock seconds of training.
        kind: the run without its :class:`~companion.runs.aspects.Trial`, as canonical JSON: equal for repetitions.

    Example:
        >>> made = {"device": "one core", "backend": "fused", "threads": 1, "seconds": 1.5}
        >>> content = {"key": "44136fa355b3678a", "take": 1, "spec": {"seed": 3}, "status": "finished"}
        >>> summary = Summary.of(content | {"curves": {"train_loss": [0.5, 0.25]}, "provenance": made})
        >>> summary.epochs, summary.seconds, summary.kind
        (2, 1.5, '{}')
    """

    key: str
    take: int
    protocol: int
    finished: bool
    epochs: int
    device: str
    backend: str
    threads: int
    seconds: float
    kind: str

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Self:
        """That of a record's content, which is sound."""
        spec, made = content["spec"], content["provenance"]
        kind = {name: value for name, value in spec.items() if name not in TRIAL}
        return cls(
            key=content["key"],
            take=content["take"],
            protocol=spec.get("protocol_version", TRIAL["protocol_version"]),
            finished=content["status"] == "finished",
            epochs=len(content["curves"]["train_loss"]),
            device=made["device"],
            backend=made["backend"],
            threads=made.get("threads", 1),
            seconds=float(made["seconds"]),
            kind=json.dumps(kind, sort_keys=True, separators=(",", ":")),
        )

    @classmethod
    def from_list(cls, values: Any) -> Self:
        """The inverse of :meth:`to_list`.

        Raises:
            ValueError: these are not the values of a summary of a sound record.
        """
        kinds = [str, int, int, bool, int, str, str, int, float, str]
        if not isinstance(values, list) or [type(value) for value in values] != kinds:
            raise ValueError("these are not the values of a summary")
        found = cls(*values)
        if not (0 <= found.seconds < 1e10 and 0 <= found.epochs <= 2**31 and found.run):
            raise ValueError("these are not the values of a summary of a sound record")
        return found

    @property
    def run(self) -> RunSpec:
        """The run, but for its :class:`~companion.runs.aspects.Trial`, which is that of defaults."""
        return _run(self.kind)

    def to_list(self) -> list[Any]:
        """Its values in their order, as JSON knows them."""
        return [getattr(self, field.name) for field in dataclasses.fields(self)]

    @property
    def stale(self) -> bool:
        """Whether the mathematics of runs has changed since."""
        return self.protocol < specs.PROTOCOL_VERSION


@lru_cache(maxsize=8192)
def _run(kind: str) -> RunSpec:
    return RunSpec.from_dict(json.loads(kind))

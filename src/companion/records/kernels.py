"""What was measured of the path kernels of frozen gates: one small JSON per feature network beside the records of runs.

Like the record of a run it is written once, carries a digest, and is stale where the mathematics has changed since
(:data:`PROTOCOL`); its file is named after the run that uses the same gates in their own order with the image.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from companion.notation import ValueInput
from companion.records import schema
from companion.records.beside import Beside
from companion.records.errors import RecordError
from companion.records.provenance import device_name
from companion.records.record import content_digest, signed
from companion.runs.spec import RunSpec

__all__ = ["FOLDER", "FORMAT", "PROTOCOL", "KernelRecord", "KernelStore", "own_order"]

FORMAT = 1
PROTOCOL = 1
"""Rises only when the mathematics of :mod:`companion.measure.kernel_change` does."""
FOLDER = "kernels"
"""Where a store of records keeps them."""

PARTS = {"format", "protocol", "key", "spec", "feature", "changes", "provenance", "digest"}
FIELDS = {"protocol": schema.whole(1, 2**31), "key": schema.SHORT, "spec": schema.OBJECT, "changes": schema.OBJECT}
ORIGIN = ("torch", "device", "seconds", "time")
SEEN = (ValueInput.IMAGE, ValueInput.ONES)
QUANTITIES = ("relative", "misaligned", "entry")


def own_order(spec: RunSpec) -> RunSpec:
    """The run that uses the same gates in their own order, and sees the image."""
    return spec.replace(gate_permutation=None, value_input="image")


@dataclass(frozen=True)
class KernelRecord:
    """The changes of one kernel.

    Args:
        content: the JSON object: ``format, protocol, key, spec, feature`` (the digest of the feature network's
            weights), ``changes`` of :func:`companion.measure.kernel_change.kernel_changes`, ``provenance, digest``.
    """

    content: Mapping[str, Any]

    @classmethod
    def build(
        cls,
        spec: RunSpec,
        feature: str,
        changes: Mapping[str, Mapping[str, Sequence[float]]],
        *,
        device: str,
        seconds: float,
    ) -> KernelRecord:
        """The record of what was just measured.

        Args:
            spec: a run with these gates.
            feature: the digest of the weights that make them.
            changes: what was measured.
            device: the torch device.
            seconds: what it took.

        Raises:
            RecordError: if what results would not verify.
        """
        import torch

        spec = own_order(spec)
        origin = {"torch": torch.__version__, "device": device_name(device), "seconds": round(seconds, 3)}
        content: dict[str, Any] = {
            "format": FORMAT,
            "protocol": PROTOCOL,
            "key": spec.key,
            "spec": spec.to_dict(),
            "feature": feature,
            "changes": {name: dict(one) for name, one in changes.items()},
            "provenance": {**origin, "time": datetime.now(UTC).isoformat(timespec="seconds")},
        }
        record = cls({**content, "digest": content_digest(content)})
        record.verify()
        return record

    @property
    def spec(self) -> RunSpec:
        """The run with these gates in their own order."""
        return RunSpec.from_dict(self.content["spec"])

    @property
    def current(self) -> bool:
        """Whether today's mathematics made it."""
        return self.content["protocol"] == PROTOCOL and not self.spec.stale

    def verify(self) -> None:
        """Raise :class:`~companion.records.store.RecordError` unless schema, key and digest agree."""
        content = self.content
        signed(content, PARTS, FORMAT, PROTOCOL)
        for name, kind in FIELDS.items():
            schema.fit(name, content[name], kind)
        schema.check_origin(content["provenance"], ORIGIN)
        spec = self.spec
        if content["key"] != spec.key or spec != own_order(spec):
            raise RecordError(f"key {content['key']} is not that of its gates in their own order")
        orders = math.factorial(spec.network.gated_layers)
        if not {*SEEN} <= content["changes"].keys() <= {*ValueInput}:
            raise RecordError(f"the changes must be those with {' and '.join(SEEN)}")
        for value, one in content["changes"].items():
            if set(one) != set(QUANTITIES) or any(len(one[name]) != orders for name in QUANTITIES):
                raise RecordError(f"the changes with {value} are not {', '.join(QUANTITIES)} of {orders} orders")
            if not all(schema.SEVERAL.fits(number) for name in QUANTITIES for number in one[name]):
                raise RecordError(f"the changes with {value} hold a value that is not a finite number")


class KernelStore(Beside[KernelRecord]):
    """A folder of them: :data:`FOLDER` in the folder of a store of records."""

    name = FOLDER
    remedy = "its mathematics has changed since; `companion kernels` measures it anew"

    def path(self, spec: RunSpec) -> Path:
        """Where that of a run's gates stands, whether or not it exists."""
        return self.folder / f"{own_order(spec).key}.json"

    def sound(self, content: Mapping[str, Any], stem: str) -> KernelRecord:
        """The record that a file of this name holds."""
        record = KernelRecord(content)
        record.verify()
        if stem != content["key"]:
            raise RecordError(f"it holds the kernels of {content['key']}")
        return record

    def facts(self, found: KernelRecord) -> bool:
        """Whether today's mathematics made it."""
        return found.current

    def get(self, spec: RunSpec) -> KernelRecord | None:
        """What today's mathematics has measured of a run's gates; ``None`` if nothing.

        Raises:
            RecordError: the file is damaged; the message names it.
        """
        path = self.path(spec)
        record = self.read(path) if os.path.lexists(path) else None
        return record if record is not None and record.current else None

    def write(self, record: KernelRecord) -> Path:
        """Store a record, whole or not at all; a stale one gives way.

        Raises:
            FileExistsError: today's mathematics has measured it already.
        """
        path = self.path(record.spec)
        if self.get(record.spec) is not None:
            raise FileExistsError(f"{FOLDER}/{path.name} is there already")
        return self.put(path, record.content)

"""Films: the path kernel of one run through its training, in few shades, beside the record of the run.

A record keeps what a probe measured of each kernel and not the kernel.  A film is made by training the run again
(:mod:`companion.training.films`), and it holds no kernel that the record does not vouch for: what was measured again is
what the record says.
"""

from __future__ import annotations

import base64
import hashlib
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.records import schema
from companion.records.beside import Beside
from companion.records.errors import RecordError
from companion.records.provenance import device_name
from companion.records.record import Record, content_digest, signed
from companion.records.store import Store
from companion.records.survey import digest_of_file
from companion.runs.spec import RunSpec

if TYPE_CHECKING:
    from companion.notation import Float, Int, Tensor

__all__ = ["FOLDER", "FORMAT", "LIMIT", "PROTOCOL", "SHADES", "TOLERANCE", "Film", "FilmStore", "far", "pack", "unpack"]

FORMAT = 1
PROTOCOL = 1
"""Rises only when the mathematics of :func:`companion.measure.label_alignment.path_kernel` does."""
FOLDER = "films"
"""Where a store of records keeps them."""
SHADES = 64
LIMIT = 0.5
"""What has the last shade: half of what an image has with itself, in the mean over images, or more."""
TOLERANCE = 1e-6
"""By which part nu of a film may differ from its record's: kernels of the same weights agree much better."""
MOST = 1000
"""Images, and stages, of a film."""

PARTS = {"format", "protocol", "key", "spec", "record", "images", "limit", "shades", "packed"} | {
    "epochs", "nu", "same", "other", "provenance", "digest"
}  # fmt: skip
FIELDS = {
    "protocol": schema.whole(1, 2**31),
    "key": schema.SHORT,
    "spec": schema.OBJECT,
    "record": schema.LONG,
    "images": schema.whole(2, MOST),
    "limit": schema.number(1e-6, 1e6),
    "shades": schema.whole(2, 256),
    "packed": schema.text("[A-Za-z0-9+/]+={0,2}", "bytes in base 64"),
}
ORIGIN = ("torch", "device", "backend", "seconds", "time")
MEASURED = ("nu", "same", "other")


def pack(kernels: Sequence[Float[Tensor, "n n"]]) -> str:
    """Symmetric kernels in :data:`SHADES` shades, as text.

    Args:
        kernels: a stage each, with a diagonal of mean 1; what is at or above :data:`LIMIT` has the last shade, and
            shades are even in the root, as small entries are most.

    Returns:
        Base 64 of the deflated shades, a byte each: of each stage the lower triangle with its diagonal, row by row, and
        from the second stage on what it has more than the stage before, modulo 256.
    """
    import torch

    rows, columns = torch.tril_indices(len(kernels[0]), len(kernels[0]))
    entries = torch.stack([kernel[rows, columns] for kernel in kernels])
    shades = ((entries / LIMIT).clamp(0, 1).sqrt() * (SHADES - 1)).round().int()
    more = torch.cat([shades[:1], shades.diff(dim=0) % 256]).to(torch.uint8)
    return base64.b64encode(zlib.compress(more.numpy().tobytes(), 9)).decode()


def unpack(packed: str, stages: int, images: int) -> Int[Tensor, "stages n n"]:
    """The shades of such a text, as whole matrices.

    Raises:
        ValueError: it does not hold so many.
    """
    import torch

    size = images * (images + 1) // 2
    try:
        reader = zlib.decompressobj()
        content = reader.decompress(base64.b64decode(packed, validate=True), stages * size + 1)
        whole = reader.eof and not reader.unused_data
    except (ValueError, zlib.error) as error:
        raise ValueError(f"its kernels cannot be unpacked ({error})") from None
    if len(content) != stages * size or not whole:
        raise ValueError(f"it does not hold {stages} kernels of {images} images")
    shades = torch.frombuffer(bytearray(content), dtype=torch.uint8).view(stages, size).int().cumsum(0) % 256
    rows, columns = torch.tril_indices(images, images)
    found = torch.zeros(stages, images, images, dtype=torch.int64)
    found[:, rows, columns] = found[:, columns, rows] = shades.long()
    return found


def far(record: Record, epochs: Sequence[int], nu: Sequence[float]) -> str | None:
    """Why numbers are not those that a record has of nu, in words; ``None`` if they are."""
    probes = record.content.get("probes", {})
    recorded = dict(zip(probes.get("epoch", ()), probes.get("nu", ()), strict=False))
    for epoch, value in zip(epochs, nu, strict=True):
        if epoch not in recorded:
            return f"its record has no nu of epoch {epoch}"
        if not abs(value / recorded[epoch] - 1) <= TOLERANCE:
            return f"nu at epoch {epoch} is {value:.10g}, and its record says {recorded[epoch]:.10g}"
    return None


@dataclass(frozen=True)
class Film:
    """One run's kernel, stage by stage.

    Args:
        content: the JSON object: ``format, protocol, key, spec, record`` (the digest of the run's record),
            ``images, limit, shades, packed`` (see :func:`pack`), ``epochs`` (after so many, from 0), and for each of
            them ``nu``, ``same`` and ``other`` (the mean entry of two images of the same label, and of different ones,
            where the mean of an image with itself is 1); ``provenance, digest``.
    """

    content: Mapping[str, Any]

    @classmethod
    def build(
        cls,
        record: Record,
        kernels: Mapping[int, Float[Tensor, "n n"]],
        measured: Mapping[str, Sequence[float]],
        *,
        backend: str,
        device: str,
        seconds: float,
    ) -> Film:
        """The film of what was just measured.

        Args:
            record: that of the run.
            kernels: by epoch, with a diagonal of mean 1.
            measured: ``nu``, ``same`` and ``other`` of each.
            backend: what trained.
            device: the torch device.
            seconds: what it took.

        Raises:
            RecordError: if what results would not verify.
        """
        import torch

        origin = {"torch": torch.__version__, "device": device_name(device), "backend": backend}
        content: dict[str, Any] = {
            "format": FORMAT,
            "protocol": PROTOCOL,
            "key": record.key,
            "spec": record.spec.to_dict(),
            "record": record.content["digest"],
            "images": len(next(iter(kernels.values()))),
            "limit": LIMIT,
            "shades": SHADES,
            "epochs": list(kernels),
            **{name: list(measured[name]) for name in MEASURED},
            "packed": pack(list(kernels.values())),
            "provenance": {
                **origin,
                "seconds": round(seconds, 3),
                "time": datetime.now(UTC).isoformat(timespec="seconds"),
            },
        }
        film = cls({**content, "digest": content_digest(content)})
        film.verify(record)
        return film

    @property
    def spec(self) -> RunSpec:
        """The run."""
        return RunSpec.from_dict(self.content["spec"])

    @property
    def current(self) -> bool:
        """Whether today's mathematics made it."""
        return self.content["protocol"] == PROTOCOL and not self.spec.stale

    @property
    def shades(self) -> Int[Tensor, "stages n n"]:
        """Every kernel, in shades from 0."""
        return unpack(self.content["packed"], len(self.content["epochs"]), self.content["images"])

    def verify(self, record: Record | None) -> None:
        """Raise :class:`RecordError` unless schema, key and digest agree, and the run's record says the same."""
        content = self.content
        signed(content, PARTS, FORMAT, PROTOCOL)
        for name, kind in FIELDS.items():
            schema.fit(name, content[name], kind)
        schema.check_origin(content["provenance"], ORIGIN)
        if content["key"] != self.spec.key:
            raise RecordError(f"key {content['key']} is not the spec's key {self.spec.key}")
        epochs = content["epochs"]
        if not isinstance(epochs, list) or not 0 < len(epochs) <= MOST or any(type(e) is not int for e in epochs):
            raise RecordError(f"epochs must be 1 to {MOST} whole numbers")
        if epochs != sorted(set(epochs)) or epochs[0] < 0:
            raise RecordError("epochs must rise from 0 or more")
        for name in MEASURED:
            values = content[name]
            if not isinstance(values, list) or len(values) != len(epochs) or not all(map(schema.SEVERAL.fits, values)):
                raise RecordError(f"{name} must be a number for each epoch")
        if int(self.shades.max()) >= content["shades"]:
            raise RecordError(f"a kernel has other shades than {content['shades']}")
        if record is None:
            raise RecordError("the record of its run is not here")
        if record.content["digest"] != content["record"]:
            raise RecordError("the record of its run is not the one that it was compared with")
        if reason := far(record, epochs, content["nu"]):
            raise RecordError(reason)


class FilmStore(Beside[Film]):
    """The films beside a store of records, which vouch for them.

    Args:
        store: the records; films lie in its folder :data:`FOLDER`.
    """

    name = FOLDER
    remedy = "its mathematics has changed since; `companion film` makes it anew"

    def __init__(self, store: Store) -> None:
        super().__init__(store.folder / FOLDER)
        self.store = store

    def path(self, spec: RunSpec) -> Path:
        """Where that of a run stands, whether or not it exists."""
        return self.folder / f"{spec.key}.json"

    def sound(self, content: Mapping[str, Any], stem: str) -> Film:
        """The film that a file of this name holds."""
        signed(content, PARTS, FORMAT, PROTOCOL)  # before anything is asked of its run
        film = Film(content)
        film.verify(self.store.get(film.spec))
        if stem != content["key"]:
            raise RecordError(f"it holds the film of {content['key']}")
        return film

    def facts(self, found: Film) -> bool:
        """Whether today's mathematics made it."""
        return found.current

    def voucher(self, path: Path) -> str:
        """A digest of the record that vouches for a film."""
        return hashlib.sha256(digest_of_file(self.store.path(path.stem)).encode()).hexdigest()

    def get(self, spec: RunSpec) -> Film | None:
        """The film of a run by today's mathematics; ``None`` if there is none.

        Raises:
            RecordError: the file is damaged; the message names it.
        """
        path = self.path(spec)
        film = self.read(path) if os.path.lexists(path) else None
        return film if film is not None and film.current else None

    def write(self, film: Film) -> Path:
        """Store a film, whole or not at all; a stale one gives way.

        Raises:
            FileExistsError: there is one by today's mathematics already.
        """
        path = self.path(film.spec)
        if self.get(film.spec) is not None:
            raise FileExistsError(f"{FOLDER}/{path.name} is there already")
        return self.put(path, film.content)

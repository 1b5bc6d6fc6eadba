"""The record store: one small JSON file per run, written once, verified always.

A record's file is named after its key.  Where a run had to be repeated (a teacher whose weights were lost), the repeat
is a further *take* beside the first, never in its place.  The weights of a teacher that was costly to train can be kept
beside its record, ``weights/<key>.npz``, and a run whose probe makes pictures leaves them in ``pictures/<key>.npz``:
what its record says of them vouches for them.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

from companion.files import documents
from companion.files.quoting import brief, one_line
from companion.files.whole import write
from companion.networks.forward import Params
from companion.records import schema
from companion.records.errors import RecordError
from companion.records.weights import Weights, load, named, save, weights_digest
from companion.runs.fields import SpecError
from companion.runs.spec import RunSpec

__all__ = ["FORMAT", "Record", "RecordError", "Store", "canonical", "content_digest", "verified", "why"]

FORMAT = 1
T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Record:
    """One finished run.

    Args:
        content: the JSON object: ``format, key, take, spec, status, curves, best_test, best_epoch, last_test,
            selected_test, selected_epoch, teacher, weights, provenance, digest``, ``start`` in a run that begins with
            another's weights, ``probes`` and perhaps ``pictures`` in one that has a probe.  Accuracies are percentages;
            curves have one value per epoch, losses in nats; epochs count from 1.
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
        if missing := set(schema.NEEDED) - content.keys():
            raise RecordError(f"fields are missing: {', '.join(sorted(missing))}")
        if content["format"] != FORMAT:
            raise RecordError(f"format {brief(content['format'])} is unknown, this code reads format {FORMAT}")
        if content["digest"] != content_digest(content):
            raise RecordError("the digest does not match the content: the file was changed after it was written")
        schema.shape(content)
        try:
            spec = self.spec
        except SpecError as error:
            raise RecordError(f"the spec is not valid: {error}") from None
        if content["key"] != spec.key:
            raise RecordError(f"key {content['key']} is not the spec's key {spec.key}")
        schema.agree(content, spec)


def why(error: Exception) -> str:
    """An error as the reason why a file is damaged, on one line."""
    said = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
    return said if said.isprintable() else " ".join(brief(said)[1:-1].split())


def canonical(content: Any) -> str:
    """JSON with sorted keys and no spaces; NaN is refused."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def content_digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of a JSON object without its own ``digest``."""
    return hashlib.sha256(canonical({k: v for k, v in content.items() if k != "digest"}).encode()).hexdigest()


class Store:
    """A folder of records.

    Whoever needs a record to be sound asks with :meth:`get`, which raises; whoever shows what there is asks with
    :meth:`find`, :meth:`sound` or :meth:`kept`, which name what is damaged in :attr:`skipped` and go on.

    Args:
        folder: created with the first record.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.skipped: dict[str, None] = {}
        """A sentence for each damaged file that readers went past."""

    def path(self, key: str, take: int = 1) -> Path:
        """Where the record of a key stands, whether or not it exists."""
        return self.folder / (f"{key}.json" if take == 1 else f"{key}.take{take}.json")

    def files(self) -> list[Path]:
        """All record files, by name; temporary files are none."""
        return sorted(path for path in self.folder.glob("*.json") if not path.name.startswith("."))

    def __contains__(self, spec: RunSpec) -> bool:
        return os.path.lexists(self.path(spec.key))

    def get(self, spec: RunSpec) -> Record | None:
        """The first take of a run, verified; ``None`` if there is none.

        Raises:
            RecordError: the file is damaged; the message names it.
        """
        path = self.path(spec.key)
        return self.read(path) if os.path.lexists(path) else None

    def find(self, spec: RunSpec) -> Record | None:
        """The same, but a damaged record is as good as none, and named in :attr:`skipped`."""
        return self.kept(lambda: self.get(spec))

    def kept(self, read: Callable[[], T]) -> T | None:
        """What ``read`` finds; where that is damaged ``None``, and :attr:`skipped` and the log name it."""
        try:
            return read()
        except RecordError as error:
            self.skip(str(error))
            return None

    def skip(self, *sentences: str) -> None:
        """Note damaged files that a reader goes past, each once, in :attr:`skipped` and in the log."""
        for sentence in sentences:
            if sentence not in self.skipped:
                self.skipped[sentence] = None
                log.info("%s", sentence)  # whoever shows the rest shows these too

    def went_past(self, spec: RunSpec) -> bool:
        """Whether a reader has found the record of a run damaged."""
        return any(sentence.startswith(f"{self.path(spec.key).name} ") for sentence in self.skipped)

    def sound(self) -> Iterator[Record]:
        """Every record that verifies, by name; the others are named in :attr:`skipped`."""
        for path in self.files():
            if (record := self.kept(partial(self.read, path))) is not None:
                yield record

    def takes(self, spec: RunSpec) -> int:
        """How many takes of a run are recorded."""
        take = 0
        while os.path.lexists(self.path(spec.key, take + 1)):
            take += 1
        return take

    def read(self, path: Path) -> Record:
        """One verified record; :class:`RecordError` names the file and what is wrong."""
        try:
            record = Record(documents.read(path))
            record.check()
            if path.name != self.path(record.key, record.take).name:
                raise RecordError(f"it holds take {record.take} of key {record.key}")
        except Exception as error:  # whatever a file that somebody made provokes
            raise RecordError(f"{one_line(path.name)} is damaged: {why(error)}") from None
        return record

    def __iter__(self) -> Iterator[Record]:
        return (self.read(path) for path in self.files())

    def write(self, record: Record) -> Path:
        """Store a record under its own name, whole or not at all; an existing file is never replaced.

        Raises:
            RecordError: the record does not verify.
            FileExistsError: this take is recorded already.
        """
        record.check()
        path = self.path(record.key, record.take)
        text = "{\n" + ",\n".join(f" {json.dumps(k)}: {canonical(v)}" for k, v in record.content.items()) + "\n}\n"
        write(path, text, replace=False)
        return path

    def weights_path(self, key: str) -> Path:
        """Where the weights of a run are kept, whether or not they are."""
        return self.folder / "weights" / f"{key}.npz"

    def weights(self, key: str, checkpoint: str) -> Weights | None:
        """Kept weights of a run, verified against its record; ``None`` if those of this checkpoint are not kept.

        Args:
            key: of the run.
            checkpoint: ``best_test``, ``last`` or ``selected``; after ``feature/`` those of a feature network.

        Raises:
            RecordError: the file, or the record, is damaged; the message names it.
        """
        path = self.weights_path(key)
        return self._read_weights(path).get(checkpoint) if os.path.lexists(path) else None

    def keep_weights(self, key: str, params: Params) -> Path:
        """Keep weights beside the record of their run; those that are kept already are replaced.

        Raises:
            RecordError: there is no record, or they are none of the weights that it names.
        """
        path = self.weights_path(key)
        if not self.named(key, params):
            raise RecordError(f"these weights of {key} are none of those that its records in {self.folder} name")
        save(path, params)
        return path

    def _read_weights(self, path: Path) -> dict[str, Weights]:
        """Checkpoint to weights: one file, which is that of several checkpoints where they are the same epoch."""
        try:
            params = load(path)
            found = self.named(path.stem, params)
            if not found:
                raise ValueError("they are none of the weights that the records of this run name")
        except ValueError as error:
            raise RecordError(f"weights/{one_line(path.name)} is damaged: {error}") from None
        return found

    def named(self, key: str, params: Params, take: int = 1) -> dict[str, Weights]:
        """The checkpoints of a run that have these weights by its records: those of the first take that has any.

        Args:
            key: of the run.
            params: the weights.
            take: the first that is asked.

        Raises:
            ValueError: a record is damaged, or names these numbers in other shapes.
        """
        while os.path.lexists(path := self.path(key, take)):
            record = self.read(path)
            if found := named(record.content, record.spec, params):
                return found
            take += 1
        return {}

    def pictures_path(self, key: str) -> Path:
        """Where the pictures of a run are, whether or not it has any."""
        return self.folder / "pictures" / f"{key}.npz"

    def write_pictures(self, key: str, pictures: Params) -> Path:
        """Leave the pictures of a run, whose record is to follow, and names them by their digest."""
        path = self.pictures_path(key)
        save(path, pictures)
        return path

    def pictures(self, key: str) -> Params | None:
        """The pictures of a run, verified against its records; ``None`` if there are none.

        Raises:
            RecordError: the file, or a record, is damaged; the message names it.
        """
        path = self.pictures_path(key)
        return self._read_pictures(path) if os.path.lexists(path) else None

    def _read_pictures(self, path: Path) -> Params:
        key = path.stem
        try:
            pictures = load(path)
            takes: list[int] = []
            while os.path.lexists(self.path(key, len(takes) + 1)):
                takes.append(len(takes) + 1)
            named = {self.read(self.path(key, take)).content.get("pictures") for take in takes}
            if weights_digest(pictures) not in named:
                raise ValueError("they are none of the pictures that the records of this run name")
        except ValueError as error:
            raise RecordError(f"pictures/{one_line(path.name)} is damaged: {error}") from None
        return pictures

    def verify(self) -> list[tuple[Path, str | None]]:
        """Every file, those of arrays too, with ``None`` if it verifies, else the reason why not."""
        weights, pictures = (
            sorted(path for path in folder.glob("*.npz") if not path.name.startswith("."))
            for folder in (self.weights_path("").parent, self.pictures_path("").parent)
        )
        return [
            *verified(self.files(), self.read),
            *verified(weights, self._read_weights),
            *verified(pictures, self._read_pictures),
        ]

    def stale(self) -> dict[Path, str]:
        """Every file that verifies and whose mathematics has changed since, with a sentence that says so."""
        found = {path: self.read(path).spec for path, reason in verified(self.files(), self.read) if not reason}
        return {
            path: f"{path.name} is stale: protocol {spec.protocol_version} is not today's, and its run must be repeated"
            for path, spec in found.items()
            if spec.stale
        }


def verified(files: Iterable[Path], read: Callable[[Path], object]) -> list[tuple[Path, str | None]]:
    """Every file with ``None`` if ``read`` accepts it, else what its :class:`RecordError` says."""
    results: list[tuple[Path, str | None]] = []
    for path in files:
        try:
            read(path)
        except RecordError as error:
            results.append((path, str(error)))
        else:
            results.append((path, None))
    return results

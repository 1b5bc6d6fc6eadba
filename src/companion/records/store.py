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
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from companion.files import documents
from companion.files.quoting import one_line
from companion.files.whole import write
from companion.records.errors import RecordError
from companion.records.index import Index
from companion.records.record import FORMAT, Record, canonical, content_digest, why
from companion.records.summary import Summary
from companion.records.survey import Seen, Sort, digest_of_file, looked_at, recalled, survey
from companion.runs.lineage import with_sources
from companion.runs.spec import RunSpec

if TYPE_CHECKING:
    from companion.networks.forward import Params
    from companion.records.weights import Weights

__all__ = ["FORMAT", "Record", "RecordError", "Store", "canonical", "content_digest", "why"]

T = TypeVar("T")
OLDER = "protocol {} is not today's, and its run must be repeated"
log = logging.getLogger(__name__)


class Store:
    """A folder of records.

    Whoever needs a record to be sound asks with :meth:`get`, which raises; whoever shows what there is asks with
    :meth:`find`, :meth:`sound` or :meth:`kept`, which name what is damaged in :attr:`skipped` and go on.

    Args:
        folder: created with the first record.
        index: what is remembered of its files; without it every byte that is read is verified.

    Example:
        >>> store = Store("/no/such/folder")
        >>> RunSpec() in store, store.path(RunSpec().key).name
        (False, '44136fa355b3678a.json')
    """

    def __init__(self, folder: Path | str, index: Index | None = None) -> None:
        self.folder, self.index = Path(folder), index
        self.skipped: dict[str, None] = {}
        """A sentence for each damaged file that readers went past."""

    @classmethod
    def indexed(cls, folder: Path | str) -> Self:
        """A store whose index is in the user's cache: what was verified is not verified anew unless it has changed.

        What is read of a record are still its own bytes, which must be those that were verified.  :meth:`survey`, and
        what is made of it, takes a file for unchanged by its size, times and number, and does not open it.
        """
        return cls(folder, Index(Path(folder)))

    def path(self, key: str, take: int = 1) -> Path:
        """Where the record of a key stands, whether or not it exists."""
        return self.folder / _name(key, take)

    def files(self) -> list[Path]:
        """All record files, by name; temporary files are none."""
        names: list[str] = []
        with suppress(OSError):
            names = os.listdir(self.folder)  # noqa: PTH208 (sorting paths takes three times as long as sorting names)
        return [self.folder / name for name in sorted(names) if name.endswith(".json") and not name.startswith(".")]

    def __contains__(self, spec: RunSpec) -> bool:
        return os.path.lexists(self.path(spec.key))

    def lacks(self, specs: Iterable[RunSpec]) -> bool:
        """Whether one of these runs, or of those whose weights they need, has no record; none is read."""
        return any(spec not in self for spec in with_sources(specs))

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
        if self.index is None or path.parent != self.folder:
            return self._verified(path)
        content = recalled(self._sort, path, self.index)
        return looked_at(self._sort, path, self.index) if content is None else Record(json.loads(content))

    def _verified(self, path: Path) -> Record:
        try:
            record = Record(documents.read(path))
            record.check()
            if path.name != _name(record.key, record.take):
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
        from companion.records.weights import save

        path = self.weights_path(key)
        if not self.named(key, params):
            raise RecordError(f"these weights of {key} are none of those that its records in {self.folder} name")
        save(path, params)
        return path

    def _read_weights(self, path: Path) -> dict[str, Weights]:
        """Checkpoint to weights: one file, which is that of several checkpoints where they are the same epoch."""
        from companion.records.weights import load

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
        from companion.records.weights import named

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
        from companion.records.weights import save

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
        from companion.records.weights import load, weights_digest

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

    def survey(self) -> Iterator[Seen]:
        """Every record file, by name; the facts of a sound one are its :class:`~companion.records.summary.Summary`."""
        return survey(self._sort, self.files(), self.index)

    @cached_property
    def _sort(self) -> Sort:
        return Sort(
            shelf="",
            look=self._verified,
            facts=lambda record: Summary.of(record.content).to_list(),
            parse=self._summary,
            stale=lambda path, found: f"{path.name} is stale: {OLDER.format(found.protocol)}" if found.stale else None,
        )

    def _summary(self, path: Path, facts: Any) -> Summary:
        found = Summary.from_list(facts)
        if path.name != _name(found.key, found.take):
            raise ValueError(f"{path.name} is not the file of {found.key}")
        return found

    def summaries(self) -> Iterator[Summary]:
        """What there is to know of each sound record but for its curves; the others are named in :attr:`skipped`."""
        for seen in self.survey():
            if seen.reason is None:
                yield seen.facts
            else:
                self.skip(seen.reason)

    def survey_all(self) -> Iterator[Seen]:
        """Every record, and then every file of arrays, of which the facts say nothing."""
        yield from self.survey()
        for name, read in (("weights", self._read_weights), ("pictures", self._read_pictures)):
            files = sorted(path for path in (self.folder / name).glob("*.npz") if not path.name.startswith("."))
            sort = Sort(name, read, voucher=self._voucher, largest=1 << 30)
            yield from survey(sort, files, self.index)

    def _voucher(self, path: Path) -> str:
        """A digest of all records of a run, which vouch for a file of its arrays."""
        take, digest = 1, hashlib.sha256()
        while os.path.lexists(record := self.path(path.stem, take)):
            digest.update(digest_of_file(record).encode())
            take += 1
        return digest.hexdigest()

    def verify(self) -> list[tuple[Path, str | None]]:
        """Every file, those of arrays too, with ``None`` if it verifies, else the reason why not."""
        return [(seen.path, seen.reason) for seen in self.survey_all()]

    def stale(self) -> dict[Path, str]:
        """Every file that verifies and whose mathematics has changed since, with a sentence that says so."""
        return {seen.path: seen.stale for seen in self.survey() if seen.stale is not None}


def _name(key: str, take: int) -> str:
    return f"{key}.json" if take == 1 else f"{key}.take{take}.json"

"""Small JSON documents of one kind in a folder of their own beside the records of runs: kernels, films, outcomes."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from companion.files import documents
from companion.files.quoting import one_line
from companion.files.whole import write
from companion.records import schema
from companion.records.errors import RecordError
from companion.records.index import Index
from companion.records.record import canonical, why
from companion.records.survey import Seen, Sort, survey

__all__ = ["Beside"]

T = TypeVar("T")


class Beside(ABC, Generic[T]):
    """The documents of a folder.  Each kind says how one is made sound, and what is remembered of it.

    Args:
        folder: created with the first of them.
    """

    name: ClassVar[str]
    """Of the folder, in messages and in an index."""
    remedy: ClassVar[str]
    """What is said of a document that today's code would not make any more."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)

    @abstractmethod
    def sound(self, content: Mapping[str, Any], stem: str) -> T:
        """What a file of this name holds; :class:`RecordError`, or any other error, where it is damaged."""

    @abstractmethod
    def facts(self, found: T) -> Any:
        """What is to be remembered of it, as JSON."""

    def known(self, path: Path, facts: Any) -> Any:
        """The same from memory; ``ValueError`` or ``TypeError`` where it is no such thing."""
        return schema.yes_or_no(facts)

    def old(self, facts: Any) -> bool:
        """Whether today's code would not make it any more; where facts are whether it is current, if it is not."""
        return not facts

    def voucher(self, path: Path) -> str:
        """A digest of what else it hangs on; empty where that is nothing."""
        return ""

    def files(self) -> list[Path]:
        """All files, by name; temporary files are none."""
        return sorted(path for path in self.folder.glob("*.json") if not path.name.startswith("."))

    def read(self, path: Path) -> T:
        """One verified document; :class:`RecordError` names the file and what is wrong."""
        try:
            return self.sound(documents.read(path), path.stem)
        except Exception as error:  # whatever a file that somebody made provokes
            raise RecordError(f"{self.name}/{one_line(path.name)} is damaged: {why(error)}") from None

    def put(self, path: Path, content: Mapping[str, Any]) -> Path:
        """Store a document, a line a field, whole or not at all."""
        lines = (f" {json.dumps(name)}: {canonical(value)}" for name, value in content.items())
        write(path, "{\n" + ",\n".join(lines) + "\n}\n")
        return path

    def survey(self, index: Index | None = None) -> Iterator[Seen]:
        """Every file, with the facts of those that are sound.

        Args:
            index: what is remembered of them; that of the store beside which they lie.
        """
        sort = Sort(
            shelf=self.name,
            look=self.read,
            facts=self.facts,
            parse=self.known,
            stale=lambda path, facts: f"{self.name}/{path.name} is stale: {self.remedy}" if self.old(facts) else None,
            voucher=self.voucher,
        )
        return survey(sort, self.files(), index)

    def verify(self) -> list[tuple[Path, str | None]]:
        """Every file with ``None`` if it verifies, else the reason why not."""
        return [(seen.path, seen.reason) for seen in self.survey()]

    def stale(self) -> dict[Path, str]:
        """Every file that verifies and that today's code would not make any more, with a sentence that says so."""
        return {seen.path: seen.stale for seen in self.survey() if seen.stale is not None}

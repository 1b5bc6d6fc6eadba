"""Outcomes of checks as files: one small JSON per statement beside the records of runs, verified always.

Unlike the record of a run, the outcome of a statement is replaced when its check is repeated by other code; the same
code gives the same outcome, and leaves the file as it is.  An outcome of code that has changed since is *stale*: it
stands until the check is repeated, and says nothing until then.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from companion.files.digests import closure, digest_of
from companion.files.quoting import brief
from companion.files.whole import write
from companion.records import schema
from companion.records.beside import Beside
from companion.records.errors import RecordError
from companion.records.record import canonical, content_digest, signed
from companion.statements import module_of, statements

if TYPE_CHECKING:
    from companion.statements.check import Check

__all__ = ["FOLDER", "FORMAT", "CheckStore", "Outcome", "State", "checks_digest"]

FORMAT = 1
FOLDER = "checks"
"""Where a store of records keeps the outcomes of checks."""

PACKAGE = Path(__file__).parents[1]
State = Literal["passes", "fails", "stale"]
"""What a stored outcome says today; that of a changed code says nothing, whatever it came to."""

PARTS = {"format", "id", "checks", "provenance", "digest"}
ORIGIN = ("sources", "torch", "time")
ID = schema.text(r"[A-Za-z0-9][A-Za-z0-9.-]{0,60}", "the id of a statement, such as A-Eq2")
FINITE = schema.number(-sys.float_info.max, sys.float_info.max)
NUMBERS = ("measured", "expected", "error", "tolerance")


@dataclass(frozen=True)
class Outcome:
    """What the check of one statement came to.

    Args:
        content: the JSON object: ``format, id, checks, provenance, digest``; ``checks`` has the fields of
            :class:`~companion.statements.Check`, one object per comparison, ``provenance`` the digest of what the check
            depends on (:func:`checks_digest`), the version of torch, and the UTC time of the check.
    """

    content: Mapping[str, Any]

    @classmethod
    def build(cls, checks: Sequence[Check]) -> Outcome:
        """The outcome of one statement, found by this code now.

        Raises:
            RecordError: if what results would not verify: no comparison at all, those of several statements, or of
                one that no check decides.
        """
        import torch

        from companion.statements import CHECKS

        if not checks:
            raise RecordError("an outcome needs at least one comparison")
        if checks[0].id not in CHECKS:
            raise RecordError(f"{checks[0].id} is no statement that a check decides")
        content: dict[str, Any] = {
            "format": FORMAT,
            "id": checks[0].id,
            "checks": [asdict(check) for check in checks],
            "provenance": {
                "sources": checks_digest(checks[0].id),
                "torch": torch.__version__,
                "time": datetime.now(UTC).isoformat(timespec="seconds"),
            },
        }
        outcome = cls({**content, "digest": content_digest(content)})
        outcome.verify()
        return outcome

    @property
    def id(self) -> str:
        """The statement."""
        return self.content["id"]

    @property
    def checks(self) -> list[Check]:
        """The comparisons, in the order in which they were made."""
        from companion.statements.check import Check

        return [Check(**row) for row in self.content["checks"]]

    @property
    def passed(self) -> bool:
        """Whether every comparison came out as it should."""
        return all(check.passed for check in self.checks)

    @property
    def corrected(self) -> bool:
        """Whether what is printed had to be corrected before the statement held."""
        return any(row["form"] == "printed" for row in self.content["checks"])

    @property
    def current(self) -> bool:
        """Whether today's sources made it; an outcome of older ones is stale."""
        from companion.statements import CHECKS

        return self.id in CHECKS and self.content["provenance"]["sources"] == checks_digest(self.id)

    @property
    def state(self) -> State:
        """What it says today."""
        return "stale" if not self.current else "passes" if self.passed else "fails"

    def verify(self) -> None:
        """Raise :class:`~companion.records.store.RecordError` unless schema, digest and verdicts agree."""
        content = self.content
        signed(content, PARTS, FORMAT)
        schema.fit("id", content["id"], ID)
        schema.check_origin(content["provenance"], ORIGIN)
        if not isinstance(content["checks"], list) or not content["checks"]:
            raise RecordError("it holds no comparison")
        for row in content["checks"]:
            _verify_row(row, content["id"])


def _verify_row(row: Mapping[str, Any], id: str) -> None:
    from companion.statements.check import Check

    expected = {field.name for field in fields(Check)}
    schema.fit("a comparison", row, schema.OBJECT)
    if row.keys() != expected:
        raise RecordError(f"a comparison has the fields {brief(sorted(row))}, not {', '.join(sorted(expected))}")
    schema.fit("the aspect of a comparison", row["aspect"], schema.NOTE)
    where = f"comparison {brief(row['aspect'])}"
    if row["id"] != id:
        raise RecordError(f"{where} is one of {brief(row['id'])}, not of {id}")
    for name in ("holds", "passed"):
        schema.fit(f"{name} of {where}", row[name], schema.YES_OR_NO)
    if row["form"] not in ("stated", "corrected", "printed"):
        raise RecordError(f"{where} has the form {brief(row['form'])}, none of stated, corrected, printed")
    if not all(FINITE.fits(row[name]) for name in NUMBERS):
        raise RecordError(f"{where} holds a value that is not a finite number")
    if row["holds"] is not (row["error"] <= row["tolerance"]):
        raise RecordError(f"{where} says holds = {row['holds']} of error {row['error']}, tolerance {row['tolerance']}")
    if row["passed"] is not (row["holds"] is (row["form"] != "printed")):
        raise RecordError(f"{where} says passed = {row['passed']} of a {row['form']} form with holds = {row['holds']}")


class CheckStore(Beside[Outcome]):
    """A folder of outcomes: ``checks`` in the folder of a store of records."""

    name = FOLDER
    remedy = "the code of its check has changed since; `companion check --save` repeats it"

    def path(self, id: str) -> Path:
        """Where the outcome of a statement stands, whether or not it exists."""
        return self.folder / f"{id}.json"

    def sound(self, content: Mapping[str, Any], stem: str) -> Outcome:
        """The outcome that a file of this name holds."""
        outcome = Outcome(content)
        outcome.verify()
        if stem != outcome.id:
            raise RecordError(f"it holds the outcome of {outcome.id}")
        return outcome

    def facts(self, found: Outcome) -> State:
        """What it says today."""
        return found.state

    def known(self, path: Path, facts: Any) -> State:
        """The same from memory."""
        return _state(path, facts)

    def old(self, facts: State) -> bool:
        """Whether the code of the check has changed since."""
        return facts == "stale"

    def outcomes(self) -> dict[str, Outcome]:
        """Every outcome by statement.

        Raises:
            RecordError: a file is damaged.
        """
        return {outcome.id: outcome for outcome in map(self.read, self.files())}

    def damaged(self) -> list[str]:
        """A sentence for each file that does not verify."""
        return [reason for _, reason in self.verify() if reason is not None]

    def state(self, id: str) -> State | Literal["damaged"] | None:
        """What the stored outcome of one statement says today; ``None`` where there is none."""
        path = self.path(id)
        try:
            return self.read(path).state if os.path.lexists(path) else None
        except RecordError:
            return "damaged"

    def states(self) -> dict[str, State | Literal["damaged"]]:
        """Name of each file to what the outcome in it says today; nothing where nothing is stored."""
        return {seen.path.stem: seen.facts or "damaged" for seen in self.survey()}

    def write(self, outcome: Outcome) -> Path:
        """Store an outcome, whole or not at all; what stands there is kept if the same code found the same.

        A file that is damaged is replaced.

        Raises:
            RecordError: the outcome does not verify.
        """
        outcome.verify()
        path = self.path(outcome.id)
        if not self._holds(path, outcome):
            write(path, _text(outcome.content))
        return path

    def store(self, checks: Iterable[Check]) -> list[Path]:
        """Store comparisons, which must be all of their statements; the files, one per statement."""
        found: dict[str, list[Check]] = {}
        for check in checks:
            found.setdefault(check.id, []).append(check)
        return [self.write(Outcome.build(mine)) for mine in found.values()]

    def _holds(self, path: Path, outcome: Outcome) -> bool:
        try:
            old = self.read(path).content if os.path.lexists(path) else None
        except RecordError:
            return False
        return old is not None and _without_time(old) == _without_time(outcome.content)


def _state(path: Path, facts: Any) -> State:
    if facts not in get_args(State):
        raise ValueError(f"{brief(facts)} is no state of the check in {path.name}")
    return facts


def checks_digest(id: str) -> str:
    """SHA-256 (first sixteen digits) of what the outcome of one check depends on.

    That is the module of the check, all of the package that it imports, directly or not, and the statement's own entry
    in the list of statements.  Whatever else changes leaves an outcome current.

    Raises:
        KeyError: no check decides the statement.
    """
    return _digest(module_of(id), PACKAGE, canonical(asdict(statements()[id])))


@functools.cache
def _digest(module: str, package: Path, statement: str) -> str:
    return digest_of(closure(module, package), package, statement)[:16]


def _without_time(content: Mapping[str, Any]) -> dict[str, Any]:
    origin = {name: value for name, value in content["provenance"].items() if name != "time"}
    return {name: value for name, value in content.items() if name != "digest"} | {"provenance": origin}


def _text(content: Mapping[str, Any]) -> str:
    """One line per field, and one per comparison, so that a change is easy to see."""
    rows = ",\n".join(f"  {canonical(row)}" for row in content["checks"])
    values = {name: canonical(value) for name, value in content.items()} | {"checks": f"[\n{rows}\n ]"}
    return "{\n" + ",\n".join(f' "{name}": {value}' for name, value in values.items()) + "\n}\n"

"""Reports that pages are made of, read as what they may be: documents that somebody has handed over.

Results of benchmarks and the reports of the tests' harnesses are written on other machines and come in with a change.
A page is made of one only where every field of it that pages show is what it must be.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from companion.files import documents
from companion.files.documents import DocumentError
from companion.files.quoting import brief, one_line
from companion.records.schema import NOTHING, YES_OR_NO, Kind, listed, number, text, whole

__all__ = ["ReportError", "benchmark", "cluster", "faults", "untrusted"]

NAME = text("[a-z][a-z0-9-]{0,60}", "a word such as fc-train, which names a file")
LINE = Kind("a line of at most 500 characters", lambda v: isinstance(v, str) and len(v) <= 500 and v.isprintable())
LIST = Kind("a list with something in it", lambda value: isinstance(value, list) and len(value) > 0)
OBJECT = Kind("an object", lambda value: isinstance(value, dict))
AMOUNT = number(0, 1e18) | NOTHING
ROUNDS = listed(number(1e-18, 1e18), "a list of positive numbers") | NOTHING
COUNT = whole(0, 2**53)
COUNTS = Kind(
    "numbers by name", lambda v: isinstance(v, dict) and all(LINE.fits(n) and COUNT.fits(one) for n, one in v.items())
)

Fields = Mapping[str, Kind]
MOMENT = text("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.+-]{8,24}Z?", "a time, such as 2026-01-31T12:00:00+00:00")
BENCHMARK: Fields = {"benchmark": NAME, "machine": OBJECT, "rows": LIST}
MACHINE: Fields = {
    **dict.fromkeys(("processor", "vectors", "python", "torch"), LINE | NOTHING),
    **dict.fromkeys(("threads", "cores"), COUNT | NOTHING),
    "load": AMOUNT,
    "time": MOMENT,
}
ROW: Fields = {
    **dict.fromkeys(("variant", "unit"), LINE),
    **dict.fromkeys(("reason", "against"), LINE | NOTHING),
    **dict.fromkeys(("value", "ratio", "seconds", "spread", "gflops", "of_peak", "paired", "low", "high"), AMOUNT),
    "rounds": ROUNDS,
}
LATER = ("against", "paired", "low", "high", "rounds")
"""Fields of a row that older results lack."""
MADE: Fields = {"time": MOMENT, "system": LINE, "python": LINE}
TOOK = {"seconds": number(0, 1e9)}
TEST: Fields = {"test": LINE, "work": LINE, "how": LINE | NOTHING, "ends": COUNTS, "passed": YES_OR_NO, **TOOK}
PARSER: Fields = {
    "parser": LINE,
    "accepted": COUNT,
    "refused": COUNT,
    "passed": YES_OR_NO,
    **TOOK,
}
CLUSTER: Fields = {
    **MADE,
    "slurm": LINE,
    "exhibit": LINE,
    **dict.fromkeys(("runs", "jobs", "drained", "started", "records"), COUNT),
    "killed": COUNTS,
    "same": YES_OR_NO,
    **TOOK,
}


class ReportError(ValueError):
    """A report that is damaged; the message names it and says what is wrong."""


def benchmark(path: Path) -> dict[str, Any]:
    """The result of a benchmark, as ``companion bench NAME --json`` prints it.

    Raises:
        ReportError: it is none.
    """
    found = _read(path)
    _fit(path, "it", found, BENCHMARK)
    _fit(path, "its machine", found["machine"], MACHINE)
    for row in found["rows"]:
        _fit(path, "a row", row, ROW, LATER)
        paired, against, low, high = (row.get(name) is not None for name in ("paired", "against", "low", "high"))
        if (paired and not against) or low != high:
            raise ReportError(f"{one_line(path.name)} is damaged: a row is compared with none, or has half an interval")
    return found


def faults(path: Path) -> dict[str, Any]:
    """What ``pytest tests/faults --faults-report FILE`` wrote.

    Raises:
        ReportError: it is something else.
    """
    return _harness(path, "tests", TEST, {**TOOK, "processor_seconds": TOOK["seconds"]})


def untrusted(path: Path) -> dict[str, Any]:
    """What ``pytest tests/untrusted --untrusted-report FILE`` wrote.

    Raises:
        ReportError: it is something else.
    """
    return _harness(path, "parsers", PARSER)


def cluster(path: Path) -> dict[str, Any]:
    """What ``pytest -m slurm tests/workflow/slurm --slurm-report FILE`` wrote.

    Raises:
        ReportError: it is something else.
    """
    found = _read(path)
    _fit(path, "it", found, CLUSTER)
    return found


def _harness(path: Path, parts: str, fields: Fields, more: Fields = MappingProxyType({})) -> dict[str, Any]:
    found = _read(path)
    _fit(path, "it", found, {**MADE, **more, parts: Kind("a list", lambda value: isinstance(value, list))})
    for one in found[parts]:
        _fit(path, f"one of its {parts}", one, fields)
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        return documents.read(path)
    except DocumentError as error:
        raise ReportError(f"{one_line(path.name)} is damaged: {error}") from None


def _fit(path: Path, what: str, found: Any, fields: Fields, optional: tuple[str, ...] = ()) -> None:
    where = f"{one_line(path.name)} is damaged: {what}"
    if not isinstance(found, dict):
        raise ReportError(f"{where} must be an object, not {brief(found)}")
    for name, kind in fields.items():
        if name not in found and name not in optional:
            raise ReportError(f"{where} has no {name}")
        if name in found and not kind.fits(found[name]):
            raise ReportError(f"{where} has the {name} {brief(found[name])}, and it must be {kind.says}")

"""What the fault harness did, for the page *What was broken on purpose*: from its report and from nothing else.

A report is the document that ``pytest tests/faults --faults-report FILE`` writes; another one, of ``pytest
tests/untrusted --untrusted-report FILE``, tells what malformed inputs came to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from companion.render.markdown import plain, table
from companion.site import reports

__all__ = ["MALFORMED", "REPORT", "malformed", "page"]

REPORT = "faults.json"
"""The report, beside the benchmarks' results."""

MALFORMED = "untrusted.json"
"""The report on malformed inputs, beside it."""

BEFALLS = {
    "fails": "the act fails",
    "full": "the disk is full from there on",
    "stops": "it is interrupted (Ctrl-C)",
    "killed": "the process is killed",
}
ENDS = {"done": "ended well all the same", "error": "said so and stopped", "killed": "died"}


def page(file: Path) -> str:
    """The summary and the tables of the page; that nothing was tried, where there is no report.

    Raises:
        ReportError: the report is damaged.
    """
    if not file.is_file():
        return "*No report of the harness is here: `make faults` writes it.*\n"
    report = reports.faults(file)
    tests: Sequence[Mapping[str, Any]] = report["tests"]
    failed = [one for one in tests if not one["passed"]]
    struck = sum(sum(one["ends"].values()) for one in tests)
    lost = (
        "After none of them was anything that had been finished lost, doubled or silently wrong, and the next run "
        "completed what was left"
        if not failed
        else f"{len(failed)} of {len(tests)} tests did not find everything as it should be"
    )
    told = (
        f"**{struck:,} times** a process was struck in the midst of its work. {lost}. Measured on "
        f"{plain(report['time'][:10])}, {plain(report['system'])}, Python {plain(report['python'])}."
    )
    rows = []
    for name in dict.fromkeys(_row(one) for one in tests):
        mine = [one for one in tests if _row(one) == name]
        ends = sum((Counter(one["ends"]) for one in mine), Counter[str]())
        if ends:
            kept = "not as it should be" if any(not one["passed"] for one in mine) else "kept, and completed"
            rows.append([*name, ends.total(), *(ends[end] for end in ENDS), kept])
    besides = [one["test"] for one in tests if not one["ends"]]
    parts = [told, table(["what was worked on", "what befell it", "times", *ENDS.values(), "what was finished"], rows)]
    if besides:
        parts.append("Tried besides:")
        parts.append("\n".join(f"- {_words(name)}" for name in dict.fromkeys(besides)))
    return "\n\n".join(parts) + "\n"


def malformed(file: Path) -> str:
    """The sentence and the table on malformed inputs; that none were tried, where there is no report.

    Raises:
        ReportError: the report is damaged.
    """
    if not file.is_file():
        return "*No report on malformed inputs is here: `make untrusted` writes it.*\n"
    report = reports.untrusted(file)
    parsers: Sequence[Mapping[str, Any]] = report["parsers"]
    failed = [one["parser"] for one in parsers if not one["passed"]]
    inputs = sum(one["accepted"] + one["refused"] for one in parsers)
    came = (
        "Each was refused in one sentence, or what was accepted was sound"
        if not failed
        else f"Not so in {len(failed)} of {len(parsers)} parsers: {plain(', '.join(failed))}"
    )
    told = (
        f"**{inputs:,} malformed inputs** were given to {len(parsers)} parsers. {came}. Measured on "
        f"{plain(report['time'][:10])}, {plain(report['system'])}, Python {plain(report['python'])}."
    )
    rows = [[one["parser"], one["accepted"], one["refused"], f"{one['seconds']:.0f}"] for one in parsers]
    return f"{told}\n\n{table(['parser', 'accepted', 'refused', 'seconds'], rows)}\n"


def _row(one: Mapping[str, Any]) -> tuple[str, str]:
    """What was worked on and what befell it: a test without one mishap is its own."""
    return one["work"], BEFALLS[one["how"]] if one["how"] in BEFALLS else _words(one["test"])


def _words(test: str) -> str:
    """The name of a test as the sentence that it is."""
    return str(plain(test.removeprefix("test_").replace("_", " ")))

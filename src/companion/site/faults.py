"""What the fault harness did, for the page *What was broken on purpose*: from its report and from nothing else.

A report is the document that ``pytest tests/faults --faults-report FILE`` writes; another one, of ``pytest
tests/untrusted --untrusted-report FILE``, tells what malformed inputs came to, and a third one, of ``pytest -m slurm
tests/workflow/slurm --slurm-report FILE``, what became of a workflow on a cluster.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from companion.render.markdown import plain, table
from companion.site import reports

__all__ = ["CLUSTER", "MALFORMED", "REPORT", "cluster", "malformed", "page"]

REPORT = "faults.json"
"""The report, beside the benchmarks' results."""

MALFORMED = "untrusted.json"
"""The report on malformed inputs, beside it."""

CLUSTER = "slurm.json"
"""The report on the workflow on a real Slurm, beside it."""

BEFALLS = {
    "fails": "the act fails",
    "full": "the disk is full from there on",
    "stops": "it is interrupted (Ctrl-C)",
    "killed": "the process is killed",
    "disk": "a real disk is full, with room for so much and no more",
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
        f"**{struck:,} times** a process was struck in the midst of its work. {lost}. It took "
        f"{report['seconds']:.0f} seconds, and {report['processor_seconds']:.0f} of a processor's. {_measured(report)}"
    )
    rows = []
    for name in dict.fromkeys(_row(one) for one in tests):
        mine = [one for one in tests if _row(one) == name]
        ends = sum((Counter(one["ends"]) for one in mine), Counter[str]())
        if ends:
            kept = "not as it should be" if any(not one["passed"] for one in mine) else "kept, and completed"
            took = sum(one["seconds"] for one in mine)
            rows.append([*name, ends.total(), *(ends[end] for end in ENDS), kept, f"{took:.1f}"])
    besides = [one["test"] for one in tests if not one["ends"]]
    head = ["what was worked on", "what befell it", "times", *ENDS.values(), "what was finished", "seconds"]
    parts = [told, table(head, rows)]
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
    told = f"**{inputs:,} malformed inputs** were given to {len(parsers)} parsers. {came}. {_measured(report)}"
    rows = [[one["parser"], one["accepted"], one["refused"], f"{one['seconds']:.0f}"] for one in parsers]
    return f"{told}\n\n{table(['parser', 'accepted', 'refused', 'seconds'], rows)}\n"


def cluster(file: Path) -> str:
    """The sentences and the table on a cluster; that nothing was measured, where there is no report.

    Raises:
        ReportError: the report is damaged.
    """
    if not file.is_file():
        return "*Not yet measured: `make slurm` writes the report.*\n"
    found = reports.cluster(file)
    came = (
        "each run was recorded once, with the numbers of an undisturbed run"
        if found["same"] and found["records"] == found["runs"]
        else "not every run was recorded once, with the numbers of an undisturbed run"
    )
    told = (
        f"The {found['runs']:,} runs of {plain(found['exhibit'])} were trained by jobs of Slurm, while something was "
        f"killed {_times(sum(found['killed'].values()))} and the node was drained {_times(found['drained'])}. At the "
        f"end {came}."
    )
    rows = [
        ["runs", found["runs"]],
        ["jobs that were submitted", found["jobs"]],
        *([f"killed: {name}", number] for name, number in found["killed"].items()),
        ["the node was drained", found["drained"]],
        ["the command was given", found["started"]],
        ["records at the end", found["records"]],
        ["seconds", f"{found['seconds']:.0f}"],
    ]
    head = [f"on Slurm {found['slurm']}, one node", "how many"]
    return f"{told} {_measured(found)}\n\n{table(head, rows)}\n"


def _times(number: int) -> str:
    return "once" if number == 1 else "twice" if number == 2 else f"{number:,} times"


def _measured(report: Mapping[str, Any]) -> str:
    """When and where."""
    date, system, python = (plain(text) for text in (report["time"][:10], report["system"], report["python"]))
    return f"Measured on {date}, {system}, Python {python}."


def _row(one: Mapping[str, Any]) -> tuple[str, str]:
    """What was worked on and what befell it: a test without one mishap is its own."""
    return one["work"], BEFALLS[one["how"]] if one["how"] in BEFALLS else _words(one["test"])


def _words(test: str) -> str:
    """The name of a test as the sentence that it is."""
    return str(plain(test.removeprefix("test_").replace("_", " ")))

"""The page on the fault harness counts what its report says, and says so where something was lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from companion.site import faults
from companion.site.reports import ReportError

ROOT = Path(__file__).parents[2]


def report(tmp_path: Path, *tests: dict[str, Any]) -> Path:
    file = tmp_path / "faults.json"
    made = {"time": "2026-01-31T00:00:00", "system": "L", "python": "3", "tests": tests}
    file.write_text(json.dumps({**made, "seconds": 90.6, "processor_seconds": 61.2}))
    return file


def one(**changes: Any) -> dict[str, Any]:
    ends = {"error": 3, "done": 2}
    made = {"test": "test_a_thing", "file": "test_faults_site.py", "work": "the site", "how": "stops", "ends": ends}
    return made | {"passed": True, "seconds": 1.26} | changes


def test_blows_are_counted_by_work_and_mishap(tmp_path):
    told = faults.page(
        report(tmp_path, one(), one(), one(work="a pack", how="killed", ends={"killed": 7}), one(ends={}))
    )
    assert "**17 times**" in told
    assert "It took 91 seconds, and 61 of a processor's. Measured on 2026-01-31, L, Python 3." in told
    assert "After none of them was anything that had been finished lost" in told
    assert "| the site | it is interrupted &#40;Ctrl-C) | 10 | 4 | 6 | 0 | kept, and completed | 3.8 |" in told.replace(
        "(", "&#40;"
    )
    assert "| a pack | the process is killed | 7 | 0 | 0 | 7 | kept, and completed | 1.3 |" in told
    assert told.endswith("- a thing\n")


def test_what_was_lost_is_said(tmp_path):
    told = faults.page(report(tmp_path, one(), one(how="killed", passed=False)))
    assert "1 of 2 tests did not find everything as it should be" in told
    assert told.count("| not as it should be |") == 1
    assert "After none" not in told


def test_without_a_report_nothing_is_claimed(tmp_path):
    assert "No report" in faults.page(tmp_path / "none.json")


def test_malformed_inputs_are_counted_by_parser(tmp_path):
    one = {"parser": "a <parser>", "accepted": 1000, "refused": 9000, "seconds": 12.3, "passed": True}
    made = {"time": "2026-01-31T00:00:00", "system": "L", "python": "3", "parsers": [one, {**one, "parser": "b"}]}
    (file := tmp_path / "untrusted.json").write_text(json.dumps(made))
    told = faults.malformed(file)
    assert "**20,000 malformed inputs** were given to 2 parsers. Each was refused in one sentence" in told
    assert "| a &#60;parser&#62; | 1000 | 9000 | 12 |" in told
    file.write_text(json.dumps({**made, "parsers": [one, {**one, "passed": False}]}))
    assert "Not so in 1 of 2 parsers: a &#60;parser&#62;" in faults.malformed(file)
    assert "No report" in faults.malformed(tmp_path / "none.json")


RUN = {"runs": 40, "jobs": 13, "records": 40, "same": True, "drained": 1, "started": 3, "seconds": 210.4}


def test_what_happened_on_a_cluster_is_told_in_two_sentences_and_a_table(tmp_path):
    made = {"time": "2026-01-31T00:00:00", "system": "L", "python": "3", "slurm": "22", "exhibit": "A-S-bias", **RUN}
    made["killed"] = {"a job": 1, "the controller": 1, "Snake|make": 1}
    (file := tmp_path / "slurm.json").write_text(json.dumps(made))
    told = faults.cluster(file)
    assert told.startswith(
        "The 40 runs of A-S-bias were trained by jobs of Slurm, while something was killed 3 times and the node was "
        "drained once. At the end each run was recorded once, with the numbers of an undisturbed run. Measured on "
    )
    assert "| on Slurm 22, one node | how many |" in told
    assert "| jobs that were submitted | 13 |" in told
    assert "| killed: Snake&#124;make | 1 |" in told
    assert "| seconds | 210 |" in told
    for change in ({"records": 39}, {"same": False}):
        file.write_text(json.dumps({**made, **change}))
        assert "At the end not every run was recorded once" in faults.cluster(file)
    assert faults.cluster(tmp_path / "none.json") == "*Not yet measured: `make slurm` writes the report.*\n"


def test_a_damaged_report_is_named(tmp_path):
    (file := tmp_path / "faults.json").write_text('{"time": 1}')
    for page in (faults.page, faults.malformed, faults.cluster):
        with pytest.raises(ReportError, match=r"^faults\.json is damaged: it has"):
            page(file)


def test_the_report_that_is_committed_is_of_the_tests_that_are_here():
    """Every test of the harness, and none that is gone."""
    tests = json.loads((ROOT / "benchmarks" / faults.REPORT).read_text())["tests"]
    sources = {file.name: file.read_text() for file in (ROOT / "tests" / "faults").glob("test_*.py")}
    assert {(one["file"], one["test"]) for one in tests} == {
        (name, line.split("(")[0].removeprefix("def "))
        for name, source in sources.items()
        for line in source.splitlines()
        if line.startswith("def test_")
    }
    assert all(one["passed"] for one in tests)

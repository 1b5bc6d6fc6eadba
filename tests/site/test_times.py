"""How long exhibits take on two cores, from benchmarks and from operations."""

from __future__ import annotations

import doctest
import json
from pathlib import Path
from typing import Any

import pytest

from companion.costs.flops import run_flops
from companion.exhibits import EXHIBITS, cells
from companion.runs.spec import RunSpec
from companion.site import performance, times

ROOT = Path(__file__).parents[2]
MACHINE = {"processor": "A processor", "threads": 2}


def documents(**speeds: float) -> dict[str, Any]:
    """Results of the two benchmarks of training, with these numbers of operations a second."""
    kinds = {"dense": times.SPEEDS["fully connected"], "filters": times.SPEEDS["convolutional"]}
    return {
        name: {"machine": MACHINE, "rows": [{"variant": variant, "gflops": speeds[kind] / 1e9}]}
        for kind, (name, variant) in kinds.items()
        if kind in speeds
    }


DENSE = RunSpec(dataset="digits", epochs=3)
FILTERS = RunSpec(dataset="digits", architecture="GCONV", epochs=3)


def test_words_are_true() -> None:
    assert doctest.testmod(times).attempted > 0
    assert doctest.testmod(times).failed == 0
    assert [times.told(s) for s in (0.1, 9.6, 59, 95, 90_000, 4e7)] == [
        "about a second",
        "about 10 seconds",
        "about a minute",
        "about 2 minutes",
        "about a day",
        "about a year",
    ]


def test_each_kind_of_network_at_its_own_speed() -> None:
    both = documents(dense=1e6, filters=1e7)
    expected = run_flops(DENSE) / 1e6 + run_flops(FILTERS) / 1e7
    assert times.estimate([DENSE, FILTERS], both) == pytest.approx(expected)


def test_sources_count_and_shorter_runs_of_one_course_do_not() -> None:
    both = documents(dense=1e6)
    taught = DENSE.replace(regime="FL")
    alone = sum(run_flops(spec) for spec in (taught, taught.teacher)) / 1e6
    assert times.estimate([taught], both) == pytest.approx(alone)
    assert times.estimate([DENSE, DENSE.replace(epochs=2)], both) == pytest.approx(run_flops(DENSE) / 1e6)


def test_what_no_benchmark_of_two_cores_tells_is_not_told() -> None:
    both = documents(dense=1e6)
    assert times.estimate([FILTERS], both) is None
    both["fc-train"]["machine"] = {"processor": "A processor", "threads": 4}
    assert times.estimate([DENSE], both) is None
    assert times.seconds(EXHIBITS["A-T2"], "quick", both) is None


def test_pages_name_every_profile_that_is_known() -> None:
    found = documents(dense=1e9, filters=1e9)
    found["quick"] = {"machine": {"processor": "Another"}, "rows": [{"variant": "A-F2-nu", "seconds": 12.0}]}
    made = times.pages(found, [EXHIBITS["A-F2-nu"]])
    longest = times.told(times.estimate((c.spec for c in cells("A-F2-nu", "paper")), found) or 0)
    assert f"| A-F2-nu | about 10 seconds | – | {longest} without probes |" in made["times.md"]
    assert "one core (Another) without" in made["times.md"]
    sentence = (
        "All runs of A-F2-nu together take about 10 seconds in the profile `quick`, on one core; "
        f"they would take {longest} without probes in `paper` on two cores, as *How to re-run it* estimates."
    )
    assert json.loads(made["times.json"]) == {"a_f2_nu_alignment": sentence}
    empty = times.pages({}, [EXHIBITS["A-F2-nu"]])
    assert "| A-F2-nu | – | – | – |" in empty["times.md"]
    assert json.loads(empty["times.json"]) == {}


def test_the_results_that_are_committed_tell_every_profile() -> None:
    found = performance.results(ROOT / "benchmarks" / "results")
    for exhibit in EXHIBITS.values():
        for profile in exhibit.profiles:
            time = times.seconds(exhibit, profile, found)
            assert time is not None, (exhibit.id, profile)
            assert time > 0
    assert {row["variant"] for row in found["quick"]["rows"]} <= EXHIBITS.keys()

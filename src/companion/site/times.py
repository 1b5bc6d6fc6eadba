"""How long each exhibit takes on two cores: what each chapter and the page *How to re-run it* say.

The small profile is measured, by the benchmark ``quick``.  The others are estimated: the operations of all runs, by
:mod:`companion.costs.flops`, at the speed at which two cores trained in the benchmarks.  Nothing is measured here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from companion.costs.flops import run_flops
from companion.exhibits import EXHIBITS, cells
from companion.exhibits.grid import PROFILES, Exhibit
from companion.render.markdown import table
from companion.runs.lineage import with_sources
from companion.runs.spec import RunSpec

__all__ = ["estimate", "pages", "seconds", "told"]

Document = Mapping[str, Any]

MEASURED = "quick"
"""The profile that a benchmark of this name measures, exhibit by exhibit."""
CORES = 2
SPEEDS = {
    "fully connected": ("fc-train", "fused, 48 models"),
    "convolutional": ("conv-train", "lanes, 2 models, float32"),
}
"""Kind of network to the benchmark, and the variant of it, that tells how many operations two cores do in a second."""

UNITS = (("year", 365 * 86400), ("month", 30 * 86400), ("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))
ALMOST = 0.95
"""Of a unit: what counts as one."""


def pages(found: Mapping[str, Document], exhibits: Iterable[Exhibit] = tuple(EXHIBITS.values())) -> dict[str, str]:
    """File name to text: a table for a page, and for each chapter the sentence at its end.

    Args:
        found: results of benchmarks by name.
        exhibits: those of the book.
    """
    rows, sentences = [], dict[str, list[str]]()
    for exhibit in exhibits:
        times = {name: seconds(exhibit, name, found) for name in PROFILES if name in exhibit.profiles}
        probed = {name: any(c.spec.probe for c in cells(exhibit.id, name)) and name != MEASURED for name in times}
        known = {
            name: told(time) + (" without probes" if probed[name] else "")
            for name, time in times.items()
            if time is not None
        }
        rows.append([exhibit.id, *(known.get(name, "–") for name in PROFILES)])
        if known:
            sentences.setdefault(exhibit.chapter, []).append(_sentence(exhibit.id, known))
    return {
        "times.md": f"{table(['exhibit', *(f'`{name}`' for name in PROFILES)], rows)}\n\n{_source(found)}\n",
        "times.json": json.dumps({name: " ".join(lines) for name, lines in sentences.items()}, indent=1) + "\n",
    }


def seconds(exhibit: Exhibit, profile: str, found: Mapping[str, Document]) -> float | None:
    """How long all runs of an exhibit take on two cores; ``None`` where no benchmark tells.

    Args:
        exhibit: which.
        profile: one of its profiles.
        found: results of benchmarks by name.
    """
    if profile == MEASURED:
        rows = found.get(MEASURED, {}).get("rows", ())
        return next((row["seconds"] for row in rows if row["variant"] == exhibit.id), None)
    return estimate((cell.spec for cell in cells(exhibit.id, profile)), found)


def estimate(specs: Iterable[RunSpec], found: Mapping[str, Document]) -> float | None:
    """Seconds in which two cores train some runs with their sources, by operations alone.

    Runs that differ only in their number of epochs are trained once.  What probes compute is left out.

    Args:
        specs: the runs.
        found: results of benchmarks by name.

    Returns:
        The seconds; ``None`` where a benchmark that is needed has no result of two cores.
    """
    longest = {spec.course: spec for spec in sorted(with_sources(specs), key=lambda spec: spec.epochs)}
    total = 0.0
    for spec in longest.values():
        speed = _speed("fully connected" if spec.architecture == "FC" else "convolutional", found)
        if speed is None:
            return None
        total += run_flops(spec) / speed
    return total


def told(time: float) -> str:
    """Seconds in words, to one digit.

    >>> told(0.4), told(47), told(3500), told(2_600_000)
    ('about a second', 'about 50 seconds', 'about an hour', 'about a month')
    """
    for unit, size in UNITS:
        count = time / size
        if count < ALMOST and unit != "second":
            continue
        digit = 10 ** math.floor(math.log10(max(count / ALMOST, 1)))
        number = max(1, round(count / digit)) * digit
        return f"about {number} {unit}s" if number > 1 else f"about {'an' if unit == 'hour' else 'a'} {unit}"
    raise ValueError(f"{time} seconds")


def _sentence(exhibit: str, known: Mapping[str, str]) -> str:
    """What a chapter says of its exhibit: what was measured, and what the other profiles would take."""
    measured = f"take {known[MEASURED]} in the profile `{MEASURED}`, on one core" if MEASURED in known else ""
    others = [f"{words} in `{name}`" for name, words in known.items() if name != MEASURED]
    estimated = f"would take {' and '.join(others)} on two cores, as *How to re-run it* estimates" if others else ""
    return f"All runs of {exhibit} together {'; they '.join(filter(None, (measured, estimated)))}."


def _speed(kind: str, found: Mapping[str, Document]) -> float | None:
    """Operations in a second of two cores, for a kind of network."""
    name, variant = SPEEDS[kind]
    document = found.get(name)
    if document is None or document["machine"]["threads"] != CORES:
        return None
    rates = (row["gflops"] for row in document["rows"] if row["variant"] == variant)
    return next((1e9 * rate for rate in rates if rate), None)


def _source(found: Mapping[str, Document]) -> str:
    """Where the numbers come from, with the machines."""
    names = [name for name, _ in SPEEDS.values() if name in found]
    machines = " and ".join(dict.fromkeys(found[name]["machine"]["processor"] for name in names)) or "no machine yet"
    quick = found[MEASURED]["machine"]["processor"] if MEASURED in found else "no machine yet"
    return (
        f"`quick` was measured once, on one core ({quick}) without the start of Python, by `companion bench quick`. "
        "The others are estimated, and rounded to one digit: the operations of all runs and of what they need, at the "
        f"speed of two cores in the benchmarks of training ({machines}). Not in it is what probes compute while a run "
        "trains, and networks wider than the benchmarks' are slower: what is recorded here took up to "
        "several times as long. `companion status` tells what is missing and how long that takes where you are."
    )

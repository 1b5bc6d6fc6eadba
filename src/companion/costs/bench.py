"""How fast, against what: variants of one task, measured in turn in one process.

A machine's speed drifts with its neighbours and its temperature.  So the variants take turns, round after round, and
each reports the median of its rounds: what drifts, drifts for all.  The tasks themselves are in the project's folder
``benchmarks``, one small script each.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from companion.costs.rounds import quotient
from companion.files.whole import write
from companion.project import Project
from companion.records.provenance import device_name

__all__ = [
    "AS_MEASURED",
    "RESULTS",
    "Benchmark",
    "Options",
    "Row",
    "Step",
    "Unavailable",
    "Variant",
    "keep",
    "load",
    "machine",
    "measure",
]

Step = Callable[[], object]
"""Does the work of a variant once.  A number that it returns counts as the seconds it took, where only it can tell.

Where a benchmark's unit is ``MiB``, it is what it needed instead.
"""

AS_MEASURED = ("s", "MiB")
"""Units of which the step's own number is the value; any other is work a second."""


RESULTS = Project(Path()).benchmarks
"""Where reference results are in a checkout."""


class Unavailable(RuntimeError):
    """A variant that cannot run on this machine; the message says why."""


@dataclass(frozen=True)
class Options:
    """What the user chose.

    Args:
        threads: CPU threads of every variant.
        rounds: how often every variant is measured; ``None`` is the benchmark's own number.
        tiny: sizes at which everything runs and nothing can be concluded.
        keras_python: the interpreter of an environment with tensorflow.
        neural_tangents_python: the interpreter of an environment with neural-tangents.
    """

    threads: int = 1
    rounds: int | None = None
    tiny: bool = False
    keras_python: Path | None = None
    neural_tangents_python: Path | None = None


@dataclass(frozen=True)
class Variant:
    """One way to do the task.

    Args:
        name: as the table shows it.
        prepare: sets up and returns the step; raises :class:`Unavailable` where that is impossible.
        work: how much one step does, in the benchmark's unit times seconds: thousands of examples, records, ...
        operations: floating-point operations of one step, where they are worth counting.
        roof: the variant that shows what the machine can do at most; its rate of operations is the roofline.
        warm: whether an untimed step goes first.
        against: the variant with which it is compared round by round.
    """

    name: str
    prepare: Callable[[], Step]
    work: float = 1.0
    operations: float | None = None
    roof: str | None = None
    warm: bool = True
    against: str | None = None


@dataclass(frozen=True)
class Benchmark:
    """A task and the ways to do it.

    Args:
        name: as the command line knows it.
        title: one sentence.
        unit: of every value; ``s`` means the seconds of one step, ``MiB`` the memory it says that it needed, anything
            else is work per second.
        variants: the ways, the first of which is the one that others are compared with.
        rounds: how often each is measured.
    """

    name: str
    title: str
    unit: str
    variants: Callable[[Options], Sequence[Variant]]
    rounds: int = 5


@dataclass(frozen=True)
class Row:
    """What came out for one variant; numbers are ``None`` where it could not run.

    Args:
        variant: its name.
        value: the median over rounds, in ``unit``.
        unit: the benchmark's.
        ratio: ``value`` over the first row's.
        seconds: the median of one step; ``None`` for memory.
        spread: the slowest round less the fastest, over the median.
        gflops: thousand million floating-point operations per second.
        of_peak: ``gflops`` over that of the variant's roof.
        reason: why there are no numbers.
        against: the variant with which it was compared in each round.
        paired: the geometric mean over rounds of its speed over that one's; for memory, of that one's over its own.
        low, high: Student's 95% interval of that mean, from two rounds on.
        rounds: ``value`` round by round.
    """

    variant: str
    value: float | None
    unit: str
    ratio: float | None = None
    seconds: float | None = None
    spread: float | None = None
    gflops: float | None = None
    of_peak: float | None = None
    reason: str | None = None
    against: str | None = None
    paired: float | None = None
    low: float | None = None
    high: float | None = None
    rounds: list[float] | None = None


@dataclass
class _Runner:
    """A variant that has been prepared, and its times."""

    variant: Variant
    step: Step | None
    reason: str | None = None
    times: list[float] = field(default_factory=list)

    @classmethod
    def prepare(cls, variant: Variant) -> _Runner:
        try:
            runner = cls(variant, variant.prepare())
        except Unavailable as error:
            return cls(variant, None, str(error))
        if variant.warm:
            runner.once()
            runner.times.clear()
        return runner

    def once(self) -> None:
        if self.step is None:
            return
        start = time.perf_counter()
        try:
            own = self.step()
        except Unavailable as error:
            self.step, self.reason = None, str(error)
            self.times.clear()
        else:
            self.times.append(own if isinstance(own, float) else time.perf_counter() - start)


def measure(benchmark: Benchmark, options: Options, tell: Callable[[str], None] = lambda message: None) -> list[Row]:
    """Measure every variant of a benchmark, in turn, round after round.

    Args:
        benchmark: the task.
        options: threads, rounds, sizes.
        tell: called with a sentence at each step.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(options.threads)
    try:
        runners = []
        for variant in benchmark.variants(options):
            tell(f"Preparing {variant.name}")
            runners.append(_Runner.prepare(variant))
        rounds = options.rounds or benchmark.rounds
        for number in range(1, rounds + 1):
            tell(f"Round {number} of {rounds}")
            for runner in runners:
                torch.set_num_threads(options.threads)
                runner.once()
    finally:
        torch.set_num_threads(threads)
    return _rows(benchmark, runners)


def _rows(benchmark: Benchmark, runners: Sequence[_Runner]) -> list[Row]:
    medians = [statistics.median(r.times) if r.times else None for r in runners]
    values = [
        None if t is None else _value(benchmark.unit, r.variant, t) for r, t in zip(runners, medians, strict=True)
    ]
    speeds = {r.variant.name: _gflops(r.variant, t) for r, t in zip(runners, medians, strict=True)}
    first = values[0] if values else None
    known = {r.variant.name: r for r in runners}
    rows = []
    for runner, seconds, value in zip(runners, medians, values, strict=True):
        variant, speed = runner.variant, speeds[runner.variant.name]
        if seconds is None or value is None:
            rows.append(Row(variant.name, None, benchmark.unit, reason=runner.reason))
            continue
        roof = speeds.get(variant.roof) if variant.roof else None
        rows.append(
            Row(
                variant.name,
                value,
                benchmark.unit,
                ratio=value / first if first else None,
                seconds=None if benchmark.unit == "MiB" else seconds,
                spread=(max(runner.times) - min(runner.times)) / seconds,
                gflops=speed,
                of_peak=speed / roof if speed and roof else None,
                rounds=[_value(benchmark.unit, variant, t) for t in runner.times],
                **(_paired(runner, known[variant.against]) if variant.against else {}),
            )
        )
    return rows


def _paired(mine: _Runner, other: _Runner) -> dict[str, Any]:
    """Speed over another's, round by round."""
    if not other.times:
        return {"against": other.variant.name}
    speeds = ([one.variant.work / t for t in one.times] for one in (mine, other))
    paired, low, high = quotient(*speeds)
    return {"against": other.variant.name, "paired": paired, "low": low, "high": high}


def _value(unit: str, variant: Variant, seconds: float) -> float:
    return seconds if unit in AS_MEASURED else variant.work / seconds


def _gflops(variant: Variant, seconds: float | None) -> float | None:
    return None if seconds is None or variant.operations is None else variant.operations / seconds / 1e9


def load(root: Path) -> dict[str, Benchmark]:
    """The benchmarks of a project, by name: those that its package ``benchmarks`` lists.

    Args:
        root: the checkout.

    Raises:
        FileNotFoundError: the checkout has no benchmarks.
    """
    folder = root / "benchmarks"
    place = folder / "__init__.py"
    if not place.is_file():
        raise FileNotFoundError(f"no benchmarks in {folder}: they are part of a checkout of the book")
    spec = importlib.util.spec_from_file_location("benchmarks", place, submodule_search_locations=[str(folder)])
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules["benchmarks"] = package
    spec.loader.exec_module(package)
    return {one.name: one for one in package.BENCHMARKS}


def keep(root: Path, document: Mapping[str, Any]) -> Path:
    """Make a document the reference result of its benchmark, whole or not at all; its place.

    Args:
        root: the checkout.
        document: ``benchmark, title, machine, rows``.
    """
    path = root / RESULTS / f"{document['benchmark']}.json"
    write(path, json.dumps(document, indent=2, allow_nan=False) + "\n")
    return path


def machine(threads: int) -> dict[str, Any]:
    """This machine and the versions of what was measured on it.

    Keys: ``processor``, ``cores`` that we may use, ``threads``, ``memory_gib``, ``vectors`` (the widest instructions
    that PyTorch uses), ``gpu``, ``system``, ``load`` (processes that were running, a mean over the last minute),
    ``python``, ``torch``, ``companion``, ``time`` (UTC).
    """
    import companion

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": device_name("cpu"),
        "cores": cores,
        "threads": threads,
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "vectors": torch.backends.cpu.get_cpu_capability(),
        "gpu": device_name("cuda") if torch.cuda.is_available() else None,
        "system": f"{platform.system()} {platform.machine()}",
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "companion": companion.__version__,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }

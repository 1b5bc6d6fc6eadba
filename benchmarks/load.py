"""Twenty thousand records: what commands take where nothing of them is indexed yet, and where everything is."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.store import record
from companion import project
from companion.costs.bench import Benchmark, Options, Step, Unavailable, Variant
from companion.records.store import Store

COUNT, TINY = 20_000, 20

PEAK = "COMPANION_BENCH_PEAK"
AT_THE_END = f"""
import atexit, os, shutil
atexit.register(shutil.copyfile, "/proc/self/status", os.environ["{PEAK}"])
"""
"""What a process does at its end where its memory counts.

The system's own account of a child that has ended begins with what its parent held when it was started, so the process
is asked itself.
"""

MAIN = "import sys; from companion.cli import main; sys.exit(main(sys.argv[1:]))"
CHAPTER = """
from companion.chapters import open_chapter
chapter = open_chapter("A-T2")
chapter.table(), chapter.claims(), chapter.curves, chapter.footer()._repr_html_()
"""
READERS = {
    "verify --quick": (MAIN, "verify", "--quick"),
    "status": (MAIN, "status"),
    "scorecard": (MAIN, "scorecard"),
    "the data of a chapter": (CHAPTER,),
}
"""What may ask the index, as the words after ``python -c``."""

Usage = Callable[[float, float], float]
"""Of seconds of processor time and MiB at the most, what counts."""


def filled(folder: Path, count: int) -> Path:
    """A store with the committed records, and as many made-up ones as are lacking; its folder."""
    store = Store(folder / "results")
    if store.folder.exists():
        return store.folder
    if count > TINY:
        shutil.copytree(project.find().results, store.folder)
    for seed in range(count - len(store.files())):
        store.write(record(seed))
    return store.folder


def needed(words: Sequence[str], store: Path, cache: Path) -> tuple[float, float]:
    """Seconds of processor time, of user and system, and MiB at the most of a process of its own.

    Raises:
        Unavailable: it failed, or the system does not tell a process how much memory it has held.
    """
    if not Path("/proc/self/status").exists():
        raise Unavailable("only Linux tells a process how much memory it has held")
    program, *rest = words
    peak = cache / "peak"
    cache.mkdir(parents=True, exist_ok=True)
    named = {project.STORE: store, project.CACHE: cache, project.DOWNLOADS: cache / "downloads", PEAK: peak}
    named["PYTHONPYCACHEPREFIX"] = cache.parent / "compiled"  # as is usual, what was compiled before is kept
    environment = {**os.environ, **{name: str(value) for name, value in named.items()}, "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([sys.executable, "-c", AT_THE_END + program, *rest], env=environment, **quiet)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):  # 1 is said of outcomes that are stale
        raise Unavailable(f"it ended with {process.returncode}")
    held = next(line.split()[1] for line in peak.read_text().splitlines() if line.startswith("VmHWM:"))
    return usage.ru_utime + usage.ru_stime, int(held) / (1 << 10)


def variants(usage: Usage, options: Options) -> list[Variant]:
    """Each reader with no index and with one, after what asks none; all on one store."""
    folder = tempfile.TemporaryDirectory()
    count = TINY if options.tiny else COUNT

    def way(name: str, words: Sequence[str], *, indexed: bool, against: str | None = None) -> Variant:
        cache = Path(folder.name) / name.replace(" ", "-").replace(",", "")

        def prepare() -> Step:
            store = filled(Path(folder.name), count)
            needed(words, store, cache)  # what is calibrated is calibrated here, and the index is filled

            def step() -> float:
                if not indexed:
                    shutil.rmtree(cache / "index", ignore_errors=True)
                return usage(*needed(words, store, cache))

            return step

        return Variant(name, prepare, warm=False, against=against)

    found = [way("list", (MAIN, "list"), indexed=True), way("verify", (MAIN, "verify"), indexed=True)]
    for name, words in list(READERS.items())[:1] if options.tiny else READERS.items():
        first = f"{name}, nothing indexed"
        found += [way(first, words, indexed=False), way(f"{name}, indexed", words, indexed=True, against=first)]
    return found


LOAD = Benchmark(
    "load",
    f"Processor time of commands in a process of their own, at {COUNT:,} records",
    "s",
    functools.partial(variants, lambda seconds, mib: seconds),
    rounds=3,
)
LOAD_MEMORY = Benchmark(
    "load-memory",
    f"The most memory that these processes hold, at {COUNT:,} records",
    "MiB",
    functools.partial(variants, lambda seconds, mib: mib),
    rounds=1,
)

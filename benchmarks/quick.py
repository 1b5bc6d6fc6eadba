"""How long the profile ``quick`` of every exhibit takes: all of its runs, with their sources, into an empty store.

Counted are the seconds of the processor, so that what else a machine does meanwhile does not count.  With one thread
they are those of the clock on a core that is free.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from pathlib import Path

from companion.costs.bench import Benchmark, Options, Step, Variant
from companion.exhibits import EXHIBITS, cells
from companion.records.store import Store
from companion.training.queue import run_missing
from companion.training.workspace import Workspace


def variants(options: Options) -> list[Variant]:
    """An exhibit each, with the seeds that the profile has; a tiny measurement takes one seed of three exhibits."""
    folder = tempfile.TemporaryDirectory()
    fresh = (Path(folder.name) / str(number) for number in itertools.count())
    seeds = 1 if options.tiny else None

    def way(name: str) -> Variant:
        specs = [cell.spec for cell in cells(name, "quick", seeds)]

        def step(_: object = folder) -> float:
            place, start = next(fresh), time.process_time()
            store = Store(place / "store")
            run_missing(specs, store, Workspace(place / "work", store), threads=options.threads)
            assert all(spec in store for spec in specs)
            return time.process_time() - start

        def prepare() -> Step:
            return step

        return Variant(name, prepare, warm=False)

    quick = [name for name, exhibit in EXHIBITS.items() if "quick" in exhibit.profiles]
    return [way(name) for name in (quick[1:4] if options.tiny else quick)]


QUICK = Benchmark(
    "quick",
    "The profile `quick` of every exhibit, all seeds, trained from nothing: processor seconds",
    "s",
    variants,
    rounds=1,
)

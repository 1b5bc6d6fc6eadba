"""The front door on bare machines: trains what the store lacks.

``python -m companion.experiments EXHIBIT ... --profile P --out DIR`` needs nothing but torch.  With ``--keys KEY ...``
it trains those runs alone, such as one chunk of ``companion plan``.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from companion.files.console import answer, silence, tell

if TYPE_CHECKING:
    from companion.records.store import Record
    from companion.runs.spec import RunSpec

__all__ = ["main"]

ALL = "all"
"""On the command line, every exhibit that has the profile."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The front door on a bare machine; prints one line per record, and returns the exit code.

    What is damaged in the store is named first.  Runs that hang on it are left out, and the exit code is 1.  It is 2
    where the system refuses what can be mended, such as a folder that takes no files, and 130 after Ctrl-C.

    Args:
        arguments: of the command line; ``None`` is those of this process.

    Example:
        >>> from contextlib import redirect_stdout
        >>> from io import StringIO
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder, redirect_stdout(StringIO()) as said:
        ...     code = main(["A-T2", "--profile", "quick", "--keys", "cfd8aabec0bba413", "--out", folder])
        >>> code, said.getvalue().split()[2:4]
        (0, ['cfd8aabec0bba413', 'ReLU'])
    """
    return answer(
        lambda: _answer(arguments),
        "Stopped. Every finished run is kept; one that was under way goes on from its last checkpoint, at most a "
        "minute or an epoch old, when the same command is given again.",
    )


def _answer(arguments: Sequence[str] | None) -> int:
    from companion.exhibits import EXHIBITS, PROFILES
    from companion.files.limits import open_files
    from companion.files.whole import FolderError, foreseen
    from companion.project import workspace_folder

    parser = argparse.ArgumentParser(prog="python -m companion.experiments", description=__doc__.splitlines()[0])
    parser.add_argument("exhibit", nargs="+", choices=[*EXHIBITS, ALL], help="one or more, or all of them")
    parser.add_argument("--profile", choices=PROFILES, default="paper")
    parser.add_argument("--out", type=Path, help="folder for records and checkpoints")
    parser.add_argument("--store", type=Path, help="folder for records alone; by default `results` in --out")
    parser.add_argument("--keys", nargs="+", metavar="KEY", help="only these runs; the others are trained elsewhere")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--threads", type=int, help="CPU threads; by default all cores")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--rows", nargs="*")
    options = parser.parse_args(arguments)
    if not (options.out or options.store):
        parser.error("--out DIR, a folder for records and checkpoints, or --store DIR is needed")
    records = options.store or options.out / "results"
    place = options.out / "workspace" if options.out else workspace_folder(records)
    open_files()
    try:
        foreseen(records, "--store DIR" if options.store else "--out DIR")
        foreseen(place, "--out DIR, or the variable COMPANION_CACHE,")
    except FolderError:
        if _lacking(options, records):
            raise
    return _train(parser, options, records, place)


def _lacking(options: argparse.Namespace, records: Path) -> bool:
    """Whether one of the runs is not recorded, without loading what trains; what makes no sense is not."""
    from companion.exhibits import EXHIBITS, cells
    from companion.records.store import Store
    from companion.runs.lineage import with_sources

    named = EXHIBITS if ALL in options.exhibit else options.exhibit
    chosen = [name for name in named if options.profile in EXHIBITS[name].profiles]
    try:
        grids = [cells(name, options.profile, options.seeds, options.rows) for name in chosen]
    except ValueError:  # said in full by whoever reads the request
        return True
    specs = with_sources(cell.spec for grid in grids for cell in grid)
    return Store(records).lacks(spec for spec in specs if not options.keys or spec.key in options.keys)


def _train(parser: argparse.ArgumentParser, options: argparse.Namespace, records: Path, place: Path) -> int:
    """Load what trains, which takes seconds, and train."""
    from companion.data import DataError
    from companion.exhibits import EXHIBITS
    from companion.exhibits.request import request
    from companion.records.store import RecordError, Store
    from companion.runs.machine import threads_of
    from companion.training.queue import barren, run_missing, sound
    from companion.training.workspace import Workspace

    store = Store(records)
    workspace = Workspace(place, store)
    start = time.monotonic()

    def say(record: Record) -> None:
        spec = record.spec
        took, best = time.monotonic() - start, record.content["best_test"]
        try:
            print(f"{took:8.1f} s  {record.key}  {spec.regime} seed {spec.seed}  best {best}", flush=True)
        except BrokenPipeError:  # the reader, such as `head`, has seen enough; training goes on
            silence(sys.stdout)

    try:
        every = [name for name, exhibit in EXHIBITS.items() if options.profile in exhibit.profiles]
        chosen = every if ALL in options.exhibit else options.exhibit
        words = {"profile": options.profile, "device": options.device, "seeds": options.seeds, "rows": options.rows}
        asked = [request(name, train=True, **words) for name in chosen]
        for one in asked:
            one.into(store.folder)
        specs = list(dict.fromkeys(cell.spec for one in asked for cell in one.cells))
        others: list[RunSpec] = []
        if options.keys:
            specs, others = _parted(specs, options.keys)
        whole, damaged = sound(specs, store)
        for sentence in damaged:
            tell(sentence)
        if len(whole) < len(specs):
            tell(f"{len(specs) - len(whole)} of {len(specs)} runs hang on damaged records and are left out")
        run_missing(
            whole,
            store,
            workspace,
            backend=options.backend,
            device=asked[0].device,
            threads=threads_of(options.threads),
            on_record=say,
            others=others,
        )
    except (RecordError, DataError) as error:  # a record, or weights beside one, may have been damaged meanwhile
        tell(str(error))
        return 1
    except ValueError as error:
        parser.error(str(error))
    left = [spec for spec in specs if spec not in store and not barren(spec, store)] if options.keys else []
    if left:
        tell(f"{len(left)} of {len(specs)} runs are being trained by another process")
    return 1 if left or damaged else 0


def _parted(specs: Sequence[RunSpec], keys: Sequence[str]) -> tuple[list[RunSpec], list[RunSpec]]:
    """The runs of these keys, sources among them, and all others; ``ValueError`` names a key that is none of them."""
    from companion.files.quoting import brief
    from companion.runs.lineage import with_sources

    known = {spec.key: spec for spec in with_sources(specs)}
    for key in keys:
        if key not in known:
            raise ValueError(
                f"--keys: no run {brief(key)} is in these exhibits and this profile, such as {next(iter(known))}"
            )
    return [known[key] for key in dict.fromkeys(keys)], [spec for key, spec in known.items() if key not in keys]


if __name__ == "__main__":
    sys.exit(main())

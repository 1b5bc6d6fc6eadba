"""The front door on bare machines: trains what the store lacks.

``python -m companion.experiments EXHIBIT ... --profile P --out DIR`` needs nothing but torch.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from companion.data import DataError
from companion.exhibits import EXHIBITS, PROFILES, cells
from companion.records.store import Record, RecordError, Store
from companion.training.machine import device_of
from companion.training.queue import run_missing, sound
from companion.training.workspace import Workspace

__all__ = ["main"]

ALL = "all"
"""On the command line, every exhibit that has the profile."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The front door on a bare machine; prints one line per record.

    What is damaged in the store is named first.  Runs that hang on it are left out, and the exit code is 1.
    """
    parser = argparse.ArgumentParser(prog="python -m companion.experiments", description=__doc__.splitlines()[0])
    parser.add_argument("exhibit", nargs="+", choices=[*EXHIBITS, ALL], help="one or more, or all of them")
    parser.add_argument("--profile", choices=PROFILES, default="paper")
    parser.add_argument("--out", type=Path, required=True, help="folder for records and checkpoints")
    parser.add_argument("--device", default=device_of("auto"))
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--rows", nargs="*")
    options = parser.parse_args(arguments)
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        parser.error(f"--device {options.device}: there is no GPU here; valid is cpu")
    store = Store(options.out / "results")
    workspace = Workspace(options.out / "workspace", store)
    start = time.monotonic()

    def say(record: Record) -> None:
        spec = record.spec
        print(
            f"{time.monotonic() - start:8.1f} s  {record.key}  {spec.regime} seed {spec.seed}"
            f"  best {record.content['best_test']}"
        )
        sys.stdout.flush()

    try:
        every = [name for name, exhibit in EXHIBITS.items() if options.profile in exhibit.profiles]
        chosen = every if ALL in options.exhibit else options.exhibit
        grid = [cell for name in chosen for cell in cells(name, options.profile, options.seeds, options.rows)]
        asked = list(dict.fromkeys(cell.spec for cell in grid))
        whole, damaged = sound(asked, store)
        for sentence in damaged:
            print(sentence, file=sys.stderr)
        if len(whole) < len(asked):
            left = len(asked) - len(whole)
            print(f"{left} of {len(asked)} runs hang on damaged records and are left out", file=sys.stderr)
        run_missing(
            whole,
            store,
            workspace,
            backend=options.backend,
            device=options.device,
            threads=options.threads,
            on_record=say,
        )
    except (RecordError, DataError) as error:  # a record, or weights beside one, may have been damaged meanwhile
        print(error, file=sys.stderr)
        return 1
    except ValueError as error:
        parser.error(str(error))
    return 1 if damaged else 0


if __name__ == "__main__":
    sys.exit(main())

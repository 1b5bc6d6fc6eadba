"""Make ``golden.json`` anew: ``cd tests; OMP_NUM_THREADS=1 python -m golden.make --because REASON``.

Only for a change of the mathematics of a run, which also raises ``PROTOCOL_VERSION``, or for another kind of processor
or release of PyTorch.  What differs from the file is printed.  Where ``CI`` is set nothing is made.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from companion.training.backends import ReferenceBackend
from golden.trajectories import everything

FILE = Path(__file__).with_name("golden.json")


def text(content: Any) -> str:
    """JSON with one line for each list of numbers, so that a difference is easy to read."""

    def lines(value: Any, indent: int) -> str:
        if isinstance(value, dict) and value:
            inner = ",\n".join(f"{' ' * (indent + 1)}{json.dumps(k)}: {lines(v, indent + 1)}" for k, v in value.items())
            return "{\n" + inner + "\n" + " " * indent + "}"
        return json.dumps(value, allow_nan=False)

    return lines(content, 0) + "\n"


def differences(old: Any, new: Any, place: str = "") -> list[str]:
    """Where two JSON values differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        names = dict.fromkeys([*old, *new])
        return [line for name in names for line in differences(old.get(name), new.get(name), f"{place}/{name}")]
    return [] if old == new else [place]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--because", required=True, help="why the numbers may change: kept in the file")
    options = parser.parse_args(arguments)
    if os.environ.get("CI"):
        print("golden numbers are not made in CI: they are what CI compares with", file=sys.stderr)
        return 1
    if not options.because.strip():
        parser.error("--because needs a reason")
    torch.set_num_threads(1)
    new = {"because": options.because, **everything(ReferenceBackend())}
    old = json.loads(FILE.read_text()) if FILE.exists() else {}
    changed = differences(old, json.loads(text(new)))
    FILE.write_text(text(new))
    print(f"{FILE.name}: {len(changed)} places differ from before", *changed[:40], sep="\n  ")
    return 0


if __name__ == "__main__":
    sys.exit(main())

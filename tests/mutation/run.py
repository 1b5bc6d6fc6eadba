"""Break the code in one place at a time, and see whether a test notices: ``make mutate``.

Works on a copy of the tree; every mutation runs the tests that its table names, in a forked process, until one fails.
Exit 0 if at least 95% are noticed, 1 if fewer, or if a mutation does not apply any more.
"""

from __future__ import annotations

import argparse
import ast
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RESULTS = HERE / "RESULTS.md"
WANTED = 0.95
TIMEOUT = 150
"""Seconds after which tests that hang have noticed, unless they take that long by themselves."""


@dataclass(frozen=True)
class Mutation:
    """One way to break the code.

    Args:
        unit: what it belongs to, the name of its table.
        breaks: what goes wrong.
        old: text that stands in exactly one place of the sources.
        new: what it becomes.
        tests: names of test files without suffix, or their paths below ``tests`` (``training/test_safety``).
        equivalent: why nothing could notice it; such a mutation is shown and not counted.
    """

    unit: str
    breaks: str
    old: str
    new: str
    tests: tuple[str, ...]
    equivalent: str = ""


def mutations() -> list[Mutation]:
    """All tables, one after the other: what was in doubt first."""
    return [m for path in sorted(HERE.glob("*.txt")) for m in parse(path)]


def parse(path: Path) -> Iterator[Mutation]:
    """One table: blocks of ``# what breaks``, ``@ tests``, lines ``- old`` and lines ``+ new`` (may be missing)."""
    for block in path.read_text().split("\n\n"):
        lines = [line for line in block.splitlines() if line]
        parts: dict[str, list[str]] = {mark: [] for mark in "#@-+="}
        for line in lines:
            if line[0] not in parts:
                raise ValueError(f"{path.name}: {line!r} begins with none of # @ - + =")
            parts[line[0]].append(line[2:])
        if parts["-"]:
            old, new = "\n".join(parts["-"]), "\n".join(parts["+"])
            breaks, tests = " ".join(parts["#"]), tuple(" ".join(parts["@"]).split())
            yield Mutation(path.stem.partition("_")[2], breaks, old, new, tests, " ".join(parts["="]))


def sources(root: Path = ROOT) -> list[Path]:
    """The files that may be broken."""
    return sorted(p for p in (root / "src" / "companion").rglob("*") if p.suffix in (".py", ".c", ".h", ".json"))


def place(mutation: Mutation, root: Path = ROOT) -> Path:
    """The one file that holds the old text, wherever it is now.

    Raises:
        LookupError: the text stands nowhere, or more than once.
    """
    found = Counter({path: path.read_text().count(mutation.old) for path in sources(root)})
    if found.total() != 1:
        where = ", ".join(path.name for path in found.elements()) or "nowhere"
        raise LookupError(f"{mutation.unit}: {mutation.breaks}: its text stands {found.total()} times ({where})")
    return next(found.elements())


def broken(mutation: Mutation, text: str, python: bool) -> str:
    """A source with the mutation in it; it must still be Python if it was."""
    changed = text.replace(mutation.old, mutation.new)
    if python:
        ast.parse(changed)
    return changed


def paths_of(mutation: Mutation, root: Path = ROOT) -> list[str]:
    """The paths of its tests, wherever they are now; ``LookupError`` for one that is not there."""
    paths = []
    for name in mutation.tests:
        exact = root / "tests" / f"{name}.py"
        found = [exact] if exact.is_file() else [] if "/" in name else sorted((root / "tests").rglob(f"{name}.py"))
        if len(found) != 1:
            raise LookupError(f"{mutation.unit}: {mutation.breaks}: {len(found)} tests are called {name}")
        paths.append(str(found[0].relative_to(root)))
    return paths


def copy(folder: Path) -> None:
    """The tree without what git ignores."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0"):
        if name and (ROOT / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target)
    subprocess.run(["git", "init", "-q", str(folder)], check=True)


def warm_up() -> None:
    """Import once what every run of tests needs, but nothing of this package: forked processes have it already."""
    import hypothesis
    import jaxtyping
    import mpmath
    import pandas
    import pytest
    import scipy.stats
    import sklearn.datasets
    import torch._dynamo

    assert all((hypothesis, jaxtyping, mpmath, pandas, pytest, scipy, sklearn, torch._dynamo))
    torch.set_num_threads(1)


def run_tests(folder: Path, paths: Sequence[str], log: Path) -> None:
    """In a process of its own: exit 0 if all tests pass, 1 if one fails, more if they cannot run."""
    import importlib.util

    import pytest

    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.chdir(folder)
    sys.path[:] = [str(folder / "src"), *(p for p in sys.path if p not in ("", str(HERE), str(ROOT / "src")))]
    os.environ["PYTHONPATH"] = str(folder / "src")
    spec = importlib.util.find_spec("companion")
    if spec is None or not str(spec.origin).startswith(str(folder)):
        os._exit(70)
    os._exit(int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--tb=line", *paths])))


def outcome(folder: Path, paths: Sequence[str], timeout: float = TIMEOUT) -> tuple[str, str]:
    """``noticed``, ``unnoticed`` or ``error``, and what was noticed."""
    log = folder / "mutation.log"
    process = multiprocessing.get_context("fork").Process(target=run_tests, args=(folder, paths, log))
    process.start()
    process.join(timeout)
    if process.is_alive():
        process.kill()
        process.join()
        return "noticed", "they hang"
    lines = [line for line in log.read_text().splitlines() if line.startswith(("FAILED", "ERROR"))]
    said = (
        lines[0].partition(" ")[2].partition(" - ")[0] if lines else (log.read_text().strip().splitlines() or [""])[-1]
    )
    if process.exitcode == 0:
        return "unnoticed", ""
    # 2: the tests could not be read, which is noticed too; below 0: killed by a signal, say in the kernel.
    return ("noticed" if process.exitcode in (1, 2) or (process.exitcode or 0) < 0 else "error"), said


class Whole:
    """What the tests say of the tree without any mutation, asked of each file of them once, when it is needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.known: dict[str, tuple[str, str, float]] = {}

    def seconds(self, paths: Sequence[str]) -> float:
        """How long they take together; ``LookupError`` if some fail, as they would notice everything then."""
        for path in paths:
            if path not in self.known:
                start = time.monotonic()
                state, said = outcome(self.folder, [path], 20 * TIMEOUT)
                self.known[path] = state, said, time.monotonic() - start
            state, said, _ = self.known[path]
            if state != "unnoticed":
                raise LookupError(f"{path} fails without any mutation: {said}")
        return sum(self.known[path][2] for path in paths)


def report(results: Sequence[tuple[Mutation, str, str]], not_run: Sequence[Mutation] = ()) -> str:
    """The committed text: counts, and what was not noticed."""
    counted = [(m, state) for m, state, _ in results if not m.equivalent]
    left = [m for m in not_run if not m.equivalent]
    lines = [
        "# Mutations",
        "",
        "What `make mutate` found: each mutation breaks the code in one place, and the tests that its table names",
        "either notice or do not.",
        "",
        "| unit | mutations | run | noticed |",
        "|---|---:|---:|---:|",
    ]
    for unit in dict.fromkeys([*(m.unit for m, _ in counted), *(m.unit for m in left)]):
        states = [state for m, state in counted if m.unit == unit]
        every = len(states) + sum(m.unit == unit for m in left)
        lines.append(f"| {unit} | {every} | {len(states)} | {states.count('noticed')} |")
    noticed = sum(state == "noticed" for _, state in counted)
    lines.append(f"| all | {len(counted) + len(left)} | {len(counted)} | {noticed} |")
    lines += ["", f"Noticed: {100 * noticed / max(1, len(counted)):.1f}% of those that were run.", ""]
    for title, chosen in (
        ("Not noticed", [f"- {m.unit}: {m.breaks}" for m, state in counted if state == "unnoticed"]),
        ("Errors", [f"- {m.unit}: {m.breaks}: {said}" for m, state, said in results if state == "error"]),
        ("Not run", [f"- {m.unit}: {m.breaks}" for m in left]),
        ("Nothing could notice", [f"- {m.unit}: {m.breaks}: {m.equivalent}" for m, *_ in results if m.equivalent]),
    ):
        lines += [f"## {title}", "", *(chosen or ["None."]), ""]
    return "\n".join(lines).rstrip() + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="only mutations whose unit or description holds one of these")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no further one after that time")
    parser.add_argument("--write", action="store_true", help="write the result to RESULTS.md")
    options = parser.parse_args(arguments)
    chosen = [m for m in mutations() if not options.words or any(w in f"{m.unit}: {m.breaks}" for w in options.words)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "tree"
        os.environ |= {"PYTHONDONTWRITEBYTECODE": "1", "XDG_CACHE_HOME": str(Path(name) / "cache"), "CI": "1"}
        os.environ["OMP_NUM_THREADS"] = "1"
        copy(folder)
        warm_up()
        results, began, whole = [], time.monotonic(), Whole(folder)
        for number, mutation in enumerate(chosen, start=1):
            start = time.monotonic()
            if start - began > 60 * options.minutes:
                break
            try:
                paths = paths_of(mutation, folder)
                seconds = whole.seconds(paths)
                path = place(mutation, folder)
                text = path.read_text()
                path.write_text(broken(mutation, text, path.suffix == ".py"))
            except (LookupError, SyntaxError) as error:
                state, said = "error", f"cannot be tried: {error}"
            else:
                state, said = outcome(folder, paths, max(TIMEOUT, 3 * seconds))
                path.write_text(text)
            results.append((mutation, state, said))
            took = f"{time.monotonic() - start:.0f} s"
            print(f"{number}/{len(chosen)} {state:9} {mutation.unit}: {mutation.breaks} [{took}] {said}", flush=True)
    text = report(results, chosen[len(results) :])
    print(text)
    if options.write:
        RESULTS.write_text(text)
    counted = [state for m, state, _ in results if not m.equivalent]
    return int("error" in counted or counted.count("noticed") < WANTED * len(counted))


if __name__ == "__main__":
    sys.exit(main())

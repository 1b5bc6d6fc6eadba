"""The two commands, part by part: `make book` from nothing and with nothing changed, `make test`, and a chapter more.

Each round has a fresh copy of the checkout, and an environment of its own that the Makefile sets up with empty caches
of packages; without a network, the rest is measured with the tools of this environment.  The parts of `make test` are
the lines of its recipe, as they stand there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from companion.costs.bench import Benchmark, Options, Step, Unavailable, Variant
from companion.project import find

LEFT_OUT = shutil.ignore_patterns("_build", "__pycache__", "*.egg-info", ".venv", ".tools", ".*_cache", ".hypothesis")
BOOK = "companion book"
FALSIFIED = "pytest -n 2 tests/test_notebooks.py"


def recipe(makefile: Path, target: str) -> list[str]:
    """The commands of a target that run a tool of the environment, without its folder."""
    lines = makefile.read_text(encoding="utf-8").splitlines()
    start = max(number for number, line in enumerate(lines) if line.startswith(f"{target}:"))
    found = []
    for line in lines[start + 1 :]:
        if not line.startswith("\t"):
            break
        found.append(line.strip())
    return [line.removeprefix("$(BIN)/") for line in found if line.startswith("$(BIN)/")]


class Checkout:
    """A copy of the checkout, and the seconds that each command took in its last round."""

    def __init__(self, threads: int) -> None:
        self.holder = tempfile.TemporaryDirectory()
        self.root = Path(self.holder.name) / "book"
        self.threads = threads
        self.took: dict[str, float] = {}

    @property
    def tools(self) -> Path:
        """The environment of the copy, where it has one, else this one."""
        own = self.root / ".venv" / "bin"
        return own if (own.parent / "installed").is_file() else Path(sys.executable).parent

    def fresh(self) -> None:
        """Copy it anew; nothing that was generated comes along."""
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.copytree(find().root, self.root, ignore=LEFT_OUT)

    def run(self, name: str, command: list[str], threads: int | None = None, **variables: str) -> float:
        """Seconds of a command in the copy.

        Raises:
            Unavailable: it failed.
        """
        sources = os.pathsep.join(filter(None, [str(self.root / "src"), os.environ.get("PYTHONPATH")]))
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": str(threads or self.threads),
            "PYTHONPATH": sources,
            **variables,
        }
        for inherited in ("COMPANION_ROOT", "COMPANION_STORE", "COMPANION_DOWNLOADS", "PYTHONDONTWRITEBYTECODE"):
            environment.pop(inherited, None)
        start = time.perf_counter()
        made = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=self.root)
        if made.returncode:
            said = (made.stderr.strip() or made.stdout.strip() or "it says nothing").splitlines()[-1]
            raise Unavailable(f"`{name}` failed: {said}")
        self.took[name] = time.perf_counter() - start
        return self.took[name]

    def tool(self, line: str, threads: int | None = None) -> float:
        """Seconds of a tool of this environment, given as a line of the Makefile."""
        name, *arguments = line.split()
        if not (self.tools / name).is_file():
            raise Unavailable(f"{name} is not in {self.tools}")
        return self.run(line, [str(self.tools / name), *arguments], threads)

    def chapters(self) -> int:
        """How many the book has."""
        return len(list((self.root / "notebooks").glob("*.ipynb")))

    def sum(self, *names: str) -> float:
        """The seconds of commands that have run in this round, together."""
        try:
            return sum(self.took[name] for name in names)
        except KeyError as error:
            raise Unavailable(f"`{error.args[0]}` has no time") from None


def variants(options: Options) -> list[Variant]:
    """The build, the parts of the test, what they come to, and what each grows by with a chapter."""
    copy = Checkout(options.threads)
    parts = recipe(find().root / "Makefile", "test")
    compare = next(line for line in parts if "--nbval" in line)
    committed = next(line for line in parts if line.startswith(BOOK))

    def setup() -> float:
        with tempfile.TemporaryDirectory() as cache:
            copy.fresh()
            return copy.run("make setup", ["make", "setup"], UV_CACHE_DIR=cache, PIP_CACHE_DIR=cache)

    def part(line: str) -> Step:
        return lambda: copy.tool(line, threads=1)

    steps: dict[str, Callable[[], float] | Step] = {
        "make book, empty cache: set-up": setup,
        "make book: cold build": lambda: copy.tool(BOOK),
        "make book: nothing changed": lambda: copy.run("again", [str(copy.tools / "companion"), "book"]),
        "make book, empty cache: all": lambda: copy.sum("make setup", BOOK),
        **{f"make test: {line}": part(line) for line in parts},
        "make test: all": lambda: copy.sum(*parts),
        f"of it: {FALSIFIED}": part(FALSIFIED),
        "a chapter more: make book": lambda: (copy.sum(BOOK) - copy.sum(committed)) / copy.chapters(),
        "a chapter more: make test": lambda: copy.sum(compare, FALSIFIED) / copy.chapters(),
    }
    return [Variant(name, lambda step=step: step, warm=False) for name, step in steps.items()]


TITLE = "`make book` and `make test`: set-up, every chapter executed, every page rendered, every test"
BOOK_AND_TEST = Benchmark("book", TITLE, "s", variants, rounds=1)

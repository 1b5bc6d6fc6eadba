"""The package is a house of packages: arrows go down, none in a circle, and the bare path needs only PyTorch."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from importlib.util import find_spec
from pathlib import Path

import pytest

import companion

PACKAGE = Path(companion.__file__).parent

LEVELS: dict[str, int] = {
    package: level
    for level, packages in enumerate(
        (
            "notation project files",
            "networks data papers",
            "kernels decoupling",
            "runs",
            "measure records exhibits",
            "training",
            "experiments costs statements",
            "verdicts",
            "render",
            "chapters",
            "site",
            "cli",
        )
    )
    for package in packages.split()
}
"""Name of a package, or of one of the few modules beside them, to its level.  This table is the only one."""

LOOSE = {"__init__", "__main__", "notation", "project", "experiments"}
"""Modules that lie loose at the top."""

BARE_PATH = {name for name, level in LEVELS.items() if level <= 5} | {"experiments"}
"""Here nothing is imported at the top but these and the standard library: a bare GPU image has no more."""
BARE = {"torch", "torchvision", "numpy"}
ON_A_GPU = {"companion.training.backends.chains.kernels": {"triton"}}
"""Modules that are imported inside functions alone, and what else they may import: PyTorch for GPUs brings it."""

FILES = sorted(PACKAGE.rglob("*.py"))


def unit(name: str) -> str:
    """``companion.data.cache -> data``; the package itself is the empty word."""
    return [*name.split("."), ""][1]


def owner(file: Path) -> str:
    return file.relative_to(PACKAGE).with_suffix("").parts[0]


def module_of(file: Path) -> str:
    """``companion/data/cache.py -> companion.data.cache``; a package is its ``__init__``."""
    parts = ("companion", *file.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(tree: ast.AST, file: Path) -> Iterator[str]:
    """Full names of the modules that a file imports anywhere, those inside functions too."""
    package = ("companion", *file.relative_to(PACKAGE).parent.parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join([*package[: len(package) + 1 - node.level], node.module or ""]).strip(".")
            module = base if node.level else node.module or ""
            below = [f"{module}.{alias.name}" for alias in node.names]
            yield from (name if module == "companion" or name in MODULES else module for name in below)


MODULES = {module_of(file): file for file in FILES}


def at_the_top(tree: ast.Module) -> ast.Module:
    """The module without the bodies of its functions and without what only a type checker reads."""

    class Strip(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
            return None

        def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
            return None

        def visit_If(self, node: ast.If) -> ast.AST:
            if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
                return ast.Module([self.visit(child) for child in node.orelse], [])
            return self.generic_visit(node)

        def visit_Try(self, node: ast.Try) -> ast.AST | None:
            handled = any(isinstance(h.type, ast.Name) and "Error" in h.type.id for h in node.handlers)
            return None if handled else self.generic_visit(node)

    return Strip().visit(tree)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_module_imports_only_from_its_package_and_from_lower_levels(file: Path) -> None:
    module = owner(file)
    if module == "__init__":
        level = -1
    else:
        assert module in LEVELS, f"{module} has no level: give it one in this test"
        level = LEVELS[module]
    for name in imported(ast.parse(file.read_text()), file):
        if name.split(".")[0] != "companion" or unit(name) in ("", "__version__", module):
            continue
        assert LEVELS[unit(name)] < level, f"{module} (level {level}) imports {name} (level {LEVELS[unit(name)]})"


def test_no_files_import_each_other_in_a_circle() -> None:
    """Neither within a package nor across packages, whatever is imported inside functions or for types alone."""
    graph = {
        module: {name for name in imported(ast.parse(file.read_text()), file) if name in MODULES} - {"companion"}
        for module, file in MODULES.items()
    }
    assert sum(map(len, graph.values())) > len(graph)
    list(TopologicalSorter(graph).static_order())  # names the circle in its error


def test_a_circle_is_noticed() -> None:
    with pytest.raises(CycleError):
        list(TopologicalSorter({"a": {"b"}, "b": {"c"}, "c": {"a"}}).static_order())


GUIDE = PACKAGE.parents[1] / "CONTRIBUTING.md"


def test_the_map_in_the_guide_is_true() -> None:
    """Every package on its level, every path there."""
    text = GUIDE.read_text()
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if re.match(r"\| \d+ \| `", line)]
    told = {name.strip("`"): int(level) for level, names, _ in rows for name in names.split()}
    assert told == {name: level for name, level in LEVELS.items() if find_spec(f"companion.{name}")}
    paths = re.findall(r"`((?:src|tests|book|notebooks|benchmarks|results)/[\w./-]+)`", text)
    assert len(paths) > 20
    root = GUIDE.parent
    missing = [path for path in paths if not (root / path.replace("NAME", "*")).exists() and "NAME" not in path]
    assert missing == []
    assert [path for path in paths if "NAME" in path and not (root / path).parent.is_dir()] == []


def test_nothing_lies_loose_at_the_top_but_a_few_modules() -> None:
    assert {file.stem for file in PACKAGE.glob("*.py")} <= LOOSE
    assert {file.parent.name for file in PACKAGE.glob("*/__init__.py")} <= LEVELS.keys()


@pytest.mark.parametrize("folder", ["src", "tests"])
def test_no_file_is_longer_than_350_lines(folder: str) -> None:
    lengths = {file: len(file.read_text().splitlines()) for file in (PACKAGE.parents[1] / folder).rglob("*.py")}
    assert {file.name: length for file, length in lengths.items() if length > 350} == {}


@pytest.mark.parametrize(
    "file",
    [file for file in FILES if owner(file) in BARE_PATH],
    ids=lambda file: str(file.relative_to(PACKAGE)),
)
def test_the_bare_path_needs_nothing_but_pytorch(file: Path) -> None:
    allowed = BARE | {"companion", "__future__"} | set(sys.stdlib_module_names) | ON_A_GPU.get(module_of(file), set())
    names = {name.split(".")[0] for name in imported(at_the_top(ast.parse(file.read_text())), file)}
    assert names <= allowed, f"{file.name} imports {sorted(names - allowed)} at its top: import it inside a function"


def test_what_only_a_gpu_has_is_imported_inside_functions() -> None:
    for file in FILES:
        assert not ON_A_GPU.keys() & set(imported(at_the_top(ast.parse(file.read_text())), file)), file
    assert ON_A_GPU.keys() <= MODULES.keys()


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import companion.data.cache as c", ["companion.data.cache"]),
        ("from companion import project", ["companion.project"]),
        ("from companion.runs.spec import RunSpec", ["companion.runs.spec"]),
        ("from companion.runs import spec, fields", ["companion.runs.spec", "companion.runs.fields"]),
        ("from companion.training.backends import Backend", ["companion.training.backends"]),
        ("def f():\n    from ..records.store import Store", ["companion.records.store"]),
        ("from .backends import base", ["companion.training.backends.base"]),
    ],
)
def test_every_way_to_import_is_seen(source: str, found: list[str]) -> None:
    assert list(imported(ast.parse(source), PACKAGE / "training" / "example.py")) == found


def test_only_the_top_counts_for_libraries() -> None:
    source = "import numpy\nif TYPE_CHECKING:\n    import pandas\nelse:\n    import scipy\ndef f():\n    import rich\n"
    names = list(imported(at_the_top(ast.parse(source)), PACKAGE / "example.py"))
    assert names == ["numpy", "scipy"]


def test_runs_can_be_trained_where_there_is_nothing_but_pytorch():
    """The front door opens though all that only the book needs is out of reach."""
    absent = (
        "pandas scipy sklearn jaxtyping beartype matplotlib seaborn plotly platformdirs typer rich papermill IPython"
    )
    code = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({absent.split()!r}))\n"
        "from companion import experiments\n"
        "sys.exit(experiments.main(['A-T2', '--out', 'nowhere', '--seeds', '0']))\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "seeds must be a whole number of at least 1" in result.stderr

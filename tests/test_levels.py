"""The package is built in levels: a module imports only from lower ones, and the training path needs only PyTorch."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import companion

PACKAGE = Path(companion.__file__).parent

LEVELS: dict[str, int] = {
    module: level
    for level, modules in enumerate(
        (
            "notation project",
            "architectures gates data papers products",
            "families",
            "spec networks",
            "neural_paths kernels store provenance regimes decouple examples objectives grids",
            "gate_cache",
            "backends evaluation probes exhibits_a",
            "workspace exhibits",
            "training",
            "experiments costs",
            "stats statements notebooks bench published",
            "frames views check_store figures",
            "claims sensitivity",
            "trends",
            "scorecard",
            "render run",
            "chapters pages theory_paths theory_kernels theory_gradients theory_composite theory_composite_figures "
            "theory_depth theory_depth_figures theory_figures",
            "performance probe_chapters sensitivity_chapters stage_chapters theory theory_diagrams",
            "book",
            "cli",
        )
    )
    for module in modules.split()
}
"""Name of a module, or of a package whose modules may import one another, to its level."""

TRAINING_PATH = LEVELS["experiments"]
"""Up to this level nothing is imported at the top but these and the standard library: a bare GPU image has no more."""
BARE = {"torch", "torchvision", "numpy"}

FILES = sorted(PACKAGE.rglob("*.py"))


def unit(name: str) -> str:
    """``companion.data.cache -> data``; the package itself is the empty word."""
    return [*name.split("."), ""][1]


def owner(file: Path) -> str:
    return file.relative_to(PACKAGE).with_suffix("").parts[0]


def imported(tree: ast.AST, file: Path) -> Iterator[str]:
    """Full names of the modules that a file imports anywhere, those inside functions too."""
    package = ("companion", *file.relative_to(PACKAGE).parent.parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join([*package[: len(package) + 1 - node.level], node.module or ""]).strip(".")
            module = base if node.level else node.module or ""
            if module == "companion":
                yield from (f"companion.{alias.name}" for alias in node.names)
            else:
                yield module


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
def test_a_module_imports_only_from_lower_levels(file: Path) -> None:
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


@pytest.mark.parametrize(
    "file",
    [file for file in FILES if LEVELS.get(owner(file), 99) <= TRAINING_PATH],
    ids=lambda file: str(file.relative_to(PACKAGE)),
)
def test_the_training_path_needs_nothing_but_pytorch(file: Path) -> None:
    allowed = BARE | {"companion", "__future__"} | set(sys.stdlib_module_names)
    names = {name.split(".")[0] for name in imported(at_the_top(ast.parse(file.read_text())), file)}
    assert names <= allowed, f"{file.name} imports {sorted(names - allowed)} at its top: import it inside a function"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import companion.data.cache as c", ["companion.data.cache"]),
        ("from companion import spec", ["companion.runs.spec"]),
        ("from companion.runs.spec import RunSpec", ["companion.runs.spec"]),
        ("def f():\n    from ..store import Store", ["companion.records.store"]),
        ("from . import base", ["companion.training.backends.base"]),
    ],
)
def test_every_way_to_import_is_seen(source: str, found: list[str]) -> None:
    names = [name for name in imported(ast.parse(source), PACKAGE / "backends" / "example.py")]
    assert [unit(name) for name in names] == [unit(name) for name in found]


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

"""Digests of files: every byte and every name counts.  Closures: what a module imports, however it does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from companion.files.digests import closure, digest_of, imports

SOURCES = {
    "__init__.py": "from house import attic",
    "cellar.py": "",
    "attic.py": "import os",
    "rooms/__init__.py": "from house.rooms.kitchen import table",
    "rooms/kitchen.py": "from house import cellar\ntable = 1",
    "rooms/hall.py": "def f():\n    from . import kitchen",
    "rooms/bath.py": "from house.rooms import table",
    "rooms/loft.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import house.attic as a",
    "rooms/yard.py": "from ..rooms.hall import f\nfrom house_next_door import g\nimport json",
    "rooms/circle.py": "from house.rooms import circle",
}


@pytest.fixture
def house(tmp_path: Path) -> Path:
    package = tmp_path / "house"
    for name, text in SOURCES.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    return package


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("cellar", ["cellar"]),
        ("attic", ["attic"]),
        ("rooms.kitchen", ["cellar", "rooms/kitchen"]),
        ("rooms.hall", ["cellar", "rooms/__init__", "rooms/hall", "rooms/kitchen"]),
        ("rooms.bath", ["cellar", "rooms/__init__", "rooms/bath", "rooms/kitchen"]),
        ("rooms", ["cellar", "rooms/__init__", "rooms/kitchen"]),
        ("rooms.loft", ["attic", "rooms/loft"]),
        ("rooms.yard", ["cellar", "rooms/__init__", "rooms/hall", "rooms/kitchen", "rooms/yard"]),
        ("rooms.circle", ["cellar", "rooms/__init__", "rooms/circle", "rooms/kitchen"]),
    ],
)
def test_a_closure_is_all_that_is_imported_and_nothing_else(house: Path, module: str, expected: list[str]) -> None:
    files = [file.relative_to(house).as_posix() for file in closure(f"house.{module}", house)]
    assert files == [f"{name}.py" for name in expected]


def test_a_module_that_is_not_there_has_no_closure(house: Path) -> None:
    for name in ("house.garden", "garden", "house"):
        with pytest.raises(ValueError, match="has no module"):
            closure(name, house)


def test_what_python_loads_is_in_the_closure() -> None:
    """Of a module whose packages import nothing themselves, a fresh interpreter loads no more than the closure."""
    import companion

    package = Path(companion.__file__).parent
    code = (
        "import sys, companion.training.jobs\n"
        "print(*(m.__file__ for n, m in sys.modules.items() if n.startswith('companion')), sep='\\n')\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    loaded = {Path(line) for line in out.splitlines()}
    empty = {file for file in loaded if not list(imports(file, package))}  # of folders on the way
    assert len(loaded) > 20
    assert loaded - empty <= set(closure("companion.training.jobs", package))


def test_a_digest_sees_names_contents_order_and_salt(tmp_path: Path) -> None:
    for name, text in {"a": "x", "b": "y", "c": "xy", "d/a": "x"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    a, b, c = (tmp_path / name for name in "abc")
    lists = [[], [a], [b], [c], [a, b], [b, a], [tmp_path / "d" / "a"]]
    found = {digest_of(files, tmp_path) for files in lists} | {digest_of([a], tmp_path, "salt")}
    assert len(found) == len(lists) + 1
    assert digest_of([tmp_path / "d" / "a"], tmp_path / "d") == digest_of([a], tmp_path)

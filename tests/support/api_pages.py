"""The pages of the API: which modules each lists, and what is public in them."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "book" / "api"
LIST = re.compile(r"```\{api-modules\} companion\n(.*?)```", re.DOTALL)

PAGES: dict[str, list[str]] = {
    page.stem: [
        f"companion.{line}" for found in LIST.findall(page.read_text(encoding="utf-8")) for line in found.split()
    ]
    for page in sorted(FOLDER.glob("*.md"))
}
"""Name of a page to the modules that it lists."""
MODULES = [module for modules in PAGES.values() for module in modules]


def public(module: str) -> Iterator[tuple[str, Any]]:
    """The functions and classes of this project among the public names of a module, each under the name of its home.

    Constants and aliases of types are neither, and what another project brings is documented there.
    """
    found = importlib.import_module(module)
    for name in found.__all__:
        thing = getattr(found, name)
        kind = inspect.isclass(thing) or inspect.isroutine(inspect.unwrap(thing))
        if kind and thing.__module__.split(".")[0] == "companion":
            yield f"{thing.__module__}.{thing.__qualname__}", thing


PUBLIC: dict[str, Any] = {name: thing for module in MODULES for name, thing in public(module)}
"""All of them by full name, each once, though two pages may show it."""


def docstrings(thing: Any) -> Iterator[str]:
    """That of a function; of a class its own, and those of its public methods and properties."""
    yield thing.__doc__ or ""
    for name, part in vars(thing).items() if inspect.isclass(thing) else ():
        part = getattr(part, "fget", None) or getattr(part, "func", None) or getattr(part, "__func__", part)
        if inspect.isfunction(part) and not name.startswith("_"):
            yield part.__doc__ or ""

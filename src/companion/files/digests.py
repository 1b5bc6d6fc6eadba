"""Digests of files, and of the sources on which one module depends."""

from __future__ import annotations

import ast
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

__all__ = ["closure", "digest_of", "imports"]


def digest_of(
    files: Iterable[Path], root: Path, salt: str = "", read: Callable[[Path], bytes] = Path.read_bytes
) -> str:
    """SHA-256, in hex, over the names and contents of files, in their order.

    Args:
        files: all must be there.
        root: names are relative to it.
        salt: what else counts.
        read: gives the content of each, by default what is in it now.
    """
    digest = hashlib.sha256(salt.encode())
    for file in files:
        digest.update(f"\0{Path(os.path.relpath(file, root)).as_posix()}\0".encode())
        digest.update(hashlib.sha256(read(file)).digest())
    return digest.hexdigest()


@cache
def closure(module: str, package: Path) -> tuple[Path, ...]:
    """The source files on which a module depends: its own, and those of all that it imports, directly or not.

    Imports inside functions and for types alone count.  The ``__init__`` of a package counts where it is named after
    ``from`` or ``import``, not where only a module below it is; that of the whole package, which has the version, never
    does.

    Args:
        module: its full name, such as ``companion.statements.paths``.
        package: the folder of the package that the name begins with; what lies outside it does not count.

    Returns:
        The files, sorted.

    Raises:
        ValueError: the package has no such module.
    """
    if _file(module, package) is None:
        raise ValueError(f"{package} has no module {module}")
    found: dict[str, Path] = {}
    open_ = [module]
    while open_:
        name = open_.pop()
        file = _file(name, package)
        if file is not None and name not in found:
            found[name] = file
            open_ += imports(file, package)
    return tuple(sorted(found.values()))


def imports(file: Path, package: Path) -> Iterator[str]:
    """Full names of the modules of a package that one of its files imports, wherever in the file."""
    here = (package.name, *file.relative_to(package).parent.parts)
    for node in ast.walk(ast.parse(file.read_bytes())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = here[: len(here) + 1 - node.level] if node.level else ()
            base = ".".join([*start, *([node.module] if node.module else [])])
            below = [f"{base}.{alias.name}" for alias in node.names]
            names = [base, *below]
        yield from (name for name in names if _file(name, package) is not None)


def _file(module: str, package: Path) -> Path | None:
    """The file of a module below a package, an ``__init__`` where it is a package itself; ``None`` if it has none."""
    first, *rest = module.split(".")
    if first != package.name or not rest:
        return None
    place = package.joinpath(*rest)
    return next((file for file in (place / "__init__.py", place.with_suffix(".py")) if file.is_file()), None)

"""Where things are: the one place that knows folders.

A *project* is a checkout of this book: a folder with ``_config.yml`` and ``notebooks``.  A notebook is executed from
many places (an editor, papermill, nbval, a staged copy of the book), and each finds its project and its records here.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "Project",
    "ProjectError",
    "downloads_folder",
    "find",
    "holder",
    "store_folder",
    "user_cache",
    "workspace_folder",
]

ROOT, STORE, DOWNLOADS, CACHE = "COMPANION_ROOT", "COMPANION_STORE", "COMPANION_DOWNLOADS", "COMPANION_CACHE"


class ProjectError(RuntimeError):
    """There is no project here; the message says how to name one."""


@dataclass(frozen=True)
class Project:
    """A checkout of the book.

    Args:
        root: its folder, absolute.
    """

    root: Path

    @property
    def results(self) -> Path:
        """The committed records."""
        return self.root / "results"

    @property
    def notebooks(self) -> Path:
        """The chapters."""
        return self.root / "notebooks"

    @property
    def build(self) -> Path:
        """All that is generated and not committed."""
        return self.root / "_build"

    @property
    def benchmarks(self) -> Path:
        """The committed results of benchmarks."""
        return self.root / "benchmarks" / "results"

    @property
    def site(self) -> Path:
        """The rendered book."""
        return self.build / "html"

    def chapter(self, name: str) -> Path:
        """The notebook of a chapter, by its name without suffix."""
        return self.notebooks / f"{name}.ipynb"

    def holds(self, path: Path) -> bool:
        """Whether a path lies in the work tree; the generated ``_build`` counts as outside."""
        path = path.expanduser().resolve()
        return path.is_relative_to(self.root.resolve()) and not path.is_relative_to(self.build.resolve())


def find(start: Path | str | None = None) -> Project:
    """The project that ``COMPANION_ROOT`` names, or the nearest one from ``start`` (by default, here) upwards.

    Raises:
        ProjectError: there is none.
    """
    named = os.environ.get(ROOT)
    if start is None and named:
        root = Path(named).expanduser().absolute()
        if not _is_project(root):
            raise ProjectError(f"{ROOT} is {root}, which is no project: it lacks _config.yml or notebooks")
        return Project(root)
    here = Path(start or Path.cwd()).absolute()
    for folder in (here, *here.parents):
        if _is_project(folder):
            return Project(folder)
    raise ProjectError(
        f"no project in {here} or above it (a folder with _config.yml and notebooks): "
        f"change to a checkout of the book, or set {ROOT} to one"
    )


def holder(path: Path) -> Project | None:
    """The project in whose work tree a path lies, wherever we stand; ``None`` outside of all, as in ``_build``."""
    path = path.expanduser().resolve()
    above = (Project(folder) for folder in (path, *path.parents) if _is_project(folder))
    return next((project for project in above if project.holds(path)), None)


def _is_project(folder: Path) -> bool:
    return (folder / "_config.yml").is_file() and (folder / "notebooks").is_dir()


def store_folder() -> Path:
    """The records that a chapter shows: ``COMPANION_STORE`` where it is set, else the project's own.

    Raises:
        ProjectError: neither is there.
    """
    named = os.environ.get(STORE)
    return Path(named).expanduser().absolute() if named else find().results


def downloads_folder() -> Path:
    """Where a chapter leaves the files it offers: ``COMPANION_DOWNLOADS`` where it is set, else below ``_build``.

    The site serves what is in it as ``_static/downloads/``.
    """
    named = os.environ.get(DOWNLOADS)
    return Path(named).expanduser().absolute() if named else find().build / "downloads"


def user_cache() -> Path:
    """The user's cache of this package: ``COMPANION_CACHE`` where it is set; it need not exist."""
    named = os.environ.get(CACHE)
    if named:
        return Path(named).expanduser().absolute()
    try:
        from platformdirs import user_cache_path
    except ModuleNotFoundError:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "companion"
    return user_cache_path("companion")


def workspace_folder(store: Path | str) -> Path:
    """Where the checkpoints and the weights of one record store are kept: each store has a workspace."""
    store = Path(store).expanduser().resolve()
    return user_cache() / "workspace" / f"{store.name}-{hashlib.sha256(str(store).encode()).hexdigest()[:12]}"

"""What a build needs beside the renderer: executed chapters, and digests of their inputs."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from companion.files.digests import digest_of
from companion.project import Project
from companion.site import notebooks
from companion.site.about import revision_of

if TYPE_CHECKING:
    from nbformat import NotebookNode

__all__ = [
    "BENCHMARKS",
    "GENERATED",
    "SOURCES",
    "Tell",
    "as_committed",
    "chapter_digest",
    "chapters_of",
    "execute",
    "executed",
    "inputs_digest",
    "made",
]

SOURCES = ("_config.yml", "_toc.yml", "book")
PACKAGE = Path(__file__).parents[1]
BENCHMARKS = "benchmarks"
ABOUT = ("CITATION.cff", "CHANGELOG.md")
"""Files of which generated pages are made, beside records and benchmarks."""
GENERATED = Path("book/generated")
"""Where generated pages lie in the sources; a plain ``jupyter-book build .`` leaves them in the checkout."""

Tell = Callable[[str], None]


def inputs_digest(project: Project, committed: bool = False, store: Path | None = None) -> str:
    """SHA-256 over everything that the site depends on: sources, chapters, records, revision, package, environment.

    Args:
        project: the checkout.
        committed: whether chapters are rendered as they are committed; what they offer is then an input too.
        store: the records that are shown, if not the project's results.
    """
    files = _package_files(project)
    files += [path for name in (*SOURCES, BENCHMARKS, *ABOUT) for path in _files(project.root / name)]
    files += [*_files(project.notebooks), *_records(project, store)]
    if committed:
        files += _files(project.build / "downloads")
    return _digest(project, files, f"{'committed' if committed else ''} {revision_of(project)}")


def chapter_digest(project: Project, chapter: Path, store: Path | None = None) -> str:
    """SHA-256 over everything that a chapter's outputs depend on; the store is that of :func:`inputs_digest`."""
    return _digest(project, [chapter, *_package_files(project), *_records(project, store)])


def as_committed(project: Project) -> dict[Path, tuple[Path, Path]]:
    """Chapter to itself, and to what its last execution in the work tree left for download; maybe that is nothing."""
    return {c: (c, project.build / "downloads") for c in chapters_of(project)}


def executed(project: Project, force: bool, tell: Tell, store: Path | None = None) -> dict[Path, tuple[Path, Path]]:
    """Chapter to its executed notebook and its downloads, from the last build where its inputs are the same."""
    done: dict[Path, tuple[Path, Path]] = {}
    missing: dict[Path, Path] = {}
    for chapter in chapters_of(project):
        folder = project.build / "chapters" / f"{chapter.stem}-{chapter_digest(project, chapter, store)[:16]}"
        done[chapter] = folder / chapter.name, folder / "downloads"
        if folder.joinpath(chapter.name).is_file() and not force:
            tell(f"{chapter.name} is as in the last build")
            continue
        for old in folder.parent.glob(f"{chapter.stem}-*"):
            shutil.rmtree(old, ignore_errors=True)
        missing[chapter] = made(folder / "downloads")
    for chapter, notebook in execute(project, missing, tell, store) if missing else ():
        notebooks.write(notebook, done[chapter][0])  # last, as the sign that all is there
    return done


def execute(
    project: Project, jobs: Mapping[Path, Path], tell: Tell, store: Path | None = None
) -> Iterator[tuple[Path, NotebookNode]]:
    """Execute chapters with their defaults, as many at a time as there are cores, each in a process of its own.

    Args:
        project: the checkout.
        jobs: chapter to the folder of its downloads.
        tell: called when a chapter is done.
        store: the records that they show, if not the project's results.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    tell(f"Executing {len(jobs)} chapters" if len(jobs) != 1 else f"Executing {next(iter(jobs)).name}")
    warm = len(jobs) > cores  # else each process executes one chapter only
    workers = max(1, min(cores, len(jobs)))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = {
            pool.submit(
                notebooks.execute,
                chapter,
                root=project.root,
                store=store or project.results,
                downloads=downloads,
                warm=warm,
                threads=max(1, cores // workers),  # more than there are cores wait for each other, for minutes
            ): chapter
            for chapter, downloads in jobs.items()
        }
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
                tell(f"{futures[future].name} is done")
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def chapters_of(project: Project) -> list[Path]:
    """The notebooks of the book, by name."""
    return sorted(path for path in project.notebooks.glob("*.ipynb") if not path.name.startswith("."))


def _records(project: Project, store: Path | None) -> list[Path]:
    """What chapters read: the records, and beside those of another store the outcomes of the project's checks."""
    from companion.statements.outcomes import FOLDER

    own = project.results
    if store is None or store.resolve() == own.resolve():
        return [*_files(own)]
    return [*_files(store), *_files(own / FOLDER)]


def _package_files(project: Project) -> list[Path]:
    names = ("pyproject.toml", "requirements.lock")
    return [*_files(PACKAGE), *(project.root / name for name in names if (project.root / name).is_file())]


def _files(place: Path) -> Iterator[Path]:
    """The files in a place, by name; what tools leave behind is none of them."""
    if place.is_file():
        yield place
    for folder, folders, names in os.walk(place):
        folders[:] = sorted(f for f in folders if not f.startswith((".", "__pycache__", GENERATED.name)))
        yield from (Path(folder) / name for name in sorted(names) if not name.startswith("."))


def _digest(project: Project, files: Iterable[Path], mode: str = "") -> str:
    return digest_of(files, project.root, f"{sys.version} {sys.prefix} {mode}")


def made(folder: Path) -> Path:
    """The folder, which is there now."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder

"""The book: stage the sources, execute the chapters, write the generated pages, render strictly, swap in the site.

Nothing in the work tree changes but ``_build``.  A build whose inputs have not changed since the last one is skipped,
and a chapter whose inputs have not changed is taken from the last build.  A failed build leaves the old site as it was.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from companion import notebooks
from companion.project import Project

if TYPE_CHECKING:
    from nbformat import NotebookNode

__all__ = ["BookError", "build", "chapter_digest", "generated_pages", "inputs_digest", "refresh_chapters"]

SOURCES = ("_config.yml", "_toc.yml", "book")
PACKAGE = Path(__file__).parent
BENCHMARKS = "benchmarks"
GENERATED = Path("book/generated")
DOWNLOADS = Path("book/_static/downloads")

Tell = Callable[[str], None]


class BookError(RuntimeError):
    """The book cannot be built; the message holds the first warnings."""


def build(project: Project, *, force: bool = False, tell: Tell = lambda message: None) -> Path:
    """Render the book; the folder of the site.

    Args:
        project: the checkout.
        force: build even if no input has changed, and execute every chapter anew.
        tell: called with a sentence at each step.

    Raises:
        BookError: the strict build has warnings; all of them are in the message.
        NotebookError: a chapter failed.
    """
    stamp, digest = project.build / "book.stamp", inputs_digest(project)
    if not force and (project.site / "index.html").is_file() and _read(stamp) == digest:
        tell("Nothing has changed since the last build")
        return project.site
    staging = project.build / "staging"
    shutil.rmtree(staging, ignore_errors=True)
    for name in SOURCES:
        source = project.root / name
        if not source.exists():
            raise BookError(f"the book's source {name} is not in {project.root}")
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        staging.mkdir(parents=True, exist_ok=True)
        copy(source, staging / name)
    for chapter, (notebook, downloads) in _executed(project, force, tell).items():
        shutil.copy2(notebook, _made(staging / "notebooks") / chapter.name)
        shutil.copytree(downloads, _made(staging / DOWNLOADS), dirs_exist_ok=True)
    tell("Writing the generated pages")
    for name, text in generated_pages(project).items():
        (_made(staging / GENERATED) / name).write_text(text, encoding="utf-8")
    tell("Rendering")
    _render(staging, project)
    stamp.write_text(digest)
    return project.site


def refresh_chapters(project: Project, tell: Tell = lambda message: None) -> list[Path]:
    """Execute every chapter with its defaults and write the outputs into the committed notebooks; their paths.

    Raises:
        NotebookError: a chapter failed; its notebook is as it was.
    """
    chapters = _chapters(project)
    downloads = project.build / "downloads"
    for chapter, notebook in _execute(project, dict.fromkeys(chapters, downloads), tell):
        notebooks.write(notebook, chapter)
    return chapters


def generated_pages(project: Project) -> dict[str, str]:
    """File name to text of what is made from records, from the papers' data files and from benchmark results."""
    from companion import pages, performance
    from companion.chapters.checks import CHAPTER_OF
    from companion.exhibits import EXHIBITS
    from companion.records.store import Store
    from companion.statements.outcomes import FOLDER, CheckStore
    from companion.verdicts.scorecard import headline, scorecard

    entries = scorecard(Store(project.results))
    lines = [entry.to_dict() for entry in entries]
    outcomes = CheckStore(project.results / FOLDER).outcomes()
    checks = {name: [asdict(check) for check in outcome.checks] for name, outcome in outcomes.items()}
    here = {chapter.stem for chapter in _chapters(project)}
    places = {e.id: f"../../notebooks/{e.chapter}" for e in EXHIBITS.values() if e.chapter in here}
    shown = {name: f"../../notebooks/{chapter}" for name, chapter in CHAPTER_OF.items() if chapter in here}
    return {
        "headline.md": pages.headline(headline(entries)),
        "scorecard.md": pages.scorecard(lines, places),
        "statements.md": pages.statements(lines, places, checks, shown),
        "errata.md": pages.errata(),
        **performance.pages(
            performance.results(project.root / BENCHMARKS / "results"),
            performance.targets(project.root / BENCHMARKS / "targets.json"),
        ),
    }


def inputs_digest(project: Project) -> str:
    """SHA-256 over everything that the site depends on: sources, chapters, records, package, environment."""
    files = _package_files(project)
    files += [path for name in (*SOURCES, BENCHMARKS) for path in _files(project.root / name)]
    return _digest(project, [*files, *_files(project.notebooks), *_files(project.results)])


def chapter_digest(project: Project, chapter: Path) -> str:
    """SHA-256 over everything that a chapter's outputs depend on."""
    return _digest(project, [chapter, *_package_files(project), *_files(project.results)])


def _executed(project: Project, force: bool, tell: Tell) -> dict[Path, tuple[Path, Path]]:
    """Chapter to its executed notebook and its downloads, from the last build where its inputs are the same."""
    done: dict[Path, tuple[Path, Path]] = {}
    missing: dict[Path, Path] = {}
    for chapter in _chapters(project):
        folder = project.build / "chapters" / f"{chapter.stem}-{chapter_digest(project, chapter)[:16]}"
        done[chapter] = folder / chapter.name, folder / "downloads"
        if folder.joinpath(chapter.name).is_file() and not force:
            tell(f"{chapter.name} is as in the last build")
            continue
        for old in folder.parent.glob(f"{chapter.stem}-*"):
            shutil.rmtree(old, ignore_errors=True)
        missing[chapter] = _made(folder / "downloads")
    for chapter, notebook in _execute(project, missing, tell) if missing else ():
        notebooks.write(notebook, done[chapter][0])  # last, as the sign that all is there
    return done


def _execute(project: Project, jobs: Mapping[Path, Path], tell: Tell) -> Iterator[tuple[Path, NotebookNode]]:
    """Execute chapters with their defaults, as many at a time as there are cores, each in a process of its own.

    Args:
        project: the checkout.
        jobs: chapter to the folder of its downloads.
        tell: called when a chapter is done.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    tell(f"Executing {len(jobs)} chapters" if len(jobs) != 1 else f"Executing {next(iter(jobs)).name}")
    with ProcessPoolExecutor(max(1, min(cores, len(jobs))), mp_context=get_context("spawn")) as pool:
        futures = {
            pool.submit(
                notebooks.execute, chapter, root=project.root, store=project.results, downloads=downloads
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


def _render(staging: Path, project: Project) -> None:
    """Run jupyter-book, warnings as errors, and put the new site in the place of the old one."""
    output = project.build / "rendering"
    shutil.rmtree(output, ignore_errors=True)
    jupyter_book = "from jupyter_book.cli.main import main; main(prog_name='jupyter-book')"
    command = [sys.executable, "-c", jupyter_book, "build", str(staging), "--path-output", str(output)]
    result = subprocess.run(
        [*command, "-W", "-n", "--keep-going", "--all", "-q"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore", "NO_COLOR": "1"},
    )
    site = output / "_build" / "html"
    if result.returncode or not (site / "index.html").is_file():
        said = re.sub(r"\x1b\[[0-9;]*m", "", result.stderr)
        lines = list(dict.fromkeys(line for line in said.splitlines() if "WARNING" in line or "ERROR" in line))
        raise BookError("\n".join(["the book has warnings, which count as errors:", *(lines or [said[-2000:]])]))
    old = project.build / "replaced"
    shutil.rmtree(old, ignore_errors=True)
    if project.site.exists():
        project.site.rename(old)
    site.rename(project.site)
    shutil.rmtree(old, ignore_errors=True)
    shutil.rmtree(output, ignore_errors=True)


def _chapters(project: Project) -> list[Path]:
    return sorted(path for path in project.notebooks.glob("*.ipynb") if not path.name.startswith("."))


def _package_files(project: Project) -> list[Path]:
    names = ("pyproject.toml", "requirements.lock")
    return [*_files(PACKAGE), *(project.root / name for name in names if (project.root / name).is_file())]


def _files(place: Path) -> Iterator[Path]:
    """The files in a place, by name; what tools leave behind is none of them."""
    if place.is_file():
        yield place
    for folder, folders, names in os.walk(place):
        folders[:] = sorted(f for f in folders if not f.startswith((".", "__pycache__")))
        yield from (Path(folder) / name for name in sorted(names) if not name.startswith("."))


def _digest(project: Project, files: Iterable[Path]) -> str:
    digest = hashlib.sha256(f"{sys.version} {sys.prefix}".encode())
    for path in files:
        digest.update(f"\0{os.path.relpath(path, project.root)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _read(path: Path) -> str | None:
    return path.read_text() if path.is_file() else None

"""The book: stage the sources, execute the chapters, write the generated pages, render strictly, swap in the site.

Nothing in the work tree changes but ``_build``.  A build whose inputs have not changed since the last one is skipped,
and a chapter whose inputs have not changed is taken from the last build.  A failed build leaves the old site as it was.

The chapters are executed, or they are rendered with the outputs that are committed: that build is for a test that
compares these outputs with an execution of its own.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from companion.project import Project
from companion.site import notebooks
from companion.site.staging import (
    BENCHMARKS,
    GENERATED,
    SOURCES,
    Tell,
    as_committed,
    chapters_of,
    execute,
    executed,
    inputs_digest,
    made,
)

__all__ = ["GENERATED", "STAGING", "BookError", "build", "generated_pages", "jupyter_book", "refresh_chapters"]

DOWNLOADS = Path("book/_static/downloads")
STAGING = "staging"
"""The folder, in that of a project's builds, of the sources that its last build rendered."""


class BookError(RuntimeError):
    """The book cannot be built; the message holds the first warnings."""


def build(
    project: Project,
    *,
    force: bool = False,
    committed: bool = False,
    store: Path | None = None,
    tell: Tell = lambda message: None,
) -> Path:
    """Render the book; the folder of the site.

    Args:
        project: the checkout.
        force: build even if no input has changed, and execute every chapter anew.
        committed: execute nothing: chapters have the outputs that are committed, and the site offers what the last
            execution in the work tree, such as nbval's, left for download.
        store: the records that it shows, if not the project's results; the outcomes of checks are always the project's.
        tell: called with a sentence at each step.

    Raises:
        BookError: the strict build has warnings; all of them are in the message.
        NotebookError: a chapter failed.
    """
    _put_back(project)
    stamp, digest = _stamp(project), inputs_digest(project, committed, store)
    if not force and (project.site / "index.html").is_file() and _read(stamp) == digest:
        tell("Nothing has changed since the last build")
        return project.site
    staging = project.build / STAGING
    shutil.rmtree(staging, ignore_errors=True)
    for name in SOURCES:
        source = project.root / name
        if not source.exists():
            raise BookError(f"the book's source {name} is not in {project.root}")
        staging.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, staging / name, ignore=shutil.ignore_patterns(GENERATED.name))
        else:
            shutil.copy2(source, staging / name)
    chapters = as_committed(project) if committed else executed(project, force, tell, store)
    for chapter, (notebook, downloads) in chapters.items():
        shutil.copy2(notebook, made(staging / "notebooks") / chapter.name)
        if (offered := downloads / chapter.stem).is_dir():
            shutil.copytree(offered, made(staging / DOWNLOADS) / chapter.stem)
    tell("Writing the generated pages")
    for name, text in generated_pages(project, store).items():
        (made(staging / GENERATED) / name).write_text(text, encoding="utf-8")
    tell("Rendering")
    _render(staging, project)
    stamp.write_text(digest)
    return project.site


def refresh_chapters(project: Project, tell: Tell = lambda message: None) -> list[Path]:
    """Execute every chapter with its defaults and write the outputs into the committed notebooks; their paths.

    Raises:
        NotebookError: a chapter failed; its notebook is as it was.
    """
    chapters = chapters_of(project)
    downloads = project.build / "downloads"
    shutil.rmtree(downloads, ignore_errors=True)  # a footer links whatever is there
    for chapter, notebook in execute(project, dict.fromkeys(chapters, downloads), tell):
        notebooks.write(notebook, chapter)
    return chapters


def generated_pages(project: Project, records: Path | None = None) -> dict[str, str]:
    """File name to text of what is made from records, from the papers' data files and from benchmark results.

    Args:
        project: the checkout.
        records: the folder of a store, if not the project's results.

    Raises:
        RecordError: a file of the store is damaged.
    """
    from companion.chapters.checks import CHAPTER_OF
    from companion.exhibits import EXHIBITS
    from companion.records.store import RecordError, Store
    from companion.site import about, faults, pages, performance, playground, times
    from companion.site.targets import targets
    from companion.statements.outcomes import FOLDER, CheckStore
    from companion.verdicts.scorecard import headline, scorecard, uncounted
    from companion.verdicts.tree import trees

    store, kept = Store(records or project.results), CheckStore(project.results / FOLDER)
    entries = scorecard(store, kept.states())
    store.skip(*kept.damaged())
    if store.skipped:  # a command may go past what is damaged, a book is not made without it
        raise RecordError(next(iter(store.skipped)))
    grown = {profile: root.to_dict() for profile, root in trees(entries, store).items()}
    lines, left = [entry.to_dict() for entry in entries], uncounted(entries)
    outcomes = kept.outcomes()
    checks = {name: [asdict(check) for check in one.checks] for name, one in outcomes.items() if one.current}
    wrong = sum(one.corrected for one in outcomes.values() if one.current and one.passed), len(checks)
    here = {chapter.stem for chapter in chapters_of(project)}
    places = {e.id: f"../../notebooks/{e.chapter}" for e in EXHIBITS.values() if e.chapter in here}
    shown = {name: f"../../notebooks/{chapter}" for name, chapter in CHAPTER_OF.items() if chapter in here}
    page = project.root / "book" / "performance.md"
    measured = performance.results(project.root / BENCHMARKS / "results")
    return {
        "headline.md": pages.headline(headline(entries), grown, left, wrong),
        "scorecard.md": pages.scorecard(lines, places, grown, shown, pages.headline(headline(entries), left=left)),
        "statements.md": pages.statements(lines, places, checks, shown),
        "errata.md": pages.errata(),
        "tree.json": json.dumps(grown, indent=1) + "\n",
        "playground.svg": playground.picture(),
        "faults.md": faults.page(project.root / BENCHMARKS / faults.REPORT),
        "cluster.md": faults.cluster(project.root / BENCHMARKS / faults.CLUSTER),
        "untrusted.md": faults.malformed(project.root / BENCHMARKS / faults.MALFORMED),
        **about.pages(project),
        **times.pages(measured, [e for e in EXHIBITS.values() if e.chapter in here]),
        **performance.pages(
            measured,
            targets(project.root / BENCHMARKS / "targets.json"),
            performance.included(page.read_text(encoding="utf-8")) if page.is_file() else (),
        ),
    }


def jupyter_book(sources: Path, output: Path, builder: str = "html") -> Path:
    """Run jupyter-book, warnings as errors; the folder that it wrote.

    Args:
        sources: a book's folder.
        output: a folder of its own; what was there goes.
        builder: ``html``, or ``singlehtml`` for one page.

    Raises:
        BookError: there are warnings; all of them are in the message.
    """
    shutil.rmtree(output, ignore_errors=True)
    main = "from jupyter_book.cli.main import main; main(prog_name='jupyter-book')"
    command = [sys.executable, "-c", main, "build", str(sources), "--path-output", str(output), "--builder", builder]
    result = subprocess.run(
        [*command, "-W", "-n", "--keep-going", "--all", "-q"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore", "NO_COLOR": "1"},
    )
    site = output / "_build" / builder
    if result.returncode or not (site / "index.html").is_file():
        said = re.sub(r"\x1b\[[0-9;]*m", "", result.stderr)
        lines = list(dict.fromkeys(line for line in said.splitlines() if "WARNING" in line or "ERROR" in line))
        raise BookError("\n".join(["the book has warnings, which count as errors:", *(lines or [said[-2000:]])]))
    return site


def _render(staging: Path, project: Project) -> None:
    """Put the new site in the place of the old one; until the new one has its stamp, nothing vouches for either."""
    output = project.build / "rendering"
    site = jupyter_book(staging, output)
    old = _replaced(project)
    shutil.rmtree(old, ignore_errors=True)
    _stamp(project).unlink(missing_ok=True)
    try:
        if project.site.exists():
            project.site.rename(old)
        site.rename(project.site)
    finally:
        _put_back(project)
    shutil.rmtree(old, ignore_errors=True)
    shutil.rmtree(output, ignore_errors=True)


def _put_back(project: Project) -> None:
    """Where a build ended between taking the old site away and setting the new one up, the old one stands again."""
    if not project.site.exists() and (old := _replaced(project)).exists():
        old.rename(project.site)


def _replaced(project: Project) -> Path:
    return project.build / "replaced"


def _stamp(project: Project) -> Path:
    """The digest of what the site was made of."""
    return project.build / "book.stamp"


def _read(path: Path) -> str | None:
    return path.read_text() if path.is_file() else None

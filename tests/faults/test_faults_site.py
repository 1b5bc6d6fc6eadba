"""Whatever befalls a build of the book, the site is the old one or the new one, and the next build completes it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from companion import project
from companion.project import Project
from companion.site import build as building
from companion.site import notebooks, staging
from companion.site.build import BookError, build
from support.disks import sweep
from support.faults import HOW, STRUCK, strikes, visible
from support.projects import make_project

WORK = "the site"
"""What the report calls it."""
PROSE = {"old": "# How to read\n\nCarefully.\n", "new": "# How to read\n\nTwice.\n"}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Execution, generated pages and rendering are replaced by what takes no time; all files are real."""

    def execute(
        made: Project, jobs: Mapping[Path, Path], tell: Callable[[str], None], store: Path | None
    ) -> Iterator[tuple[Path, Any]]:
        for chapter, downloads in jobs.items():
            (downloads / chapter.stem).mkdir(parents=True, exist_ok=True)
            (downloads / chapter.stem / "table.csv").write_text("a,b\n")
            yield chapter, notebooks.read(chapter)

    def render(sources: Path, output: Path, builder: str = "html") -> Path:
        (site := output / "_build" / builder).mkdir(parents=True, exist_ok=True)
        for page in ("how_to_read.md", "generated/headline.md"):
            (site / Path(page).name).write_text((sources / "book" / page).read_text())
        (site / "chapter.ipynb").write_bytes((sources / "notebooks" / "a_t2_accuracy.ipynb").read_bytes())
        (site / "table.csv").write_bytes((sources / building.DOWNLOADS / "a_t2_accuracy" / "table.csv").read_bytes())
        (site / "index.html").write_text("<html></html>\n")
        return site

    for name in (project.ROOT, project.STORE, project.DOWNLOADS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(staging, "execute", execute)
    monkeypatch.setattr(staging, "_package_files", lambda made: [])  # they do not change meanwhile
    monkeypatch.setattr(building, "jupyter_book", render)
    monkeypatch.setattr(building, "generated_pages", lambda made, store: {"headline.md": "none\n"})
    monkeypatch.setattr(os, "fsync", lambda handle: None)


def write(folder: Path, prose: str) -> Project:
    (folder / "book" / "how_to_read.md").write_text(PROSE[prose])
    return Project(folder)


def ready(folder: Path) -> None:
    """A built book, of which a page has changed since."""
    build(make_project(folder))
    write(folder, "new")


def site(folder: Path) -> dict[str, bytes]:
    return visible(Project(folder).site)


@pytest.fixture
def sites(tmp_path: Path) -> dict[str, dict[str, bytes]]:
    """Both sites, as they are where nothing goes wrong."""
    ready(folder := tmp_path / "whole")
    found = {"old": site(folder)}
    build(Project(folder))
    found["new"] = site(folder)
    assert {name: found[name]["how_to_read.md"].decode() for name in PROSE} == PROSE
    return found


@pytest.mark.parametrize("how", HOW)
def test_there_is_the_old_site_or_the_new_one_and_the_next_build_completes_it(tmp_path, monkeypatch, sites, how):
    acts = []
    for folder, act, outcome in strikes(tmp_path / "struck", lambda folder: build(Project(folder)), how, ready):
        acts.append(act)
        if outcome.how == "done":
            assert site(folder) == sites["new"], act
        assert site(folder) in (sites["old"], sites["new"], {}), act
        before = site(folder) or sites["old"]
        with monkeypatch.context() as patch:

            def fail(*arguments: Any) -> Path:
                raise BookError("a warning")

            patch.setattr(building, "jupyter_book", fail)
            try:
                build(Project(folder))  # which is nothing, where the struck one was complete
            except BookError:
                assert site(folder) in (before, sites["new"]), f"{act}: a failed build leaves a site"
        for prose in ("old", "new"):  # whatever the site is, it is known what it was made of
            build(write(folder, prose))
            assert site(folder) == sites[prose], f"{act}: {prose}"
    swap = [act for act in acts if act in ("os.rename _build/replaced", "os.rename _build/html")]
    assert len(swap) == 2, swap
    assert len(acts) > 30


def test_a_build_on_a_disk_that_is_really_full_leaves_a_whole_site_and_the_next_one_completes_it(disk, sites):
    def check(folder: Path, room: str) -> None:
        assert site(folder) in (sites["old"], sites["new"], {}), room
        for prose in ("new", "old"):
            build(write(folder, prose))
            assert site(folder) == sites[prose], f"{room}: {prose}"

    def prepare(folder: Path) -> None:
        ready(folder)
        shutil.rmtree(
            Project(folder).build / building.STAGING
        )  # the next build would begin with the room that it leaves

    ends = disk(lambda made: sweep(made, prepare, lambda folder: build(Project(folder)), check))
    STRUCK.extend(ends)
    assert len(ends) > 10

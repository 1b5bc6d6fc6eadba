from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from companion import project
from companion.project import Project
from companion.site import notebooks, staging
from companion.site.build import DOWNLOADS, BookError, build, refresh_chapters
from companion.site.staging import chapter_digest, inputs_digest
from support.projects import make_project, tree


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name in (project.ROOT, project.STORE, project.DOWNLOADS):
        monkeypatch.delenv(name, raising=False)
    return make_project(tmp_path / "book")


@pytest.fixture
def quick(checkout: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose execution, generated pages and rendering are replaced by something that takes no time."""

    def execute(
        made: Project, jobs: Mapping[Path, Path], tell: Callable[[str], None], store: Path | None = None
    ) -> Iterator[tuple[Path, Any]]:
        for chapter, downloads in jobs.items():
            tell(f"Executing {chapter.name}")
            (downloads / chapter.stem).mkdir(parents=True)
            (downloads / chapter.stem / "table.csv").touch()
            yield chapter, notebooks.read(chapter)

    def render(staging: Path, made: Project) -> None:
        made.site.mkdir(parents=True, exist_ok=True)
        (made.site / "index.html").write_text((staging / "book" / "how_to_read.md").read_text())

    monkeypatch.setattr("companion.site.staging.execute", execute)
    monkeypatch.setattr("companion.site.build.execute", execute)
    monkeypatch.setattr("companion.site.build._render", render)
    monkeypatch.setattr("companion.site.build.generated_pages", lambda made, store: {"headline.md": "none\n"})
    return checkout


def test_a_book_is_rendered_strictly_and_a_failure_leaves_the_old_site(
    checkout: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = {
        "headline.md": "All is well.\n",
        "errata.md": "(item)=\n# Errata\n",
        "scorecard.md": "# S\n\n{ref}`x <item>`\n",
    }
    monkeypatch.setattr("companion.site.build.generated_pages", lambda project, store: made)
    toc = checkout.root / "_toc.yml"
    toc.write_text(toc.read_text().replace("  - file: book/generated/statements\n", ""))
    before = tree(checkout.root)
    site = build(checkout)
    assert "All is well." in (site / "book" / "intro.html").read_text()
    assert 'href="errata.html#item"' in (site / "book" / "generated" / "scorecard.html").read_text()
    assert "paper False 5 None {} 0" in (site / "notebooks" / "a_t2_accuracy.html").read_text()
    assert (site / "_static" / "downloads" / "a_t2_accuracy" / "table.csv").read_text() == "a,b\n"
    assert tree(checkout.root) == before

    (checkout.root / "book" / "how_to_read.md").write_text("# How to read\n\nSee [nothing](nowhere.md).\n")
    with pytest.raises(BookError, match=r"how_to_read\.md.*nowhere"):
        build(checkout)
    assert "Carefully." in (site / "book" / "how_to_read.html").read_text()


def test_a_build_that_failed_is_not_taken_for_done(quick: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    build(quick)
    (quick.root / "book" / "how_to_read.md").write_text("# Anew\n")

    def fail(staging: Path, made: Project) -> None:
        raise BookError("a warning")

    monkeypatch.setattr("companion.site.build._render", fail)
    for _ in range(2):
        with pytest.raises(BookError):
            build(quick)


def test_what_has_not_changed_is_not_built_again(quick: Project) -> None:
    said: list[str] = []
    build(quick, tell=said.append)
    assert "Executing a_t2_accuracy.ipynb" in said
    said.clear()
    build(quick, tell=said.append)
    assert said == ["Nothing has changed since the last build"]

    (quick.root / "book" / "how_to_read.md").write_text("# Anew\n")
    said.clear()
    site = build(quick, tell=said.append)
    assert "a_t2_accuracy.ipynb is as in the last build" in said
    assert (site / "index.html").read_text() == "# Anew\n"
    assert (quick.build / "staging" / DOWNLOADS / "a_t2_accuracy" / "table.csv").is_file()

    (quick.results / "0.json").write_text("{}")
    said.clear()
    build(quick, tell=said.append)
    assert "Executing a_t2_accuracy.ipynb" in said

    (quick.site / "index.html").unlink()
    said.clear()
    build(quick, tell=said.append)
    assert "Rendering" in said


def test_committed_outputs_are_rendered_without_execution(quick: Project) -> None:
    """The two kinds of build are never taken for each other, and what a comparison left is offered."""
    said: list[str] = []
    left = quick.build / "downloads" / "a_t2_accuracy"
    build(quick, committed=True, tell=said.append)
    assert said == ["Writing the generated pages", "Rendering"]
    staged = quick.build / "staging"
    assert (staged / "notebooks" / "a_t2_accuracy.ipynb").read_bytes() == quick.chapter("a_t2_accuracy").read_bytes()
    assert not (staged / DOWNLOADS).exists()

    left.mkdir(parents=True)
    (left / "claims.csv").touch()
    for expected in (["Writing the generated pages", "Rendering"], ["Nothing has changed since the last build"]):
        said.clear()
        build(quick, committed=True, tell=said.append)
        assert said == expected
    assert [path.name for path in (staged / DOWNLOADS / "a_t2_accuracy").iterdir()] == ["claims.csv"]

    said.clear()
    build(quick, tell=said.append)
    assert "Executing a_t2_accuracy.ipynb" in said
    assert [path.name for path in (staged / DOWNLOADS / "a_t2_accuracy").iterdir()] == ["table.csv"]


def test_the_digest_sees_every_input_and_nothing_else(checkout: Project) -> None:
    chapter = checkout.chapter("a_t2_accuracy")
    whole, one = inputs_digest(checkout), chapter_digest(checkout, chapter)
    (checkout.build / "staging").mkdir(parents=True)
    (checkout.build / "staging" / "x").touch()
    (checkout.notebooks / ".ipynb_checkpoints").mkdir()
    (checkout.notebooks / ".ipynb_checkpoints" / "x.ipynb").touch()
    assert inputs_digest(checkout) == whole
    seen = {whole}
    for name in ("_toc.yml", "book/intro.md", "requirements.lock", "notebooks/a_t2_accuracy.ipynb", "results/1.json"):
        path = checkout.root / name
        path.write_text((path.read_text() if path.exists() else "") + "\n")
        assert inputs_digest(checkout) not in seen, name
        seen.add(inputs_digest(checkout))
        if name in ("_toc.yml", "book/intro.md"):
            assert chapter_digest(checkout, chapter) == one
    assert chapter_digest(checkout, chapter) != one


def test_a_book_of_another_store_shows_its_records_and_is_never_taken_for_the_projects(
    checkout: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "0.json").write_text("{}")
    (checkout.results / "checks").mkdir()
    asked: list[Path | None] = []

    def render(staging: Path, made: Project) -> None:
        made.site.mkdir(parents=True, exist_ok=True)
        chapter = notebooks.read(staging / "notebooks" / "a_t2_accuracy.ipynb")
        (made.site / "index.html").write_text(chapter.cells[-1].outputs[0].text)

    def pages(made: Project, store: Path | None) -> dict[str, str]:
        asked.append(store)
        return {}

    monkeypatch.setattr("companion.site.build._render", render)
    monkeypatch.setattr("companion.site.build.generated_pages", pages)
    for store, count in ((None, 0), (other, 1), (checkout.results, 0)):
        site = build(checkout, store=store)
        assert (site / "index.html").read_text() == f"paper False 5 None {{}} {count}\n"
    assert asked == [None, other, checkout.results]
    assert inputs_digest(checkout, store=checkout.results) == inputs_digest(checkout)

    chapter = checkout.chapter("a_t2_accuracy")
    before = inputs_digest(checkout, store=other), chapter_digest(checkout, chapter, other)
    (checkout.results / "1.json").touch()  # no record that this book shows
    assert (inputs_digest(checkout, store=other), chapter_digest(checkout, chapter, other)) == before
    for place in (other / "1.json", checkout.results / "checks" / "A-Eq1.json"):
        place.touch()
        after = inputs_digest(checkout, store=other), chapter_digest(checkout, chapter, other)
        assert not set(after) & set(before), place
        before = after


def test_refreshing_writes_the_outputs_and_the_second_time_nothing(checkout: Project) -> None:
    first, second = checkout.chapter("a_t2_accuracy"), checkout.chapter("b")
    notebooks.write(notebooks.read(first), second)
    stale = checkout.build / "downloads" / "a_t2_accuracy" / "old.csv"
    stale.parent.mkdir(parents=True)
    stale.touch()
    before = tree(checkout.root)
    assert refresh_chapters(checkout) == [first, second]
    assert not stale.exists()
    after = tree(checkout.root)
    assert {name for name in after if after[name] != before.get(name)} == {
        f"notebooks/{p.name}" for p in (first, second)
    }
    assert first.read_bytes() == second.read_bytes()
    cells = notebooks.read(first).cells
    assert cells[2].outputs[0].text == "paper False 5 None {} 0\n"
    assert [cell.id for cell in cells] == ["title", "parameters", "body"]
    refresh_chapters(checkout)
    assert tree(checkout.root) == after


def test_a_chapter_that_fails_stops_the_build(checkout: Project) -> None:
    path = checkout.chapter("a_t2_accuracy")
    notebook = notebooks.read(path)
    notebook.cells[1].source += "seeds = 13\n"
    notebooks.write(notebook, path)
    before = tree(checkout.root)
    with pytest.raises(notebooks.NotebookError, match="unlucky"):
        build(checkout)
    assert not checkout.site.exists()
    with pytest.raises(notebooks.NotebookError, match="unlucky"):
        refresh_chapters(checkout)
    assert tree(checkout.root) == before


def test_a_source_that_is_missing_is_named(checkout: Project) -> None:
    (checkout.root / "_toc.yml").unlink()
    with pytest.raises(BookError, match=r"_toc\.yml is not in"):
        build(checkout)


@pytest.mark.slow
@pytest.mark.parametrize(("own", "threads"), [(None, "1"), ("2", "2")])
def test_chapters_that_are_executed_side_by_side_share_the_cores(
    checkout: Project, monkeypatch: pytest.MonkeyPatch, own: str | None, threads: str
) -> None:
    """Two kernels of two threads each on two cores wait for each other instead of working."""
    if own is None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    else:
        monkeypatch.setenv("OMP_NUM_THREADS", own)
    monkeypatch.setattr(staging.os, "sched_getaffinity", lambda pid: {0, 1})
    first = notebooks.read(checkout.chapter("a_t2_accuracy"))
    first.cells[2].source = "import torch\nprint(torch.get_num_threads())"
    for name in ("one", "two", "three"):
        notebooks.write(first, checkout.chapter(name))
    jobs = {checkout.chapter(name): checkout.build for name in ("one", "two", "three")}
    said = [cell.outputs[0].text for _, done in staging.execute(checkout, jobs, print) for cell in done.cells[2:3]]
    assert said == [f"{threads}\n"] * 3

"""A chapter over a store with gaps, and where it leaves its files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from companion.chapters import open_chapter
from companion.chapters.a_t2_accuracy import AccuracyChapter
from companion.exhibits import cells
from companion.records.store import Store
from support.chapters import VARIANT, gappy, grid
from support.synthetic import MNIST, fill


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    grid = cells("A-T2", "paper", rows=MNIST)
    some = [c for c in grid if not c.variant or (c.variant, c.column) == (VARIANT, "DL")]
    return fill(tmp_path_factory.mktemp("gappy") / "results", some, gappy)


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory, store: Store) -> Iterator[Path]:
    """Where this module's chapters leave their files; their records are those of ``store``."""
    folder = tmp_path_factory.mktemp("chapters")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPANION_STORE", str(store.folder))
        patch.setenv("COMPANION_DOWNLOADS", str(folder / "downloads"))
        patch.setenv("COMPANION_CACHE", str(folder / "cache"))
        for module in ("chapters", "chapters.chapter", "verdicts.scorecard"):
            patch.setattr(f"companion.{module}.cells", grid)
        yield folder / "downloads" / "a_t2_accuracy"


@pytest.fixture(scope="module")
def chapter(downloads: Path) -> AccuracyChapter:
    made = open_chapter("A-T2")
    assert isinstance(made, AccuracyChapter)
    return made

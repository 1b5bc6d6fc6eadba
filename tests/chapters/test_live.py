"""A short run of the real thing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from companion.chapters import live, open_chapter
from companion.records.store import Store

QUICK = {"rows": ["FC/SGD/digits"], "overrides": {"epochs": 2, "width": 8}}


class TestLive:
    def test_the_quick_profile_runs_and_leaves_nothing(self, downloads: Path, store: Store) -> None:
        before = len(store.files())
        chapter = live("A-T2", seeds=1, rows=["FC/SGD/digits"])
        assert (chapter.profile, chapter.own) == ("quick", False)
        assert set(chapter.runs["status"]) == {"finished"}
        assert list(chapter.runs["column"]) == ["ReLU", "FR-II", "FR-DI", "DL", "FL"]
        assert (chapter.runs["best_test"] > 50).all()
        assert len(chapter.curves) == 5 * 30
        assert set(chapter.summary("t").frame["n"]) == {1}
        assert not chapter.store.folder.exists()
        assert len(store.files()) == before

    def test_train_trains_what_is_missing_and_only_that(
        self, downloads: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COMPANION_STORE", str(tmp_path / "mine"))
        arguments: dict[str, Any] = {"profile": "quick", "seeds": 1, "device": "cpu", **QUICK}
        assert set(open_chapter("A-T2", **arguments).runs["status"]) == {"pending"}
        first = open_chapter("A-T2", train=True, **arguments)
        assert set(first.runs["status"]) == {"finished"}
        files = {path: path.read_bytes() for path in first.store.files()}
        again = open_chapter("A-T2", train=True, **arguments)
        assert {path: path.read_bytes() for path in again.store.files()} == files
        assert len(files) == 5
        assert again.footer()._repr_html_().count("<li>") == 5

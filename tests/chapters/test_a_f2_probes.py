"""Chapters of probes: from the committed records, and from a store that has none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from companion.chapters import open_chapter
from companion.chapters.a_f2_probes import ProbeChapter
from companion.project import store_folder
from companion.records.store import Store


@pytest.fixture(autouse=True)
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPANION_DOWNLOADS", str(tmp_path))


def opened(name: str, profile: str = "paper") -> ProbeChapter:
    return ProbeChapter(open_chapter(name, profile=profile))


def test_controls_are_put_to_the_rule_and_get_no_verdict() -> None:
    made = opened("A-F2-nu", "cpu")
    (line,) = made.controls().frame.to_dict("records")
    assert (line["control"], line["row"]) == ("random labels", "d = 6 (code)")
    random = made.probes[made.probes["variant"] == "random labels"]
    ends = random.sort_values("epoch").groupby("seed")["nu"].agg(["first", "last"])
    fallen = float((ends["last"] / ends["first"]).apply("log10").mean()) if len(ends) else None
    assert re.search(rf"below 0: {fallen:.2f}, 90% interval", line["the same rule"])
    assert "n = 3 seeds" in made.controls().caption


def test_an_exhibit_without_controls_has_none() -> None:
    assert opened("A-F2-K", "cpu").controls().frame.empty


def test_the_largest_ratio_is_told_before_training_and_after() -> None:
    made = opened("A-F2-K", "cpu")
    (sentence,) = made.largest_ratio("norm_v", "norm_f").lines
    ratio = made.probes["norm_v"] / made.probes["norm_f"]
    factor = ratio.where(ratio > 1, 1 / ratio)
    start = made.probes["epoch"] == 0
    assert f"factor of {factor[start].min():.1f} to {factor[start].max():.1f} before training" in sentence
    assert f"at most {factor[~start].max():.1f} at any measurement after" in sentence


def test_without_records_nothing_is_claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert store_folder().is_dir()
    monkeypatch.setattr("companion.chapters.store_folder", lambda: tmp_path / "nothing")
    made = opened("A-F2-K")
    assert made.largest_ratio("norm_v", "norm_f").lines == ("No run is recorded yet.",)
    assert set(made.verdicts().frame["verdict"]) == {"pending"}
    assert not Store(tmp_path / "nothing").files()

"""Chapters of probes: from the committed records, and from a store that has none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from companion.chapters import open_chapter
from companion.chapters.a_f2_probes import ProbeChapter
from companion.project import store_folder
from companion.records.store import Store
from companion.verdicts.sentences import trend_results
from companion.verdicts.trends import TRENDS


@pytest.fixture(autouse=True)
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPANION_DOWNLOADS", str(tmp_path))


def opened(name: str, profile: str = "paper") -> ProbeChapter:
    return ProbeChapter(open_chapter(name, profile=profile))


def test_controls_are_put_to_the_rule() -> None:
    made = opened("A-F2-nu")
    lines = made.controls().frame.to_dict("records")
    assert [(line["control"], line["row"]) for line in lines] == [
        ("random labels", "d = 6 (code)"),
        ("random labels", "d = 5 (text)"),
    ]
    random = made.probes[made.probes["variant"] == "random labels"].sort_values("epoch")
    results = trend_results(TRENDS[0], made.chapter.store, variant="random labels")
    for line, result in zip(lines, results, strict=True):
        ends = random[random["row"] == line["row"]].groupby("seed")["nu"].agg(["first", "last"])
        fallen = float((ends["last"] / ends["first"]).apply("log10").mean())
        assert re.search(rf"below 0: {fallen:.2f}, 90% interval", line["the same rule"])
        assert line["what it would say"] == result.verdict
    assert "n = 5 seeds" in made.controls().caption


def test_growth_is_told_from_the_first_measurement_to_the_last() -> None:
    made = opened("A-F2-K")
    (sentence,) = made.growth("trace_v", "norm_f").lines
    by_seed = [run.sort_values("epoch")["trace_v"] for _, run in made.probes.groupby("seed")]
    factors = [run.iloc[-1] / run.iloc[0] for run in by_seed]
    assert sentence.startswith(f"FC/SGD/MNIST: trace v grew {min(factors):,.0f} to {max(factors):,.0f}-fold and norm f")
    assert opened("A-F2-K", "quick").growth("trace_v").lines == ("No run is recorded yet.",)


def test_an_exhibit_without_controls_has_none() -> None:
    assert opened("A-F2-K").controls().frame.empty


def test_the_largest_ratio_is_told_before_training_and_after() -> None:
    made = opened("A-F2-K")
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

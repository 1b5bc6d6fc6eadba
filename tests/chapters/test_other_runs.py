"""Runs that are not the exhibit's own, and the profile for two cores."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from companion.chapters import open_chapter
from companion.chapters.a_t2_accuracy import AccuracyChapter
from companion.exhibits import CLAIMS, Cell, cells
from companion.runs.fields import SpecError
from companion.verdicts.stats import Verdict
from support.chapters import ROW, lines
from support.synthetic import MNIST, Shelf, fill, grid_of, spread

SMALL = "GCONV/Adam/CIFAR-10"
"""A row that the profile ``cpu`` has."""


class TestOtherRunsThanTheExhibitsOwn:
    @pytest.mark.parametrize(
        ("given", "title"),
        [
            ({"seeds": 3}, "A-T2, profile paper with seeds = 3"),
            ({"seeds": 7, "rows": [ROW]}, f"A-T2, profile paper with seeds = 7, rows = ['{ROW}']"),
            ({"rows": [ROW], "overrides": {"epochs": 9}}, f"A-T2, profile paper with rows = ['{ROW}'], epochs = 9"),
            ({"profile": "cpu"}, "A-T2, profile cpu"),
            ({"profile": "quick"}, "A-T2, profile quick"),
        ],
    )
    def test_nothing_of_the_paper_stands_beside_them(self, downloads: Path, given: dict[str, Any], title: str) -> None:
        chapter = open_chapter("A-T2", **given)
        assert chapter.entries == []
        table = chapter.table()
        assert re.fullmatch(f"{re.escape(title)}, (a made-up <device>|no records yet): test accuracy.*", table.caption)
        assert list(table.frame.columns) == ["row", "regime", "measured", "95% interval", "n"]
        assert set(chapter.facts().values()) == {"0"}

    @pytest.mark.parametrize(
        "given",
        [
            {"seeds": 3},
            {"seeds": 7, "rows": [ROW]},
            {"rows": [ROW], "overrides": {"epochs": 9}},
            {"profile": "cpu", "seeds": 2},
            {"profile": "cpu", "overrides": {"epochs": 9}},
            {"profile": "quick"},
        ],
    )
    def test_they_decide_no_claim(self, downloads: Path, given: dict[str, Any]) -> None:
        chapter = open_chapter("A-T2", **given)
        assert not chapter.decides
        table = chapter.claims()
        assert table.frame.empty
        assert table.caption == f"Claims about {chapter.place}, decided by its own runs alone"

    def test_the_exhibits_own_number_of_seeds_in_so_many_words_changes_nothing(self, downloads: Path) -> None:
        for profile, seeds in (("paper", 5), ("cpu", 3), ("quick", 5)):
            plain, told = open_chapter("A-T2", profile=profile), open_chapter("A-T2", profile=profile, seeds=seeds)
            assert told.own
            assert told.cells == plain.cells
            assert told.table().caption == plain.table().caption
            assert repr(told.footer()) == repr(plain.footer()) == f"companion run A-T2 --profile {profile}"

    def test_fewer_seeds_use_the_same_records_and_say_so(self, downloads: Path) -> None:
        table = open_chapter("A-T2", seeds=2).summary("t").frame.set_index(["row", "regime"])
        assert table.loc[(MNIST[1], "FL"), "n"] == 2
        assert table.loc[("GCONV/SGD/CIFAR-10", "FL"), "measured"] == "pending: 0 of 2"

    def test_diverged_runs_are_not_pending(self, tmp_path: Path, chapter: AccuracyChapter) -> None:
        some = [c for c in cells("A-T2", "quick", seeds=2, rows=["FC/SGD/digits"]) if c.column in ("ReLU", "DL")]

        def fate(cell: Cell) -> float | str | None:
            return "diverged" if cell.spec.seed else (None if cell.column == "DL" else 90.0)

        other = AccuracyChapter(chapter.exhibit, "quick", some, fill(tmp_path / "quick", some, fate), own=False)
        found = {line["regime"]: line["measured"] for line in other.summary("t").frame.to_dict("records")}
        assert found == {"ReLU": "1 of 2 runs diverged", "DL": "pending: 1 of 2"}

    def test_a_choice_of_rows_shows_these_and_says_nothing_of_others(self, chapter: AccuracyChapter) -> None:
        whole, chapter = chapter, open_chapter("A-T2", rows=[ROW])
        assert chapter.own
        assert {e.row for e in chapter.entries} == {ROW}
        assert set(chapter.claims().frame["row"]) == {ROW}
        assert lines(chapter.table(), ROW) == lines(whole.table(), ROW)
        mine = chapter.claims().frame.to_dict("records")
        assert mine == [line for line in whole.claims().frame.to_dict("records") if line["row"] == ROW]

    def test_a_claim_across_rows_needs_all_of_them(self, downloads: Path) -> None:
        pair = ["VCONV/SGD/CIFAR-10", "GCONV/SGD/CIFAR-10"]
        assert set(open_chapter("A-T2", rows=pair).claims().frame["row"]) == {*pair, "SGD/CIFAR-10"}
        for row in pair:
            assert set(open_chapter("A-T2", rows=[row]).claims().frame["row"]) == {row}

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"name": "A-T9"}, "unknown exhibit 'A-T9': valid are A-T2"),
            ({"profile": "huge"}, "valid are quick, cpu, paper"),
            ({"seeds": 0}, "seeds must be a whole number of at least 1"),
            ({"rows": ["nowhere"]}, "FC/SGD/MNIST"),
            ({"overrides": {"epoch": 3}}, "did you mean epochs"),
            ({"overrides": {"seed": 3}}, "other than regime and seed"),
        ],
    )
    def test_what_is_not_valid_is_refused_with_what_is(
        self, downloads: Path, given: dict[str, Any], words: str
    ) -> None:
        with pytest.raises(SpecError, match=re.escape(words)):
            open_chapter(**{"name": "A-T2", **given})


class TestTheProfileForTwoCores:
    """Its own runs decide claims too, but no number of the paper stands beside them."""

    @pytest.fixture
    def small(self, chapter: AccuracyChapter) -> AccuracyChapter:
        means = {"FR-II": 94.0, "FR-DI": 94.0, "DL": 97.0, "FL": 95.5, "ReLU": 97.0}
        grid = grid_of("A-T2", "cpu")
        return AccuracyChapter(
            chapter.exhibit, "cpu", grid, Shelf([c for c in grid if c.row == SMALL], spread(means)), own=True
        )

    def test_three_seeds_decide_claims(self, small: AccuracyChapter) -> None:
        table = small.claims()
        assert table.caption == "Claims about A-T2, profile cpu, no records yet, paired over n = 3 seeds"
        found = {line["claim"]: line for line in table.frame.to_dict("records") if line["row"] == SMALL}
        assert {title: line["verdict"] for title, line in found.items()} == {
            "Random gates are outperformed by gates that learn": Verdict.REPRODUCED,
            "Independent and dependent initialisation do not differ": Verdict.REPRODUCED,
            next(claim.title for claim in CLAIMS if claim.id == "A-T2:DL-within-three"): Verdict.REPRODUCED,
            "Fixed learnt gates do almost as well as ReLU": Verdict.NOT_REPRODUCED,
        }
        others = table.frame[table.frame["row"] != SMALL]
        assert (len(others), set(others["verdict"])) == (4 * 3 + 2, {Verdict.PENDING})

    def test_nothing_of_the_paper_stands_beside_them(self, small: AccuracyChapter) -> None:
        assert small.entries == []
        claims = small.claims().frame
        assert set(claims["paper's gap"]) == set(claims["rule on the paper's own numbers"]) == {"–"}
        assert list(small.table().frame.columns) == ["row", "regime", "measured", "95% interval", "n"]

    def test_files_say_whose_they_are(self, small: AccuracyChapter, chapter: AccuracyChapter, downloads: Path) -> None:
        paper = {name: chapter.downloads.path(name) for name in ("accuracy.csv", "claims.csv", "accuracy.svg")}
        chapter.table(), chapter.claims(), chapter.accuracy_figure()
        before = {name: path.read_bytes() for name, path in paper.items()}
        small.table(), small.claims(), small.accuracy_figure()
        assert {name: path.read_bytes() for name, path in paper.items()} == before
        assert {"accuracy-cpu.csv", "claims-cpu.csv", "accuracy-cpu.svg"} <= {path.name for path in downloads.iterdir()}
        assert small.downloads.folder == chapter.downloads.folder == downloads

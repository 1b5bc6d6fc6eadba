"""A chapter's object: what it shows of a store, what it leaves for download, and a short run of the real thing."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from companion.chapters import live, open_chapter
from companion.chapters.chapter import Chapter
from companion.exhibits import Cell, cells
from companion.exhibits.grid import HOLDOUT
from companion.records.store import Record, Store
from companion.runs.fields import SpecError
from companion.verdicts.stats import Verdict
from synthetic import MNIST, OFFSETS, Shelf, fill, grid_of, like_the_paper, main_cells, record, spread

ROW = MNIST[0]
VARIANT = "step 3e-4"
PAPER = like_the_paper(shift=0.05)
QUICK = {"rows": ["FC/SGD/digits"], "overrides": {"epochs": 2, "width": 8}}


def gappy(cell: Cell) -> float | None:
    """One MNIST row whole, the other and its variant with two of five seeds in one regime."""
    if cell.row not in MNIST:
        return None
    if cell.variant:
        return 98.0 if cell.spec.seed < 2 else None
    score = PAPER(cell)
    assert isinstance(score, float)
    return None if cell.row == MNIST[1] and cell.column == "FL" and cell.spec.seed > 1 else score


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


def grid(
    name: str, profile: str, seeds: int | None = None, rows: list[str] | None = None, overrides: Any = None
) -> list[Cell]:
    """The grid of an exhibit; whole ones are made once, for they are slow to make while shapes are checked."""
    return cells(name, profile, seeds, rows, overrides) if rows or overrides else grid_of(name, profile, seeds)


@pytest.fixture(scope="module")
def chapter(downloads: Path) -> Chapter:
    return open_chapter("A-T2")


@pytest.fixture(scope="module")
def page(chapter: Chapter) -> str:
    """The footer, after the rest of the page."""
    chapter.table(), chapter.claims(), chapter.accuracy_figure(), chapter.curve_figure()
    return chapter.footer()._repr_html_()


def lines(table: Any, row: str) -> dict[str, dict[str, object]]:
    """A block of the number table: label to column to cell."""
    records = table.frame.to_dict("records")
    start = next(i for i, line in enumerate(records) if line["row"] == row)
    block = [records[start], *[r for r in records[start + 1 : start + 5] if r["row"] == ""]]
    return {line[""]: line for line in block}


class TestThePaperBesideOurs:
    def test_a_whole_row(self, chapter: Chapter) -> None:
        block = lines(chapter.table(), ROW)
        assert block["paper"]["FL"] == "97.10 ± 0.09"
        assert block["measured"]["FL"] == "97.15 ± 0.02"
        assert block["95% interval"]["FL"] == "± 0.03"  # 2.776 x 0.02 / 2
        assert block["n"]["FL"] == 5
        assert {block["verdict"][c] for c in ("FR-II", "FR-DI", "DL", "FL", "ReLU")} == {Verdict.REPRODUCED}

    def test_a_cell_with_gaps_is_pending_and_so_are_claims_about_it(self, chapter: Chapter) -> None:
        block = lines(chapter.table(), MNIST[1])
        assert (block["verdict"]["FL"], block["n"]["FL"]) == (Verdict.PENDING, 2)
        assert block["verdict"]["ReLU"] is Verdict.REPRODUCED
        claims = {(line["claim"], line["row"]): line["verdict"] for line in chapter.claims().frame.to_dict("records")}
        near = "Fixed learnt gates do almost as well as ReLU"
        assert claims[near, MNIST[1]] is Verdict.PENDING
        assert claims[near, ROW] is Verdict.NOT_REPRODUCED
        assert len(claims) == 3 * 6 + 2
        gains = {row: verdict for (claim, row), verdict in claims.items() if claim.startswith("Global average pooling")}
        assert gains == {"SGD/CIFAR-10": Verdict.PENDING, "Adam/CIFAR-10": Verdict.PENDING}

    def test_the_title_of_the_claims_says_whose_they_are(self, chapter: Chapter) -> None:
        assert chapter.claims().caption == (
            "Claims about A-T2, profile paper, a made-up <device>, paired over n = 5 seeds"
        )

    def test_rows_without_records_show_the_paper_alone(self, chapter: Chapter) -> None:
        block = lines(chapter.table(), "GCONV/Adam/CIFAR-10")
        assert list(block) == ["paper", "verdict"]
        assert block["paper"]["ReLU"] == "80.32 ± 0.13"  # the paper's, not the README's 80.32 ± 0.35
        assert block["verdict"]["ReLU"] is Verdict.PENDING

    def test_a_variant_has_a_table_of_its_own(self, chapter: Chapter) -> None:
        table = chapter.table(variant=VARIANT, name="other")
        assert (
            table.caption == "A-T2, profile paper, a made-up <device>, step 3e-4: test accuracy in percent, mean ± std"
        )
        assert set(table.frame["row"]) == {MNIST[1], ""}
        block = lines(table, MNIST[1])
        assert (block["n"]["DL"], block["verdict"]["DL"]) == (2, Verdict.PENDING)
        assert block["measured"]["FL"] == "–"

    def test_held_out_images_have_a_table_of_their_choice(self, chapter: Chapter, tmp_path: Path) -> None:
        """The best test epoch has no part in it: it is 99 everywhere."""
        store = Store(tmp_path / "results")
        held = [c for c in grid_of("A-T2", "paper") if (c.row, c.column, c.variant) == (ROW, "FL", HOLDOUT)]
        for cell in held:
            store.write(record(cell.spec, 99.0, selected=97.1 + 0.02 * OFFSETS[cell.spec.seed]))
        made = Chapter(chapter.exhibit, "paper", grid_of("A-T2", "paper"), store, own=True)
        table = made.table(variant=HOLDOUT, name="held")
        assert set(table.frame["row"]) - {""} == {*MNIST, "GCONV/Adam/CIFAR-10"}
        block = lines(table, ROW)
        assert (block["measured"]["FL"], block["95% interval"]["FL"]) == ("97.10 ± 0.02", "± 0.03")
        assert block["verdict"]["FL"] is Verdict.REPRODUCED

    def test_what_the_selection_is_worth(self, chapter: Chapter) -> None:
        table = chapter.selection().frame.to_dict("records")
        assert table[0] == {"row": ROW, "regime": "ReLU", "measured": "0.25 ± 0.00", "95% interval": "± 0.00", "n": 5}
        assert [line["n"] for line in table if line["regime"] == "FL"] == [5, 2]
        assert {line["row"] for line in table} == set(MNIST)

    def test_what_an_early_stop_would_have_cost(self, chapter: Chapter) -> None:
        """Two seeds of full length: one fits from its 20th epoch on and gains half a point later, one never fits."""
        some = [c for c in grid_of("A-T2", "paper") if (c.row, c.column, c.variant) == (ROW, "ReLU", "")][:2]
        gains = [90.0] * 40 + [90.5] * 260
        records = {
            cell.spec: Record(
                {
                    **{
                        "status": "finished",
                        "best_test": 90.5,
                        "best_epoch": 41,
                        "last_test": 90.5,
                        "selected_test": None,
                    },
                    "curves": {"train_accuracy": train, "test_accuracy": gains},
                    "provenance": {"device": "a made-up <device>", "seconds": 1.0},
                }
            )
            for cell, train in zip(some, ([90.0] * 19 + [99.9] * 281, [99.8] * 300), strict=True)
        }
        shelf = Shelf([], lambda cell: None)
        shelf.records = dict(records)
        made = Chapter(chapter.exhibit, "paper", [*some], shelf, own=False)
        assert made.stopping().frame.to_dict("records") == [
            {
                "row": ROW,
                "regime": "ReLU",
                "n": 2,
                "would stop": "1 of 2",
                "in epoch": "29 to 29",
                "best-test accuracy lost at most": "0.50",
            }
        ]
        assert "10 epochs at 99.9%" in made.stopping().caption
        shelf.records = {some[1].spec: records[some[1].spec]}
        (line,) = made.stopping().frame.to_dict("records")
        assert (line["n"], line["would stop"], line["in epoch"]) == (1, "0 of 1", "never")
        shelf.records = {}
        assert made.stopping().frame.empty

    def test_numbers_for_the_prose_are_words(self, chapter: Chapter) -> None:
        assert chapter.facts() == {
            "cells": "30",
            "reproduced": "9",
            "not_reproduced": "0",
            "inconclusive": "0",
            "pending": "21",
        }


class TestFigures:
    def test_diamonds_stand_only_beside_the_papers_own_runs(self, chapter: Chapter, store: Store) -> None:
        def diamonds(figure: Figure) -> int:
            return sum(line.get_marker() == "D" for ax in figure.axes for line in ax.lines)

        assert diamonds(chapter.accuracy_figure()) == 2
        other = Chapter(chapter.exhibit, "paper", main_cells(), store, own=False)
        assert diamonds(other.accuracy_figure()) == 0
        assert diamonds(Chapter(chapter.exhibit, "cpu", main_cells(), store, own=True).accuracy_figure()) == 0

    def test_a_figure_says_exhibit_profile_and_device(self, chapter: Chapter, tmp_path: Path) -> None:
        for figure in (chapter.accuracy_figure(), chapter.curve_figure()):
            assert figure.get_suptitle() == "A-T2, profile paper, a made-up <device>"
        small = Chapter(chapter.exhibit, "cpu", grid_of("A-T2", "cpu"), Store(tmp_path), own=True)
        for figure in (small.accuracy_figure(), small.curve_figure()):
            assert figure.get_suptitle() == "A-T2, profile cpu, no records yet"

    def test_rows_without_records_are_left_out(self, chapter: Chapter) -> None:
        titles = [ax.get_title() for ax in chapter.accuracy_figure().axes]
        assert titles == [f"{ROW} (n = 5)", f"{MNIST[1]} (n = 2 to 5)"]
        titles = [ax.get_title() for ax in chapter.curve_figure().axes]
        assert titles == [f"{ROW} (n = 5)", f"{MNIST[1]} (n = 2 to 5)"]

    def test_a_variants_runs_are_not_among_the_dots(self, chapter: Chapter) -> None:
        dots = [x for ax in chapter.accuracy_figure().axes for line in ax.lines for x in line.get_xdata()]
        assert 98.0 not in dots


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
        assert table.loc[("GCONV/SGD/CIFAR-10", "FL"), "measured"] == "pending: 0 of 2 recorded"

    def test_diverged_runs_are_not_pending(self, tmp_path: Path, chapter: Chapter) -> None:
        some = [c for c in cells("A-T2", "quick", seeds=2, rows=["FC/SGD/digits"]) if c.column in ("ReLU", "DL")]

        def fate(cell: Cell) -> float | str | None:
            return "diverged" if cell.spec.seed else (None if cell.column == "DL" else 90.0)

        other = Chapter(chapter.exhibit, "quick", some, fill(tmp_path / "quick", some, fate), own=False)
        found = {line["regime"]: line["measured"] for line in other.summary("t").frame.to_dict("records")}
        assert found == {"ReLU": "1 of 2 runs diverged", "DL": "pending: 1 of 2 recorded"}

    def test_a_choice_of_rows_shows_these_and_says_nothing_of_others(self, chapter: Chapter) -> None:
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
    def small(self, chapter: Chapter) -> Chapter:
        means = {"FR-II": 94.0, "FR-DI": 94.0, "DL": 97.0, "FL": 96.0, "ReLU": 97.0}
        grid = grid_of("A-T2", "cpu")
        return Chapter(chapter.exhibit, "cpu", grid, Shelf([c for c in grid if c.row == ROW], spread(means)), own=True)

    def test_three_seeds_decide_claims(self, small: Chapter) -> None:
        table = small.claims()
        assert table.caption == "Claims about A-T2, profile cpu, no records yet, paired over n = 3 seeds"
        found = {line["claim"]: line for line in table.frame.to_dict("records") if line["row"] == ROW}
        assert {title: line["verdict"] for title, line in found.items()} == {
            "Random gates are outperformed by gates that learn": Verdict.REPRODUCED,
            "Independent and dependent initialisation do not differ": Verdict.REPRODUCED,
            "Fixed learnt gates do almost as well as ReLU": Verdict.NOT_REPRODUCED,
        }
        others = table.frame[table.frame["row"] != ROW]
        assert (len(others), set(others["verdict"])) == (3 * 5 + 2, {Verdict.PENDING})

    def test_nothing_of_the_paper_stands_beside_them(self, small: Chapter) -> None:
        assert small.entries == []
        claims = small.claims().frame
        assert set(claims["paper's gap"]) == set(claims["rule on the paper's own numbers"]) == {"–"}
        assert list(small.table().frame.columns) == ["row", "regime", "measured", "95% interval", "n"]

    def test_files_say_whose_they_are(self, small: Chapter, chapter: Chapter, downloads: Path) -> None:
        paper = {name: chapter.download(name) for name in ("accuracy.csv", "claims.csv", "accuracy.svg")}
        chapter.table(), chapter.claims(), chapter.accuracy_figure()
        before = {name: path.read_bytes() for name, path in paper.items()}
        small.table(), small.claims(), small.accuracy_figure()
        assert {name: path.read_bytes() for name, path in paper.items()} == before
        assert {"accuracy-cpu.csv", "claims-cpu.csv", "accuracy-cpu.svg"} <= {path.name for path in downloads.iterdir()}
        assert small.download("") == chapter.download("") == downloads


class TestDownloadsAndFooter:
    def test_everything_on_the_page_can_be_taken_home(self, page: str, downloads: Path) -> None:
        names = {path.name for path in downloads.iterdir()}
        assert {"accuracy.csv", "claims.csv", "accuracy.svg", "curves.svg", "records.json"} <= names
        links = re.findall('href="([^"]+)"', page)
        assert {f"../_static/downloads/a_t2_accuracy/{name}" for name in names} <= set(links)
        assert "../_sources/notebooks/a_t2_accuracy.ipynb" in links

    def test_the_table_as_csv_has_ids_and_rules(self, chapter: Chapter, downloads: Path) -> None:
        chapter.table()
        with (downloads / "accuracy.csv").open() as file:
            found = {line["id"]: line for line in csv.DictReader(file)}
        assert len(found) == 30
        fl = found[f"A-T2:{ROW}:FL"]
        assert (fl["verdict"], fl["n"], float(fl["mean"])) == ("reproduced", "5", pytest.approx(97.15))
        assert fl["rule"].startswith("equivalence: ours - paper = 0.05 points")

    def test_the_records_are_those_of_the_store(self, page: str, downloads: Path, store: Store) -> None:
        records = json.loads((downloads / "records.json").read_text())
        assert sorted(store.path(r["key"]) for r in records) == store.files()
        assert records == [json.loads(store.path(r["key"]).read_text()) for r in records]

    def test_the_footer_names_command_cost_and_records(self, page: str, store: Store) -> None:
        assert "<code>companion run A-T2 --profile paper</code>" in page
        assert "49 runs, 0.49 hours on a made-up &lt;device&gt;" in page  # 36 seconds each
        assert page.count("<li>") == 49
        assert all(f"results/{path.name}" in page for path in store.files())

    def test_two_builds_leave_the_same_bytes(self, chapter: Chapter, downloads: Path, tmp_path: Path) -> None:
        some = cells("A-T2", "quick", 2, ["FC/SGD/digits"])
        small = fill(tmp_path, some, lambda cell: 90.0 + cell.spec.seed)

        def build() -> dict[str, bytes]:
            made = Chapter(chapter.exhibit, "quick", some, small, own=True)
            made.table(), made.accuracy_figure(), made.curve_figure(), made.footer()._repr_html_()
            return {path.name: path.read_bytes() for path in downloads.iterdir()}

        first = build()
        assert first == build()
        assert len(first) > 4

    @pytest.mark.parametrize(
        ("given", "command"),
        [
            ({"profile": "cpu"}, "companion run A-T2 --profile cpu"),
            ({"rows": [ROW]}, f"companion run A-T2 --profile paper -p rows '[\"{ROW}\"]'"),
            (
                {"profile": "quick", "seeds": 3, "overrides": {"optimiser": "adam", "gate_permutation": None}},
                "companion run A-T2 --profile quick"
                " -p seeds 3 -p optimiser '\"adam\"' -p gate_permutation null --store DIR",
            ),
        ],
    )
    def test_the_command_repeats_what_was_asked_for(self, downloads: Path, given: dict[str, Any], command: str) -> None:
        chapter = open_chapter("A-T2", **given)
        assert repr(chapter.footer()) == command

    def test_a_store_without_records_still_makes_a_page(
        self, downloads: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COMPANION_STORE", str(tmp_path / "nothing"))
        chapter = open_chapter("A-T2")
        assert set(chapter.table().frame[""]) == {"paper", "verdict"}
        assert chapter.selection().frame.empty
        assert [ax.get_title() for ax in chapter.accuracy_figure().axes] == ["no records yet"]
        assert [ax.get_title() for ax in chapter.curve_figure().axes] == ["no records yet"]
        assert "0 runs, 0.00 hours on no device yet" in chapter.footer()._repr_html_()
        assert not (tmp_path / "nothing").exists()


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

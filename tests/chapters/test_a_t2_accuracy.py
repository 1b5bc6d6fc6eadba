"""A chapter's object: what it shows of a store, what it leaves for download, and a short run of the real thing."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from companion.chapters.a_t2_accuracy import AccuracyChapter
from companion.exhibits.grid import HOLDOUT
from companion.records.store import Record, Store
from companion.verdicts.stats import Shade, Verdict
from support.chapters import ROW, VARIANT, lines
from support.synthetic import MNIST, OFFSETS, Shelf, grid_of, main_cells, record


class TestThePaperBesideOurs:
    def test_a_whole_row(self, chapter: AccuracyChapter) -> None:
        block = lines(chapter.table(), ROW)
        assert block["paper"]["FL"] == "97.10 ± 0.09"
        assert block["measured"]["FL"] == "97.15 ± 0.02"
        assert block["95% interval"]["FL"] == "± 0.03"  # 2.776 x 0.02 / 2
        assert block["n"]["FL"] == 5
        assert {block["verdict"][c] for c in ("FR-II", "FR-DI", "DL", "FL", "ReLU")} == {Verdict.REPRODUCED}

    def test_a_cell_with_gaps_is_pending_and_so_are_claims_about_it(self, chapter: AccuracyChapter) -> None:
        block = lines(chapter.table(), MNIST[1])
        assert (block["verdict"]["FL"], block["n"]["FL"]) == (Verdict.PENDING, 2)
        assert block["verdict"]["ReLU"] is Verdict.REPRODUCED
        claims = {(line["claim"], line["row"]): line["verdict"] for line in chapter.claims().frame.to_dict("records")}
        near = "Fixed learnt gates do almost as well as ReLU"
        assert claims[near, MNIST[1]] is Verdict.PENDING
        assert claims[near, ROW] is Shade.NOR_THEIRS
        assert len(claims) == 4 * 6 + 2
        gains = {row: verdict for (claim, row), verdict in claims.items() if claim.startswith("Global average pooling")}
        assert gains == {"SGD/CIFAR-10": Verdict.PENDING, "Adam/CIFAR-10": Verdict.PENDING}

    def test_the_title_of_the_claims_says_whose_they_are(self, chapter: AccuracyChapter) -> None:
        assert chapter.claims().caption == (
            "Claims about A-T2, profile paper, a made-up <device>, paired over n = 5 seeds"
        )

    def test_rows_without_records_show_the_paper_alone(self, chapter: AccuracyChapter) -> None:
        block = lines(chapter.table(), "GCONV/Adam/CIFAR-10")
        assert list(block) == ["paper", "verdict"]
        assert block["paper"]["ReLU"] == "80.32 ± 0.13"  # the paper's, not the README's 80.32 ± 0.35
        assert block["verdict"]["ReLU"] is Verdict.PENDING

    def test_a_variant_has_a_table_of_its_own(self, chapter: AccuracyChapter) -> None:
        table = chapter.table(variant=VARIANT, name="other")
        assert (
            table.caption == "A-T2, profile paper, a made-up <device>, step 3e-4: test accuracy in percent, mean ± std"
        )
        assert set(table.frame["row"]) == {MNIST[1], ""}
        block = lines(table, MNIST[1])
        assert (block["n"]["DL"], block["verdict"]["DL"]) == (2, Verdict.PENDING)
        assert block["measured"]["FL"] == "–"

    def test_held_out_images_have_a_table_of_their_choice(self, chapter: AccuracyChapter, tmp_path: Path) -> None:
        """The best test epoch has no part in it: it is 99 everywhere."""
        store = Store(tmp_path / "results")
        held = [c for c in grid_of("A-T2", "paper") if (c.row, c.column, c.variant) == (ROW, "FL", HOLDOUT)]
        for cell in held:
            store.write(record(cell.spec, 99.0, selected=97.1 + 0.02 * OFFSETS[cell.spec.seed]))
        made = AccuracyChapter(chapter.exhibit, "paper", grid_of("A-T2", "paper"), store, own=True)
        table = made.table(variant=HOLDOUT, name="held")
        assert set(table.frame["row"]) - {""} == {*MNIST, "GCONV/Adam/CIFAR-10"}
        block = lines(table, ROW)
        assert (block["measured"]["FL"], block["95% interval"]["FL"]) == ("97.10 ± 0.02", "± 0.03")
        assert block["verdict"]["FL"] is Verdict.REPRODUCED

    def test_what_the_selection_is_worth(self, chapter: AccuracyChapter) -> None:
        table = chapter.selection().frame.to_dict("records")
        assert table[0] == {"row": ROW, "regime": "ReLU", "measured": "0.25 ± 0.00", "95% interval": "± 0.00", "n": 5}
        assert [line["n"] for line in table if line["regime"] == "FL"] == [5, 2]
        assert {line["row"] for line in table} == set(MNIST)

    def test_what_an_early_stop_would_have_cost(self, chapter: AccuracyChapter) -> None:
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
        made = AccuracyChapter(chapter.exhibit, "paper", [*some], shelf, own=False)
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

    def test_numbers_for_the_prose_are_words(self, chapter: AccuracyChapter) -> None:
        assert chapter.facts() == {
            "cells": "30",
            "reproduced": "9",
            "not_reproduced": "0",
            "inconclusive": "0",
            "pending": "21",
        }


class TestFigures:
    def test_diamonds_stand_only_beside_the_papers_own_runs(self, chapter: AccuracyChapter, store: Store) -> None:
        def diamonds(figure: Figure) -> int:
            return sum(line.get_marker() == "D" for ax in figure.axes for line in ax.lines)

        assert diamonds(chapter.accuracy_figure()) == 2
        other = AccuracyChapter(chapter.exhibit, "paper", main_cells(), store, own=False)
        assert diamonds(other.accuracy_figure()) == 0
        assert diamonds(AccuracyChapter(chapter.exhibit, "cpu", main_cells(), store, own=True).accuracy_figure()) == 0

    def test_a_figure_says_exhibit_profile_and_device(self, chapter: AccuracyChapter, tmp_path: Path) -> None:
        for figure in (chapter.accuracy_figure(), chapter.curve_figure()):
            assert figure.get_suptitle() == "A-T2, profile paper, a made-up <device>"
        small = AccuracyChapter(chapter.exhibit, "cpu", grid_of("A-T2", "cpu"), Store(tmp_path), own=True)
        for figure in (small.accuracy_figure(), small.curve_figure()):
            assert figure.get_suptitle() == "A-T2, profile cpu, no records yet"

    def test_rows_without_records_are_left_out(self, chapter: AccuracyChapter) -> None:
        titles = [ax.get_title() for ax in chapter.accuracy_figure().axes]
        assert titles == [f"{ROW} (n = 5)", f"{MNIST[1]} (n = 2 to 5)"]
        titles = [ax.get_title() for ax in chapter.curve_figure().axes]
        assert titles == [f"{ROW} (n = 5)", f"{MNIST[1]} (n = 2 to 5)"]

    def test_a_variants_runs_are_not_among_the_dots(self, chapter: AccuracyChapter) -> None:
        dots = [x for ax in chapter.accuracy_figure().axes for line in ax.lines for x in line.get_xdata()]
        assert 98.0 not in dots

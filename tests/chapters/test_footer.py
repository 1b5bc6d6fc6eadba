"""What a chapter leaves for download, and the end of its page."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from companion.chapters import open_chapter
from companion.chapters.a_t2_accuracy import AccuracyChapter
from companion.exhibits import cells
from companion.records.store import Store
from support.chapters import ROW
from support.synthetic import fill


@pytest.fixture(scope="module")
def page(chapter: AccuracyChapter) -> str:
    """The footer, after the rest of the page."""
    chapter.table(), chapter.claims(), chapter.accuracy_figure(), chapter.curve_figure()
    return chapter.footer()._repr_html_()


class TestDownloadsAndFooter:
    def test_everything_on_the_page_can_be_taken_home(self, page: str, downloads: Path) -> None:
        names = {path.name for path in downloads.iterdir()}
        assert {"accuracy.csv", "claims.csv", "accuracy.svg", "curves.svg", "records.json"} <= names
        links = re.findall('href="([^"]+)"', page)
        assert {f"../_static/downloads/a_t2_accuracy/{name}" for name in names} <= set(links)
        assert "../_sources/notebooks/a_t2_accuracy.ipynb" in links

    def test_the_table_as_csv_has_ids_and_rules(self, chapter: AccuracyChapter, downloads: Path) -> None:
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

    def test_two_builds_leave_the_same_bytes(self, chapter: AccuracyChapter, downloads: Path, tmp_path: Path) -> None:
        some = cells("A-T2", "quick", 2, ["FC/SGD/digits"])
        small = fill(tmp_path, some, lambda cell: 90.0 + cell.spec.seed)

        def build() -> dict[str, bytes]:
            made = AccuracyChapter(chapter.exhibit, "quick", some, small, own=True)
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

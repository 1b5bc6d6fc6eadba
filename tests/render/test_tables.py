"""Tables show what they are given, text to the letter."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pandas as pd
import pytest

from companion.render import accuracy, curves, labels, phases, strips, style, tables, variants
from companion.verdicts.claims import RowResult
from companion.verdicts.scorecard import Entry
from companion.verdicts.stats import Shade, Summary, Verdict

ENTRY = Entry(
    id="A-T2:FC/SGD/MNIST:FL",
    kind="number",
    exhibit="A-T2",
    row="FC/SGD/MNIST",
    column="FL",
    source="Paper A, Table 2",
    statistic="best_test",
    variant="",
    paper_mean=97.1,
    paper_std=0.09,
    mean=97.124,
    std=0.0849,
    n=5,
    profile="paper",
    verdict=Verdict.REPRODUCED,
    rule="",
)
RELU = replace(ENTRY, id="A-T2:FC/SGD/MNIST:ReLU", column="ReLU", paper_mean=97.85, paper_std=None)
PENDING = {"mean": None, "std": None, "n": 0, "verdict": Verdict.PENDING}


def cells(table: tables.Table) -> list[list[str]]:
    """Text of the body's cells, from HTML that must be well formed, with one cell per column."""
    root = ElementTree.fromstring(table._repr_html_())
    width = len(root.findall("thead/tr/th"))
    lines = [["".join(cell.itertext()) for cell in line] for line in root.findall("tbody/tr")]
    assert {len(line) for line in lines} <= {width}
    return lines


class TestText:
    @pytest.mark.parametrize(
        ("mean", "std", "text"),
        [
            (97.854, 0.0949, "97.85 ± 0.09"),
            (97.0, 0.0, "97.00 ± 0.00"),
            (97.0, None, "97.00"),
            (97.0, float("nan"), "97.00"),
            (None, None, "–"),
            (None, 0.1, "–"),
            (float("nan"), 0.1, "–"),
        ],
    )
    def test_mean_and_deviation(self, mean: float | None, std: float | None, text: str) -> None:
        assert tables.plus_minus(mean, std) == text

    @pytest.mark.parametrize(
        ("line", "text"),
        [
            ({"difference": 0.123, "low": -0.034, "high": 0.267}, "+0.12 (-0.03 to +0.27)"),
            ({"difference": -2.0, "low": -12.5, "high": 8.5}, "-2.00 (-12.50 to +8.50)"),
            ({"difference": 0.0, "low": 0.0, "high": 0.0}, "+0.00 (+0.00 to +0.00)"),
            ({"difference": None}, "–"),
            ({"verdict": "pending"}, "–"),
        ],
    )
    def test_a_difference_has_its_sign_and_its_interval(self, line: dict[str, float | None], text: str) -> None:
        assert tables.signed(line) == text

    def test_html_is_escaped_in_every_place(self) -> None:
        evil = "<script>alert('&')</script>"
        table = tables.Table(pd.DataFrame({evil: [evil]}), evil)
        html = table._repr_html_()
        assert "<script>" not in html
        assert html.count("&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt;") == 3
        assert cells(table) == [[evil]]

    def test_a_table_to_the_letter(self) -> None:
        table = tables.Table(pd.DataFrame([{"row": "a", "verdict": Verdict.NOT_REPRODUCED}], dtype=object), "Caption.")
        assert table._repr_html_() == (
            '<table class="companion-table"><caption>Caption.</caption>'
            "<thead><tr><th>row</th><th>verdict</th></tr></thead>"
            '<tbody><tr><td>a</td><td class="verdict verdict-not-reproduced">✗ not reproduced</td></tr></tbody></table>'
        )
        assert repr(table).split("\n") == ["Caption.", "row        verdict", "  a not reproduced"]

    @pytest.mark.parametrize("verdict", Verdict)
    def test_each_verdict_has_a_class_a_mark_and_its_word(self, verdict: Verdict) -> None:
        root = ElementTree.fromstring(tables.Table(pd.DataFrame({"v": [verdict]}, dtype=object), "")._repr_html_())
        cell = root.find("tbody/tr/td")
        assert cell is not None
        assert cell.get("class") == f"verdict verdict-{verdict.replace(' ', '-')}"
        assert cell.text == f"{tables.MARKS[verdict]} {verdict}"

    def test_no_two_verdicts_share_a_mark(self) -> None:
        assert set(tables.MARKS) == {*Verdict, Shade.NOR_THEIRS, Shade.AS_IT_MUST}
        assert len(set(tables.MARKS.values())) == len(tables.MARKS)


class TestNumberTable:
    def test_paper_measured_interval_n_and_verdict(self) -> None:
        table = tables.number_table([ENTRY, RELU], {ENTRY.id: 0.1054, RELU.id: None}, "c")
        assert list(table.frame.columns) == ["row", "", "FL", "ReLU"]
        assert cells(table) == [
            ["FC/SGD/MNIST", "paper", "97.10 ± 0.09", "97.85"],
            ["", "measured", "97.12 ± 0.08", "97.12 ± 0.08"],
            ["", "95% interval", "± 0.11", "–"],
            ["", "n", "5", "5"],
            ["", "verdict", "✓ reproduced", "✓ reproduced"],
        ]

    def test_a_row_without_records_shows_the_paper_and_that_it_is_pending(self) -> None:
        table = tables.number_table([replace(ENTRY, **PENDING)], {}, "c")
        assert cells(table) == [["FC/SGD/MNIST", "paper", "97.10 ± 0.09"], ["", "verdict", "… pending"]]

    def test_one_recorded_cell_leaves_dashes_in_the_others(self) -> None:
        table = tables.number_table([ENTRY, replace(RELU, **PENDING)], {ENTRY.id: 0.1}, "c")
        assert [line[-1] for line in cells(table)] == ["97.85", "–", "–", "0", "… pending"]

    def test_a_partly_recorded_cell_says_how_many_and_gives_no_verdict(self) -> None:
        entry = replace(ENTRY, n=3, verdict=Verdict.PENDING)
        assert [line[-1] for line in cells(tables.number_table([entry], {}, "c"))][-2:] == ["3", "… pending"]

    def test_columns_and_rows_keep_the_papers_order_and_gaps_stay_empty(self) -> None:
        other = replace(ENTRY, id="x", row="FC/Adam/MNIST", column="DL", **PENDING)
        table = tables.number_table([RELU, ENTRY, other], {}, "c")
        assert list(table.frame.columns) == ["row", "", "ReLU", "FL", "DL"]
        lines = cells(table)
        assert lines[0] == ["FC/SGD/MNIST", "paper", "97.85", "97.10 ± 0.09", ""]
        assert lines[5] == ["FC/Adam/MNIST", "paper", "", "", "97.10 ± 0.09"]

    def test_it_shows_what_it_is_told_and_judges_nothing(self) -> None:
        absurd = replace(ENTRY, mean=1.0, std=2.0, n=5, verdict=Verdict.REPRODUCED)
        assert [line[-1] for line in cells(tables.number_table([absurd], {ENTRY.id: 7.0}, "c"))] == [
            "97.10 ± 0.09",
            "1.00 ± 2.00",
            "± 7.00",
            "5",
            "✓ reproduced",
        ]


class TestOtherTables:
    def test_claims(self) -> None:
        ours = RowResult("FC/SGD/MNIST", Verdict.PENDING, None, None, None, "pending")
        theirs = RowResult("FC/SGD/MNIST", Verdict.INCONCLUSIVE, -0.004, (-0.194, 1.186), 0.2, "rule", "DI − II")
        table = tables.claim_table([("II = DI", ours, theirs), ("a < b", theirs, ours)], "c")
        assert cells(table) == [
            ["II = DI", "FC/SGD/MNIST", "–", "–", "… pending", "+0.00 (-0.19 to +1.19)", "open"],
            [
                "a < b",
                "FC/SGD/MNIST",
                "DI − II, Holm p = 0.2",
                "+0.00 (-0.19 to +1.19)",
                "? inconclusive",
                "–",
                "… pending",
            ],
        ]

    def test_a_claim_that_the_papers_numbers_cannot_decide_has_dashes_in_their_place(self) -> None:
        ours = RowResult("r", Verdict.REPRODUCED, 12.3, (11.0, 13.6), None, "rule", "b − a")
        assert cells(tables.claim_table([("t", ours, None)], "c")) == [
            ["t", "r", "b − a", "+12.30 (+11.00 to +13.60)", "✓ reproduced", "–", "–"]
        ]

    def test_a_rule_that_was_put_to_means_alone_shows_no_interval(self) -> None:
        ours = RowResult("r", Verdict.REPRODUCED, 12.3, (11.0, 13.6), None, "rule", "b − a")
        theirs = RowResult("r", Verdict.REPRODUCED, -0.001, None, None, "rule", "b − a")
        assert cells(tables.claim_table([("t", ours, theirs)], "c"))[0][-2:] == ["+0.00 (means alone)", "holds"]

    def test_a_claim_that_fails_on_the_papers_numbers_too_is_no_word_against_the_paper(self) -> None:
        fails = RowResult("r", Verdict.NOT_REPRODUCED, 0.7, (0.6, 0.8), None, "rule", "b − a")
        holds = replace(fails, verdict=Verdict.REPRODUCED)
        lines = cells(tables.claim_table([("t", fails, fails), ("t", fails, holds), ("t", holds, fails)], "c"))
        assert [(line[4], line[6]) for line in lines] == [
            ("≠ not in the paper's numbers either", "fails"),
            ("✗ not reproduced", "holds"),
            ("✓ reproduced", "fails"),
        ]

    def test_summaries(self) -> None:
        lines: list[tuple[dict[str, str], Summary | str]] = [
            ({"row": "r", "regime": "FL"}, Summary(97.0, 0.1, 3, 0.25)),
            ({"row": "r", "regime": "DL"}, Summary(97.0, 0.0, 1, None)),
            ({"row": "r", "regime": "ReLU"}, "pending: 2 of 3 recorded"),
        ]
        assert cells(tables.summary_table(lines, "c")) == [
            ["r", "FL", "97.00 ± 0.10", "± 0.25", "3"],
            ["r", "DL", "97.00 ± 0.00", "–", "1"],
            ["r", "ReLU", "pending: 2 of 3 recorded", "–", "–"],
        ]

    def test_nothing_makes_an_empty_table(self) -> None:
        for table in (tables.claim_table([], "c"), tables.summary_table([], "c"), tables.number_table([], {}, "c")):
            assert cells(table) == []

    def test_verdicts_stay_verdicts_in_every_kind_of_frame(self) -> None:
        """Frames of text columns may turn words of an enumeration into plain words: then marks would vanish."""
        result = RowResult("r", Verdict.PENDING, None, None, None, "")
        for table in (tables.number_table([ENTRY], {}, "c"), tables.claim_table([("t", result, result)], "c")):
            assert {str(dtype) for dtype in table.frame.dtypes} == {"object"}


@pytest.mark.parametrize("module", [tables, style, labels, accuracy, curves, phases, strips, variants])
def test_neither_tables_nor_figures_compute_or_read(module: ModuleType) -> None:
    """They import nothing that trains, tests, loads or averages."""
    tree = ast.parse(Path(str(module.__file__)).read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not {name.split(".")[0] for name in imported} & {"torch", "numpy", "scipy"}
    assert "companion.verdicts.frames" not in imported
    packages = {name.split(".")[1] for name in imported if name.startswith("companion.")}
    assert not packages & {"records", "experiments", "training", "data"}
    called = {node.func.attr for node in ast.walk(tree) if isinstance(node, ast.Call) and hasattr(node.func, "attr")}
    assert not called & {"mean", "std", "var", "median", "agg", "quantile", "interval"}

"""The papers' data files: well-formed, in the project's vocabulary, and consistent with one another."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from importlib.resources import files

import pytest
import torch

from companion.kernels.alignment import label_alignment
from companion.notation import Regime

PAPERS = files("companion") / "papers"
NUMBERS = list(csv.DictReader((PAPERS / "numbers.csv").read_text(encoding="utf-8").splitlines()))
STATEMENTS = json.loads((PAPERS / "statements.json").read_text(encoding="utf-8"))
ERRATA = json.loads((PAPERS / "errata.json").read_text(encoding="utf-8"))
BY_ID = {one["id"]: one for one in [*STATEMENTS, *ERRATA]}

COLUMNS = (
    "id",
    "exhibit",
    "paper",
    "source",
    "in_text",
    "row",
    "column",
    "mean",
    "std",
    "unit",
    "n_runs",
    "statistic",
    "cited",
    "note",
)
STATEMENT_KEYS = ("id", "paper", "kind", "title", "statement", "printed_wrong", "errata", "exhibit", "not_checkable")
ERRATUM_KEYS = ("id", "paper", "where", "printed", "right", "evidence", "consequence", "statements")
KINDS = {
    "definition", "identity", "expectation", "rate", "statistical", "conjecture", "interpretation", "schema",
}  # fmt: skip
REGIMES = {str(regime) for regime in Regime}
EXHIBITS = {
    "A-T2",
    "A-F2-stages",
    "A-F2-nu",
    "A-F2-K",
    "B-F4",
    "B-F5",
    "C-E1",
    "C-T2",
    "C-F5",
    "C-tiling",
    "C-DLGN",
    "A-machine",
}
OTHER_SOURCES = {"A-text", "BC-text", "X-Arora", "X-DLGN", "X-DavidNet"}
ASCII_ID = re.compile(r"[A-Za-z][!-~]*")


def number(row_id: str) -> float:
    return next(float(row["mean"]) for row in NUMBERS if row["id"] == row_id)


@pytest.mark.parametrize("items", [NUMBERS, STATEMENTS, ERRATA], ids=["numbers", "statements", "errata"])
def test_ids_are_unique_and_plain_ascii(items):
    ids = [item["id"] for item in items]
    assert [name for name, times in Counter(ids).items() if times > 1] == []
    assert [name for name in ids if not ASCII_ID.fullmatch(name)] == []


def test_there_are_as_many_as_the_papers_hold():
    assert Counter(row["paper"] for row in NUMBERS) == {"A": 49, "C": 32, "BC": 6, "X": 22}
    assert Counter(one["paper"] for one in STATEMENTS) == {"A": 34, "B": 41, "C": 31}
    assert Counter(one["paper"] for one in ERRATA) == {"A": 26, "B": 10, "C": 8, "BC": 5}


def test_numbers_are_well_formed(subtests):
    for row in NUMBERS:
        with subtests.test(row["id"]):
            assert tuple(row) == COLUMNS
            assert None not in row.values(), "a field too few, or too many"
            assert row["exhibit"] in EXHIBITS | OTHER_SOURCES
            place = f"{row['exhibit']}:{row['row']}:{row['column']}"
            two = [one["statistic"] for one in NUMBERS if place == f"{one['exhibit']}:{one['row']}:{one['column']}"]
            both = {"best_test": "-best", "last_test": "-end"}[row["statistic"]] if "last_test" in two else ""
            assert row["id"].removesuffix(":README") == place + both
            assert row["unit"] in {"% test accuracy", "percentage points", "% of the DNN's accuracy"}
            assert 0 < float(row["mean"]) <= 100
            assert row["std"] == "" or 0 < float(row["std"]) < 5
            assert row["n_runs"] == "" or int(row["n_runs"]) > 0
            assert row["statistic"] in {"best_test", "last_test", ""}
            assert row["in_text"] in {"yes", "no", "same"}
            assert row["cited"] in {"yes", "no"}
            assert row["source"]


def test_numbers_from_elsewhere_and_duplicates_are_cited():
    signs = ("duplicate of", "repeats", "quoted from")
    borrowed = [row for row in NUMBERS if row["paper"] == "X" or row["note"].startswith(signs)]
    assert {row["cited"] for row in borrowed} == {"yes"}
    assert len(borrowed) > len([row for row in NUMBERS if row["paper"] == "X"])


def test_readme_rows_have_an_original():
    ids = {row["id"] for row in NUMBERS}
    duplicates = {name for name in ids if name.endswith(":README")}
    assert len(duplicates) == len(REGIMES)
    assert {name.removesuffix(":README") for name in duplicates} < ids


def test_regime_tables_are_complete():
    for exhibit, rows in {"A-T2": 6, "C-E1": 2}.items():
        cells = {
            (r["row"], r["column"]) for r in NUMBERS if r["exhibit"] == exhibit and not r["id"].endswith(":README")
        }
        assert {column for _, column in cells} == REGIMES
        assert len({row for row, _ in cells}) == rows
        assert len(cells) == rows * len(REGIMES)


def test_printed_differences_follow_from_the_numbers():
    """Sums that the errata state are redone here, so that a slip in the file would show."""
    pooled, plain = "A-T2:GCONV/{}/CIFAR-10:{}", "A-T2:VCONV/{}/CIFAR-10:{}"
    for optimiser, least, most in (("SGD", 8.0, 15.5), ("Adam", 1.6, 7.9)):
        gains = [number(pooled.format(optimiser, r)) - number(plain.format(optimiser, r)) for r in REGIMES]
        assert (round(min(gains), 1), round(max(gains), 1)) == (least, most)
    short = number("A-T2:VCONV/SGD/CIFAR-10:ReLU") - number("A-T2:VCONV/SGD/CIFAR-10:FL")
    assert round(short, 2) == 3.96
    drops = {g: number(f"C-T2:gamma={g}:M2") - number(f"C-T2:gamma={g}:M3") for g in (0, 25, 50, 75)}
    assert {g: round(drop, 1) for g, drop in drops.items()} == {0: 1.0, 25: 2.4, 50: 3.1, 75: 3.9}


def test_alignment_falls_while_the_labels_stay_where_they_are():
    """The counterexample of an erratum, by the package's own measure."""
    labels = torch.ones(2, dtype=torch.float64)
    spectra = [torch.tensor(values, dtype=torch.float64) for values in ((0.9, 0.1), (0.5, 0.5))]
    before, after = (label_alignment(torch.diag(spectrum), labels) for spectrum in spectra)
    energies = [float((labels**2 * spectrum).sum()) for spectrum in spectra]
    assert (round(before, 1), round(after, 10), energies) == (11.1, 4.0, [1.0, 1.0])
    assert all(
        text in BY_ID["D-A25"]["evidence"] for text in ("$(0.9, 0.1)$", "$(0.5, 0.5)$", "11.1 to 4", "stays at 1")
    )


def test_statements_are_well_formed(subtests):
    for one in STATEMENTS:
        with subtests.test(one["id"]):
            assert tuple(one) == STATEMENT_KEYS
            assert one["id"].startswith(f"{one['paper']}-")
            assert one["kind"] in KINDS
            assert one["title"]
            assert one["statement"]
            assert (one["exhibit"] in EXHIBITS) == (one["kind"] == "statistical")
            assert one["exhibit"] is None or one["not_checkable"] is None
            assert one["not_checkable"] is None or one["not_checkable"].endswith(".")
            assert not one["printed_wrong"] or one["errata"], "printed wrongly, and no erratum says how"
            assert all("statements" in BY_ID[name] for name in one["errata"])
            assert all(one["id"] in BY_ID[name]["statements"] for name in one["errata"])


def test_errata_are_well_formed(subtests):
    for one in ERRATA:
        with subtests.test(one["id"]):
            assert tuple(one) == ERRATUM_KEYS
            assert one["id"].startswith(f"D-{one['paper']}")
            assert all(one[key] for key in ERRATUM_KEYS)
            assert all("errata" in BY_ID[name] for name in one["statements"])
            assert all(one["id"] in BY_ID[name]["errata"] for name in one["statements"])


def test_text_can_stand_in_a_table_cell():
    def fits(text: str) -> bool:
        closed = text.count("$") % 2 == 0 and text.count("{") == text.count("}")
        return closed and "|" not in text and text.isprintable() and text.isascii()

    texts = {(one["id"], key): v for one in BY_ID.values() for key, v in one.items() if isinstance(v, str)}
    assert [place for place, text in texts.items() if not fits(text)] == []


def test_interpretations_are_not_checkable_and_say_why():
    assert [s["id"] for s in STATEMENTS if s["kind"] == "interpretation" and not s["not_checkable"]] == []

"""What the papers print, as the package reads it from its data files."""

from __future__ import annotations

import csv
import json
import math
from importlib import resources
from pathlib import Path

import pytest

from companion.papers.numbers import number, numbers
from companion.papers.statements import Statement, statements

PAPERS = resources.files("companion.papers")


def printed() -> list[dict[str, str]]:
    """The lines of the data file as the standard library reads them."""
    return list(csv.DictReader((PAPERS / "numbers.csv").read_text().splitlines()))


def test_every_number_is_there_once_in_the_order_of_the_file() -> None:
    ids = [line["id"] for line in printed()]
    assert list(numbers()["id"]) == ids
    assert len(set(ids)) == len(ids) > 100


def test_what_is_not_printed_is_missing_and_not_zero() -> None:
    table = numbers().set_index("id")
    for line in printed():
        for name in ("mean", "std", "n_runs"):
            value = table.loc[line["id"], name]
            assert math.isnan(value) if line[name] == "" else value == float(line[name])
    assert table["std"].isna().any()
    assert table["std"].notna().any()


def test_an_empty_word_stays_a_word() -> None:
    quoted = numbers().set_index("id").loc["A-F2-stages:reference:CNTK"]
    assert quoted["statistic"] == ""
    assert quoted["cited"] == "yes"


@pytest.mark.parametrize("line", printed(), ids=lambda line: line["id"])
def test_a_number_is_found_by_its_id(line: dict[str, str]) -> None:
    found = number(line["id"])
    assert type(found) is float
    assert found == float(line["mean"])


def test_an_unknown_id_is_an_error() -> None:
    with pytest.raises(KeyError, match="A-F2-stages:reference:NTK"):
        number("A-F2-stages:reference:NTK")


def test_statements_are_those_of_the_file() -> None:
    rows = json.loads((PAPERS / "statements.json").read_text())
    assert list(statements().values()) == [Statement(**{**row, "errata": tuple(row["errata"])}) for row in rows]
    assert list(statements()) == [row["id"] for row in rows]
    assert {"A-T2", "A-F2-stages", "A-Claim2"} <= statements().keys()


def test_one_module_alone_reads_the_statements() -> None:
    package = Path(str(PAPERS)).parent
    readers = {file.name for file in package.rglob("*.py") if '"statements.json"' in file.read_text()}
    assert readers == {"statements.py"}

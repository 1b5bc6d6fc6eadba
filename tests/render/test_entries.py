from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from companion.records.store import Store
from companion.render.entries import COLUMNS, FOLDS, command, entries_table
from companion.verdicts.scorecard import scorecard

PLACES = {"A-T2": "../../notebooks/a_t2_accuracy"}
CHAPTERS = {"A-D4.1": "../../notebooks/paths_and_gates"}


class _Nesting(HTMLParser):
    """Elements that are opened and closed in turn; cells of each line."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[dict[str, Any]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append({**dict(attributes), "cells": []})
        if tag == "td":
            self.rows[-1]["cells"].append(dict(attributes))
        if tag not in ("link", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    return [entry.to_dict() for entry in scorecard(Store(tmp_path_factory.mktemp("empty")))]


def _of(lines: list[dict], **fields: Any) -> dict:
    return next(line for line in lines if all(line[name] == value for name, value in fields.items()))


def test_every_line_has_every_column_and_all_elements_are_closed(lines: list[dict]) -> None:
    parser = _Nesting()
    parser.feed(entries_table(lines, PLACES, CHAPTERS))
    assert not parser.open
    _, *rows = parser.rows
    assert len(rows) == len(lines)
    assert all([cell["data-label"] for cell in row["cells"]] == list(COLUMNS) for row in rows)


def test_what_is_pending_and_what_does_not_count_is_folded(lines: list[dict]) -> None:
    parser = _Nesting()
    parser.feed(entries_table(lines, PLACES))
    for row, line in zip(parser.rows[1:], lines, strict=True):
        folds = set(row["data-folds"].split())
        assert folds <= set(FOLDS)
        assert ("pending" in folds) == (line["verdict"] == "pending")
        assert ("uncounted" in folds) == (not line["counts"])


def test_each_choice_is_one_that_a_line_has(lines: list[dict]) -> None:
    text = entries_table(lines, PLACES)
    for name in ("exhibit", "kind", "verdict"):
        (choice,) = re.findall(rf'<select data-choice="{name}">(.*?)</select>', text)
        offered = re.findall(r'value="([^"]+)"', choice)
        assert set(offered) == set(re.findall(rf'<tr [^>]*data-{name}="([^"]+)"', text))


def test_a_line_leads_to_its_chapter_its_records_and_its_command(lines: list[dict]) -> None:
    text = entries_table([_of(lines, kind="number", exhibit="A-T2")], PLACES)
    assert '<a href="../../notebooks/a_t2_accuracy.html">A-T2</a>' in text
    assert '<a href="../../notebooks/a_t2_accuracy.html#re-run-it">records</a>' in text
    assert "<code>companion run A-T2 --profile paper</code>" in text


def test_a_statement_leads_to_its_check(lines: list[dict]) -> None:
    text = entries_table([_of(lines, id="A-D4.1")], PLACES, CHAPTERS)
    assert '<a href="../../notebooks/paths_and_gates.html">theory</a>' in text
    assert '<a href="statements.html#item-a-d4-1">check</a>' in text
    assert "<code>companion check A-D4.1</code>" in text


def test_what_no_code_decides_has_no_command(lines: list[dict]) -> None:
    assert command(_of(lines, verdict="cited"), PLACES) is None
    assert command(_of(lines, verdict="not checkable"), PLACES) is None
    assert command(_of(lines, kind="number", exhibit="A-T2"), {}) is None


def test_numbers_are_sorted_by_their_value_and_missing_ones_have_none(lines: list[dict]) -> None:
    line = _of(lines, kind="number", exhibit="A-T2")
    assert 'data-label="measured">–</td>' in entries_table([line], PLACES)
    text = entries_table([line | {"mean": 9.5, "std": 0.25}], PLACES)
    assert 'data-label="measured" data-key="9.5">9.50 ± 0.25</td>' in text


@pytest.mark.parametrize("name", ["row", "column", "rule", "variant"])
def test_text_is_escaped(lines: list[dict], name: str) -> None:
    text = entries_table([_of(lines, kind="number", exhibit="A-T2") | {name: "a<b"}], PLACES)
    assert "a&lt;b" in text
    assert "a<b" not in text

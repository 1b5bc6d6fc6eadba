from __future__ import annotations

import json
import re
from importlib import resources

import pytest

from companion.records.store import Store
from companion.render import markdown
from companion.render.tables import MARKS
from companion.site import pages
from companion.verdicts.scorecard import headline, scorecard, uncounted
from companion.verdicts.stats import Verdict
from companion.verdicts.tree import tree


def _data(name: str) -> list[dict]:
    return json.loads(resources.files("companion").joinpath("papers", name).read_text())


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> list:
    return scorecard(Store(tmp_path_factory.mktemp("empty")))


@pytest.fixture(scope="module")
def lines(entries: list) -> list[dict]:
    return [entry.to_dict() for entry in entries]


def _labels(text: str) -> list[str]:
    return re.findall(r"^\((item-[a-z0-9-]+)\)=$", text, re.MULTILINE)


def _references(text: str) -> set[str]:
    return set(re.findall(r"\{ref\}`[^`<]+ <(item-[a-z0-9-]+)>`", text))


def test_every_statement_and_every_erratum_has_a_section_and_all_references_lead_to_one(lines: list[dict]) -> None:
    statements, errata = pages.statements(lines, {}), pages.errata()
    labels = _labels(statements) + _labels(errata)
    assert len(set(labels)) == len(labels)
    assert set(_labels(statements)) == {markdown.anchor(one["id"]) for one in _data("statements.json")}
    assert set(_labels(errata)) == {markdown.anchor(one["id"]) for one in _data("errata.json")}
    linked = set(re.findall(r'href="statements\.html#(item-[a-z0-9-]+)"', pages.scorecard(lines, {})))
    for references in (_references(statements), _references(errata), linked):
        assert references
        assert references <= set(labels)


def test_every_entry_stands_on_the_scorecard_once(lines: list[dict]) -> None:
    page = pages.scorecard(lines, {"A-T2": "../../notebooks/a_t2_accuracy"})
    rows = re.findall(r'^<tr id="(entry-[^"]+)"', page, re.MULTILINE)
    assert len(set(rows)) == len(rows) == len(lines)
    assert '<a href="../../notebooks/a_t2_accuracy.html">A-T2</a>' in page


def test_the_headline_adds_up_and_with_what_is_not_counted_is_the_scorecard(entries: list) -> None:
    counted, said = pages.headline(headline(entries), left=uncounted(entries)).split("\n\n")
    head, _, *rows, last = [line.strip("| ").split(" | ") for line in counted.splitlines()]
    assert head[1:-1] == list(pages.KINDS.values())
    for row in [*rows, last]:
        *parts, together = map(int, row[1:])
        assert sum(parts) == together > 0
    columns = zip(*(map(int, row[1:]) for row in rows), strict=True)
    assert [sum(column) for column in columns] == [int(total) for total in last[1:]]
    left = [int(number) for number in re.findall(r"\d+", said)]
    assert said.startswith("Listed on the scorecard, not counted: ")
    assert int(last[-1]) + sum(left) == len(entries)


def test_what_is_not_counted_is_named(lines: list[dict]) -> None:
    assert pages.headline({}, left={"variants": 2, "cited": 0}).endswith("not counted: 2 variants of a run.")
    assert "not counted" not in pages.headline({}, left={"variants": 0, "cited": 0})


def test_cells_are_escaped_and_rules_do_not_repeat_their_verdict(lines: list[dict]) -> None:
    line = next(line for line in lines if line["kind"] == "number") | {"rule": "|a - b| is <small>"}
    assert "<p>|a - b| is &lt;small&gt;</p>" in pages.scorecard([line], {})
    assert "pending</span>: pending" not in pages.statements(lines, {})


def test_the_landing_page_says_how_much_of_each_paper_is_measured_and_agrees(entries: list) -> None:
    grown = {"paper": tree(entries).to_dict()}
    first, second = pages.headline(headline(entries), grown).split("\n\n")
    rows = [line.strip("| ").split(" | ") for line in first.splitlines()[2:]]
    assert [row[:2] for row in rows if row[0] == "Paper A"] == [["Paper A", "experiments"], ["Paper A", "theory"]]
    assert all(re.fullmatch(r"\d+%", row[2]) for row in rows)
    assert second == pages.headline(headline(entries))


def test_the_scorecard_shows_its_tree_exhibit_by_exhibit(entries: list, lines: list[dict]) -> None:
    page = pages.scorecard(lines, {}, {"paper": tree(entries).to_dict()})
    section = page[page.index("## How much of it") : page.index("## Every entry")]
    assert "{download}`tree.json <tree.json>`" in section
    assert re.search(r"\| `paper` \| Paper A \| A-T2 \| \d+ \| \d+\.\d+% \| \d+% \|", section)


def test_a_claim_that_fails_on_the_papers_numbers_too_is_shown_so(lines: list[dict]) -> None:
    line = next(line for line in lines if line["kind"] == "claim")
    page = pages.scorecard([line | {"verdict": "not reproduced", "word": "not in the paper's numbers either"}], {})
    assert 'verdict-not-in-the-papers-numbers-either">≠&nbsp;not in the paper&#x27;s numbers either</span>' in page


@pytest.mark.parametrize("verdict", list(MARKS))
def test_every_verdict_can_be_shown(verdict: Verdict) -> None:
    assert f"{MARKS[verdict]}&nbsp;{verdict}</span>" in pages.headline({"number": {str(verdict): 3}})


def test_no_page_names_another_host(lines: list[dict]) -> None:
    for page in (pages.statements(lines, {}), pages.errata(), pages.scorecard(lines, {})):
        assert not re.search(r"https?://", page)


def test_stored_comparisons_stand_below_their_statement(lines: list[dict]) -> None:
    values = {"measured": 1.0, "expected": 2.0, "error": 0.5, "tolerance": 1e-10, "holds": False}
    checks = {
        "A-Eq8": [
            {"form": form, "aspect": "|C|", "passed": form == "printed", **values} for form in ("stated", "printed")
        ]
    }
    page = pages.statements(lines, {}, checks)
    section = page[page.index("### A-Eq8") :].split("\n### ")[0]
    assert "| stated | &#124;C&#124; | 1 | 2 | 5.0e-01 | 1.0e-10 | no, against expectation |" in section
    assert "| printed | &#124;C&#124; | 1 | 2 | 5.0e-01 | 1.0e-10 | no |" in section
    assert page.count("| printed |") == 1

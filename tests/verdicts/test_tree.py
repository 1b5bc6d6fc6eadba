"""The tree over the scorecard: weights, coverage and agreement of small lists whose figures are known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from companion.records.store import Store
from companion.verdicts.scorecard import Entry
from companion.verdicts.sentences import CLAIMS
from companion.verdicts.stats import Verdict
from companion.verdicts.tree import Node, leaves, tree, trees
from companion.verdicts.trends import TRENDS
from support.synthetic import Shelf, grid_of

BASE = Entry(
    id="A-T2:x",
    kind="number",
    exhibit="A-T2",
    row="r",
    column="FL",
    source=None,
    statistic="best_test",
    variant="",
    paper_mean=1.0,
    paper_std=None,
    mean=1.0,
    std=None,
    n=5,
    profile="paper",
    verdict=Verdict.REPRODUCED,
    rule="",
)


def number(id: str, verdict: Verdict, exhibit: str = "A-T2", **fields: object) -> Entry:
    return replace(BASE, id=id, exhibit=exhibit, verdict=verdict, **fields)


def statement(id: str, verdict: Verdict) -> Entry:
    return replace(BASE, id=id, kind="statement", exhibit=None, verdict=verdict)


ENTRIES = [
    number("a", Verdict.REPRODUCED),
    number("b", Verdict.NOT_REPRODUCED),
    number("c", Verdict.INCONCLUSIVE),
    number("d", Verdict.PENDING),
    number("e", Verdict.PARTLY, "A-F2-stages"),
    statement("A-P2.1", Verdict.REPRODUCED),
    statement("B-P3.1", Verdict.STALE),
]


def at(node: Node, *names: str) -> Node:
    for name in names:
        (node,) = (child for child in node.children if child.name == name)
    return node


def test_every_child_weighs_the_same_and_all_leaves_together_one() -> None:
    root = tree(ENTRIES)
    assert [child.name for child in root.children] == ["A", "B"]
    assert at(root, "A", "experiments").weight == at(root, "A", "theory").weight == 0.25
    assert at(root, "A", "experiments", "A-T2").weight == 0.125
    assert at(root, "A", "experiments", "A-T2", "a").weight == 0.125 / 4
    assert sum(leaf.weight for _, leaf in leaves(root)) == pytest.approx(1)
    assert {way[-1] for way, _ in leaves(root)} == {entry.id for entry in ENTRIES}


def test_coverage_is_what_is_measured_and_agreement_what_is_decided_and_holds() -> None:
    root = tree(ENTRIES)
    table = at(root, "A", "experiments", "A-T2")
    assert (table.coverage, table.agreement) == (0.75, 0.5)
    stages = at(root, "A", "experiments", "A-F2-stages")
    assert (stages.coverage, stages.agreement) == (1.0, 0.5)
    assert at(root, "A", "experiments").coverage == pytest.approx(0.875)
    assert at(root, "A").agreement == pytest.approx((0.5 + 1) / 2)
    assert (at(root, "B").coverage, at(root, "B").agreement) == (0, None)
    assert root.agreement == at(root, "A").agreement  # nothing of B is decided


def test_what_does_not_count_is_no_part_of_it() -> None:
    left_out = [
        number("cited", Verdict.CITED),
        number("variant", Verdict.REPRODUCED, variant="holdout"),
        statement("A-Claim1", Verdict.NOT_CHECKABLE),
        statement("A-Claim2", Verdict.REPRODUCED),  # its claims are parts already
    ]
    assert tree([*ENTRIES, *left_out]) == tree(ENTRIES)
    with pytest.raises(ValueError, match="one entry at least"):
        tree(left_out)


def test_json_has_every_node_with_its_figures() -> None:
    root = tree(ENTRIES)

    def check(found: dict, node: Node) -> None:
        figures = (found["name"], found["weight"], found["coverage"], found["agreement"])
        assert figures == (node.name, node.weight, node.coverage, node.agreement)
        if node.entry is None:
            for below, child in zip(found["children"], node.children, strict=True):
                check(below, child)
        else:
            assert (found["id"], found["verdict"]) == (node.entry.id, str(node.entry.verdict))

    check(root.to_dict(), root)


def test_the_small_profile_has_a_tree_of_claims_of_its_own(tmp_path) -> None:
    empty = trees(ENTRIES, Store(tmp_path))
    assert list(empty) == ["paper", "cpu"]
    assert empty["paper"] == tree(ENTRIES)
    assert (empty["cpu"].coverage, empty["cpu"].agreement) == (0, None)
    grid = [cell for cell in grid_of("A-F2-stages", "cpu")]
    some = trees(ENTRIES, Shelf(grid, lambda cell: 60.0 + 3 * cell.axes["stage"]))["cpu"]
    assert at(some, "A", "experiments", "A-F2-stages").coverage == 1
    assert {leaf.entry.profile for _, leaf in leaves(some) if leaf.entry} == {"cpu"}


def test_a_sentence_of_ours_is_no_part_of_it_and_says_so() -> None:
    sentences = [*CLAIMS, *TRENDS]
    assert [one.id for one in sentences if one.ours] == [one.id for one in sentences if "(ours" in one.title]
    assert all(not one.statements for one in sentences if one.ours)
    with pytest.raises(ValueError, match="one entry at least that counts"):
        tree([number("A-machine:network:row", Verdict.REPRODUCED, "A-machine", kind="claim")])

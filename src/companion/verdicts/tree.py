"""The scorecard as a tree: paper, theory or experiments, exhibit or statement, number or claim.

As in the rubrics of PaperBench (arXiv 2504.01848) every child of a node weighs the same, so that a table of thirty
numbers counts no more than one sentence; but every leaf is a computed verdict.  Two figures are told apart: *coverage*,
how much has been measured or checked at all, and *agreement*, how much of what is decided came out, a statement that is
printed wrongly in its corrected form.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from companion.exhibits import EXHIBITS, cells
from companion.papers.statements import statements
from companion.records.store import Store
from companion.verdicts.frames import runs
from companion.verdicts.scorecard import PROFILE, Entry, claim_entries
from companion.verdicts.stats import Verdict

__all__ = ["EXPERIMENTS", "THEORY", "Node", "leaves", "tree", "trees"]

SMALL = "cpu"
"""The profile for two cores: it has claims and no number beside the paper's."""

EXPERIMENTS, THEORY = "experiments", "theory"
"""The two sections of a paper."""
AGREES: Mapping[Verdict, float | None] = {
    Verdict.REPRODUCED: 1.0,
    Verdict.PARTLY: 0.5,
    Verdict.NOT_REPRODUCED: 0.0,
    Verdict.INCONCLUSIVE: None,
}
"""What a verdict that is reached says of agreement; ``None`` where it was measured and stays undecided."""


@dataclass(frozen=True)
class Node:
    """A part of the papers.

    Args:
        name: of the paper, the section, the exhibit or the statement, or the entry's id.
        weight: of all papers' 1.
        children: parts of it; none in a leaf.
        entry: of a leaf.
    """

    name: str
    weight: float
    children: tuple[Node, ...] = ()
    entry: Entry | None = None

    @property
    def coverage(self) -> float:
        """How much of it has been measured or checked, from 0 to 1, children weighing the same."""
        if self.entry is not None:
            return float(self.entry.verdict in AGREES)
        return sum(child.coverage for child in self.children) / len(self.children)

    @property
    def agreement(self) -> float | None:
        """How much of what is decided agrees, from 0 to 1; ``None`` where nothing is."""
        if self.entry is not None:
            return AGREES.get(self.entry.verdict)
        decided = [child.agreement for child in self.children if child.agreement is not None]
        return sum(decided) / len(decided) if decided else None

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON values; a leaf has the id and the verdict of its entry, every other node has children."""
        figures = {"name": self.name, "weight": self.weight, "coverage": self.coverage, "agreement": self.agreement}
        if self.entry is not None:
            return figures | {"id": self.entry.id, "verdict": str(self.entry.verdict), "word": str(self.entry.word)}
        return figures | {"children": [child.to_dict() for child in self.children]}


def tree(entries: Iterable[Entry]) -> Node:
    """The tree over some entries of the scorecard; cited numbers, variants and what code cannot check are no part.

    A statement that records decide is made up of the claims of its exhibit and does not count beside them.

    Raises:
        ValueError: nothing is left of the entries.
    """
    parts: dict[str, dict[str, dict[str, list[Entry]]]] = {}
    for entry in entries:
        if not entry.counts or entry.verdict is Verdict.NOT_CHECKABLE:
            continue
        for paper, section, part in _places(entry):
            parts.setdefault(paper, {}).setdefault(section, {}).setdefault(part, []).append(entry)
    if not parts:
        raise ValueError("a tree needs one entry at least that counts")
    return _node("all papers", 1.0, {paper: parts[paper] for paper in sorted(parts)})


def trees(entries: Iterable[Entry], store: Store) -> dict[str, Node]:
    """The tree of the scorecard, ``paper``, and that of what the small networks of ``cpu`` say of the same claims.

    Args:
        entries: of the scorecard.
        store: the records.
    """
    small = {name: runs(cells(name, SMALL), store) for name, e in EXHIBITS.items() if SMALL in e.profiles}
    return {PROFILE: tree(entries), SMALL: tree(claim_entries(small, store, SMALL))}


def leaves(node: Node, above: Sequence[str] = ()) -> Iterator[tuple[tuple[str, ...], Node]]:
    """Every leaf of a tree with the names on the way to it, the root's left out."""
    for child in node.children:
        way = (*above, child.name)
        if child.entry is None:
            yield from leaves(child, way)
        else:
            yield way, child


def _places(entry: Entry) -> Iterator[tuple[str, str, str]]:
    """Paper, section and part of an entry; of a number that two papers print, both."""
    if entry.kind == "statement":
        statement = statements()[entry.id]
        if statement.kind != "statistical":
            yield statement.paper, THEORY, entry.id
        return
    for paper in entry.papers:
        yield paper, EXPERIMENTS, str(entry.exhibit)


def _node(name: str, weight: float, parts: Mapping[str, Any] | list[Entry]) -> Node:
    if isinstance(parts, list):
        each = weight / len(parts)
        return Node(name, weight, tuple(Node(entry.id, each, entry=entry) for entry in parts))
    each = weight / len(parts)
    return Node(name, weight, tuple(_node(part, each, below) for part, below in parts.items()))

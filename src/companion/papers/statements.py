"""The list of numbered statements: what each says, and whether code can check it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

__all__ = ["Statement", "statements"]


@dataclass(frozen=True)
class Statement:
    """One numbered definition, proposition, claim or figure of a paper.

    Attributes:
        id: for instance ``A-P2.1``.
        paper: ``A``, ``B`` or ``C``.
        kind: definition, identity, expectation, rate, statistical, conjecture, interpretation or schema.
        title: a few words.
        statement: what it says, with formulas.
        printed_wrong: whether the paper's print is wrong, so that a printed form is checked beside the corrected one.
        errata: ids of the errata that concern it.
        exhibit: for a statistical statement, the exhibit whose records decide it.
        not_checkable: why code cannot check it, or ``None``.

    Example:
        >>> statements()["A-paths"].title
        'Number of paths'
    """

    id: str
    paper: str
    kind: str
    title: str
    statement: str
    printed_wrong: bool
    errata: tuple[str, ...]
    exhibit: str | None
    not_checkable: str | None

    @property
    def why_no_check(self) -> str | None:
        """The reason why no check runs for it: records decide it, or code cannot; ``None`` where one does."""
        if self.kind == "statistical":
            return f"it is decided by the records of {self.exhibit}"
        return self.not_checkable


@cache
def statements() -> Mapping[str, Statement]:
    """Every statement by id, in the order of the papers, from ``papers/statements.json``, which nobody else reads.

    Example:
        >>> list(statements())[:3]
        ['A-Eq1', 'A-T1', 'A-paths']
    """
    rows = json.loads(files("companion.papers").joinpath("statements.json").read_text(encoding="utf-8"))
    return MappingProxyType({row["id"]: Statement(**{**row, "errata": tuple(row["errata"])}) for row in rows})

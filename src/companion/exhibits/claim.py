"""Claims about a table as a whole, as data.

A claim compares columns within each row of the table, or of a view of it (:mod:`companion.exhibits.views`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from companion.exhibits.views import as_printed

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TEN", "Claim", "Relation"]

TEN = (5.0, 15.0)
"""What "about 10%" may mean, in percentage points; fixed before the first convolutional record was made."""


class Relation(StrEnum):
    """How two columns are said to compare."""

    MUCH_LESS = "much less"
    """``a << b``: ``b - a`` is above the margin (one-sided, Holm-corrected over the claim)."""
    SAME = "same"
    """``a = b``: the 90% interval of ``b - a`` lies inside the margin."""
    NEAR = "near"
    """``a`` is almost as good as ``b``: the one-sided 95% upper bound of ``b - a`` is below the margin."""
    ABOUT_TEN = "about ten points more"
    """``b - a`` is about ten points: its 90% interval lies inside :data:`TEN`."""


@dataclass(frozen=True)
class Claim:
    """A sentence of a paper that a table can decide.

    Args:
        id: unique, ``EXHIBIT:name``.
        exhibit: whose records decide it.
        statement: id of the numbered statement that it makes precise, if any.
        title: in our words.
        relation: of each pair.
        pairs: columns ``(a, b)``.
        view: the table in which these are columns.
        profiles: those whose runs can decide it.
    """

    id: str
    exhibit: str
    statement: str | None
    title: str
    relation: Relation
    pairs: tuple[tuple[str, str], ...]
    view: Callable[[pd.DataFrame], pd.DataFrame] = as_printed
    profiles: tuple[str, ...] = ("paper", "cpu")

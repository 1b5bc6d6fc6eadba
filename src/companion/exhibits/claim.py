"""Claims about a table as a whole, as data.

A claim compares columns within each row of the table, or values of one of the exhibit's axes within each column, or
places in both directions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

__all__ = ["EVERY_OTHER", "TEN", "At", "Claim", "Loss", "Quoted", "Relation"]

EVERY_OTHER = "every other"
"""In the place of a value of an axis: all but the one it is compared with."""

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
    ROBUST = "robust"
    """No ``a`` is far below ``b``: the one-sided 95% upper bound of ``b`` minus the worst ``a``, corrected for the
    number of values that it is the worst of, is below the margin."""


@dataclass(frozen=True)
class Quoted:
    """A number of the papers with which runs are compared.

    Args:
        name: what it is called.
        number: its id in ``numbers.csv``.
    """

    name: str
    number: str


@dataclass(frozen=True)
class At:
    """One column at one value of an axis, by one statistic.

    Args:
        column: which.
        value: on the axis.
        statistic: ``best_test``, or ``last_test``, of which the name says ``-end``.
    """

    column: str
    value: Any
    statistic: str = "best_test"

    @property
    def name(self) -> str:
        """``M2(50)``, ``M1-end(50)``."""
        return f"{self.column}{'' if self.statistic == 'best_test' else '-end'}({self.value})"

    @property
    def places(self) -> tuple[At, ...]:
        """Itself."""
        return (self,)


@dataclass(frozen=True)
class Loss:
    """What is lost from one place to another, in points: ``better - worse``."""

    better: At
    worse: At

    @property
    def name(self) -> str:
        """``(M2(0) - M3(0))``."""
        return f"({self.better.name} - {self.worse.name})"

    @property
    def places(self) -> tuple[At, ...]:
        """Both."""
        return self.better, self.worse


@dataclass(frozen=True)
class Claim:
    """A sentence of a paper that a table can decide.

    Args:
        id: unique, ``EXHIBIT:name``.
        exhibit: whose records decide it.
        statement: id of the numbered statement that it makes precise, if any.
        title: in our words.
        relation: of each pair.
        pairs: ``(a, b)``: columns, or values of the axis ``across``, or numbers quoted, with which every model of the
            other side is compared; or places on that axis, each with its column (:class:`At`), and what is lost
            between two of them (:class:`Loss`).
        across: the axis along which it compares; ``None`` where it compares columns.
        columns: in which it compares values of an axis.
        rows: axes that tell its rows apart, where it compares along an axis.
        row: what its row is called, where there is but one.
        profiles: those whose runs can decide it.
        each: axes at each of whose values it is put, wherever all seeds are recorded.
        at: values on these axes, where it is put at some of them alone; runs that have nothing of an axis are at all.
        averaged: whether it is put to each seed's mean over these axes instead.
        also: other numbered statements that it makes precise.
        within: points that the sentence itself allows, instead of the dataset's margin.
        datasets: those it speaks of; empty for all.
        decides: id of a bound that the papers print and that holds exactly if this does.
        ours: whether no paper says it; it is then put to the records and counted for none.
    """

    id: str
    exhibit: str
    statement: str | None
    title: str
    relation: Relation
    pairs: tuple[tuple[Any, Any], ...]
    across: str | None = None
    columns: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    row: str = ""
    profiles: tuple[str, ...] = ("paper", "cpu")
    each: tuple[str, ...] = ()
    at: Mapping[str, tuple[Any, ...]] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    averaged: bool = False
    also: tuple[str, ...] = ()
    within: float | None = None
    datasets: tuple[str, ...] = ()
    decides: str | None = None
    ours: bool = False

    @property
    def statements(self) -> tuple[str, ...]:
        """The numbered statements that it makes precise."""
        return (*(() if self.statement is None else (self.statement,)), *self.also)

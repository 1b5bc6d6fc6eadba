"""Tables seen along an axis, so that a claim which compares its values becomes one that compares columns.

Nothing is read out of a name: a frame has a column for each axis of its exhibit, and the printed numbers take the
values of the runs in whose place they stand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from companion.exhibits import exhibit
from companion.exhibits.axes import Axis
from companion.exhibits.claim import EVERY_OTHER, Claim, Quoted
from companion.papers.numbers import number

__all__ = ["along", "pairs_of", "placed"]


def pairs_of(claim: Claim) -> list[tuple[str, str]]:
    """What a claim compares, as columns of the table that :func:`along` makes for it."""
    if claim.across is None:
        return [(_side(a), _side(b)) for a, b in claim.pairs]
    axis = exhibit(claim.exhibit).axis(claim.across)
    if claim.each:  # in each column by itself, whose name is that of the row
        return [(_name(claim, axis, a, ""), _name(claim, axis, b, "")) for a, b in claim.pairs]
    return [
        (_name(claim, axis, a, column), _name(claim, axis, b, column))
        for column in claim.columns
        for a, b in claim.pairs
    ]


def along(claim: Claim, frame: pd.DataFrame) -> pd.DataFrame:
    """A frame with ``row, column`` and the exhibit's axes, its rows and columns named as the claim sees them.

    Lines that the claim does not speak of are left out; a number that it quotes has a line wherever the value has one
    that it is compared with.

    >>> from companion.exhibits import CLAIMS, cells
    >>> from companion.verdicts.frames import places
    >>> pooling = next(claim for claim in CLAIMS if claim.across == "architecture")
    >>> seen = along(pooling, places(cells("A-T2", "paper", seeds=1)))
    >>> list(dict.fromkeys(seen["row"])), list(seen["column"][:2])
    (['SGD/CIFAR-10', 'Adam/CIFAR-10'], ['VCONV ReLU', 'VCONV FR-II'])
    """
    if claim.datasets:
        frame = frame[frame["dataset"].isin(claim.datasets)]
    if claim.across is None:
        return pd.concat([frame, *_quoted(claim, frame, "column", _side)], ignore_index=True)
    chosen = exhibit(claim.exhibit)
    axis, rows = chosen.axis(claim.across), [chosen.axis(name) for name in claim.rows]
    values = {side for pair in claim.pairs for side in pair if not isinstance(side, Quoted)}
    seen = frame[frame[axis.name].isin(values) & frame["column"].isin(claim.columns)]
    parts = [seen[one.name].map(one.words) for one in rows]
    labels = ["/".join(words) for words in zip(*parts, strict=True)] if rows else claim.row
    names = [_name(claim, axis, *place) for place in zip(seen[axis.name], seen["column"], strict=True)]
    seen = seen.assign(row=labels, column=names)
    return pd.concat([seen, *_quoted(claim, seen, axis.name, lambda value: value)], ignore_index=True)


def placed(printed: pd.DataFrame, places: pd.DataFrame) -> pd.DataFrame:
    """Printed numbers with the axes of the runs in whose rows and columns they stand; others are left out.

    Args:
        printed: lines of ``numbers.csv``.
        places: of :func:`companion.verdicts.frames.places`.
    """
    new = places.columns.difference(printed.columns)
    return printed.merge(places[["row", "column", *new]].drop_duplicates(["row", "column"]), on=["row", "column"])


def _name(claim: Claim, axis: Axis, value: Any, column: str) -> str:
    if isinstance(value, Quoted):
        return value.name
    if value == EVERY_OTHER:
        return value
    return axis.words(value) + (f" {column}" if column and len(claim.columns) > 1 else "")


def _side(value: Any) -> str:
    return value.name if isinstance(value, Quoted) else str(value)


def _quoted(claim: Claim, seen: pd.DataFrame, place: str, value: Callable[[Any], Any]) -> list[pd.DataFrame]:
    """Lines with a quoted number for score, one for each line that it is compared with in the column ``place``."""
    found: dict[str, pd.DataFrame] = {}
    for pair in claim.pairs:
        for quoted, other in (pair, pair[::-1]):
            if isinstance(quoted, Quoted) and quoted.name not in found:
                lines = seen[seen[place] == value(other)].assign(column=quoted.name)
                same = lines.columns.intersection(["best_test", "last_test", "mean"])
                alone = {name: value for name, value in {"std": 0.0, "n_runs": 1}.items() if name in lines}
                found[quoted.name] = lines.assign(**dict.fromkeys(same, number(quoted.number)), **alone)
    return list(found.values())

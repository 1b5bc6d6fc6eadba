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
from companion.exhibits.claim import EVERY_OTHER, At, Claim, Loss, Quoted
from companion.papers.numbers import number

__all__ = ["along", "pairs_of", "placed"]

SCORES = ("best_test", "last_test")
"""What a claim can compare."""


def pairs_of(claim: Claim) -> list[tuple[str, str]]:
    """What a claim compares, as columns of the table that :func:`along` makes for it."""
    if claim.across is None:
        return [(_side(a), _side(b)) for a, b in claim.pairs]
    axis = exhibit(claim.exhibit).axis(claim.across)
    if claim.each or not claim.columns:  # in each column by itself, whose name is that of the row; or in none at all
        return [(_name(claim, axis, a, ""), _name(claim, axis, b, "")) for a, b in claim.pairs]
    return [
        (_name(claim, axis, a, column), _name(claim, axis, b, column))
        for column in claim.columns
        for a, b in claim.pairs
    ]


def along(claim: Claim, frame: pd.DataFrame) -> pd.DataFrame:
    """A frame with ``row, column`` and the exhibit's axes, its rows and columns named as the claim sees them.

    Lines that the claim does not speak of are left out; a number that it quotes has a line wherever the value has one
    that it is compared with, and what is lost between two places wherever both have.  A line that has nothing of an
    axis which tells rows apart stands in all of them.

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
    axis = chosen.axis(claim.across)
    seen = _in_rows(frame, [chosen.axis(name) for name in claim.rows], claim.row)
    if not claim.columns:
        return _at_places(claim, axis, seen)
    values = {side for pair in claim.pairs for side in pair if not isinstance(side, Quoted)}
    seen = seen[seen[axis.name].isin(values) & seen["column"].isin(claim.columns)]
    names = [_name(claim, axis, *place) for place in zip(seen[axis.name], seen["column"], strict=True)]
    seen = seen.assign(column=names)
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
    if isinstance(value, Quoted | At | Loss):
        return value.name
    if value == EVERY_OTHER:
        return value
    return axis.words(value) + (f" {column}" if column and len(claim.columns) > 1 else "")


def _in_rows(frame: pd.DataFrame, rows: Sequence[Axis], name: str) -> pd.DataFrame:
    """The lines in the rows that some axes tell apart, or in one of a name where none does."""
    if not rows:
        return frame.assign(row=name)
    values = [[None if pd.isna(value) else value for value in frame[axis.name]] for axis in rows]
    lines = list(zip(*values, strict=True))
    parts = [frame.iloc[:0]]
    for row in dict.fromkeys(line for line in lines if None not in line):
        mine = [all(one in (None, own) for one, own in zip(line, row, strict=True)) for line in lines]
        words = [axis.words(value) for axis, value in zip(rows, row, strict=True)]
        parts.append(frame[mine].assign(row="/".join(words)))
    return pd.concat(parts)


def _at_places(claim: Claim, axis: Axis, seen: pd.DataFrame) -> pd.DataFrame:
    """The lines of the places that a claim compares, and of what is lost between two."""
    sides = {side.name: side for pair in claim.pairs for side in pair}
    losses = {name: side for name, side in sides.items() if isinstance(side, Loss)}
    parts = {place.name: _at(place, axis, seen) for side in sides.values() for place in side.places}
    lost = [_lost(name, parts[one.better.name], parts[one.worse.name]) for name, one in losses.items()]
    return pd.concat([*parts.values(), *lost], ignore_index=True)


def _at(place: At, axis: Axis, seen: pd.DataFrame) -> pd.DataFrame:
    """The lines of one place, whose statistic stands where claims look for scores."""
    lines = seen[(seen["column"] == place.column) & (seen[axis.name] == place.value)]
    if "statistic" in lines:  # printed numbers, by either statistic
        lines = lines[lines["statistic"].isin(["", place.statistic])]
    scores = {name: lines[place.statistic] for name in SCORES if name in lines}
    return lines.assign(column=place.name, **scores)


def _lost(name: str, better: pd.DataFrame, worse: pd.DataFrame) -> pd.DataFrame:
    """Line by line the better minus the worse; it is as recorded as the less recorded of them, and as old."""
    keys = ["row", "variant", "seed"]
    both = better.merge(worse, on=[key for key in keys if key in better], suffixes=("", " of the worse"))
    new: dict[str, Any] = {"column": name}
    for score in (*SCORES, "mean"):
        if score in better:
            new[score] = both[score] - both[f"{score} of the worse"]
    if "std" in better:
        new["std"] = (both["std"] ** 2 + both["std of the worse"] ** 2) ** 0.5
        new["n_runs"] = both[["n_runs", "n_runs of the worse"]].min(axis=1, skipna=False)
    if "status" in better:
        pairs = zip(both["status"], both["status of the worse"], strict=True)
        new["status"] = [max(pair, key=("finished", "pending", "diverged").index) for pair in pairs]
        new["stale"] = both["stale"] | both["stale of the worse"]
    return both.assign(**new)[better.columns]


def _side(value: Any) -> str:
    return value.name if isinstance(value, Quoted) else str(value)


def _quoted(claim: Claim, seen: pd.DataFrame, place: str, value: Callable[[Any], Any]) -> list[pd.DataFrame]:
    """Lines with a quoted number for score, one for each line that it is compared with in the column ``place``."""
    found: dict[str, pd.DataFrame] = {}
    for pair in claim.pairs:
        for quoted, other in (pair, pair[::-1]):
            if isinstance(quoted, Quoted) and quoted.name not in found:
                lines = seen[seen[place] == value(other)].assign(column=quoted.name)
                same = lines.columns.intersection([*SCORES, "mean"])
                alone = {name: value for name, value in {"std": 0.0, "n_runs": 1}.items() if name in lines}
                found[quoted.name] = lines.assign(**dict.fromkeys(same, number(quoted.number)), **alone)
    return list(found.values())

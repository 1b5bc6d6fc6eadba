"""The grid of C-E1: each model's gap to the one with gates in their own order and the image, and its curve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from companion.chapters.chapter import Chapter
from companion.exhibits.axes import PERMUTATION, VALUE_INPUT
from companion.exhibits.b_f4_permutations import INPUTS
from companion.notation import Regime
from companion.papers.margins import rules
from companion.render.model_grid import Model, ModelGrid, ModelRow
from companion.verdicts import frames

__all__ = ["model_grid"]

PLACE = ("row", "column", PERMUTATION.name, VALUE_INPUT.name)
BAND = ["mean", "low", "high"]


def model_grid(chapter: Chapter) -> ModelGrid:
    """All models of a chapter that are recorded with all their seeds, row by row, regime by regime.

    Args:
        chapter: of C-E1, in any profile.
    """
    runs = chapter.runs[chapter.runs["column"] != Regime.RELU]
    grouped = runs.groupby(list(PLACE), sort=False)["best_test"]
    best = grouped.agg(mean="mean", low="min", high="max", n="count")[grouped.count() == grouped.size()]
    found = {place: one for place, *one in best.itertuples(name=None)}
    curves = {
        place: list(part[BAND].itertuples(index=False, name=None))
        for place, part in frames.bands(chapter.curves, by=PLACE).groupby(list(PLACE), sort=False)
    }
    rows = []
    for row, mine in runs.groupby("row", sort=False):
        orders = list(dict.fromkeys(mine[PERMUTATION.name]))
        models = [
            _model(place, found, curves[place], min(orders))
            for regime in Regime
            for order in orders
            for value in INPUTS
            if (place := (row, str(regime), order, value)) in found
        ]
        margin = rules()["points"].get(mine["dataset"].iloc[0])
        planned = len(orders) * mine[VALUE_INPUT.name].nunique()
        rows.append(ModelRow(str(row), margin, planned, models))
    return ModelGrid([row for row in rows if row.models], chapter.place)


def _model(place: tuple[Any, ...], found: Mapping[Any, Any], curve: Any, identity: tuple[int, ...]) -> Model:
    row, regime, order, value = place
    (mean, low, high, n), own = found[place], found.get((row, regime, identity, INPUTS[0]))
    return Model(regime, order, value, n, (mean, low, high), None if own is None else mean - own[0], curve)

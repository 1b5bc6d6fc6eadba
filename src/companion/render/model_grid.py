"""Many models as a table of gaps to one of them, with every model's curve for a small script.

Without scripts it is a shaded table.  ``book/_static/permutations/grid.js`` makes a button of each gap, and shows the
curve of the model that a reader points at.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby

from companion.render.style import COLOURS

__all__ = ["Model", "ModelGrid", "ModelRow", "packed", "step"]

STATIC = "../_static/permutations"
GATES = {"FR-II": "random", "FR-DI": "random", "DL": "learning", "FL": "learnt"}
"""What the gates of a regime are, in one word."""
STEPS = (1, 4, 16)
"""Where one shade ends and the next begins, in margins."""
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@dataclass(frozen=True)
class Model:
    """One model, over its seeds.

    Args:
        regime: of its gates.
        order: of the layers of gates, from 0.
        value: what enters the value network.
        n: number of seeds.
        best: mean, lowest and highest best test accuracy in percent.
        gap: of that mean to the mean of the model that all are compared with, in points; ``None`` where that is
            missing.
        curve: mean, lowest and highest test accuracy in percent after each epoch.
    """

    regime: str
    order: tuple[int, ...]
    value: str
    n: int
    best: tuple[float, float, float]
    gap: float | None
    curve: Sequence[tuple[float, float, float]]

    @property
    def name(self) -> str:
        """``1 2 3 4``: the layers of gates in their order, from 1."""
        return _name(self.order)

    @property
    def gap_text(self) -> str:
        """``−0.12``; a dash where nothing can be compared."""
        if self.gap is None:
            return "–"
        text = f"{self.gap:+.2f}".replace("-", "−")
        return "0.00" if text[1:] == "0.00" else text


@dataclass(frozen=True)
class ModelRow:
    """The models of one row of an exhibit that have all their seeds.

    Args:
        name: of the row.
        margin: how many points count as the same there; ``None`` where that was not fixed.
        planned: number of models of a regime, recorded or not.
        models: those that are recorded.
    """

    name: str
    margin: float | None
    planned: int
    models: Sequence[Model]


@dataclass(frozen=True)
class ModelGrid:
    """Rows of models, one table for each.

    Args:
        rows: those that have a model.
        title: says exhibit, profile and devices.
    """

    rows: Sequence[ModelRow]
    title: str

    def _repr_html_(self) -> str:
        if not self.rows:
            return "<p>No model is recorded yet.</p>"
        data = json.dumps([_data(row) for row in self.rows], separators=(",", ":"), ensure_ascii=False)
        return "\n".join(
            [
                f'<link rel="stylesheet" href="{STATIC}/grid.css">',
                '<section class="model-grid" aria-label="Grid of models">',
                '<p data-part="how" hidden></p><div class="rows" data-part="rows" hidden></div>',
                '<div class="halves"><div>',
                *map(_table, self.rows),
                '</div><div class="detail" data-part="detail" hidden></div></div>',
                f'<script type="application/json">{data.replace("<", chr(92) + "u003c")}</script>',
                "</section>",
                f'<script src="{STATIC}/grid.js"></script>',
            ]
        )

    def __repr__(self) -> str:
        lines = [f"{self.title}: gaps in best test accuracy to the model with gates in their own order and the image"]
        for row in self.rows:
            for regime, found in groupby(row.models, lambda model: model.regime):
                models = list(found)
                gaps = [model.gap for model in models if model.gap is not None]
                ends = f", {min(gaps):+.2f} to {max(gaps):+.2f} points" if gaps else ""
                lines.append(f"{row.name}, {regime}: {len(models)} of {row.planned} models{ends}")
        return "\n".join(lines)


def step(gap: float | None, margin: float | None) -> int:
    """The shade of a gap: 0 is no more than a margin below, 1 no more than 4 margins, 2 no more than 16, 3 is below.

    >>> [step(gap, 0.25) for gap in (0.5, -0.25, -0.5, -3.0, -5.0)]
    [0, 0, 1, 2, 3]
    """
    return 0 if gap is None or margin is None else sum(-gap > margin * times for times in STEPS)


def packed(values: Iterable[int]) -> str:
    """Whole numbers as text: five bits a letter, the lowest first and the sign before them; 32 says that more follow.

    >>> packed([0, 1, -1, 15, 16])
    'ACDegB'
    """
    letters = []
    for value in values:
        rest = abs(value) << 1 | (value < 0)
        while rest > 31:
            letters.append(DIGITS[rest & 31 | 32])
            rest >>= 5
        letters.append(DIGITS[rest])
    return "".join(letters)


def _name(order: tuple[int, ...]) -> str:
    return " ".join(str(layer + 1) for layer in order)


def _curve(model: Model) -> Iterator[int]:
    """In hundredths: each epoch's change of the mean, how far the lowest is below it, and the highest above it."""
    before = 0
    for mean, low, high in model.curve:
        middle = round(100 * mean)
        yield from (middle - before, middle - round(100 * low), round(100 * high) - middle)
        before = middle


def _data(row: ModelRow) -> dict[str, object]:
    models = [
        [m.regime, m.name, m.value, m.n, *(f"{x:.2f}" for x in m.best), m.gap_text, packed(_curve(m))]
        for m in row.models
    ]
    return {"name": row.name, "models": models}


def _table(row: ModelRow) -> str:
    """The lines in groups by the layer that takes the gates of the first one, and below them what shades mean."""
    regimes = list(dict.fromkeys(model.regime for model in row.models))
    values = list(dict.fromkeys(model.value for model in row.models))
    places = [(regime, value) for regime in regimes for value in values]
    index = {(m.regime, m.value, m.order): i for i, m in enumerate(row.models)}
    orders = sorted({model.order for model in row.models}, key=lambda order: (order.index(0), order))
    own = {model.regime: model for model in row.models if model.value == "image" and model.order == orders[0]}
    lines = [
        f"<table><caption><strong>{escape(row.name)}</strong>: {_counted(row, regimes)}</caption>",
        "<thead><tr><td></td>" + "".join(_head(regime, len(values)) for regime in regimes) + "</tr>",
        '<tr><th scope="row">own order, image</th>'
        + "".join(f'<td colspan="{len(values)}">{_reference(own.get(regime))}</td>' for regime in regimes)
        + "</tr>",
        '<tr><th scope="col">gates of layers</th>'
        + "".join(f'<th scope="col">{value}</th>' for _, value in places)
        + "</tr></thead>",
    ]
    for place, group in groupby(orders, lambda order: order.index(0)):
        head = f'<th scope="rowgroup" colspan="{1 + len(places)}">Layer {place + 1} uses the gates of layer 1</th>'
        lines.append(f"<tbody><tr>{head}</tr>")
        for order in group:
            cells = (_cell(row, index.get((*where, order))) for where in places)
            lines.append(f'<tr><th scope="row">{_name(order)}</th>{"".join(cells)}</tr>')
        lines.append("</tbody>")
    return "\n".join([*lines, "</table>", *_key(row)])


def _head(regime: str, across: int) -> str:
    """A regime, in its colour."""
    style = f"--own:{COLOURS[regime]}"
    return f'<th scope="colgroup" colspan="{across}" style="{style}">{regime}<small>{GATES[regime]}</small></th>'


def _counted(row: ModelRow, regimes: Sequence[str]) -> str:
    """How many models of each regime are recorded."""
    counts = {regime: sum(model.regime == regime for model in row.models) for regime in regimes}
    if set(counts.values()) == {row.planned}:
        return f"all {row.planned} models of each regime"
    said = ", ".join(f"{regime} {count}" for regime, count in counts.items())
    return f"models recorded so far, of {row.planned} in each regime: {said}"


def _reference(model: Model | None) -> str:
    return "pending" if model is None else f"{model.best[0]:.2f}%"


def _cell(row: ModelRow, i: int | None) -> str:
    if i is None:
        return "<td></td>"
    model = row.models[i]
    shade = step(model.gap, row.margin)
    return f'<td data-model="{i}" class="step-{shade}" style="--own:{COLOURS[model.regime]}">{model.gap_text}</td>'


def _key(row: ModelRow) -> Iterator[str]:
    """What the shades say."""
    if row.margin is None:
        return
    first, *middle = (f"{times * row.margin:g}" for times in STEPS)
    words = [f"at most {first}, the margin", *(f"at most {end}" for end in middle), "more"]
    said = "".join(f'<li><span class="swatch step-{i}"></span>{text}</li>' for i, text in enumerate(words))
    yield f'<ul class="key" aria-label="Shades"><li>Points below:</li>{said}</ul>'

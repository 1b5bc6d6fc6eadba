"""Grids of runs: rows of a table or lines of a figure, times regimes, times seeds.  Plain data, no tensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

from companion.exhibits.axes import Axis
from companion.notation import Regime
from companion.runs.spec import RunSpec

__all__ = ["HOLDOUT", "PROFILES", "REGIMES", "Cell", "Exhibit", "Row", "make"]

PROFILES = ("quick", "cpu", "paper")
REGIMES = tuple(Regime)
SEEDS = {"quick": 5, "cpu": 3, "paper": 5}
"""Seeds of each profile, where an exhibit does not say otherwise."""

HOLDOUT = "holdout"
"""The variant whose epoch is chosen on training images that were kept out."""


@dataclass(frozen=True)
class Cell:
    """One run in its place in an exhibit.

    Args:
        exhibit: e.g. ``A-T2``.
        profile: ``quick``, ``cpu`` or ``paper``.
        row: the paper's row, e.g. ``FC/SGD/MNIST``.
        column: the paper's column, e.g. ``FR-II``.
        variant: empty for the run that the paper's number is set beside; else what is different about it.
        spec: the run.
        axes: its value on each axis of the exhibit, frozen.
    """

    exhibit: str
    profile: str
    row: str
    column: str
    variant: str
    spec: RunSpec
    axes: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), hash=False)


@dataclass(frozen=True)
class Row:
    """One row of a table or one line of a figure: the fields of its runs that are not defaults.

    Args:
        name: the paper's row.
        fields: of :class:`~companion.runs.spec.RunSpec`, for all of its runs.
        variant: empty, or what is different about these runs.
        regimes: a column each.
        column: the column's name where it is not the regime's.
        early_stop: field ``early_stop`` of all seeds but the first, which shows what stopping would have changed.
        full_length: regimes in which it would have changed too much, so that no seed stops.
        axes: values on the exhibit's axes that are not read from the runs.
    """

    name: str
    fields: Mapping[str, Any]
    variant: str = ""
    regimes: tuple[Regime, ...] = REGIMES
    column: str | None = None
    early_stop: int = 0
    full_length: tuple[Regime, ...] = ()
    axes: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), hash=False)

    def spec(self, regime: Regime, seed: int) -> RunSpec:
        """The run of a regime and a seed."""
        stop = {"early_stop": self.early_stop} if seed and regime not in self.full_length else {}
        return RunSpec.from_dict({**self.fields, **stop, "regime": regime, "seed": seed})


@dataclass(frozen=True)
class Exhibit:
    """A table or a figure.

    Args:
        id: as in the catalogue of statements.
        title: in our words.
        question: what its page asks, for a reader who knows none of the papers.
        paper: ``A``, ``B`` or ``C``.
        chapter: the notebook's name without suffix.
        profiles: name to rows.
        seeds: how many, by profile.
        parameters: what a reader may change, with the exhibit's own values.
        axes: what varies; each is a column of frames.
    """

    id: str
    title: str
    question: str
    paper: str
    chapter: str
    profiles: Mapping[str, tuple[Row, ...]]
    seeds: Mapping[str, int]
    parameters: Mapping[str, Any]
    axes: tuple[Axis, ...] = ()

    def axis(self, name: str) -> Axis:
        """One axis by its name; ``KeyError`` if the exhibit has none of it."""
        return {axis.name: axis for axis in self.axes}[name]

    def changed(self, cell: Cell, fields: Mapping[str, Any]) -> Cell:
        """A cell with other fields in its run, in the place that these give it on the axes."""
        spec = cell.spec.changed(fields)
        return replace(cell, spec=spec, axes=self._on_axes(spec, cell.axes))

    def _on_axes(self, spec: RunSpec, declared: Mapping[str, Any]) -> Mapping[str, Any]:
        return MappingProxyType({axis.name: axis.value(spec, declared) for axis in self.axes})

    def cells(self, profile: str, seeds: int | None = None) -> list[Cell]:
        """Rows x their regimes x seeds; ``None`` is the profile's own number of seeds."""
        if seeds is not None and seeds != self.seeds[profile]:
            return self._made(profile, seeds)
        if profile not in self._own:
            self._own[profile] = self._made(profile, self.seeds[profile])
        return list(self._own[profile])

    @cached_property
    def _own(self) -> dict[str, list[Cell]]:
        """The cells by profile, once they have been made: making them takes longer than to read their records."""
        return {}

    def _made(self, profile: str, seeds: int) -> list[Cell]:
        runs = (
            (row, row.column or str(regime), row.spec(regime, seed))
            for row in self.profiles[profile]
            for regime in row.regimes
            for seed in range(seeds)
        )
        return [
            Cell(self.id, profile, row.name, column, row.variant, spec, self._on_axes(spec, row.axes))
            for row, column, spec in runs
        ]


def make(
    id: str,
    title: str,
    question: str,
    chapter: str,
    profiles: Mapping[str, Sequence[Row]],
    seeds: Mapping[str, int] | None = None,
    axes: Sequence[Axis] = (),
) -> Exhibit:
    """An exhibit whose paper is the first letter of its id.

    Args:
        id: the exhibit's id.
        title: in our words.
        question: what its page asks.
        chapter: the notebook's name without suffix.
        profiles: name to rows.
        seeds: where a profile has another number than :data:`SEEDS` says.
        axes: what varies.
    """
    rows = MappingProxyType({name: tuple(part) for name, part in profiles.items()})
    own = MappingProxyType({name: {**SEEDS, **(seeds or {})}[name] for name in rows})
    parameters: dict[str, Any] = {"seeds": None, "rows": None, "overrides": {}}
    return Exhibit(id, title, question, id[0], chapter, rows, own, MappingProxyType(parameters), tuple(axes))

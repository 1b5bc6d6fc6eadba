"""What the chapters of all exhibits share: runs, curves, probes, entries, claims, downloads and footer.

What one exhibit alone shows of them is in the module of its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from html import escape
from typing import Any

import pandas as pd

from companion.chapters.downloads import Downloads
from companion.chapters.footer import Footer
from companion.exhibits import Cell, Exhibit, cells
from companion.exhibits.claim import Claim
from companion.networks.forward import Params
from companion.papers.numbers import numbers
from companion.records.store import Store
from companion.render.tables import Table, claim_table
from companion.verdicts import frames
from companion.verdicts.along import along
from companion.verdicts.scorecard import Entry, number_entries
from companion.verdicts.sentences import claim_results

__all__ = ["Chapter", "Findings"]


@dataclass(frozen=True)
class Chapter:
    """An exhibit in one profile, with what the store has of it.

    Args:
        exhibit: which.
        profile: ``quick``, ``cpu`` or ``paper``.
        cells: its runs.
        store: where records are read from.
        own: whether these are the exhibit's own runs, so that they may stand beside the paper's numbers.
        changed: parameters of the chapter that are not the exhibit's own, for the title and the command.
    """

    exhibit: Exhibit
    profile: str
    cells: list[Cell]
    store: Store
    own: bool
    changed: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def runs(self) -> pd.DataFrame:
        """One row per run, see :func:`companion.verdicts.frames.runs`."""
        return frames.runs(self.cells, self.store)

    @cached_property
    def curves(self) -> pd.DataFrame:
        """One row per epoch, see :func:`companion.verdicts.frames.curves`."""
        return frames.curves(self.cells, self.store)

    @cached_property
    def probes(self) -> pd.DataFrame:
        """One row per measurement between epochs, see :func:`companion.verdicts.frames.probes`."""
        return frames.probes(self.cells, self.store)

    @cached_property
    def pictures(self) -> Mapping[str, Params]:
        """The arrays that runs with a probe left beside their records, by key; runs without any are left out."""
        keys = dict.fromkeys(cell.spec.key for cell in self.cells if cell.spec.probe)
        found = {key: self.store.kept(partial(self.store.pictures, key)) for key in keys}
        return {key: arrays for key, arrays in found.items() if arrays is not None}

    @cached_property
    def kernels(self) -> pd.DataFrame:
        """One row per run that has gates, see :func:`companion.verdicts.frames.kernels`."""
        return frames.kernels(self.cells, self.store)

    @cached_property
    def entries(self) -> list[Entry]:
        """The scorecard's entries for the numbers of this exhibit; none unless these are its own paper runs."""
        if not self.beside_the_paper:
            return []
        return [e for e in number_entries(self.exhibit.id, self.runs) if e.row not in self._left_out]

    @property
    def printed(self) -> pd.DataFrame:
        """The paper's own numbers for this exhibit, where they may stand beside these runs."""
        mine = (numbers()["exhibit"] == self.exhibit.id) & (numbers()["cited"] == "no") & self.beside_the_paper
        return numbers()[mine]

    @property
    def beside_the_paper(self) -> bool:
        """Whether these are the exhibit's own runs at the paper's size."""
        return self.own and self.profile == "paper"

    @cached_property
    def _left_out(self) -> set[str]:
        """Rows of the exhibit that were not asked for: nothing is known of them here."""
        return {c.row for c in cells(self.exhibit.id, self.profile)} - {c.row for c in self.cells}

    @property
    def place(self) -> str:
        """Exhibit, profile, what was changed, and device, for the title of a figure."""
        devices = sorted(set(self.runs["device"].dropna()))
        return f"{self._title}, {', '.join(devices) or 'no records yet'}"

    @property
    def _title(self) -> str:
        changes = ", ".join(f"{name} = {value}" for name, value in self.changed.items())
        return f"{self.exhibit.id}, profile {self.profile}{changes and f' with {changes}'}"

    def claims(self) -> Table:
        """The exhibit's claims row by row, with their verdicts, by the runs of this profile."""
        results = claim_results(self.exhibit.id, self.runs, self.profile) if self.decides else []
        seeds = self.exhibit.seeds[self.profile]
        how = f"paired over n = {seeds} seeds" if self.decides else "decided by its own runs alone"
        table = claim_table(
            [(claim.title, ours, paper) for claim, ours, paper in results if ours.row in self._rows_of(claim)],
            f"Claims about {self.place}, {how}",
        )
        return self.downloads.table("claims", table)

    def _rows_of(self, claim: Claim) -> set[str]:
        """Rows as the claim sees them that are made of nothing but rows that were asked for."""
        places = frames.places(cells(self.exhibit.id, self.profile))
        seen = along(claim, places.assign(left_out=places["row"].isin(self._left_out)))
        return {str(row) for row, left_out in seen.groupby("row")["left_out"] if not left_out.any()}

    @property
    def decides(self) -> bool:
        """Whether claims are put to these runs: the exhibit's own, on a real dataset."""
        return self.own and self.profile != "quick"

    @property
    def downloads(self) -> Downloads:
        """The files that it offers; tables and figures are left there as they are made."""
        return Downloads(self.exhibit.chapter, self.profile)

    def others(self) -> list[Chapter]:
        """The exhibit in the other profiles of which the store has records."""
        others = [
            Chapter(self.exhibit, name, cells(self.exhibit.id, name), self.store, own=True)
            for name in self.exhibit.profiles
            if name != self.profile
        ]
        return [other for other in others if other.runs["seconds"].notna().any()]

    def footer(self) -> Footer:
        """Commands, costs, downloads and records."""
        return Footer(self)


@dataclass(frozen=True)
class Findings:
    """Sentences, as a list."""

    lines: tuple[str, ...]

    def _repr_html_(self) -> str:
        return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in self.lines) + "</ul>"

    def __repr__(self) -> str:
        return "\n".join(self.lines)

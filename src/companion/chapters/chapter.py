"""One object per exhibit: its runs, its tables, its figures, its findings and its footer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from companion.chapters.footer import Footer
from companion.exhibits import Cell, Exhibit, cells
from companion.exhibits.claim import Claim
from companion.exhibits.grid import HOLDOUT
from companion.exhibits.settings import FITTED_EPOCHS
from companion.papers.numbers import numbers
from companion.project import downloads_folder
from companion.records.store import Store
from companion.render import accuracy, curves, style, tables
from companion.render.tables import Table
from companion.verdicts import frames
from companion.verdicts.along import along
from companion.verdicts.cells import Completeness
from companion.verdicts.scorecard import Entry, claim_results, number_entries
from companion.verdicts.stats import Summary, summarise

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
    def entries(self) -> list[Entry]:
        """The scorecard's entries for the numbers of this exhibit; none unless these are its own paper runs."""
        if not self.own or self.profile != "paper":
            return []
        return [e for e in number_entries(self.exhibit.id, self.runs) if e.row not in self._left_out]

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

    def table(self, variant: str = "", name: str = "accuracy") -> Table:
        """The paper's table with ours beside it; for other runs than the exhibit's own, ours alone.

        The table is also left as a CSV file among the chapter's downloads.
        """
        title = f"{self.place}{variant and f', {variant}'}: test accuracy in percent, mean ± std"
        if self.entries:
            chosen = [e for e in self.entries if e.variant == variant and ":README" not in e.id]
            pd.DataFrame([e.to_dict() for e in chosen]).to_csv(self.download(f"{name}.csv"), index=False)
            return tables.number_table(chosen, {e.id: self._half_width(e) for e in chosen}, title)
        statistic = "selected_test" if variant == HOLDOUT else "best_test"
        table = self.summary(title=title, variant=variant, statistic=statistic)
        table.frame.to_csv(self.download(f"{name}.csv"), index=False)
        return table

    def _half_width(self, entry: Entry) -> float | None:
        place = entry.row or "", entry.column or "", entry.variant, entry.statistic or "best_test"
        found = frames.scores(self.runs, *place)
        return summarise(found.to_list()).half_width if len(found) else None

    def summary(self, title: str, variant: str = "", statistic: str = "best_test") -> Table:
        """Ours alone, cell by cell."""
        lines: list[tuple[dict[str, str], Summary | str]] = []
        mine = self.runs[self.runs["variant"] == variant]
        for (row, column), part in mine.groupby(["row", "column"], sort=False):
            found = part[statistic].dropna().to_list()
            labels = {"row": str(row), "regime": str(column)}
            lines.append((labels, Completeness.of(part, statistic).short or summarise(found)))
        return tables.summary_table(lines, title)

    def claims(self) -> Table:
        """The exhibit's claims row by row, with their verdicts, by the runs of this profile."""
        results = claim_results(self.exhibit.id, self.runs, self.profile) if self.decides else []
        seeds = self.exhibit.seeds[self.profile]
        how = f"paired over n = {seeds} seeds" if self.decides else "decided by its own runs alone"
        table = tables.claim_table(
            [(claim.title, ours, paper) for claim, ours, paper in results if ours.row in self._rows_of(claim)],
            f"Claims about {self.place}, {how}",
        )
        table.frame.to_csv(self.download("claims.csv"), index=False)
        return table

    def _rows_of(self, claim: Claim) -> set[str]:
        """Rows as the claim sees them that are made of nothing but rows that were asked for."""
        places = frames.places(cells(self.exhibit.id, self.profile))
        seen = along(claim, places.assign(left_out=places["row"].isin(self._left_out)))
        return {str(row) for row, left_out in seen.groupby("row")["left_out"] if not left_out.any()}

    @property
    def decides(self) -> bool:
        """Whether claims are put to these runs: the exhibit's own, on a real dataset."""
        return self.own and self.profile != "quick"

    def selection(self) -> Table:
        """What choosing the epoch on the test set is worth: best-test minus last-epoch accuracy."""
        lines: list[tuple[dict[str, str], Summary | str]] = []
        done = self.runs[(self.runs["variant"] == "") & self.runs["best_test"].notna()]
        for (row, column), part in done.groupby(["row", "column"], sort=False):
            gains = (part["best_test"] - part["last_test"]).to_list()
            lines.append(({"row": str(row), "regime": str(column)}, summarise(gains)))
        title = f"{self.place}: best-test minus last-epoch accuracy in points, mean ± std over seeds"
        return tables.summary_table(lines, title)

    def stopping(self) -> Table:
        """What stopping early would have changed in the runs of full length."""
        found = frames.stopping([cell for cell in self.cells if not cell.variant], self.store, FITTED_EPOCHS)
        lines = []
        for (row, column), part in found.groupby(["row", "column"], sort=False):
            stops = part["stop"].dropna()
            when = f"{stops.min():.0f} to {stops.max():.0f}" if len(stops) else "never"
            lines.append(
                {
                    "row": row,
                    "regime": column,
                    "n": len(part),
                    "would stop": f"{len(stops)} of {len(part)}",
                    "in epoch": when,
                    "best-test accuracy lost at most": f"{part['moved'].max():.2f}",
                }
            )
        title = f"{self.place}: runs of full length, if they had stopped after {FITTED_EPOCHS} epochs at 99.9%"
        return Table(pd.DataFrame(lines, dtype=object), title)

    def accuracy_figure(self) -> Figure:
        """Every run as a dot, beside the paper's mean if it is a run of the paper; rows without record are left out."""
        frame = self.runs[self.runs["variant"] == ""]
        recorded = frame.loc[frame["best_test"].notna(), "row"].unique()
        paper = numbers()[(numbers()["exhibit"] == self.exhibit.id) & (numbers()["cited"] == "no")]
        paper = paper if self.entries else paper.iloc[:0]
        return self.keep("accuracy", accuracy.accuracy_figure(frame[frame["row"].isin(recorded)], paper, self.place))

    def curve_figure(self) -> Figure:
        """Test accuracy against the epoch."""
        main = self.curves[self.curves["variant"] == ""]
        return self.keep("curves", curves.curve_figure(frames.bands(main), self.place))

    def keep(self, name: str, figure: Figure) -> Figure:
        """The figure, which is also left as an SVG file among the chapter's downloads."""
        style.save_svg(figure, self.download(f"{name}.svg"))
        return figure

    @cached_property
    def probes(self) -> pd.DataFrame:
        """One row per measurement between epochs, see :func:`companion.verdicts.frames.probes`."""
        return frames.probes(self.cells, self.store)

    def download(self, name: str) -> Path:
        """Where a file that the chapter offers goes; its name tells the profile where that is not the paper's."""
        folder = downloads_folder() / self.exhibit.chapter
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / name
        return path if self.profile == "paper" or not name else path.with_stem(f"{path.stem}-{self.profile}")

    def findings(self) -> Findings:
        """What the records say, in sentences with numbers from the store."""
        lines = []
        complete = [e for e in self.entries if not e.variant and e.verdict not in ("cited", "pending")]
        same = sum(e.verdict == "reproduced" for e in complete)
        if complete:
            lines.append(f"{same} of the {len(complete)} numbers with complete records are reproduced at our margins.")
        for row in dict.fromkeys(e.row for e in complete):
            mean = {e.column: e.mean for e in complete if e.row == row and e.mean is not None}
            if {"FR-II", "FL", "ReLU"} <= mean.keys():
                gap, kept = mean["ReLU"] - mean["FR-II"], mean["FL"] - mean["FR-II"]
                lines.append(
                    f"{row}: random gates (FR-II) lose {gap:.2f} points against ReLU; fixed learnt gates win back "
                    f"{kept:.2f} of them ({kept / gap:.0%}), with a value network trained from scratch."
                )
        return Findings(tuple(lines) or ("No row is complete yet.",))

    def facts(self) -> dict[str, str]:
        """Numbers for the prose, as text."""
        main = [e for e in self.entries if not e.variant and e.verdict != "cited"]
        count = {
            v: sum(e.verdict == v for e in main) for v in ("reproduced", "not reproduced", "inconclusive", "pending")
        }
        return {"cells": str(len(main)), **{name.replace(" ", "_"): str(n) for name, n in count.items()}}

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

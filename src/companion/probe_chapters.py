"""Chapters whose exhibit is a curve of probes: what the notebook calls for A-F2-nu and A-F2-K."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.figure import Figure

from companion.chapters import Chapter
from companion.figures import probe_figure
from companion.render import Table
from companion.scorecard import trend_results
from companion.trends import TRENDS

__all__ = ["ProbeChapter"]


class ProbeChapter:
    """The probes of an exhibit.

    Args:
        chapter: from :func:`companion.chapters.open_chapter`.
    """

    def __init__(self, chapter: Chapter) -> None:
        self.chapter = chapter

    @property
    def probes(self) -> pd.DataFrame:
        """One row per measurement."""
        return self.chapter.probes

    def ends(self, columns: Sequence[str]) -> Table:
        """Each quantity at the first and at the last measurement: median over seeds, with n."""
        lines = []
        for row, variant in dict.fromkeys((cell.row, cell.variant) for cell in self.chapter.cells):
            mine = self.probes[(self.probes["row"] == row) & (self.probes["variant"] == variant)]
            line: dict[str, object] = {"row": row, "labels": variant or "true labels", "n": mine["seed"].nunique()}
            for column in columns:
                if mine.empty:
                    line[column] = "pending"
                    continue
                first = mine[mine["epoch"] == mine["epoch"].min()][column].median()
                last = mine[mine["epoch"] == mine["epoch"].max()][column].median()
                line[column] = f"{first:.2e} → {last:.2e}"
            lines.append(line)
        table = Table(pd.DataFrame(lines), f"{self.chapter.place}: medians over seeds, first → last measurement")
        table.frame.to_csv(self.chapter.download("ends.csv"), index=False)
        return table

    def verdicts(self) -> Table:
        """The exhibit's claims with their verdicts, by its own runs of this profile."""
        lines = [
            {"claim": trend.title, "row": result.row, "verdict": result.verdict, "rule": result.rule}
            for trend in TRENDS
            if self.chapter.decides and trend.exhibit == self.chapter.exhibit.id
            for result in trend_results(trend, self.chapter.store, self.chapter.profile)
            if result.row in {cell.row for cell in self.chapter.cells}
        ]
        caption = f"Claims about {self.chapter.exhibit.id}, profile {self.chapter.profile}"
        return Table(pd.DataFrame(lines, dtype=object), caption)

    def figure(
        self, panels: Mapping[str, Sequence[str]], lines: Mapping[str, Mapping[str, float]] | None = None
    ) -> Figure:
        """Quantities against the epoch, median over seeds and the range between the lowest and the highest.

        Args:
            panels: title of a panel to the quantities in it; ``VARIANT: QUANTITY`` is that of a variant's runs.
            lines: title of a panel to the labels and heights of its reference lines.
        """
        parts = []
        for title, quantities in panels.items():
            for name in quantities:
                variant, _, quantity = name.rpartition(": ")
                mine = self.probes[self.probes["variant"] == variant]
                if not mine.empty:
                    part = (
                        mine.groupby(["row", "epoch"], sort=False)[quantity].agg(["median", "min", "max"]).reset_index()
                    )
                    parts.append(part.assign(panel=title, label=name.replace("_", " ")))
        frame = pd.concat(parts) if parts else pd.DataFrame(columns=["row", "epoch", "panel", "label"])
        rows = list(dict.fromkeys(cell.row for cell in self.chapter.cells))
        title = f"{self.chapter.place}, n = {self.probes['seed'].nunique()} seeds"
        figure = probe_figure(frame, rows, list(panels), lines or {}, title)
        return self.chapter.keep("probes", figure)

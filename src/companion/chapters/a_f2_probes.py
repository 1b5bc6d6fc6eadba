"""Chapters whose exhibit is a curve of probes: what the notebook calls for A-F2-nu and A-F2-K."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.chapters.answer import Answer
from companion.chapters.chapter import Chapter, Findings
from companion.measure.chosen import ALIGNMENT_EXAMPLES
from companion.render.curves import probe_figure
from companion.render.tables import Table
from companion.verdicts.claims import RowResult
from companion.verdicts.sentences import trend_results
from companion.verdicts.trends import TRENDS, Trend

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

    def alignment(self) -> Answer:
        """How far nu falls and how the energy changes, and how far nu falls where there is nothing to learn."""
        said = []
        for row in dict.fromkeys(cell.row for cell in self.chapter.cells):
            nu, energy = self._medians(row, "", "nu"), self._medians(row, "", "energy")
            if nu is None or energy is None:
                continue
            text = (
                f"{row}: nu, which is small where the kernel of the gates fits the labels, goes from {nu[0]:,.0f} to "
                f"{nu[1]:,.0f} (medians over seeds; {2 * ALIGNMENT_EXAMPLES} is a perfect fit), and its energy, "
                f"{2 * ALIGNMENT_EXAMPLES} times the share of the kernel in the direction of the labels, from "
                f"{energy[0]:.3g} to {energy[1]:.3g}."
            )
            control = self._medians(row, "random labels", "nu")
            if control is not None:
                text += f" In networks that learn random labels nu goes from {control[0]:,.0f} to {control[1]:,.0f}."
            said.append(text)
        return Answer.of(self.chapter, said)

    def sizes(self) -> Answer:
        """How far apart the two kernels are, and how much both grow."""
        if not len(self.probes):
            return Answer.of(self.chapter, ())
        which = (
            "Below, v is the tangent kernel of the network that has the values, f that of the one that has the gates."
        )
        told = (*self.largest_ratio("norm_v", "norm_f").lines, *self.growth("trace_v", "trace_f").lines)
        return Answer.of(self.chapter, (which, *told))

    def _medians(self, row: str, variant: str, quantity: str) -> tuple[float, float] | None:
        """Medians over seeds at the first and at the last measurement; ``None`` where nothing is recorded."""
        mine = self.probes[(self.probes["row"] == row) & (self.probes["variant"] == variant)]
        if mine.empty:
            return None
        first, last = (
            mine.loc[mine["epoch"] == at, quantity].median() for at in (mine["epoch"].min(), mine["epoch"].max())
        )
        return float(first), float(last)

    def ends(self, columns: Sequence[str]) -> Table:
        """Each quantity at the first and at the last measurement: median over seeds, with n."""
        lines = []
        for row, variant in dict.fromkeys((cell.row, cell.variant) for cell in self.chapter.cells):
            mine = self.probes[(self.probes["row"] == row) & (self.probes["variant"] == variant)]
            line: dict[str, object] = {"row": row, "labels": variant or "true labels", "n": mine["seed"].nunique()}
            for column in columns:
                if mine.empty:
                    line[column.replace("_", " ")] = "pending"
                    continue
                first = mine[mine["epoch"] == mine["epoch"].min()][column].median()
                last = mine[mine["epoch"] == mine["epoch"].max()][column].median()
                line[column.replace("_", " ")] = f"{first:.2e} → {last:.2e}"
            lines.append(line)
        table = Table(pd.DataFrame(lines), f"{self.chapter.place}: medians over seeds, first → last measurement")
        return self.chapter.downloads.table("ends", table)

    def verdicts(self) -> Table:
        """The exhibit's claims with their verdicts, by its own runs of this profile."""
        lines = [
            {"claim": trend.title, "row": result.row, "verdict": result.verdict, "rule": result.rule}
            for trend, result in self._results("")
        ]
        return Table(pd.DataFrame(lines, dtype=object), f"Claims about {self._counted}")

    def controls(self) -> Table:
        """What the rules of :meth:`verdicts` say of the exhibit's controls, which the claims are not about."""
        variants = dict.fromkeys(cell.variant for cell in self.chapter.cells if cell.variant)
        lines = [
            {
                "control": variant,
                "row": result.row,
                "the same rule": result.rule,
                "what it would say": result.verdict,
            }
            for variant in variants
            for _, result in self._results(variant)
        ]
        return Table(pd.DataFrame(lines, dtype=object), f"Controls of {self._counted}")

    def _results(self, variant: str) -> Iterator[tuple[Trend, RowResult]]:
        rows = {cell.row for cell in self.chapter.cells}
        for trend in TRENDS:
            if self.chapter.decides and trend.exhibit == self.chapter.exhibit.id:
                for result in trend_results(trend, self.chapter.store, self.chapter.profile, variant):
                    if result.row in rows:
                        yield trend, result

    @property
    def _counted(self) -> str:
        return f"{self.chapter.place}, n = {self.probes['seed'].nunique()} seeds"

    def largest_ratio(self, a: str, b: str) -> Findings:
        """Where two quantities are farthest apart, over seeds and measurements, and how far after the first."""
        sentences = []
        for row, mine in self.probes[self.probes["variant"] == ""].groupby("row", sort=False):
            factor = np.exp(np.abs(np.log(mine[a] / mine[b])))
            first = mine["epoch"] == mine["epoch"].min()
            sentences.append(
                f"{row}: {a} and {b} differ by a factor of {factor[first].min():.1f} to {factor[first].max():.1f} "
                f"before training, and of at most {factor[~first].max():.1f} at any measurement after it."
            )
        return Findings(tuple(sentence.replace("_", " ") for sentence in sentences) or ("No run is recorded yet.",))

    def growth(self, *columns: str) -> Findings:
        """By what factor each quantity grew from the first measurement to the last, over seeds."""
        sentences = []
        for row, mine in self.probes[self.probes["variant"] == ""].sort_values("epoch").groupby("row", sort=False):
            ends = mine.groupby("seed")[list(columns)].agg(["first", "last"])
            parts = []
            for column in columns:
                factor = ends[column]["last"] / ends[column]["first"]
                parts.append(f"{column.replace('_', ' ')} grew {factor.min():,.0f} to {factor.max():,.0f}-fold")
            sentences.append(f"{row}: {' and '.join(parts)} between the first measurement and the last.")
        return Findings(tuple(sentences) or ("No run is recorded yet.",))

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
        figure = probe_figure(frame, rows, list(panels), lines or {}, self._counted)
        return self.chapter.downloads.figure("probes", figure)

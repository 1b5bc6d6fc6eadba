"""The chapter of A-T2: the table of five regimes, its variants, and what the official code says beyond the text."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from companion.chapters.answer import Answer
from companion.chapters.chapter import Chapter, Findings
from companion.exhibits.grid import HOLDOUT
from companion.exhibits.settings import FITTED_EPOCHS
from companion.render.accuracy import accuracy_figure
from companion.render.curves import curve_figure
from companion.render.tables import Table, between, number_table, summary_table
from companion.verdicts import frames
from companion.verdicts.cells import Completeness
from companion.verdicts.scorecard import Entry
from companion.verdicts.stats import Summary, Verdict, summarise

__all__ = ["AccuracyChapter"]


@dataclass(frozen=True)
class AccuracyChapter(Chapter):
    """Table 2 in one profile; :func:`companion.chapters.open_chapter` makes it."""

    def answer(self) -> Answer:
        """What gates are worth against a ReLU network, in this profile and in the others that decide anything."""
        answers = [Answer.of(one, _worth(one)) for one in (self, *self.others()) if one is self or one.decides]
        return functools.reduce(operator.add, answers)

    def table(self, variant: str = "", name: str = "accuracy") -> Table:
        """The paper's table with ours beside it; for other runs than the exhibit's own, ours alone.

        Args:
            variant: empty for the runs that stand in the paper's columns.
            name: of the CSV file among the downloads.
        """
        title = f"{self.place}{variant and f', {variant}'}: test accuracy in percent, mean ± std"
        if self.entries:
            counted = [e for e in self.entries if e.verdict is not Verdict.CITED]  # not what the code's README repeats
            chosen = [e for e in counted if e.variant == variant]
            table = number_table(chosen, {e.id: self._half_width(e) for e in chosen}, title)
            return self.downloads.table(name, table, pd.DataFrame([e.to_dict() for e in chosen]))
        statistic = "selected_test" if variant == HOLDOUT else "best_test"
        return self.downloads.table(name, self.summary(title=title, variant=variant, statistic=statistic))

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
        return summary_table(lines, title)

    def selection(self) -> Table:
        """What choosing the epoch on the test set is worth: best-test minus last-epoch accuracy."""
        lines: list[tuple[dict[str, str], Summary | str]] = []
        done = self.runs[(self.runs["variant"] == "") & self.runs["best_test"].notna()]
        for (row, column), part in done.groupby(["row", "column"], sort=False):
            gains = (part["best_test"] - part["last_test"]).to_list()
            lines.append(({"row": str(row), "regime": str(column)}, summarise(gains)))
        title = f"{self.place}: best-test minus last-epoch accuracy in points, mean ± std over seeds"
        return summary_table(lines, title)

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
        figure = accuracy_figure(frame[frame["row"].isin(recorded)], self.printed, self.place)
        return self.downloads.figure("accuracy", figure)

    def curve_figure(self) -> Figure:
        """Test accuracy against the epoch."""
        main = self.curves[self.curves["variant"] == ""]
        return self.downloads.figure("curves", curve_figure(frames.bands(main), self.place))

    def findings(self) -> Findings:
        """What the records say, in sentences with numbers from the store."""
        lines = []
        complete = [e for e in self.entries if not e.variant and e.verdict not in ("cited", "pending", "stale")]
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


COMPARED = ("FR-II", "FL", "ReLU")
"""The regimes that an answer needs."""


def _worth(chapter: Chapter) -> Iterator[str]:
    """How far random and learnt gates are from ReLU, over the rows in which all three are complete."""
    main = chapter.runs[(chapter.runs["variant"] == "") & chapter.runs["column"].isin(COMPARED)]
    waiting = [
        str(row)
        for row, mine in main.groupby("row", sort=False)
        if not all(Completeness.of(part).complete for _, part in mine.groupby("column"))
    ]
    means = main[~main["row"].isin(waiting)].pivot_table("best_test", "row", "column", sort=False)
    if means.empty:
        return
    random, learnt = (means[column] - means["ReLU"] for column in ("FR-II", "FL"))
    yield (
        f"The ordinary network (ReLU) gets {between(means['ReLU'])}% of the test images right. Networks on random "
        f"gates (FR-II) differ from it by {between(random, sign='+')} points; networks with fresh weights on the "
        f"gates that it has learnt (FL), by {between(learnt, sign='+')}."
    )
    behind = random < 0
    if behind.any():
        shares = 100 * (1 - learnt[behind] / random[behind])
        rows = "" if behind.all() else f" ({', '.join(means.index[behind])})"
        yield f"So of what random gates lose{rows}, learnt gates win back {between(shares, 0)}%."
    lacking = f"; no complete records: {', '.join(waiting)}" if waiting else ""
    yield f"This is about {', '.join(means.index)}{lacking}."

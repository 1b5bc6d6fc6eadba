"""The chapter of C-T2: labels that are noisy at first and true afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.chapters.answer import Answer
from companion.chapters.chapter import Chapter, Findings
from companion.exhibits.axes import DATASET, GAMMA, NOISE, PHASE
from companion.exhibits.c_t2_label_noise import CLAIMS, NOISY
from companion.exhibits.claim import At, Loss
from companion.papers.margins import rules
from companion.render.palette import PALETTE
from companion.render.phases import phase_figure
from companion.render.tables import Table, plus_minus
from companion.verdicts.along import along
from companion.verdicts.cells import Completeness
from companion.verdicts.claims import RowResult, combine, own_differences
from companion.verdicts.frames import bands
from companion.verdicts.sentences import claim_results
from companion.verdicts.stats import Difference, Verdict, summarise

__all__ = ["NoiseChapter"]

HEADS = {
    "M1-best": ("M1", "best_test"),
    "M1-end": ("M1", "last_test"),
    "M2": ("M2", "best_test"),
    "M3": ("M3", "best_test"),
    "M4": ("M4", "best_test"),
    "M5": ("M5", "best_test"),
}
"""The paper's columns: a model and a statistic each."""
MODELS = {"M1": "M1", "M2": "M2", "M3-upstream": "M3", "M3": "M3", "M4": "M4", "M5": "M5"}
"""Columns of the exhibit to the model that they are a phase of."""
COLOURS = dict(zip(("M1", "M2", "M3", "M4", "M5"), PALETTE, strict=False))
SHOWN = 50
"""The noise of which the answer tells, in percent: it is trained first, and the middle one."""


class NoiseChapter:
    """Models M1 to M5 in one profile.

    Args:
        chapter: from :func:`companion.chapters.open_chapter`.
    """

    def __init__(self, chapter: Chapter) -> None:
        self.chapter = chapter

    def answer(self) -> Answer:
        """Both questions, dataset by dataset and recipe by recipe, and how sure the answers are."""
        answers = {row: self._answer(row) for row in self._claim_rows()}
        unknown = [row for row, lines in answers.items() if not lines]
        known = [line for lines in answers.values() for line in lines]
        waits = [f"{', '.join(unknown)}: nothing can be said yet."] if unknown else []
        return Answer.of(self.chapter, known + waits)

    def _answer(self, row: str) -> list[str]:
        best, end, late, fresh = At("M1", SHOWN), At("M1", SHOWN, "last_test"), At("M4", SHOWN), At("M5", SHOWN)
        clean, fixed, random = At("M1", 0), At("M2", 0), At("M3", 0)
        known, stopped, later = (self._mean(row, place) for place in (best, end, late))
        gates = self._mean(row, At("M2", SHOWN))
        lost, kept, cost = self._gap(row, late, clean), self._gap(row, late, fresh), self._gap(row, fixed, random)
        if lost is None or kept is None or cost is None:
            return []
        if known is None or stopped is None or later is None or gates is None:
            return []
        harmed = "weights" if gates - stopped > later - gates else "gates"
        return [
            f"{row}, {SHOWN}% of the labels random: a ReLU network climbs to {known:.2f}% and ends at {stopped:.2f}%. "
            f"Fresh weights on its gates reach {gates:.2f}% on the true labels: mostly its {harmed} were damaged. "
            f"Itself it reaches {later:.2f}%, and without noise {_more(lost)}.",
            f"Q1: on the gates that it has then a fresh value network has {_more(kept, 'than it')}. "
            f"{self._how_sure('C-Q1', row)} Q2, fixed gates: with random labels first, a value network has "
            f"{_more(cost, 'than without')}. {self._how_sure('C-Q2', row)}",
        ]

    def table(self) -> Table:
        """Gamma down, models across: the paper's accuracies where there are any, ours, their intervals, verdicts."""
        lines = [line for row, mine in self._rows() for line in self._block(row, mine)]
        title = f"{self.chapter.place}: test accuracy in percent, mean ± std, best epoch but for M1-end"
        return self.chapter.downloads.table("models", Table(pd.DataFrame(lines, dtype=object), title))

    def _block(self, row: str, mine: pd.DataFrame) -> list[dict[str, object]]:
        """The lines of one row of the table; what there is nothing of has none."""
        entries = {(e.row, e.column, e.statistic or "best_test"): e for e in self.chapter.entries}
        printed = {head: entries[row, *place] for head, place in HEADS.items() if (row, *place) in entries}
        cells = {head: (mine[mine["column"] == model], name) for head, (model, name) in HEADS.items()}
        measured = {head: _measured(*cell) for head, cell in cells.items()}
        texts: dict[str, Mapping[str, object]] = {
            "paper": {head: plus_minus(entry.paper_mean, entry.paper_std) for head, entry in printed.items()},
            "measured": measured,
            "95% interval": {head: _reach(*cell) for head, cell in cells.items()}
            if "±" in "".join(measured.values())
            else {},
            "verdict": {head: entry.verdict for head, entry in printed.items()},
        }
        found = [(label, line) for label, line in texts.items() if line]
        heads = [{"row": "" if i else row, "": label} for i, (label, _) in enumerate(found)]
        return [
            head | {name: line.get(name, "–") for name in HEADS} for head, (_, line) in zip(heads, found, strict=True)
        ]

    def verdicts(self) -> Table:
        """Claims down, datasets and recipes across: what each rule says, and what it says of the paper's own means."""
        lines: dict[str, dict[str, object]] = {}
        for claim, ours, paper in self._results:
            line = lines.setdefault(claim.id, {"about": claim.statement or "ours", "claim": claim.title})
            line.setdefault("paper's means alone", "–")
            if paper is not None:
                line["paper's means alone"] = paper.verdict
            line[ours.row] = ours.verdict
        title = f"Claims about {self.chapter.place}, paired over n = {self._seeds} seeds"
        return self.chapter.downloads.table("verdicts", Table(pd.DataFrame(list(lines.values()), dtype=object), title))

    def fit(self) -> Table:
        """How far training went: accuracy on the labels that were trained on, and when the test was best."""
        curves = self.chapter.curves
        lines = []
        for row, mine in self._rows():
            for model in dict.fromkeys(mine["column"]):
                runs = mine[(mine["column"] == model) & mine["best_test"].notna()]
                if runs.empty:
                    continue
                own = curves[(curves["row"] == row) & (curves["column"] == model)]
                last = own[own["epoch"] == own.groupby("seed")["epoch"].transform("max")]
                lines.append(
                    {
                        "row": row,
                        "model": model,
                        "n": len(runs),
                        "training accuracy in the last epoch": _between(last["train_accuracy"]),
                        "epoch of the best test": _between(runs["best_epoch"].astype(float), 0),
                        "of": int(own["epoch"].max()),
                        "last test": _between(runs["last_test"]),
                    }
                )
        title = f"{self.chapter.place}: how far training went, lowest to highest of all recorded runs, in percent"
        return self.chapter.downloads.table("fit", Table(pd.DataFrame(lines, dtype=object), title))

    def findings(self) -> Findings:
        """What noise costs as it grows, and what of it the gates keep, from the means of what is complete."""
        lines = []
        for row in self._claim_rows():
            pieces = []
            for gamma in NOISY:
                places = [At("M1", gamma, "last_test"), At("M2", gamma), At("M4", gamma), At("M5", gamma)]
                end, fresh, late, again = (self._mean(row, place) for place in places)
                if end is None or fresh is None or late is None or again is None:
                    continue
                share = (fresh - end) / (late - end) if late > end else float("nan")
                pieces.append(
                    f"gamma = {gamma}%: from {end:.2f}% at the end of M1 its gates alone give {fresh:.2f}% (M2), "
                    f"{share:.0%} of the way to M4 ({late:.2f}%), whose own gates give {again:.2f}% (M5)"
                )
            lines.append(f"{row}: " + ("; ".join(pieces) if pieces else "no noise is complete yet") + ".")
        return Findings(tuple(lines))

    def figure(self, kind: str = "uniform") -> Figure:
        """Test accuracy against the epoch, upstream above and downstream below, for each gamma.

        Args:
            kind: recipe of the noise.
        """
        curves = self.chapter.curves
        mine = curves[curves[NOISE.name].isna() | (curves[NOISE.name] == kind)]
        places = set(curves.loc[curves[NOISE.name] == kind, DATASET.name])
        mine = mine[mine[DATASET.name].isin(places)]
        axes = [DATASET, PHASE, GAMMA]
        where = mine[["row", "column", *(axis.name for axis in axes)]].drop_duplicates()
        frame = bands(mine).merge(where, on=["row", "column"])
        later = self.chapter.cells[0].spec.epochs * (frame[PHASE.name] == "downstream")
        frame = frame.assign(
            place=frame[DATASET.name].map(DATASET.words),
            panel=frame[GAMMA.name].map(GAMMA.words),
            label=frame["column"].map(MODELS),
            epoch=frame["epoch"] + later,
        ).sort_values([DATASET.name, PHASE.name, GAMMA.name], ascending=[True, False, True], kind="stable")
        title = f"{self.chapter.place}, noise: {NOISE.words(kind)}"
        return self.chapter.downloads.figure(f"curves-{kind}", phase_figure(frame, COLOURS, title))

    @property
    def _seeds(self) -> int:
        return self.chapter.exhibit.seeds[self.chapter.profile]

    def _rows(self) -> Iterator[tuple[str, pd.DataFrame]]:
        runs = self.chapter.runs
        for row in dict.fromkeys(runs["row"]):
            yield row, runs[runs["row"] == row]

    @cached_property
    def _results(self) -> list[tuple[Any, RowResult, RowResult | None]]:
        chapter = self.chapter
        return claim_results(chapter.exhibit.id, chapter.runs, chapter.profile) if chapter.decides else []

    def _how_sure(self, statement: str, row: str) -> str:
        """The verdicts of a statement's claims in a row, in words."""
        found = [ours.verdict for claim, ours, _ in self._results if statement in claim.statements and ours.row == row]
        if not found:
            return "Nothing is decided by these runs."
        counts = [f"{found.count(verdict)} {verdict}" for verdict in Verdict if verdict in found]
        return f"Its {len(found)} rules: {combine(found)} ({', '.join(counts)})."

    def _seen(self, sides: Iterable[At | Loss]) -> pd.DataFrame:
        """The runs at some places, as a claim about them would see them."""
        return along(replace(CLAIMS[0], pairs=tuple((side, side) for side in sides)), self.chapter.runs)

    def _claim_rows(self) -> list[str]:
        return list(dict.fromkeys(self._seen([At("M1", gamma) for gamma in NOISY])["row"]))

    def _mean(self, row: str, place: At) -> float | None:
        """The mean of a place, if all its runs have a score."""
        seen = self._seen([place])
        mine = seen[seen["row"] == row]
        return float(mine["best_test"].mean()) if len(mine) and Completeness.of(mine).complete else None

    def _gap(self, row: str, a: At, b: At) -> Difference | None:
        seen = self._seen([a, b])
        runs = seen[(seen["row"] == row) & (seen["column"] == a.name)]
        return own_differences(seen, len(runs))(row, a.name, b.name)


def _measured(cell: pd.DataFrame, statistic: str) -> str:
    if cell.empty:
        return "–"
    there = Completeness.of(cell, statistic)
    if not there.complete:
        return there.short
    summary = summarise(cell[statistic].to_list())
    return f"{plus_minus(summary.mean, summary.std)} (n = {summary.n})"


def _reach(cell: pd.DataFrame, statistic: str) -> str:
    if cell.empty or not Completeness.of(cell, statistic).complete:
        return "–"
    half = summarise(cell[statistic].to_list()).half_width
    return "–" if half is None else f"± {half:.2f}"


def _between(values: pd.Series, digits: int = 2) -> str:
    low, high = (f"{value:.{digits}f}" for value in (np.min(values), np.max(values)))
    return low if low == high else f"{low} to {high}"


def _more(gap: Difference, than: str = "") -> str:
    """``0.12 points less (90% interval -0.20 to -0.04)``; where that has been said, less ``than`` what."""
    low, high = gap.interval(confidence := rules()["equivalence_confidence"])
    points = f"{abs(gap.mean):.2f} points {'less' if gap.mean < 0 else 'more'}"
    reach = f"{low:+.2f} to {high:+.2f}"
    return f"{points} {than} ({reach})" if than else f"{points} ({confidence:.0%} interval {reach})"

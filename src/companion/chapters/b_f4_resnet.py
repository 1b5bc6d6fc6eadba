"""The chapter of B-F4-resnet: DavidNet in five regimes, whose value networks see the image or ones."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from companion.chapters.answer import Answer
from companion.chapters.chapter import Chapter, Findings
from companion.chapters.models import claims_of_models, score_text
from companion.chapters.words import named
from companion.exhibits.axes import VALUE_INPUT
from companion.exhibits.b_f4_permutations import INPUTS
from companion.notation import Regime
from companion.papers.numbers import number
from companion.render.strips import strip_figure
from companion.render.tables import Table
from companion.verdicts.cells import Completeness
from companion.verdicts.stats import Verdict

__all__ = ["ResNetChapter"]

README = "X-DavidNet:24-epochs:median"
"""What the network's author reports of it, with larger batches and a smaller step."""


class ResNetChapter:
    """All models of one profile.

    Args:
        chapter: from :func:`companion.chapters.open_chapter`.
    """

    def __init__(self, chapter: Chapter) -> None:
        self.chapter = chapter

    def table(self) -> Table:
        """Regime by regime the accuracy with either input; ReLU, which is its own value network, sees the image."""
        lines = []
        for row in self._rows():
            for regime in Regime:
                line = {"row": row, "regime": str(regime)}
                for value in INPUTS:
                    line[f"value network sees: {value}"] = score_text(self._cell(row, regime, value))
                lines.append(line)
        title = f"{self.chapter.place}: best test accuracy in percent, mean ± std over seeds; the paper's table is lost"
        return self.chapter.downloads.table("models", Table(pd.DataFrame(lines, dtype=object), title))

    def answer(self) -> Answer:
        """What the recorded runs answer, row by row; nothing while ReLU or the gates that are compared are missing."""
        lines = []
        for row in self._rows():
            found = {(regime, value): self._mean(row, regime, value) for regime in Regime for value in INPUTS}
            relu, seeds = found[Regime.RELU, "image"], self.chapter.runs["seed"].nunique()
            told = [self._told(kind, [found[kind, value] for value in INPUTS]) for kind in (Regime.FL, Regime.DL)]
            told.append(self._told(Regime.FR_II, [found[Regime.FR_II, value] for value in INPUTS]))
            if relu is None or not any(told):
                there = Completeness.of(self.chapter.runs[self.chapter.runs["row"] == row])
                lines.append(f"{row}: nothing can be said yet, {there.recorded} of {there.expected} runs are recorded.")
                continue
            lines.append(
                f"{row}: the ordinary network (ReLU) reaches {relu:.2f}% in the mean over {seeds} runs; value networks "
                f"that are shown the image, or ones in its place, reach {'; '.join(filter(None, told))}."
            )
        return Answer.of(self.chapter, lines)

    def claims(self) -> Table:
        """The exhibit's claims with their verdicts and the rules that gave them."""
        return claims_of_models(self.chapter)

    def findings(self) -> Findings:
        """How the sentences fare, and how the ordinary network compares with what its author reports."""
        verdicts = [str(verdict) for verdict in self.claims().frame.get("verdict", pd.Series(dtype=object))]
        lines = []
        if verdicts:
            counts = [f"{verdicts.count(v)} {v}" for v in map(str, Verdict) if v in verdicts]
            lines.append(f"Of its {len(verdicts)} sentences: {', '.join(counts)}.")
        known = number(README)
        for row in self._rows() if self.chapter.beside_the_paper else []:
            relu = self._mean(row, Regime.RELU, "image")
            ours = "is not recorded yet here" if relu is None else f"reaches {relu:.2f}% here"
            lines.append(
                f"{row}: the ordinary network {ours}; its author reports a median of {known:.2f}% over 50 runs, with a "
                "peak step of 0.4 and batches of 512, where Paper B has 0.5 and 256."
            )
        return Findings(tuple(lines) or ("These runs decide nothing about the paper.",))

    def figure(self) -> Figure:
        """Every recorded run; hollow dots see ones."""
        runs = self.chapter.runs[self.chapter.runs["best_test"].notna()]
        seen = [value if isinstance(value, str) else "image" for value in runs[VALUE_INPUT.name]]
        frame = runs.assign(label=seen, filled=[value == "image" for value in seen], score=runs["best_test"])
        frame = frame.sort_values(["filled", "seed"], kind="stable", ascending=[False, True])
        return self.chapter.downloads.figure("models", strip_figure(frame, self.chapter.printed, self.chapter.place))

    def _rows(self) -> list[str]:
        return list(dict.fromkeys(self.chapter.runs["row"]))

    def _cell(self, row: str, regime: Regime, value: str) -> pd.DataFrame:
        """The runs of a regime with an input; ReLU has those of the image alone."""
        runs = self.chapter.runs
        mine = runs[(runs["row"] == row) & (runs["column"] == str(regime))]
        return mine[mine[VALUE_INPUT.name].map(lambda own: (own if isinstance(own, str) else "image") == value)]

    def _mean(self, row: str, regime: Regime, value: str) -> float | None:
        """The mean of a cell that has all its runs."""
        cell = self._cell(row, regime, value)
        return float(cell["best_test"].mean()) if len(cell) and Completeness.of(cell).complete else None

    @staticmethod
    def _told(regime: Regime, means: list[float | None]) -> str:
        """Accuracy with either input, in words; empty where none is known."""
        if all(mean is None for mean in means):
            return ""
        shown = " and ".join("pending" if mean is None else f"{mean:.2f}%" for mean in means)
        return f"{shown} on {named(regime)}"

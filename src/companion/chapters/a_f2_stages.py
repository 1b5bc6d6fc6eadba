"""The chapter of A-F2-stages: gates taken from stages of a teacher's training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd
from matplotlib.figure import Figure

from companion.chapters.answer import Answer
from companion.chapters.chapter import Chapter, Findings
from companion.exhibits.a_f2_stages import AT_STAGE_END, STAGES
from companion.exhibits.axes import STAGE
from companion.papers.numbers import numbers
from companion.render.tables import Table, plus_minus
from companion.render.variants import band_figure
from companion.verdicts.along import placed
from companion.verdicts.cells import Completeness
from companion.verdicts.frames import places, points
from companion.verdicts.stats import summarise

__all__ = ["StageChapter"]

LABELS: Mapping[tuple[str, str], str] = {
    ("FL", ""): "FL, best test checkpoint so far (code)",
    ("FL", AT_STAGE_END): "FL, weights at the stage's end (text)",
    ("ReLU", ""): "the teacher itself",
}
"""Column and variant to the words for a line of the figure."""


class StageChapter:
    """The stages of one profile.

    Args:
        chapter: from :func:`companion.chapters.open_chapter`.
    """

    def __init__(self, chapter: Chapter) -> None:
        self.chapter = chapter
        asked = set(zip(chapter.runs["column"], chapter.runs["variant"], strict=True))
        self.labels = {kind: label for kind, label in LABELS.items() if kind in asked}

    def answer(self) -> Answer:
        """How accuracy goes with the stage, in this profile and in the others that decide anything."""
        answer = Answer.of(self.chapter, self._said())
        for other in self.chapter.others():
            if other.decides:
                answer += Answer.of(other, StageChapter(other)._said())
        return answer

    def _said(self) -> Iterator[str]:
        """Accuracy at the stages that are complete, by the code's protocol, and what is pending."""
        means = {}
        for stage in range(STAGES + 1):
            mine = self._runs(stage, "FL", "")
            if len(mine) and Completeness.of(mine).complete:
                means[stage] = mine["best_test"].mean()
        learnt = {stage: mean for stage, mean in means.items() if stage}
        if 0 not in means or not learnt:
            return
        told = ", ".join(f"{mean:.2f}% ({stage})" for stage, mean in learnt.items())
        yield (
            f"On random gates a network gets {means[0]:.2f}% of the test images right; on gates from a later and later "
            f"stage of another network's training (stage in brackets, {STAGES} is its end) it gets {told}."
        )
        teacher = self._runs(STAGES, "ReLU", "")
        if len(teacher) and Completeness.of(teacher).complete:
            yield f"The ReLU network itself has {teacher['best_test'].mean():.2f}% at its end."
        by_takes: dict[tuple[int, ...], list[str]] = {}
        for stage in learnt:
            by_takes.setdefault(self._takes(stage), []).append(str(stage))
        if len({take for takes in by_takes for take in takes}) > 1:
            parts = [f"those of stage {', '.join(of)} from {_trainings(takes)}" for takes, of in by_takes.items()]
            yield f"That network was trained more than once, and gates come from each: {'; '.join(parts)}."
        if waiting := [str(stage) for stage in range(1, STAGES + 1) if stage not in means]:
            yield f"No complete records: gates of stage {', '.join(waiting)}."

    def _takes(self, stage: int) -> tuple[int, ...]:
        """Which takes of their teacher's run gave the gates of a stage."""
        keys = set(self._runs(stage, "FL", "")["key"])
        records = [self.chapter.store.find(cell.spec) for cell in self.chapter.cells if cell.spec.key in keys]
        teachers = [record.content.get("teacher") for record in records if record is not None]
        return tuple(sorted({teacher["take"] for teacher in teachers if teacher}))

    def table(self) -> Table:
        """Stages across: the paper's accuracy, ours by code and by text, and that of the teacher."""
        heads = {i: STAGE.words(i) for i in range(STAGES + 1)}
        printed = self._printed()
        lines: list[dict[str, str]] = []
        if len(printed):
            known = printed.set_index(STAGE.name)["mean"]
            lines.append({"": "paper, FL"} | {head: plus_minus(known.get(i), None) for i, head in heads.items()})
        for (column, variant), label in self.labels.items():
            lines.append({"": label} | {head: self._cell(i, column, variant) for i, head in heads.items()})
        title = f"{self.chapter.place}: best test accuracy in percent, mean ± std; stage 0 has random gates (FR-II)"
        table = Table(pd.DataFrame(lines, dtype=object), title)
        return self.chapter.downloads.table("stages", table)

    def _runs(self, stage: int, column: str, variant: str) -> pd.DataFrame:
        frame = self.chapter.runs
        return frame[(frame[STAGE.name] == stage) & (frame["column"] == column) & (frame["variant"] == variant)]

    def _cell(self, stage: int, column: str, variant: str) -> str:
        mine = self._runs(stage, column, variant)
        if mine.empty:
            return ""
        there = Completeness.of(mine)
        if not there.complete:
            return there.short
        summary = summarise(mine["best_test"].to_list())
        return f"{plus_minus(summary.mean, summary.std)} (n = {summary.n})"

    def findings(self) -> Findings:
        """How accuracy goes from stage to stage, by code and by text, in one sentence each."""
        sentences = []
        random = self._runs(0, "FL", "")["best_test"].mean()
        for (column, variant), label in self.labels.items():
            means = {i: self._runs(i, column, variant)["best_test"].mean() for i in range(1, STAGES + 1)}
            if pd.isna(random) or any(pd.isna(mean) for mean in means.values()):
                sentences.append(f"{label}: pending.")
                continue
            best = max(means, key=lambda i: means[i])
            sentences.append(
                f"{label}: {means[1]:.2f} at stage 1, {means[STAGES]:.2f} at stage {STAGES}, most at stage {best} "
                f"({means[best]:.2f}); random gates have {random:.2f}."
            )
            if column == "FL" and (behind := random - means[STAGES]) > 0:
                sentences[-1] += (
                    f" So at the last stage learnt gates are {behind:.2f} points behind random ones at this size, "
                    "which is not what the paper reports of networks of its own."
                )
        return Findings(tuple(sentences))

    def figure(self) -> Figure:
        """Accuracy against the stage, with the paper's curve and reference lines where they may stand."""
        runs = self.chapter.runs
        kinds = [LABELS.get(kind, "") for kind in zip(runs["column"], runs["variant"], strict=True)]
        frame = points(runs.assign(label=kinds, x=runs[STAGE.name]))
        printed = self._printed()
        paper = printed.assign(x=printed[STAGE.name])
        quoted = numbers()[numbers()["row"] == "reference"].set_index("column")["mean"]
        known = {"CNTK, quoted by the paper": "CNTK", "ReLU, as the paper prints it": "ReLU"}
        lines = {label: float(quoted[column]) for label, column in known.items()} if len(printed) else {}
        figure = band_figure(frame, STAGE.label, self.chapter.place, paper=paper, lines=lines)
        return self.chapter.downloads.figure("stages", figure)

    def _printed(self) -> pd.DataFrame:
        """The paper's curve with its stages, where these are its runs."""
        return placed(self.chapter.printed, places(self.chapter.cells))


def _trainings(takes: Sequence[int]) -> str:
    """Such as ``training number 2``; where a seed has one and another seed another, all of them."""
    numbers = " and ".join(map(str, takes))
    return f"training number {numbers}" if len(takes) == 1 else f"trainings number {numbers}, by seed"

"""Chapters about what the papers leave open: what the notebooks call for the exhibits ``A-S-...``."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from companion.chapters.chapter import Chapter, Findings
from companion.exhibits.axes import WIDTH
from companion.render.tables import Table, plus_minus, signed
from companion.render.variants import band_figure, variant_figure
from companion.verdicts import sensitivity
from companion.verdicts.frames import points

__all__ = ["SensitivityChapter"]


class SensitivityChapter:
    """An exhibit whose variants are compared with its own runs.

    Args:
        chapter: from :func:`companion.chapters.open_chapter`.
        base: what the exhibit's own runs are called, beside the names of the variants.
        statistic: what is compared.
    """

    def __init__(self, chapter: Chapter, base: str, statistic: str = "best_test") -> None:
        self.chapter, self.base, self.statistic = chapter, base, statistic

    def table(self) -> Table:
        """Accuracy of every variant, and its difference from the exhibit's own runs, paired by seed."""
        found = sensitivity.lines(self.chapter.runs, self.base, self.statistic)
        lines = [
            {
                "row": line["row"],
                "regime": line["column"],
                "": line["variant"],
                "measured": plus_minus(line.get("mean"), line.get("std")),
                "n": f"{line['n']} of {line['expected']}",
                "difference (90% interval)": signed(line),
                "verdict": line["verdict"],
            }
            for line in found
        ]
        title = f"{self.chapter.place}: {self._what} in percent, mean ± std, and paired differences in points"
        table = Table(pd.DataFrame(lines, dtype=object), title)
        return self.chapter.downloads.table("variants", table)

    def findings(self) -> Findings:
        """What the comparisons say, a sentence for each row and variant."""
        found = [line for line in sensitivity.lines(self.chapter.runs, self.base, self.statistic)]
        sentences = []
        for row, variant in dict.fromkeys((line["row"], line["variant"]) for line in found):
            if variant == self.base:
                continue
            mine = [line for line in found if (line["row"], line["variant"]) == (row, variant)]
            words = dict.fromkeys(line["verdict"] for line in mine)
            parts = [f"{word} in {', '.join(m['column'] for m in mine if m['verdict'] == word)}" for word in words]
            sentences.append(f"{row}, {variant}, against {self.base}: {'; '.join(parts)}.")
        return Findings(tuple(sentences))

    def gaps(self, a: str, b: str) -> Table:
        """What column ``a`` lacks to column ``b``, variant by variant."""
        frame = self.chapter.runs
        places = frame.loc[frame["column"] == a, ["row", "variant"]].drop_duplicates()
        lines = [
            {
                "row": row,
                "": variant or self.base,
                f"{b} − {a} (90% interval)": signed(
                    found := sensitivity.gap(frame, row, variant, a, b, self.statistic)
                ),
                "verdict": found["verdict"],
            }
            for row, variant in places.itertuples(index=False)
        ]
        table = Table(pd.DataFrame(lines, dtype=object), f"{self.chapter.place}: {b} minus {a} in points")
        return self.chapter.downloads.table("gaps", table)

    def figure(self) -> Figure:
        """Every run as a dot, variant by variant."""
        runs = self.chapter.runs
        compared = runs.groupby(["row", "column"])["variant"].transform("nunique") > 1
        labels = runs["variant"].replace("", self.base)
        frame = runs.assign(label=labels, score=runs[self.statistic])[compared]
        return self.chapter.downloads.figure("variants", variant_figure(frame, self.chapter.place))

    def width_figure(self) -> Figure:
        """Accuracy against the width of the network."""
        runs = self.chapter.runs
        frame = points(runs.assign(x=runs[WIDTH.name], label=runs["column"]), self.statistic)
        figure = band_figure(frame, WIDTH.label, self.chapter.place, doubling=True)
        return self.chapter.downloads.figure("widths", figure)

    @property
    def _what(self) -> str:
        return {"best_test": "best test accuracy", "selected_test": "test accuracy of the held-out choice"}[
            self.statistic
        ]

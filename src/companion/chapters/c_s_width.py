"""The chapter about other widths of C-E1's fully connected network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd
from matplotlib.figure import Figure

from companion.chapters.a_sensitivity import SensitivityChapter
from companion.chapters.answer import Answer
from companion.chapters.chapter import Chapter
from companion.chapters.words import named
from companion.exhibits.axes import VALUE_INPUT, WIDTH
from companion.exhibits.b_f4_permutations import INPUTS
from companion.papers.margins import margin
from companion.papers.numbers import numbers
from companion.render.tables import Table, plus_minus
from companion.render.variants import band_figure
from companion.verdicts.frames import points
from companion.verdicts.sensitivity import NEAR, near
from companion.verdicts.stats import summarise

__all__ = ["WidthChapter"]

REGIMES = ("FR-II", "FR-DI", "DL", "FL")


class WidthChapter(SensitivityChapter):
    """Widths compared with C-E1's own, and with what the paper prints.

    Args:
        chapter: from :func:`companion.chapters.open_chapter`.
        base: what C-E1's own width is called.
    """

    def __init__(self, chapter: Chapter, base: str = "width 128") -> None:
        super().__init__(chapter, base)

    def printed(self) -> Table:
        """The mean over both inputs beside the paper's mean over its models, width by width."""
        lines = [
            {
                "regime": regime,
                "": variant or self.base,
                "paper, mean of its models": f"{paper:.2f}",
                "measured, mean over both inputs": plus_minus(summary.mean, summary.std) if summary else "pending",
                "n": f"{len(means)} of {wanted}",
                "the paper's number": near(means, paper, within) if summary and len(means) > 1 else "pending",
            }
            for regime, variant, paper, means, wanted, within in self._beside()
            for summary in [summarise(means) if len(means) == wanted else None]
        ]
        title = f"{self.chapter.place}: mean best test accuracy over both inputs in percent, gates in their own order"
        return self.chapter.downloads.table("printed", Table(pd.DataFrame(lines, dtype=object), title))

    def answer(self) -> Answer:
        """How many of the papers' means each width comes near, and how near it comes to each of them."""
        said, places = [], dict[str, list[str]]()
        for regime in REGIMES:
            mine = [line for line in self._beside() if line[0] == regime]
            parts, waits = [], []
            for _, variant, paper, means, wanted, within in mine:
                width = variant or self.base
                if len(means) < wanted or wanted == 1:
                    waits.append(width)
                    continue
                place = near(means, paper, within)
                places.setdefault(width, []).append(place)
                parts.append(f"{summarise(means).mean:.2f}% at {width} ({place})")
            if parts:
                text = f"On {named(regime)} the papers print {mine[0][2]:.2f}%; ours is {', '.join(parts)}"
                said.append(text + (f"; {', '.join(waits)} pending." if waits else "."))
        return Answer.of(
            self.chapter, [_counted(places, len({line[0] for line in self._beside()})), *said] if said else []
        )

    def width_figure(self) -> Figure:
        """Accuracy against the width of the network, regime by regime and with either input."""
        runs = self.chapter.runs[self.chapter.runs["column"].isin(["ReLU", "FR-II", "FL"])]
        inputs = runs[VALUE_INPUT.name].map(lambda value: f", {value}" if isinstance(value, str) else "")
        frame = points(runs.assign(x=runs[WIDTH.name], label=runs["column"] + inputs), self.statistic)
        figure = band_figure(frame, WIDTH.label, self.chapter.place, doubling=True)
        return self.chapter.downloads.figure("widths", figure)

    def _beside(self) -> Iterator[tuple[str, str, float, list[float], int, float]]:
        """Regime, width, printed mean, our means of complete seeds over both inputs, how many wanted, margin."""
        runs = self.chapter.runs
        rows = sorted({row.rsplit(", ", 1)[0] for row in runs["row"]})
        table = numbers()
        theirs = table[(table["exhibit"] == "C-E1") & table["row"].isin(rows)].set_index("column")["mean"]
        for regime in REGIMES:
            for variant in dict.fromkeys(runs["variant"]):
                mine = runs[(runs["column"] == regime) & (runs["variant"] == variant)]
                if mine.empty or regime not in theirs:
                    continue
                both = mine.groupby("seed")[self.statistic].agg(["count", "mean"])
                means = both.loc[both["count"] == len(INPUTS), "mean"].to_list()
                yield regime, variant, float(theirs[regime]), means, len(both), margin(mine["dataset"].iloc[0])


def _counted(places: Mapping[str, Sequence[str]], printed: int) -> str:
    """How many means lie where, width by width."""
    counts = [
        f"{width} has " + ", ".join(f"{found.count(place)} {place}" for place in NEAR.values() if place in found)
        for width, found in places.items()
    ]
    return f"Of the papers' {printed} means over all orders, in the gates' own order {'; '.join(counts)}."

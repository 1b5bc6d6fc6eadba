"""The chapter between two cores and the paper: gaps between regimes against the size of network and image."""

from __future__ import annotations

from collections import Counter

import pandas as pd
from matplotlib.figure import Figure

from companion.chapters.answer import Answer
from companion.chapters.chapter import Chapter
from companion.chapters.words import CHANGES, named
from companion.exhibits.a_s_size import ALONG, GAPS
from companion.exhibits.axes import SIDE, WIDTH
from companion.papers.numbers import numbers
from companion.render.tables import Table, plus_minus, signed
from companion.render.variants import band_figure
from companion.verdicts.cells import Completeness
from companion.verdicts.frames import points
from companion.verdicts.sensitivity import change_of_gap, gap
from companion.verdicts.stats import summarise

__all__ = ["SizeChapter"]

REGIMES = ("ReLU", "FR-II", "FL", "DL")
ROW = "GCONV/Adam/CIFAR-10"
PAPERS_SIZE = {WIDTH.name: 64, SIDE.name: 32}
"""Filters of the paper's network, pixels of its images."""
LINES = {
    "by width": "From the narrowest to the widest networks",
    "by resolution": "From the coarsest to the finest images",
}


class SizeChapter:
    """Regimes at several sizes of one profile.

    Args:
        chapter: from :func:`companion.chapters.open_chapter`.
    """

    def __init__(self, chapter: Chapter) -> None:
        self.chapter = chapter

    def accuracies(self) -> Table:
        """Accuracy of each regime, size by size, the paper's own last."""
        lines = []
        for size, mine in self.chapter.runs.sort_values([WIDTH.name, SIDE.name]).groupby("variant", sort=False):
            cells = {regime: mine[mine["column"] == regime] for regime in REGIMES}
            found = {regime: cell["best_test"].dropna().to_list() for regime, cell in cells.items()}
            whole = {r: summarise(scores) for r, scores in found.items() if Completeness.of(cells[r]).complete}
            shown = {
                r: plus_minus(whole[r].mean, whole[r].std) if r in whole else Completeness.of(cells[r]).word
                for r in REGIMES
            }
            counts = {len(scores) for scores in found.values()}
            n = str(counts.pop()) if len(counts) == 1 else f"{min(counts)} to {max(counts)}"
            lines.append({"size": size, **shown, "n": n})
        paper = self._printed()
        if len(paper):
            size = f"{PAPERS_SIZE[WIDTH.name]} filters, {PAPERS_SIZE[SIDE.name]} pixels"
            shown = {r: plus_minus(paper["mean"][r], paper["std"][r]) for r in REGIMES}
            lines.append({"size": f"paper: {size}", **shown, "n": f"{paper['n_runs'].min():.0f}"})
        title = f"{self.chapter.place}: best test accuracy in percent, mean ± std"
        return self.chapter.downloads.table("accuracies", Table(pd.DataFrame(lines, dtype=object), title))

    def gaps(self) -> Table:
        """Every gap at every size, the change from the smallest to the largest, and the paper's gap."""
        lines = []
        paper = self._printed()
        for line, (axis, _) in ALONG.items():
            runs = self._along(line)
            for a, b in GAPS:
                at = [gap(runs, row, size, a, b) for row, size in runs[["row", "variant"]].drop_duplicates().to_numpy()]
                change = change_of_gap(runs, axis.name, a, b)
                lines.append(
                    {"": line, "gap": f"{b} − {a}"}
                    | {f"{size} size": signed(found) for size, found in zip(_ordinals(len(at)), at, strict=True)}
                    | {"change (90% interval)": signed(change), "with size it": change["verdict"]}
                    | ({"paper": f"{paper['mean'][b] - paper['mean'][a]:+.2f}"} if len(paper) else {})
                )
        title = f"{self.chapter.place}: differences in points, paired by seed, with 90% intervals"
        return self.chapter.downloads.table("gaps", Table(pd.DataFrame(lines, dtype=object), title))

    def answer(self) -> Answer:
        """Whether each gap grows or shrinks with size, a sentence for each way to grow."""
        said = []
        for line, (axis, _) in ALONG.items():
            changes = {(a, b): change_of_gap(self._along(line), axis.name, a, b) for a, b in GAPS}
            known = {pair: found for pair, found in changes.items() if "difference" in found}
            parts = [
                f"that of {named(b)} over {named(a)} {CHANGES[found['verdict']]} ({signed(found)} points)"
                for (a, b), found in known.items()
            ]
            waits = Counter(found["verdict"] for found in changes.values() if "difference" not in found)
            parts += [f"{count} of {len(changes)} leads: {word}" for word, count in waits.items()]
            said.append(f"{LINES[line]}, leads in accuracy: {'; '.join(parts)}.")
        return Answer.of(self.chapter, said)

    def figure(self, line: str) -> Figure:
        """Gaps against the size, with the paper's at the paper's size.

        Args:
            line: ``by width`` or ``by resolution``.
        """
        axis, _ = ALONG[line]
        wide = self._along(line).pivot(index=[axis.name, "seed"], columns="column", values="best_test")
        parts = [
            (wide[b] - wide[a]).rename("gap").reset_index().assign(label=f"{b} − {a}", x=lambda part: part[axis.name])
            for a, b in GAPS
        ]
        paper = self._printed()
        means, size = paper["mean"], PAPERS_SIZE[axis.name]
        ends = {f"{b} − {a}": (size, means[b] - means[a]) for a, b in GAPS} if len(paper) else {}
        figure = band_figure(
            points(pd.concat(parts, ignore_index=True), "gap"),
            axis.label,
            self.chapter.place,
            doubling=True,
            ends=ends,
            y="difference in test accuracy [points]",
        )
        return self.chapter.downloads.figure(f"gaps-{line.replace(' ', '-')}", figure)

    def _along(self, line: str) -> pd.DataFrame:
        """The runs of a line, from its smallest size: those at the place on the other axis where sizes are most."""
        axis, stays = ALONG[line]
        runs = self.chapter.runs
        place = runs.groupby(stays.name)[axis.name].nunique().idxmax()
        return runs[runs[stays.name] == place].sort_values([axis.name, "seed"])

    def _printed(self) -> pd.DataFrame:
        """The paper's means and deviations by regime, where these are real images; else no line."""
        table = numbers()
        real = set(self.chapter.runs["dataset"]) == {"cifar10"}
        mine = (table["exhibit"] == "A-T2") & (table["row"] == ROW) & (table["cited"] == "no") & real
        return table[mine].set_index("column")


def _ordinals(count: int) -> list[str]:
    return ["smallest", *["middle"] * (count - 2), "largest"]

"""The chapter about where theory and experiment part: the path kernel's change against the order that does worse."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from functools import cached_property

import pandas as pd
from matplotlib.figure import Figure

from companion.chapters.answer import Answer
from companion.chapters.chapter import Chapter, Findings
from companion.chapters.words import GATES
from companion.exhibits.axes import PERMUTATION, VALUE_INPUT
from companion.exhibits.c_e1_kernel import ENOUGH, UNCHANGED
from companion.render.scatter import scatter_figure
from companion.render.tables import Table
from companion.verdicts.ranks import Link, Tells, joined, link

__all__ = ["KernelChapter"]

COLUMNS = ("FL", "FR-II")


class KernelChapter:
    """All models of one profile, with the kernels of their gates.

    Args:
        chapter: from :func:`companion.chapters.open_chapter`.
    """

    def __init__(self, chapter: Chapter) -> None:
        self.chapter = chapter

    def answer(self) -> Answer:
        """What is known of each network, learnt gates first, in one sentence a value input."""
        said = (self._said(place, found) for place, found in self.links.items() if place[1] == "FL")
        return Answer.of(self.chapter, said)

    def control(self) -> Findings:
        """The same of random gates."""
        return Findings(tuple(self._said(place, found) for place, found in self.links.items() if place[1] == "FR-II"))

    def changes(self) -> Table:
        """How much the orders change the kernel: the lowest and highest of all but the identity, mean over seeds."""
        lines = []
        for (row, column, value), part in self._places():
            others = part[part[PERMUTATION.name].map(lambda order: order != tuple(range(len(order))))]
            seeds = others.dropna(subset=["relative"])["seed"].nunique()
            means = others.groupby(PERMUTATION.name)[["relative", "misaligned"]].mean()
            lines.append(
                {
                    "row": row,
                    "gates": GATES[column],
                    "input": value,
                    "seeds": f"{seeds} of {self._seeds}",
                    "relative change of the kernel": _between(means["relative"], seeds == self._seeds),
                    "1 − alignment": _between(means["misaligned"], seeds == self._seeds),
                }
            )
        title = (
            f"{self.chapter.place}: change of the path kernel under every order of its gates, lowest to highest of all "
            "orders but the identity, means over seeds"
        )
        return self.chapter.downloads.table("changes", Table(pd.DataFrame(lines, dtype=object), title))

    def rules(self) -> Table:
        """Whether orders differ, and whether the kernel tells which does worse."""
        lines = []
        for (row, column, value), found in self.links.items():
            rho = found.rho is not None and found.interval is not None
            line = {"row": row, "gates": GATES[column], "input": value}
            line["orders"] = f"{found.recorded} of {found.of}"
            line["loss in points"] = "–" if found.loss is None else f"{found.loss[0]:.2f} to {found.loss[1]:.2f}"
            line["do orders differ? (p)"] = "–" if found.friedman is None else f"{found.friedman:.2g}"
            line["Spearman (95% interval)"] = "–" if not rho else _interval(found)
            line["dealt as large"] = "–" if found.dealt is None else f"{found.dealt:.3f}"
            line["Kendall"] = "–" if found.tau is None else f"{found.tau:.2f}"
            line["by alignment"] = "–" if found.rho_misaligned is None else f"{found.rho_misaligned:.2f}"
            waits = found.tells is not Tells.PENDING and not found.complete
            line["does the kernel tell?"] = f"so far {found.tells}" if waits else str(found.tells)
            lines.append(line)
        title = (
            f"{self.chapter.place}: rank correlation of kernel change and loss, by seed, over n = {self._seeds} seeds"
        )
        return self.chapter.downloads.table("rules", Table(pd.DataFrame(lines, dtype=object), title))

    def orders(self) -> Table:
        """Every order with the change of the kernel of learnt gates and the loss, where both are known of an input."""
        frame = self._joined[self._joined["column"] == "FL"]
        known = frame[["relative", "loss"]].notna().all(axis=1).groupby([frame["row"], frame[PERMUTATION.name]]).any()
        lines: dict[Hashable, dict[str, object]] = {}
        for (row, order, value), part in frame.groupby(["row", PERMUTATION.name, VALUE_INPUT.name], sort=False):
            if known.get((row, order)):
                line = lines.setdefault((row, order), {"row": row, "order": PERMUTATION.words(order)})
                line[f"change, {value}"] = _mean(part["relative"], 4)
                line[f"loss, {value}"] = _mean(part["loss"], 2)
        title = f"{self.chapter.place}: orders of learnt gates, relative change of the kernel and loss in points"
        return self.chapter.downloads.table("orders", Table(pd.DataFrame(list(lines.values()), dtype=object), title))

    def figure(self) -> Figure:
        """Every model: what its order changes in the kernel, and what it costs."""
        frame = self._joined
        others = frame[frame[PERMUTATION.name].map(lambda order: order != tuple(range(len(order))))]
        keys = ["row", "column", VALUE_INPUT.name, PERMUTATION.name]
        means = others.dropna(subset=["relative", "loss"]).groupby(keys, sort=False)
        dots = means.agg(x=("relative", "mean"), y=("loss", "mean"), low=("loss", "min"), high=("loss", "max"))
        dots = dots.reset_index().rename(columns={VALUE_INPUT.name: "label"})
        rows = pd.DataFrame({"row": list(dict.fromkeys(frame["row"]))})
        dots = rows.merge(dots, on="row", how="left").astype({"x": float, "y": float})
        figure = scatter_figure(
            dots, "relative change of the path kernel", "loss against the identity [points]", self.chapter.place
        )
        return self.chapter.downloads.figure("orders", figure)

    @cached_property
    def links(self) -> dict[tuple[str, str, str], Link]:
        """Row, regime and value input to what the rules find."""
        return {place: link(part, self._seeds) for place, part in self._places()}

    @cached_property
    def _joined(self) -> pd.DataFrame:
        return joined(self.chapter.kernels, self.chapter.runs)

    def _places(self) -> Iterator[tuple[tuple[str, str, str], pd.DataFrame]]:
        frame = self._joined
        for row in dict.fromkeys(frame["row"]):
            for column in COLUMNS:
                for value in dict.fromkeys(frame[VALUE_INPUT.name]):
                    mine = (frame["row"] == row) & (frame["column"] == column) & (frame[VALUE_INPUT.name] == value)
                    if mine.any():
                        yield (row, column, value), frame[mine]

    @property
    def _seeds(self) -> int:
        return int(self.chapter.runs["seed"].nunique())

    def _said(self, place: tuple[str, str, str], found: Link) -> str:
        row, column, value = place
        head = f"{row}, {GATES[column]}, {value}: "
        if found.change is None:
            return head + "the kernels are not measured in all seeds yet."
        low, high = found.change
        text = head + (
            f"no order changes the kernel (relative change: {_tiny(high)})"
            if high < UNCHANGED
            else f"the {found.measured} other orders change the kernel by {100 * low:.1f} to {100 * high:.1f}%"
        )
        if found.loss is None:
            return f"{text}; what they cost in accuracy is not recorded yet."
        which = (
            "they cost" if found.complete else f"so far {found.recorded} of {found.of} orders are recorded, which cost"
        )
        text += f"; {which} {_points(found.loss)} points of accuracy in the mean over seeds"
        if found.friedman is None:
            return f"{text}. How the two go together cannot be said of so few orders."
        text += (
            f". Some order does better than another in all seeds alike (Friedman, p = {found.friedman:.2g})"
            if found.differ
            else f". No order does better than another by more than noise (Friedman, p = {found.friedman:.2g}, "
            f"where {ENOUGH:g} is asked)"
        )
        if found.tells is Tells.UNCHANGED:
            return text + (
                ": a difference that this kernel cannot explain."
                if found.differ
                else ", as a kernel that does not change would have it."
            )
        text += f", and rank correlation of change and loss is {_interval(found)}"
        words = {
            Tells.YES: "the kernel tells which order does worse",
            Tells.NO: "the kernel does not tell which order does worse",
            Tells.OPEN: "whether the kernel tells which order does worse stays open",
        }
        return f"{text}: {words[found.tells]}."


def _interval(found: Link) -> str:
    assert found.interval is not None
    low, high = found.interval
    return f"{found.rho:.2f} ({max(low, -1):.2f} to {min(high, 1):.2f})"


def _points(loss: tuple[float, float]) -> str:
    low, high = (f"{value:.2f}" for value in loss)
    return low if low == high else f"{low} to {high}"


def _between(values: pd.Series, complete: bool) -> str:
    if not complete or values.isna().any():
        return "pending"
    if values.max() < UNCHANGED:
        return _tiny(values.max())
    return f"{values.min():.2g} to {values.max():.2g}"


def _tiny(value: float) -> str:
    """Rounding differs between processors: a bound says all that there is to say."""
    return f"at most {UNCHANGED:.0e}" if value else "none"


def _mean(values: pd.Series, digits: int) -> str:
    if values.isna().any():
        return "pending"
    mean = values.mean()
    return f"{0.0 if abs(mean) < UNCHANGED else mean:.{digits}f}"

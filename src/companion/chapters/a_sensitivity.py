"""Chapters about what the papers leave open: what the notebooks call for the exhibits ``A-S-...``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import pandas as pd
from matplotlib.figure import Figure

from companion.chapters.answer import Answer
from companion.chapters.chapter import Chapter, Findings
from companion.chapters.words import CHANGES, named
from companion.exhibits.axes import WIDTH
from companion.papers.margins import margin
from companion.render.tables import Table, plus_minus, signed
from companion.render.variants import band_figure, variant_figure
from companion.verdicts import sensitivity
from companion.verdicts.cells import Completeness
from companion.verdicts.frames import points
from companion.verdicts.stats import Verdict

__all__ = ["SensitivityChapter"]


class SensitivityChapter:
    """An exhibit whose variants are compared with its own runs.

    Args:
        chapter: from :func:`companion.chapters.open_chapter`.
        base: what the exhibit's own runs are called, beside the names of the variants.
        statistic: what is compared.
    """

    def __init__(self, chapter: Chapter, base: str, statistic: str = "best_test") -> None:
        if base in set(chapter.runs["variant"]):
            raise ValueError(f"{base!r} names a variant of {chapter.exhibit.id}, not the runs it is compared with")
        self.chapter, self.base, self.statistic = chapter, base, statistic

    def outcome(
        self, *others: SensitivityChapter, gap: tuple[str, str] | None = None, along: str | None = None
    ) -> Answer:
        """Whether the variants differ from the exhibit's own runs, or what they do to a distance, and how much.

        Args:
            others: the same exhibit in other profiles.
            gap: two columns; the question is then how far the second is ahead of the first, variant by variant.
            along: an axis with numbers; what their distance does from its smallest value to the largest.
        """
        answer = Answer.of(self.chapter, self._said(gap, along))
        for other in others:
            if (other.chapter.runs["status"] != "pending").any():
                answer += Answer.of(other.chapter, other._said(gap, along))
        return answer

    def _said(self, gap: tuple[str, str] | None, along: str | None) -> Iterator[str]:
        found = sensitivity.lines(self.chapter.runs, self.base, self.statistic)
        varied = [line for line in found if line["variant"] != self.base]
        known = [line for line in varied if "difference" in line]
        if gap is not None:
            yield from self._apart(*gap, along)
        if known and along is None:
            words = Counter(str(line["verdict"]) for line in known)
            most = max(known, key=lambda line: abs(line["difference"]))
            told = ", ".join(f"{n} {word}" for word, n in words.most_common())
            head = "" if gap is not None else _decided(words, len(varied))
            yield (
                f"{head}{'A' if not head else 'a'}ccuracies compared with those of “{self.base}”, seed by seed, at a "
                f"margin of {self._margin} points fixed beforehand: {told}. Most differs {most['row']}, "
                f"{named(most['column'])}, {most['variant']}, by {most['difference']:+.2f} points."
            )
        left = Counter("diverged" in line["verdict"] for line in varied if "difference" not in line)
        for diverged, reason in ((True, "are with runs that diverged"), (False, "wait for runs")):
            if left[diverged]:
                yield f"{left[diverged]} of {len(varied)} comparisons {reason}."

    def _apart(self, a: str, b: str, along: str | None) -> Iterator[str]:
        """How far column ``b`` is ahead of column ``a``, variant by variant, and what that does along an axis."""
        frame = self.chapter.runs if along is None else self.chapter.runs.sort_values(along, kind="stable")
        said, ahead = [], []
        for row, mine in frame[frame["column"] == a].groupby("row", sort=False):
            gaps = {v: sensitivity.gap(frame, str(row), v, a, b, self.statistic) for v in mine["variant"].unique()}
            known = {v or self.base: found for v, found in gaps.items() if found["verdict"] != Verdict.PENDING}
            ahead += [found["verdict"] == "higher" for found in known.values()]
            told = ", ".join(f"{_points(found)} ({name})" for name, found in known.items())
            if along is not None:
                yield from self._reached(str(row), a, mine, along)
            change = sensitivity.change_of_gap(frame[frame["row"] == row], along, a, b, self.statistic) if along else {}
            if "difference" in change:
                told += f"; from the smallest to the largest it {CHANGES[change['verdict']]} ({signed(change)} points)"
            said += [f"{row}: {told}."] if known else []
        if said:
            yield (
                f"In {sum(ahead)} of {len(ahead)} settings {named(b)} is ahead of {named(a)} by more than the margin "
                f"of {self._margin} points. By how many points it is:"
            )
        yield from said

    def _reached(self, row: str, column: str, mine: pd.DataFrame, along: str) -> Iterator[str]:
        """What a column reaches at each place on an axis where it is complete."""
        means = [
            f"{part[self.statistic].mean():.2f}% ({str(variant) or self.base})"
            for variant, part in mine.groupby("variant", sort=False)
            if Completeness.of(part, self.statistic).complete
        ]
        if means:
            yield f"{row}: {named(column)} reach {', '.join(means)}."

    @property
    def _margin(self) -> float:
        return margin(self.chapter.runs["dataset"].iloc[0])

    def table(self) -> Table:
        """Accuracy of every variant, and its difference from the exhibit's own runs, paired by seed."""
        found = sensitivity.lines(self.chapter.runs, self.base, self.statistic)
        lines = [
            {
                "row": line["row"],
                "regime": line["column"],
                "": line["variant"],
                "measured": "pending" if _waits(line) else plus_minus(line.get("mean"), line.get("std")),
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


def _decided(words: Mapping[str, int], asked: int) -> str:
    """Whether something differs; a no is one only where all that is asked is known, and the same."""
    different = sum(words.get(word, 0) for word in ("higher", "lower"))
    if different:
        return f"Yes, in {different} of {sum(words.values())}: "
    return "No: " if words.get("the same", 0) == asked else "It is not decided: "


def _waits(line: sensitivity.Shift) -> bool:
    """Whether some of its runs are still to come."""
    return 0 < line["n"] < line["expected"] and "diverged" not in line["verdict"]


def _points(found: sensitivity.Shift) -> str:
    """A distance, or why there is none."""
    return f"{found['difference']:+.2f}" if "difference" in found else str(found["verdict"])

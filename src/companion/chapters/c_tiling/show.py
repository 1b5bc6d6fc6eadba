"""What the page of C-tiling shows of its runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from companion.chapters.answer import Answer
from companion.chapters.chapter import Chapter, Findings
from companion.chapters.models import chosen, claims_of_models, complete_mean, rows_of, score_text
from companion.exhibits.axes import ARRANGEMENT, UNMOVED, VALUE_INPUT
from companion.exhibits.c_tiling import ARRANGEMENTS, NARROW_FL, NARROW_RELU
from companion.papers.margins import margin
from companion.render.tables import Table
from companion.render.variants import variant_figure

__all__ = ["TilingChapter"]

NARROW = {NARROW_RELU: "ReLU", NARROW_FL: "FL"}
"""Columns of the narrow network and the regime that they are of."""


class TilingChapter:
    """All runs of one profile.

    Args:
        chapter: from :func:`companion.chapters.open_chapter`.
    """

    def __init__(self, chapter: Chapter) -> None:
        self.chapter = chapter

    def answer(self) -> Answer:
        """Row by row, how far gates that were moved are from those that were not."""
        lines = []
        for row in rows_of(self.chapter):
            own = {value: self._mean(row, "FL", UNMOVED, value) for value in self._inputs(row)}
            relu = self._of(row, "ReLU")["best_test"].mean()
            if any(mean is None for mean in own.values()) or pd.isna(relu):
                lines.append(f"{row}: pending, the gates that are not moved are not recorded yet.")
                continue
            told = [self._gaps(row, arrangement, own) for arrangement in ARRANGEMENTS[1:]]
            told = [text for text in told if text]
            if not told:
                lines.append(f"{row}: pending, no gates that were moved are recorded yet.")
                continue
            lines.append(
                f"{row}: ReLU {relu:.2f}%, fresh value networks on its gates "
                + " and ".join(f"{mean:.2f}% ({value})" for value, mean in own.items())
                + f". Points lost by moving the gates first: {'; '.join(told)}. "
                + f"The margin that was fixed beforehand is {margin(self._dataset(row)):g} points."
            )
        return Answer.of(self.chapter, lines)

    def _gaps(self, row: str, arrangement: str, own: dict[str, float | None]) -> str:
        """What one arrangement costs with each input, in points; empty where it is not recorded with all of them."""
        costs = []
        for value, mean in own.items():
            moved = self._mean(row, "FL", arrangement, value)
            if moved is None or mean is None:
                return ""
            costs.append(f"{round(mean - moved, 2) + 0.0:+.2f} ({value})")
        return f"{arrangement} {', '.join(costs)}"

    def table(self) -> Table:
        """One line per row and arrangement: FL and FR-II with either input, and the narrow network below."""
        lines = []
        for row in rows_of(self.chapter):
            for arrangement in ARRANGEMENTS:
                line = {"row": row, "gates": arrangement}
                for column in ("FL", "FR-II"):
                    for value in ("image", "ones"):
                        line[f"{column}, {value}"] = score_text(self._of(row, column, arrangement, value))
                line["ReLU"] = score_text(self._of(row, "ReLU")) if arrangement == UNMOVED else "–"
                if set(line.values()) - {row, arrangement, "–"}:
                    lines.append(line)
            narrow = {"row": row, "gates": "narrow network, unmoved"}
            for value in ("image", "ones"):
                narrow[f"FL, {value}"] = score_text(self._of(row, NARROW_FL, UNMOVED, value))
            lines.append(narrow | dict.fromkeys(("FR-II, image", "FR-II, ones"), "–"))
            lines[-1]["ReLU"] = score_text(self._of(row, NARROW_RELU))
        title = f"{self.chapter.place}: best test accuracy in percent, mean ± std over seeds"
        return self.chapter.downloads.table("moved", Table(pd.DataFrame(lines, dtype=object), title))

    def figure(self) -> Figure:
        """Every recorded run as a dot, what is done to its gates down, learnt and random gates in two panels."""
        frame = self.chapter.runs
        narrow = frame["column"].isin(list(NARROW))
        places = zip(frame[ARRANGEMENT.name], frame[VALUE_INPUT.name], narrow, strict=True)
        regimes = frame["column"].replace(NARROW)
        frame = frame.assign(
            regime=regimes,
            column=regimes.map(lambda regime: "random gates" if regime == "FR-II" else "learnt gates"),
            label=[_label(*place) for place in places],
            score=frame["best_test"],
        )
        moved = frame[(frame[ARRANGEMENT.name] != UNMOVED) & frame[ARRANGEMENT.name].notna() & frame["score"].notna()]
        known = list(dict.fromkeys(moved["row"])) or rows_of(self.chapter)[:1]
        frame = frame[frame["row"].isin(known)]
        return self.chapter.downloads.figure("moved", variant_figure(frame, self.chapter.place))

    def claims(self) -> Table:
        """The exhibit's claims with their verdicts and the rules that gave them."""
        return claims_of_models(self.chapter)

    def findings(self) -> Findings:
        """What the comparisons beside the claims say: of the narrow network, and of the control."""
        sentences = []
        for row in rows_of(self.chapter):
            runs = self._of(row)
            recorded = int(runs["best_test"].notna().sum())
            text = f"{row}: {recorded} of {len(runs)} runs are recorded."
            for value in self._inputs(row):
                tiled = self._mean(row, "FL", "tiled", value)
                narrow, small = self._mean(row, NARROW_FL, UNMOVED, value), self._of(row, NARROW_RELU)["best_test"]
                wide = self._mean(row, "FL", UNMOVED, value)
                if tiled is None or narrow is None or wide is None or small.isna().any():
                    continue
                text += (
                    f" With {value} as input, the gates of the narrow network (ReLU {small.mean():.2f}%) give a value "
                    f"network of its own width {narrow:.2f}%, and tiled one of full width {tiled:.2f}%: "
                    f"{round(wide - tiled, 2) + 0.0:+.2f} points lie between them and the wide network's own gates."
                )
            sentences.append(text)
        return Findings(tuple(sentences))

    def control(self) -> Findings:
        """Rolled units of dense layers, for which any loss is chance: how far they are from gates in their place."""
        sentences = []
        for row in rows_of(self.chapter):
            if not row.startswith("FC/"):
                continue
            gaps = []
            for arrangement in ("shifted alike", "shifted apart"):
                for value in self._inputs(row):
                    moved = self._of(row, "FL", arrangement, value).set_index("seed")["best_test"]
                    own = self._of(row, "FL", UNMOVED, value).set_index("seed")["best_test"]
                    gaps += (moved - own).dropna().to_list()
            if not gaps:
                sentences.append(f"{row}: pending, no rolled gates are recorded yet.")
                continue
            found = pd.Series(gaps)
            sentences.append(
                f"{row}: over {len(found)} pairs of runs of one seed, rolled minus unmoved is {found.mean():+.2f} "
                f"points in the mean and lies between {found.min():+.2f} and {found.max():+.2f}. Nothing but another "
                "draw of the value network is at work there, so single gaps of that size mean nothing in this table."
            )
        return Findings(tuple(sentences))

    def _dataset(self, row: str) -> str:
        return str(self._of(row)["dataset"].iloc[0])

    def _inputs(self, row: str) -> Iterator[str]:
        return iter(dict.fromkeys(self._of(row, "FL")[VALUE_INPUT.name]))

    def _of(
        self, row: str, column: str | None = None, arrangement: str | None = None, value: str | None = None
    ) -> pd.DataFrame:
        return chosen(self.chapter.runs, row=row, column=column, arrangement=arrangement, value_input=value)

    def _mean(self, row: str, column: str, arrangement: str, value: str) -> float | None:
        return complete_mean(self._of(row, column, arrangement, value))


def _label(arrangement: Any, value: Any, narrow: bool) -> str:
    """The words for a model; what it has nothing of is no word, whatever a frame has made of it."""
    own = arrangement if isinstance(arrangement, str) else "ReLU"
    parts = [own, "a quarter as wide" if narrow else "", value if isinstance(value, str) else ""]
    return ", ".join(filter(None, parts))

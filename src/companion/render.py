"""Data frames to tables and figures.  Nothing is computed here: what is drawn is what the frame says.

Tables are HTML with plain text inside, rounded to what is stable across machines.  Figures take an ``ax`` or make one
panel per row of the exhibit, in a palette that colour-blind readers can tell apart, on white so that dark mode can show
them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.claims import RowResult
from companion.notation import Regime
from companion.scorecard import Entry
from companion.stats import Summary, Verdict

__all__ = ["COLOURS", "Table", "accuracy_figure", "claim_table", "curve_figure", "number_table", "summary_table"]

COLOURS = dict(zip(map(str, Regime), sns.color_palette("colorblind", len(Regime)).as_hex(), strict=True))
"""One colour per regime, the same in every figure."""

STYLE = {"figure.facecolor": "white", "axes.facecolor": "white", "svg.hashsalt": "companion", "savefig.bbox": "tight"}

MARKS = {
    Verdict.REPRODUCED: "✓",
    Verdict.NOT_REPRODUCED: "✗",
    Verdict.PARTLY: "◐",
    Verdict.INCONCLUSIVE: "?",
    Verdict.PENDING: "…",
    Verdict.CITED: "❝",
    Verdict.NOT_CHECKABLE: "–",
}


class Table:
    """A table that shows as HTML in the book and as plain text elsewhere.

    Args:
        frame: the cells, already text.
        caption: one sentence above the table.
    """

    def __init__(self, frame: pd.DataFrame, caption: str) -> None:
        self.frame, self.caption = frame, caption

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(str(name))}</th>" for name in self.frame.columns)
        body = "".join(
            "<tr>" + "".join(_cell(value) for value in line) + "</tr>" for line in self.frame.itertuples(index=False)
        )
        return (
            f'<table class="companion-table"><caption>{escape(self.caption)}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )

    def __repr__(self) -> str:
        return f"{self.caption}\n{self.frame.to_string(index=False)}"


def _cell(value: object) -> str:
    if isinstance(value, Verdict):
        name = str(value).replace(" ", "-")
        return f'<td class="verdict verdict-{name}">{MARKS[value]} {escape(str(value))}</td>'
    return f"<td>{escape(str(value))}</td>"


def plus_minus(mean: float | None, std: float | None) -> str:
    """``97.85 ± 0.09``; a dash where there is no mean."""
    if mean is None or pd.isna(mean):
        return "–"
    return f"{mean:.2f}" + ("" if std is None or pd.isna(std) else f" ± {std:.2f}")


def number_table(entries: Sequence[Entry], half_widths: Mapping[str, float | None], caption: str) -> Table:
    """Paper beside measured in the paper's own layout: a block of lines per row, a column per regime.

    A block has the paper's values, then ours with interval and verdict once any run of the row is recorded.

    Args:
        entries: of the scorecard.
        half_widths: entry id to half the width of our 95% interval.
        caption: one sentence above the table.
    """
    columns = list(dict.fromkeys(e.column for e in entries))
    lines: list[dict[str, object]] = []
    for row in dict.fromkeys(e.row for e in entries):
        block = {e.column: e for e in entries if e.row == row}

        def line(
            label: str, text: Callable[[Entry], object], block: dict[str | None, Entry] = block
        ) -> dict[str, object]:
            return {"": label} | {str(c): text(block[c]) if c in block else "" for c in columns}

        found = [line("paper", lambda e: plus_minus(e.paper_mean, e.paper_std))]
        if any(e.n for e in block.values()):
            found.append(line("measured", lambda e: plus_minus(e.mean, e.std)))
            found.append(line("95% interval", lambda e: _reach(half_widths.get(e.id))))
            found.append(line("n", lambda e: e.n))
        found.append(line("verdict", lambda e: e.verdict))
        lines += [{"row": row if i == 0 else ""} | cells for i, cells in enumerate(found)]
    return Table(pd.DataFrame(lines), caption)


def _reach(half_width: float | None) -> str:
    return "–" if half_width is None else f"± {half_width:.2f}"


def claim_table(results: Sequence[tuple[str, RowResult, RowResult]], caption: str) -> Table:
    """Claims row by row: ours, and what the same rule says of the paper's own numbers.

    Args:
        results: ``(title, ours, paper's)``.
        caption: one sentence above the table.
    """

    def gap(result: RowResult) -> str:
        if result.difference is None or result.interval is None:
            return "–"
        return f"{result.difference:+.2f} ({result.interval[0]:+.2f} to {result.interval[1]:+.2f})"

    lines = [
        {
            "claim": title,
            "row": ours.row,
            "gap in points (90% interval)": gap(ours),
            "verdict": ours.verdict,
            "paper's gap": gap(paper),
            "rule on the paper's own numbers": paper.verdict,
        }
        for title, ours, paper in results
    ]
    return Table(pd.DataFrame(lines), caption)


def summary_table(summaries: Sequence[tuple[dict[str, str], Summary | None]], caption: str) -> Table:
    """Mean ± std, 95% interval and n of any grouping; ``None`` shows as pending."""
    lines = []
    for labels, s in summaries:
        line: dict[str, Any] = dict(labels)
        line["measured"] = "pending" if s is None else plus_minus(s.mean, s.std)
        line["95% interval"] = _reach(None if s is None else s.half_width)
        line["n"] = 0 if s is None else s.n
        lines.append(line)
    return Table(pd.DataFrame(lines), caption)


def accuracy_figure(frame: pd.DataFrame, paper: pd.DataFrame, statistic: str = "best_test") -> Figure:
    """Every run as a dot, regime by regime, one panel per row; diamonds are the paper's means.

    Args:
        frame: runs, with ``row``, ``column`` and the statistic in percent.
        paper: the paper's numbers with ``row``, ``column``, ``mean``, ``std``.
        statistic: what is drawn.
    """
    rows = list(dict.fromkeys(frame["row"])) or ["no records yet"]
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(rows), figsize=(4.2 * len(rows) + 0.6, 3.6), squeeze=False)
        for ax, row in zip(axes[0], rows, strict=True):
            mine = frame[(frame["row"] == row) & frame[statistic].notna()]
            columns = [c for c in COLOURS if c in set(frame.loc[frame["row"] == row, "column"])]
            if mine.empty:
                ax.set(title=row, xticks=[], yticks=[])
                continue
            sns.stripplot(
                mine, x=statistic, y="column", order=columns, hue="column", palette=COLOURS, ax=ax, size=6, alpha=0.8,
                jitter=0.12, legend=False,
            )  # fmt: skip
            theirs = paper[paper["row"] == row].set_index("column").reindex(columns)
            known = theirs["mean"].notna()
            ax.errorbar(
                theirs.loc[known, "mean"],
                [i - 0.3 for i, k in enumerate(known) if k],
                xerr=theirs.loc[known, "std"],
                fmt="D",
                color="black",
                markersize=4,
                capsize=2,
                label="paper, mean ± std",
            )
            ax.set(title=_count(row, mine), xlabel="test accuracy [%]", ylabel="")
            ax.grid(axis="x", alpha=0.3)
        if len(frame):
            axes[0][0].legend(loc="lower left", fontsize=8, frameon=False)
        figure.tight_layout()
    plt.close(figure)
    return figure


def _count(row: str, mine: pd.DataFrame) -> str:
    counts = mine.groupby("column").size()
    if counts.empty:
        return f"{row} (pending)"
    n = f"{counts.min()}" if counts.min() == counts.max() else f"{counts.min()} to {counts.max()}"
    return f"{row} (n = {n})"


def curve_figure(frame: pd.DataFrame, value: str = "test_accuracy", unit: str = "test accuracy [%]") -> Figure:
    """A curve over epochs, mean of the seeds with the range between the lowest and the highest, one panel per row.

    Args:
        frame: epochs, with ``row``, ``column``, ``seed``, ``epoch`` and ``value``.
        value: the column that is drawn.
        unit: label of the vertical axis.
    """
    rows = list(dict.fromkeys(frame["row"])) or ["no records yet"]
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(rows), figsize=(4.6 * len(rows) + 0.6, 3.6), squeeze=False)
        for ax, row in zip(axes[0], rows, strict=True):
            _curves(ax, frame[frame["row"] == row], value)
            seeds = frame.loc[frame["row"] == row, "seed"].nunique()
            ax.set(title=f"{row} (n = {seeds})", xlabel="epoch", ylabel=unit)
            ax.grid(alpha=0.3)
        if len(frame):
            axes[0][0].legend(fontsize=8, frameon=False, loc="lower right")
        figure.tight_layout()
    plt.close(figure)
    return figure


def _curves(ax: Axes, frame: pd.DataFrame, value: str) -> None:
    for column in [c for c in COLOURS if c in set(frame["column"])]:
        by_epoch = frame[frame["column"] == column].groupby("epoch")[value].agg(["mean", "min", "max"])
        ax.plot(by_epoch.index, by_epoch["mean"], color=COLOURS[column], label=column, linewidth=1.5)
        ax.fill_between(by_epoch.index, by_epoch["min"], by_epoch["max"], color=COLOURS[column], alpha=0.2, linewidth=0)
    if len(frame):
        low = frame[frame["epoch"] > frame["epoch"].max() * 0.05][value].min()
        ax.set_ylim(bottom=max(0, low - 0.5))

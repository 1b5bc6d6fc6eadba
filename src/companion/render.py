"""Data frames to tables and figures.  Nothing is computed here: what is drawn is what the frame says.

Tables are HTML with plain text inside, rounded to what is stable across machines.  Figures take an ``ax`` or make one
panel per row of the exhibit, in a palette that colour-blind readers can tell apart, on white so that dark mode can show
them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Literal

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.claims import RowResult
from companion.notation import Regime
from companion.scorecard import Entry
from companion.stats import Summary, Verdict

__all__ = [
    "COLOURS",
    "Table",
    "accuracy_figure",
    "claim_table",
    "curve_figure",
    "number_table",
    "probe_figure",
    "save_svg",
    "summary_table",
]

COLOURS = dict(zip(map(str, Regime), sns.color_palette("colorblind", len(Regime)).as_hex(), strict=True))
"""One colour per regime, the same in every figure."""

DOTS = 0.3
"""Height over which the dots of one regime are spread, in rows of a panel."""

STYLE: dict[Any, Any] = {
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "svg.hashsalt": "companion",
    "savefig.bbox": "tight",
}

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
    return Table(pd.DataFrame(lines, dtype=object), caption)


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
    return Table(pd.DataFrame(lines, dtype=object), caption)


def summary_table(summaries: Sequence[tuple[dict[str, str], Summary | str]], caption: str) -> Table:
    """Mean ± std, 95% interval and n of any grouping, or the words that say why there is none yet."""
    lines = []
    for labels, s in summaries:
        line: dict[str, Any] = dict(labels)
        line["measured"] = s if isinstance(s, str) else plus_minus(s.mean, s.std)
        line["95% interval"] = _reach(None if isinstance(s, str) else s.half_width)
        line["n"] = "–" if isinstance(s, str) else s.n
        lines.append(line)
    return Table(pd.DataFrame(lines, dtype=object), caption)


def accuracy_figure(frame: pd.DataFrame, paper: pd.DataFrame, statistic: str = "best_test") -> Figure:
    """Every run as a dot, regime by regime, one panel per row; diamonds are the paper's means.

    The dots of a regime stand one above the other in the order of their seeds.

    Args:
        frame: runs, with ``row``, ``column``, ``seed`` and the statistic in percent.
        paper: the paper's numbers with ``row``, ``column``, ``mean``, ``std``; empty where none may stand here.
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
            for i, column in enumerate(columns):
                dots = mine[mine["column"] == column].sort_values("seed")[statistic]
                heights = [i + DOTS * ((k + 1) / (len(dots) + 1) - 0.5) for k in range(len(dots))]
                ax.plot(dots, heights, "o", color=COLOURS[column], markersize=6, alpha=0.8, markeredgewidth=0)
            theirs = paper[paper["row"] == row].set_index("column").reindex(columns)
            known = theirs["mean"].notna()
            if known.any():
                ax.errorbar(
                    theirs.loc[known, "mean"],
                    [i - 0.3 for i, k in enumerate(known) if k],
                    xerr=theirs.loc[known, "std"].fillna(0),
                    fmt="D",
                    color="black",
                    markersize=4,
                    capsize=2,
                    label="paper, mean ± std",
                )
            ax.set(title=_count(row, mine, columns), xlabel="test accuracy [%]", ylabel="")
            ax.set_yticks(range(len(columns)), columns)
            ax.set_ylim(len(columns) - 0.5, -0.5)
            ax.grid(axis="x", alpha=0.3)
        _legend(axes[0], loc="lower left")
        figure.tight_layout()
    plt.close(figure)
    return figure


def _legend(axes: Iterable[Axes], loc: Literal["lower left", "lower right"]) -> None:
    """One legend, in the first panel that has something to explain."""
    for ax in axes:
        if ax.get_legend_handles_labels()[0]:
            ax.legend(loc=loc, fontsize=8, frameon=False)
            return


def save_svg(figure: Figure, path: Path) -> None:
    """Write a figure; the same figure gives the same bytes every time."""
    with plt.rc_context(STYLE):
        figure.savefig(path, format="svg", metadata={"Date": None})


def _count(row: str, mine: pd.DataFrame, columns: Sequence[str]) -> str:
    return f"{row} ({_range(mine.groupby('column').size().reindex(list(columns), fill_value=0))})"


def _range(counts: pd.Series) -> str:
    return f"n = {counts.max()}" if counts.min() == counts.max() else f"n = {counts.min()} to {counts.max()}"


def curve_figure(bands: pd.DataFrame, unit: str = "test accuracy [%]") -> Figure:
    """A curve over epochs: mean of the seeds, with the range between the lowest and the highest, one panel per row.

    The vertical axis begins below the lowest value after the first twentieth of the epochs.

    Args:
        bands: as :func:`companion.frames.bands` makes them.
        unit: label of the vertical axis.
    """
    rows = list(dict.fromkeys(bands["row"])) or ["no records yet"]
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(rows), figsize=(4.6 * len(rows) + 0.6, 3.6), squeeze=False)
        for ax, row in zip(axes[0], rows, strict=True):
            mine = bands[bands["row"] == row]
            _curves(ax, mine)
            title = row if mine.empty else f"{row} ({_range(mine['n'])})"
            ax.set(title=title, xlabel="epoch", ylabel=unit)
            ax.grid(alpha=0.3)
        _legend(axes[0], loc="lower right")
        figure.tight_layout()
    plt.close(figure)
    return figure


def _curves(ax: Axes, bands: pd.DataFrame) -> None:
    for column in [c for c in COLOURS if c in set(bands["column"])]:
        mine = bands[bands["column"] == column]
        ax.plot(mine["epoch"], mine["mean"], color=COLOURS[column], label=column, linewidth=1.5)
        ax.fill_between(mine["epoch"], mine["low"], mine["high"], color=COLOURS[column], alpha=0.2, linewidth=0)
    if len(bands):
        low = bands.loc[bands["epoch"] > bands["epoch"].max() * 0.05, "low"].min()
        ax.set_ylim(bottom=max(0, low - 0.5))


def probe_figure(
    frame: pd.DataFrame, rows: Sequence[str], panels: Sequence[str], lines: Mapping[str, float], title: str
) -> Figure:
    """Measurements between epochs on logarithmic axes, a line of panels per row.

    Args:
        frame: ``row, panel, label, epoch`` and ``median, min, max`` over seeds.
        rows: of the exhibit.
        panels: titles, from left to right.
        lines: label to height of a reference line in every panel.
        title: of the figure; says profile, device and n.
    """
    with plt.rc_context(STYLE):
        size = (4.4 * len(panels) + 0.6, 3.3 * len(rows) + 0.4)
        figure, axes = plt.subplots(len(rows), len(panels), figsize=size, squeeze=False)
        for row, line in zip(rows, axes, strict=True):
            for panel, ax in zip(panels, line, strict=True):
                mine = frame[(frame["row"] == row) & (frame["panel"] == panel)]
                for colour, label in zip(COLOURS.values(), dict.fromkeys(mine["label"]), strict=False):
                    part = mine[mine["label"] == label]
                    ax.plot(part["epoch"], part["median"], color=colour, label=label)
                    ax.fill_between(part["epoch"], part["min"], part["max"], color=colour, alpha=0.2, linewidth=0)
                for (label, height), style in zip(lines.items(), ("--", ":"), strict=False):
                    ax.axhline(height, color="black", linestyle=style, linewidth=1, label=label)
                ax.set(title=f"{row}: {panel}", xlabel="epochs done", ylabel="value (log scale)")
                ax.grid(alpha=0.3)
                if len(mine):
                    ax.set_yscale("log")
                    ax.legend(fontsize=8, frameon=False)
        figure.suptitle(title, fontsize=10)
        figure.tight_layout()
    plt.close(figure)
    return figure

"""Data frames to tables.  Nothing is computed here: what is shown is what the frame says.

Tables are HTML with plain text inside, rounded to what is stable across machines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd

from companion.verdicts.claims import RowResult
from companion.verdicts.scorecard import Entry
from companion.verdicts.stats import Shade, Summary, Verdict, shade

__all__ = [
    "MARKS",
    "Table",
    "between",
    "claim_table",
    "css_class",
    "number_table",
    "plus_minus",
    "signed",
    "summary_table",
]

MARKS: Mapping[Verdict | Shade, str] = {
    Verdict.REPRODUCED: "✓",
    Verdict.NOT_REPRODUCED: "✗",
    Verdict.PARTLY: "◐",
    Verdict.INCONCLUSIVE: "?",
    Verdict.PENDING: "…",
    Verdict.STALE: "↻",
    Verdict.CITED: "❝",
    Verdict.NOT_CHECKABLE: "–",
    Shade.NOR_THEIRS: "≠",
    Shade.AS_IT_MUST: "⊘",
}
"""A mark for every word that is a verdict of ours."""
PAPERS_OWN = {
    Verdict.REPRODUCED: Shade.HOLDS,
    Verdict.NOT_REPRODUCED: Shade.FAILS,
    Verdict.INCONCLUSIVE: Shade.OPEN,
}
"""What a rule says of the paper's own numbers, in words that do not sound like a measurement of ours."""


def css_class(word: str) -> str:
    """The classes of the element that shows the word of a verdict.

    >>> css_class("fails, as it must")
    'verdict verdict-fails-as-it-must'
    """
    return f"verdict verdict-{re.sub('[^a-z]+', '-', word.replace(chr(39), ''))}"


class Table:
    """A table that shows as HTML in the book and as plain text elsewhere.

    Args:
        frame: the cells, already text.
        caption: one sentence above the table.

    Example:
        >>> print(Table(pd.DataFrame({"regime": ["FL"], "n": [5]}), "Runs."))
        Runs.
        regime  n
            FL  5
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
    if isinstance(value, (Verdict, Shade)):
        return f'<td class="{css_class(value)}">{MARKS.get(value, "")} {escape(str(value))}</td>'.replace("> ", ">")
    return f"<td>{escape(str(value))}</td>"


def plus_minus(mean: float | None, std: float | None) -> str:
    """``97.85 ± 0.09``; a dash where there is no mean.

    Args:
        mean: in any unit.
        std: in the same; left out where there is none.

    Example:
        >>> plus_minus(97.851, 0.09), plus_minus(None, None)
        ('97.85 ± 0.09', '–')
    """
    if mean is None or pd.isna(mean):
        return "–"
    return f"{mean:.2f}" + ("" if std is None or pd.isna(std) else f" ± {std:.2f}")


def between(values: pd.Series, digits: int = 2, sign: str = "") -> str:
    """``97.85 to 98.02``, the lowest and the highest of some numbers; one of them where both read alike.

    Args:
        values: the numbers.
        digits: behind the point.
        sign: ``+`` for differences, which show theirs.

    Example:
        >>> between(pd.Series([98.02, 97.85]))
        '97.85 to 98.02'
    """
    low, high = (f"{value:{sign}.{digits}f}" for value in (values.min(), values.max()))
    return low if low == high else f"{low} to {high}"


def signed(line: Mapping[str, Any]) -> str:
    """``+0.12 (-0.03 to +0.27)`` from ``difference, low, high``; a dash where there is none.

    Example:
        >>> signed({"difference": 0.12, "low": -0.03, "high": 0.27})
        '+0.12 (-0.03 to +0.27)'
    """
    if line.get("difference") is None:
        return "–"
    difference, low, high = (f"{round(line[name], 2) + 0.0:+.2f}" for name in ("difference", "low", "high"))
    return f"{difference} ({low} to {high})"


def number_table(entries: Sequence[Entry], half_widths: Mapping[str, float | None], caption: str) -> Table:
    """Paper beside measured in the paper's own layout: a block of lines per row, a column per regime.

    A block has the paper's values, then ours with interval and verdict once any run of the row is recorded.

    Args:
        entries: of the scorecard.
        half_widths: entry id to half the width of our 95% interval.
        caption: one sentence above the table.

    Example:
        >>> from companion.verdicts.scorecard import number_entries
        >>> entries = number_entries("A-T2", pd.DataFrame(columns=["row", "column", "variant"]))[:1]
        >>> number_table(entries, {}, "Table 2.").frame.to_numpy().tolist()
        [['FC/SGD/MNIST', 'paper', '95.85 ± 0.10'], ['', 'verdict', <Verdict.PENDING: 'pending'>]]
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


def claim_table(results: Sequence[tuple[str, RowResult, RowResult | None]], caption: str) -> Table:
    """Claims row by row: ours, and what the same rule says of the paper's own numbers, where it can.

    Args:
        results: ``(title, ours, paper's)``.
        caption: one sentence above the table.

    Example:
        >>> result = RowResult("FC", Verdict.REPRODUCED, 0.12, (0.05, 0.19), p=None, rule="met", pair="FL − DL")
        >>> claim_table([("FL is above DL", result, None)], "Claims.").frame.iloc[0, 3]
        '+0.12 (+0.05 to +0.19)'
    """

    def gap(result: RowResult | None) -> str:
        if result is None or result.difference is None:
            return "–"
        if result.interval is None:
            return f"{round(result.difference, 2) + 0.0:+.2f} (means alone)"
        low, high = result.interval
        return signed({"difference": result.difference, "low": low, "high": high})

    def pair(result: RowResult) -> str:
        return (result.pair or "–") + ("" if result.p is None else f", Holm p = {result.p:.2g}")

    lines = [
        {
            "claim": title,
            "row": ours.row,
            "least favourable pair": pair(ours),
            "gap in points (90% interval)": gap(ours),
            "verdict": shade(ours.verdict, paper.verdict if paper else None),
            "paper's gap": gap(paper),
            "rule on the paper's own numbers": "–" if paper is None else PAPERS_OWN.get(paper.verdict, paper.verdict),
        }
        for title, ours, paper in results
    ]
    return Table(pd.DataFrame(lines, dtype=object), caption)


def summary_table(summaries: Sequence[tuple[dict[str, str], Summary | str]], caption: str) -> Table:
    """Mean ± std, 95% interval and n of any grouping, or the words that say why there is none yet.

    Args:
        summaries: names of columns and their words, with the summary.
        caption: one sentence above the table.

    Example:
        >>> from companion.verdicts.stats import summarise
        >>> summary_table([({"row": "FC"}, summarise([97.0, 99.0]))], "All runs.").frame.iloc[0].to_list()
        ['FC', '98.00 ± 1.00', '± 12.71', 2]
    """
    lines = []
    for labels, s in summaries:
        line: dict[str, Any] = dict(labels)
        line["measured"] = s if isinstance(s, str) else plus_minus(s.mean, s.std)
        line["95% interval"] = _reach(None if isinstance(s, str) else s.half_width)
        line["n"] = "–" if isinstance(s, str) else s.n
        lines.append(line)
    return Table(pd.DataFrame(lines, dtype=object), caption)

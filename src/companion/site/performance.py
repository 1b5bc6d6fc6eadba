"""The *Performance* page's tables and figures, from the results of benchmarks and from nothing else.

A result is the document that ``companion bench NAME --json`` prints.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from companion.costs.bench import AS_MEASURED
from companion.files.quoting import brief
from companion.render.markdown import Markdown, plain, table
from companion.render.style import STYLE, lay_out
from companion.site import reports
from companion.site.targets import Document, Target

__all__ = ["figures", "growth", "included", "pages", "results"]

LIMIT = 15 * 60
"""Seconds that ``make book`` and ``make test`` may take with three papers in the book."""

COLOUR, ROOF = "#0173b2", "#d55e00"


def results(folder: Path) -> dict[str, Document]:
    """The results in a folder, by benchmark; none if there is no folder.

    Raises:
        ReportError: one of them is damaged; the message names it.
    """
    found = (reports.benchmark(path) for path in sorted(folder.glob("*.json")))
    return {document["benchmark"]: document for document in found}


def included(page: str) -> list[str]:
    """Names of the tables of results that the text of a page includes."""
    return re.findall(r"\{include\} generated/(benchmark-[\w-]+\.md)", page)


def pages(found: Mapping[str, Document], bounds: Sequence[Target], wanted: Iterable[str] = ()) -> dict[str, str]:
    """File name to text of what the page includes: a table for each result, one of targets, and the figures.

    Args:
        found: results by name.
        bounds: the targets.
        wanted: file names that must be there; those of benchmarks without a result say so.
    """
    missing = dict.fromkeys(wanted, "*Not measured yet.*\n")
    made = missing | {f"benchmark-{name}.md": _result(document) for name, document in found.items()}
    made["benchmark-targets.md"] = _targets(found, bounds)
    if "book" in found:
        made["benchmark-book-growth.md"] = growth(found["book"])
    return made | figures(found)


def growth(document: Document) -> str:
    """How long the two commands take, what a chapter adds to each, and how many more fit into a quarter of an hour."""
    seconds = {row["variant"]: row["seconds"] for row in document["rows"]}
    said = []
    for command, whole in (("make book", "make book, empty cache: all"), ("make test", "make test: all")):
        total, more = seconds.get(whole), seconds.get(f"a chapter more: {command}")
        if total is None or not more:
            said.append(f"How `{command}` grows with the number of chapters has not been measured yet.")
            continue
        room = int((LIMIT - total) // more)
        said.append(
            f"`{command}` takes {_minutes(total)}, and {more:.1f} s longer with each chapter more: 15 minutes "
            + (f"are reached with {room} chapters more." if room >= 0 else "are exceeded.")
        )
    return " ".join(said) + "\n"


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"


def _result(document: Document) -> str:
    machine, rows = document["machine"], document["rows"]
    unit = rows[0]["unit"]
    head = ["", unit if unit != "s" else "seconds", "ratio"]
    columns = ["variant", "value", "ratio"]
    if unit not in AS_MEASURED:
        head, columns = [*head, "seconds a round"], [*columns, "seconds"]
    head, columns = [*head, "spread"], [*columns, "spread"]
    if any(row["of_peak"] is not None for row in rows):
        head, columns = [*head, "of peak"], [*columns, "of_peak"]
    lines = [[_text(name, row[name]) for name in columns] for row in rows]
    if any(row.get("paired") is not None for row in rows):
        head = [*head, "round by round"]
        lines = [[*line, _interval(row)] for line, row in zip(lines, rows, strict=True)]
    missing = [f"*{plain(row['variant'])}*: {plain(row['reason'])}." for row in rows if row["reason"]]
    where = (
        f"{machine['processor']} ({machine['vectors']}), {machine['threads']} of {machine['cores']} cores, "
        f"Python {machine['python']}, torch {machine['torch']}, load {machine['load']}, {machine['time'][:10]}."
    )
    return "\n\n".join([table(head, lines), *missing, plain(where)]) + "\n"


def _interval(row: Mapping[str, Any]) -> Markdown | None:
    """A speed over another's, with its interval."""
    if row.get("paired") is None:
        return None
    between = "" if row.get("low") is None else f" ({row['low']:.3g} to {row['high']:.3g})"
    return Markdown(f"{row['paired']:.3g}{between} × *{plain(row['against'])}*")


def _targets(found: Mapping[str, Document], bounds: Sequence[Target]) -> str:
    lines = []
    for one in bounds:
        bound = f"≥ {one.at_least:g}" if one.at_least is not None else f"≤ {one.at_most:g}"
        outcome, value, between = one.outcome(found), one.measured(found), one.between(found)
        why = "" if outcome == "met" or one.note is None else Markdown(one.note)  # written by us, as Markdown
        said = None if value is None else f"{value:.3g}" + (f" ({_ends(*between)})" if between else "")
        lines.append([Markdown(one.text), bound, said, outcome, why])
    return table(["target", "bound", "measured", "", "why"], lines) + "\n"


def _ends(low: float, high: float) -> str:
    return f"{low:.3g} or more" if math.isinf(high) else f"{low:.3g} to {high:.3g}"


def _text(column: str, value: Any) -> str | None:
    if not isinstance(value, float):
        return value
    if column in ("of_peak", "spread"):
        return f"{value:.0%}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def figures(found: Mapping[str, Document]) -> dict[str, str]:
    """File name to SVG: the roofline of ``fc-train``, and how cost grows by ``fc-growth``, ``ntk`` and ``npk``.

    Raises:
        ReportError: a result has not the rows that its figure shows.
    """
    made = {}
    if "fc-train" in found:
        made["roofline.svg"] = _drawn("fc-train", lambda: _roofline(found["fc-train"]))
    if "fc-growth" in found:
        made["growth.svg"] = _drawn("fc-growth", lambda: _growth(found["fc-growth"]))
    if kernels := [found[name] for name in ("ntk", "npk") if name in found]:
        made["kernels.svg"] = _drawn("ntk or npk", lambda: _kernels(kernels))
    return made


def _drawn(name: str, draw: Callable[[], str]) -> str:
    """A figure; variants of other names than its own make one impossible in many ways."""
    try:
        return draw()
    except Exception as error:
        said = brief(str(error))[1:-1]
        raise reports.ReportError(f"the result of {name} has not the rows of its figure ({said})") from error


def _roofline(document: Document) -> str:
    """Rates of operations as bars, below the measured peak."""
    import matplotlib.pyplot as plt

    rows = [row for row in document["rows"] if row["gflops"] is not None]
    peak = rows[-1]
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(7.2, 0.34 * len(rows) + 1.0))
        ways = rows[:-1][::-1]
        bars = ax.barh([row["variant"] for row in ways], [row["gflops"] for row in ways], color=COLOUR)
        ax.bar_label(bars, [f" {row['of_peak']:.0%}" for row in ways])
        ax.axvline(peak["gflops"], color=ROOF, linewidth=2, label=f"{peak['variant']}, {peak['gflops']:.0f} GFLOP/s")
        ax.set(xlabel="thousand million operations a second [GFLOP/s]", xlim=(0, 1.05 * peak["gflops"]))
        ax.grid(axis="x", alpha=0.3)
        lay_out(figure)
        return _svg(figure)


def _growth(document: Document) -> str:
    """Rates of operations over models, width and depth; a variant's name is ``backend, what number``."""
    import matplotlib.pyplot as plt

    peak = document["rows"][-1]["gflops"]
    series: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for row in document["rows"][:-1]:
        backend, words = row["variant"].split(", ")
        what, number = words.split()
        if row["gflops"] is not None:
            series.setdefault((backend, what), []).append((int(number), row["gflops"]))
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(series), figsize=(3.4 * len(series), 3.2), sharey=True, squeeze=False)
        for ax, ((backend, what), points) in zip(axes[0], series.items(), strict=True):
            numbers, speeds = zip(*points, strict=True)
            ax.plot(numbers, speeds, "o-", color=COLOUR)
            if peak:
                ax.axhline(peak, color=ROOF, linewidth=2, label="multiply-add peak")
            ax.set(title=backend, xscale="log", xlabel=f"{what} [number]", xticks=numbers)
            ax.set_xticklabels(numbers)
            ax.minorticks_off()
            ax.grid(alpha=0.3)
        axes[0][0].set_ylabel("speed [GFLOP/s]")
        axes[0][0].set_ylim(bottom=0)
        lay_out(figure)
        return _svg(figure)


def _kernels(documents: Sequence[Document]) -> str:
    """Seconds over examples, a panel for each benchmark; a variant's name is ``way, n = number``."""
    import matplotlib.pyplot as plt

    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(documents), figsize=(4.2 * len(documents), 3.4), sharey=True, squeeze=False)
        for ax, document in zip(axes[0], documents, strict=True):
            series: dict[str, list[tuple[int, float]]] = {}
            for row in document["rows"]:
                way, _, number = row["variant"].rpartition(", n = ")
                if row["seconds"] is not None:
                    series.setdefault(way, []).append((int(number), row["seconds"]))
            for way, points in series.items():
                ax.plot(*zip(*points, strict=True), "o-", label=way)
            numbers = sorted({n for points in series.values() for n, _ in points})
            least = min(seconds for points in series.values() for n, seconds in points if n == numbers[0])
            square = [least * (n / numbers[0]) ** 2 for n in numbers]
            ax.plot(numbers, square, ":", color=ROOF, label="square of the examples")
            ax.set(title=document["benchmark"], xscale="log", yscale="log", xlabel="examples [number]", xticks=numbers)
            ax.set_xticklabels(numbers)
            ax.minorticks_off()
            ax.grid(alpha=0.3)
        axes[0][0].set_ylabel("time [s]")
        lay_out(figure, *([ax] for ax in axes[0]))
        return _svg(figure)


def _svg(figure: Any) -> str:
    import matplotlib.pyplot as plt

    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    plt.close(figure)
    return out.getvalue()

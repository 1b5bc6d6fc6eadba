"""What the chapters of exhibits with many models of one regime share: words for ranges, and the table of claims."""

from __future__ import annotations

from typing import Any

import pandas as pd

from companion.chapters.chapter import Chapter
from companion.render.tables import Table, plus_minus, signed
from companion.verdicts.cells import Completeness
from companion.verdicts.sentences import claim_results
from companion.verdicts.stats import summarise

__all__ = ["chosen", "claims_of_models", "complete_mean", "gap_text", "rows_of", "score_text"]


def gap_text(difference: float | None, bounds: tuple[float, float] | None) -> str:
    """``+0.12 (-0.03 to +0.27)``; a dash where there is none."""
    if difference is None or bounds is None:
        return "–"
    return signed({"difference": difference, "low": bounds[0], "high": bounds[1]})


def rows_of(chapter: Chapter) -> list[str]:
    """The rows of its grid, in order."""
    return list(dict.fromkeys(chapter.runs["row"]))


def chosen(runs: pd.DataFrame, **values: Any) -> pd.DataFrame:
    """The lines that have these values in these columns; ``None`` is any."""
    mine = pd.Series(True, index=runs.index)
    for name, wanted in values.items():
        if wanted is not None:
            mine &= runs[name] == wanted
    return runs[mine]


def complete_mean(cell: pd.DataFrame) -> float | None:
    """The mean of one model's best test accuracy; ``None`` unless all of its seeds are recorded."""
    complete = len(cell) > 0 and Completeness.of(cell).complete
    return float(cell["best_test"].mean()) if complete else None


def score_text(cell: pd.DataFrame) -> str:
    """Mean ± std of one model over its seeds, or why there is none; a dash where the grid has no such model."""
    if cell.empty:
        return "–"
    if not Completeness.of(cell).complete:
        return Completeness.of(cell).short
    summary = summarise(cell["best_test"].to_list())
    return plus_minus(summary.mean, summary.std)


def claims_of_models(chapter: Chapter) -> Table:
    """The exhibit's claims with their verdicts, what each rule says of the paper's own numbers, and the rules."""
    results = claim_results(chapter.exhibit.id, chapter.runs, chapter.profile) if chapter.decides else []
    printed = any(paper is not None for _, _, paper in results)
    lines = [
        {
            "claim": claim.title,
            "row": found.row,
            "gap in points (bounds)": gap_text(found.difference, found.interval),
            "verdict": found.verdict,
            **({"on the paper's own means": "–" if paper is None else paper.verdict} if printed else {}),
            "rule": found.rule,
        }
        for claim, found, paper in results
    ]
    seeds = chapter.exhibit.seeds[chapter.profile]
    title = f"Claims about {chapter.place}, paired over n = {seeds} seeds, by the models that are recorded"
    return chapter.downloads.table("claims", Table(pd.DataFrame(lines, dtype=object), title))

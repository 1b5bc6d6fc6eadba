"""Records, checks and the papers' numbers side by side: one verdict per number, claim and statement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import pandas as pd

from companion.exhibits import CLAIMS, EXHIBITS, cells
from companion.exhibits.claim import Claim
from companion.exhibits.grid import HOLDOUT
from companion.papers.margins import margin, rules
from companion.papers.numbers import numbers
from companion.papers.statements import Statement, statements
from companion.records.store import Store
from companion.runs.spec import RunSpec
from companion.statements.outcomes import FOLDER, CheckStore, State
from companion.verdicts.along import along, pairs_of, placed
from companion.verdicts.cells import Completeness
from companion.verdicts.claims import RowResult, combine, evaluate, own_differences, paper_differences
from companion.verdicts.frames import by_seed, places, probes, runs, scores
from companion.verdicts.spread import over_models, spread_results
from companion.verdicts.stats import Verdict, equivalence, summarise, welch_difference
from companion.verdicts.trends import TRENDS, Trend, evaluate_trend

__all__ = [
    "Entry",
    "claim_results",
    "headline",
    "number_entries",
    "scorecard",
    "trend_results",
]

PROFILE = "paper"
CHECKED: Mapping[State, tuple[Verdict, str]] = {
    "passes": (Verdict.REPRODUCED, "all of its checks pass"),
    "fails": (Verdict.NOT_REPRODUCED, "a check fails"),
    "stale": (Verdict.STALE, "stale: the code of its check has changed since, and it has not been repeated"),
}
"""What the stored outcome of a check says to the verdict on its statement and the rule."""
OLDER = "stale: {} of {} runs are of an older protocol"


@dataclass(frozen=True)
class Entry:
    """One line of the scorecard.  Accuracies and gaps in percentage points; absent values are ``None``.

    Args:
        id: unique.
        kind: ``number``, ``claim`` (a sentence about a table, row by row) or ``statement`` (a numbered one).
        exhibit: whose records decide it.
        row: the paper's row.
        column: the paper's column.
        source: where the paper has it.
        statistic: ``best_test`` and so on.
        variant: empty for the run that stands beside the paper's number.
        paper_mean: the paper's value.
        paper_std: its deviation, ``ddof = 0``.
        mean: ours.
        std: ours, ``ddof = 0``.
        n: seeds that have a score; a diverged run has none.
        profile: of the records.
        verdict: by :attr:`rule`.
        rule: the rule with its numbers.
    """

    id: str
    kind: str
    exhibit: str | None
    row: str | None
    column: str | None
    source: str | None
    statistic: str | None
    variant: str
    paper_mean: float | None
    paper_std: float | None
    mean: float | None
    std: float | None
    n: int
    profile: str
    verdict: Verdict
    rule: str

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON values."""
        return asdict(self) | {"verdict": str(self.verdict)}


def scorecard(store: Store, checks: Mapping[str, State] | None = None) -> list[Entry]:
    """All entries, in the order numbers, claims, statements.

    Args:
        store: the records.
        checks: statement id to what the outcome of its check says; ``None`` means those that are stored beside the
            records.

    Raises:
        RecordError: a record or a stored check is damaged; the message names it.
    """
    checks = CheckStore(store.folder / FOLDER).states() if checks is None else checks
    frames = {name: runs(cells(name, PROFILE), store) for name, e in EXHIBITS.items() if PROFILE in e.profiles}
    counted = [entry for line in numbers().to_dict("records") for entry in _number(line, frames.get(line["exhibit"]))]
    claimed = [e for name in dict.fromkeys(c.exhibit for c in CLAIMS) for e in _claim_entries(name, frames[name])]
    claimed += [entry for trend in TRENDS for entry in _trend_entries(trend, store)]
    stated = [_statement(s, counted, claimed, checks) for s in statements().values()]
    return [*counted, *claimed, *stated]


def headline(entries: list[Entry]) -> dict[str, dict[str, int]]:
    """Kind to verdict to count; cited numbers and variants of a run are left out."""
    table: dict[str, dict[str, int]] = {}
    for entry in entries:
        if entry.verdict is not Verdict.CITED and not entry.variant:
            counts = table.setdefault(entry.kind, {})
            counts[str(entry.verdict)] = counts.get(str(entry.verdict), 0) + 1
    return table


def number_entries(exhibit: str, frame: pd.DataFrame) -> list[Entry]:
    """One entry per printed number of an exhibit and variant of its run; ``frame`` holds the paper profile's runs."""
    lines = numbers()[numbers()["exhibit"] == exhibit].to_dict("records")
    return [entry for line in lines for entry in _number(line, frame)]


def claim_results(
    exhibit: str, frame: pd.DataFrame, profile: str = PROFILE
) -> list[tuple[Claim, RowResult, RowResult | None]]:
    """Each claim about an exhibit row by row: our result, and what the same rule says of the paper's own numbers.

    Args:
        exhibit: its id.
        frame: the profile's runs, of :func:`companion.verdicts.frames.runs`.
        profile: rows that are not the paper's have no numbers of the paper beside them, nor do those for which it
            prints no deviation, unless the claim takes its means alone.
    """
    grid = places(cell for cell in cells(exhibit, profile) if not cell.variant)
    printed = numbers()[(numbers()["exhibit"] == exhibit) & (numbers()["cited"] == "no")]
    results: list[tuple[Claim, RowResult, RowResult | None]] = []
    for claim in CLAIMS:
        if claim.exhibit != exhibit or profile not in claim.profiles:
            continue
        if over_models(claim):
            spread = spread_results(claim, frame, EXHIBITS[exhibit].seeds[profile])
            results += [(claim, result, None) for result in spread]
            continue
        mine = along(claim, grid)
        rows = list(dict(zip(mine["row"], mine["dataset"], strict=True)).items())
        seen = along(claim, frame)
        ours = evaluate(claim, rows, own_differences(seen, EXHIBITS[exhibit].seeds[profile]))
        ours = [_with_fates(claim, result, seen) for result in ours]
        theirs = evaluate(claim, rows, paper_differences(along(claim, placed(printed, grid)), claim.means_alone))
        known = profile == PROFILE
        results += [
            (claim, mine, its if known and its.verdict is not Verdict.PENDING else None)
            for mine, its in zip(ours, theirs, strict=True)
        ]
    return results


def _with_fates(claim: Claim, result: RowResult, frame: pd.DataFrame) -> RowResult:
    """A row whose runs are all recorded, but not all finished, waits for nothing; one of an older protocol is stale."""
    columns = {column for pair in pairs_of(claim) for column in pair}
    mine = frame[(frame["row"] == result.row) & frame["column"].isin(columns) & (frame["variant"] == "")]
    if mine["stale"].any():
        return _stale(result, int(mine["stale"].sum()), len(mine))
    there = Completeness.of(mine)
    if result.verdict is not Verdict.PENDING or there.waiting or not there.diverged:
        return result
    return replace(result, verdict=Verdict.INCONCLUSIVE, rule=there.long)


def _stale(result: RowResult, stale: int, of: int) -> RowResult:
    return RowResult(result.row, Verdict.STALE, None, None, None, OLDER.format(stale, of))


def _number(line: Mapping[Any, Any], frame: pd.DataFrame | None) -> Iterator[Entry]:
    """The entry of one printed number, and one for each variant of its run; one alone for a number that is cited."""
    mine = None if frame is None else frame[(frame["row"] == line["row"]) & (frame["column"] == line["column"])]
    variants = [""]
    if mine is not None and not mine.empty and line["cited"] == "no":
        variants = list(dict.fromkeys(mine["variant"]))
    for variant in variants:
        yield _number_entry(line, variant, None if mine is None else mine[mine["variant"] == variant])


def _number_entry(line: Mapping[Any, Any], variant: str, mine: pd.DataFrame | None) -> Entry:
    statistic = "selected_test" if variant == HOLDOUT else line["statistic"] or None
    std, n_paper = (None if pd.isna(line[name]) else float(line[name]) for name in ("std", "n_runs"))
    there = None if mine is None or mine.empty else Completeness.of(mine, statistic or "best_test", at_least=2)
    found = [] if mine is None or mine.empty else by_seed(mine, statistic or "best_test")
    stale = 0 if mine is None or mine.empty else int(mine["stale"].sum())
    summary = summarise(found) if found else None
    if line["cited"] == "yes":
        verdict, rule = Verdict.CITED, "not a result of the three texts: shown, not counted"
    elif there is None:
        verdict, rule = Verdict.PENDING, "pending: this exhibit has no runs yet"
    elif stale:
        verdict, rule = Verdict.STALE, OLDER.format(stale, there.expected)
    elif not there.complete:
        verdict, rule = (Verdict.PENDING if there.waiting else Verdict.NOT_REPRODUCED), there.long
    else:
        assert mine is not None
        assert summary is not None
        within = margin(mine["dataset"].iloc[0])
        gap = welch_difference((line["mean"], std, n_paper), (summary.mean, summary.std, summary.n))
        low, high = gap.interval(rules()["equivalence_confidence"])
        verdict = equivalence(gap, within)
        rule = (
            f"equivalence: ours - paper = {gap.mean:.2f} points, "
            f"90% interval {low:.2f} to {high:.2f}, margin {within:g}"
        )
    return Entry(
        id=line["id"] + (f":{variant}" if variant else ""),
        kind="number",
        exhibit=line["exhibit"],
        row=line["row"],
        column=line["column"],
        source=line["source"],
        statistic=statistic,
        variant=variant,
        paper_mean=float(line["mean"]),
        paper_std=std,
        mean=summary.mean if summary else None,
        std=summary.std if summary else None,
        n=len(found),
        profile=PROFILE,
        verdict=verdict,
        rule=rule,
    )


def _claim_entries(exhibit: str, frame: pd.DataFrame) -> list[Entry]:
    def seeds(claim: Claim, result: RowResult) -> int:
        if over_models(claim):
            return 0 if result.difference is None else EXHIBITS[exhibit].seeds[PROFILE]
        seen = along(claim, frame)
        return min(len(scores(seen, result.row, column)) for pair in pairs_of(claim) for column in pair)

    def entry(claim: Claim, result: RowResult) -> Entry:
        left, right = (", ".join(dict.fromkeys(pair[side] for pair in pairs_of(claim))) for side in (0, 1))
        return Entry(
            id=f"{claim.id}:{result.row}",
            kind="claim",
            exhibit=claim.exhibit,
            row=result.row,
            column=f"{left} against {right}",
            source=claim.title,
            statistic="best_test",
            variant="",
            paper_mean=None,
            paper_std=None,
            mean=result.difference,
            std=None,
            n=seeds(claim, result),
            profile=PROFILE,
            verdict=result.verdict,
            rule=result.rule,
        )

    return [entry(claim, ours) for claim, ours, _ in claim_results(exhibit, frame)]


def trend_results(trend: Trend, store: Store, profile: str = PROFILE, variant: str = "") -> list[RowResult]:
    """A trend in each row of its exhibit, by its own runs or by those of a variant."""
    grid = cells(trend.exhibit, profile)
    specs: dict[str, list[RunSpec]] = {}
    for cell in grid:
        if cell.variant == variant:
            specs.setdefault(cell.row, []).append(cell.spec)
    stale = {row: sum(spec.stale and spec in store for spec in mine) for row, mine in specs.items()}
    found = evaluate_trend(trend, list(specs), probes(grid, store), EXHIBITS[trend.exhibit].seeds[profile], variant)
    return [_stale(one, stale[one.row], len(specs[one.row])) if stale[one.row] else one for one in found]


def _trend_entries(trend: Trend, store: Store) -> list[Entry]:
    grid = [cell for cell in cells(trend.exhibit, PROFILE) if not cell.variant]

    def entry(result: RowResult) -> Entry:
        return Entry(
            id=f"{trend.id}:{result.row}",
            kind="claim",
            exhibit=trend.exhibit,
            row=result.row,
            column=None,
            source=trend.title,
            statistic=trend.meaning,
            variant="",
            paper_mean=None,
            paper_std=None,
            mean=result.difference,
            std=None,
            n=sum(cell.spec in store for cell in grid if cell.row == result.row),
            profile=PROFILE,
            verdict=result.verdict,
            rule=result.rule,
        )

    return [entry(result) for result in trend_results(trend, store)]


def _statement(statement: Statement, counted: list[Entry], claimed: list[Entry], checks: Mapping[str, State]) -> Entry:
    name = statement.id
    sentences: list[Claim | Trend] = [*CLAIMS, *TRENDS]
    prefixes = tuple(sentence.id + ":" for sentence in sentences if sentence.statement == name)
    parts = [e for e in claimed if prefixes and e.id.startswith(prefixes)]
    kind = "rows"
    if statement.exhibit == name and not parts:  # the exhibit itself: all of its numbers
        kind = "numbers"
        parts = [e for e in counted if e.exhibit == name and not e.variant and e.verdict is not Verdict.CITED]
    if statement.not_checkable:
        verdict, rule = Verdict.NOT_CHECKABLE, statement.not_checkable
    elif name in checks:
        verdict, rule = CHECKED[checks[name]]
    elif stale := sum(part.verdict is Verdict.STALE for part in parts):
        verdict, rule = Verdict.STALE, f"stale: {stale} of its {len(parts)} {kind} are"
    elif parts:
        verdict = combine([part.verdict for part in parts])
        done = sum(part.verdict is Verdict.REPRODUCED for part in parts)
        waiting = sum(part.verdict is Verdict.PENDING for part in parts)
        rule = f"all {kind} must be: {done} of {len(parts)} reproduced, {waiting} pending"
    else:
        verdict, rule = Verdict.PENDING, "pending: nothing decides it yet"
    return Entry(
        id=name,
        kind="statement",
        exhibit=statement.exhibit,
        row=None,
        column=None,
        source=f"Paper {statement.paper}: {statement.title}",
        statistic=None,
        variant="",
        paper_mean=None,
        paper_std=None,
        mean=None,
        std=None,
        n=0,
        profile=PROFILE,
        verdict=verdict,
        rule=rule,
    )

"""Records, checks and the papers' numbers side by side: one verdict per number, claim and statement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sized
from dataclasses import replace
from typing import Any, Literal, TypeAlias

import pandas as pd

from companion.exhibits import CLAIMS, EXHIBITS, cells
from companion.exhibits.claim import Claim
from companion.exhibits.grid import HOLDOUT
from companion.papers.margins import margin, rules
from companion.papers.numbers import numbers
from companion.papers.statements import Statement, statements
from companion.records.store import Store
from companion.statements.outcomes import FOLDER, CheckStore, State
from companion.verdicts.along import pairs_of
from companion.verdicts.cells import Completeness
from companion.verdicts.claims import RowResult, combine
from companion.verdicts.entry import Entry
from companion.verdicts.frames import by_seed, runs, scores_by_cell
from companion.verdicts.sentences import OLDER, claims_seen, trend_results
from companion.verdicts.spread import over_models
from companion.verdicts.stats import Shade, Verdict, equivalence, summarise, welch_difference
from companion.verdicts.trends import TRENDS, Trend

__all__ = [
    "Entry",
    "claim_entries",
    "headline",
    "number_entries",
    "scorecard",
    "uncounted",
]

PROFILE = "paper"
States: TypeAlias = Mapping[str, State | Literal["damaged"]]
CHECKED: Mapping[State | Literal["damaged"], tuple[Verdict, str]] = {
    "passes": (Verdict.REPRODUCED, "all of its checks pass"),
    "fails": (Verdict.NOT_REPRODUCED, "a check fails"),
    "stale": (Verdict.STALE, "stale: the code of its check has changed since, and it has not been repeated"),
    "damaged": (Verdict.PENDING, "pending: the stored outcome of its check is damaged"),
}
"""What the stored outcome of a check says to the verdict on its statement and the rule."""


def scorecard(store: Store, checks: States | None = None) -> list[Entry]:
    """All entries, in the order numbers, claims, statements.

    Args:
        store: the records.
        checks: statement id to what the outcome of its check says; ``None`` means those that are stored beside the
            records.

    What is damaged counts as not recorded, and ``store.skipped`` names it.

    Example:
        >>> entries = scorecard(Store("/no/such/folder"), checks={"A-P2.1": "passes"})
        >>> [(str(entry.verdict), entry.rule) for entry in entries if entry.id == "A-P2.1"]
        [('reproduced', 'all of its checks pass')]
    """
    if checks is None:
        seen = list(CheckStore(store.folder / FOLDER).survey(store.index))
        checks = {one.path.stem: one.facts or "damaged" for one in seen}
        store.skip(*(one.reason for one in seen if one.reason is not None))
    frames = {name: runs(cells(name, PROFILE), store) for name, e in EXHIBITS.items() if PROFILE in e.profiles}
    counted = [entry for line in numbers().to_dict("records") for entry in _number(line, frames.get(line["exhibit"]))]
    claimed = claim_entries(frames, store)
    counted = [_bound(entry, claimed) for entry in counted]
    stated = [_statement(s, counted, claimed, checks) for s in statements().values()]
    return [*counted, *claimed, *stated]


def claim_entries(frames: Mapping[str, pd.DataFrame], store: Store, profile: str = PROFILE) -> list[Entry]:
    """One entry for each claim about a table, row by row, and for each trend, as the runs of a profile decide it.

    Args:
        frames: exhibit to its runs in the profile; claims about others are left out.
        store: the records.
        profile: where it is not ``paper``, no number of the paper stands beside them.

    Example:
        >>> store = Store("/no/such/folder")
        >>> entries = claim_entries({"A-T2": runs(cells("A-T2", "paper"), store)}, store)
        >>> {str(entry.verdict) for entry in entries}
        {'pending'}
    """
    exhibits = dict.fromkeys(claim.exhibit for claim in CLAIMS if claim.exhibit in frames)
    found = [entry for name in exhibits for entry in _claim_entries(name, frames[name], profile)]
    trends = [trend for trend in TRENDS if trend.exhibit in frames]
    return found + [entry for trend in trends for entry in _trend_entries(trend, store, profile)]


def headline(entries: list[Entry]) -> dict[str, dict[str, int]]:
    """Kind to word to count; cited numbers, variants of a run and sentences of ours are left out.

    Example:
        >>> entries = number_entries("A-T2", pd.DataFrame(columns=["row", "column", "variant"]))
        >>> headline(entries)
        {'number': {'pending': 30}}
    """
    table: dict[str, dict[str, int]] = {}
    for entry in entries:
        if entry.counts:
            words = table.setdefault(entry.kind, {})
            words[str(entry.word)] = words.get(str(entry.word), 0) + 1
    return table


def uncounted(entries: Iterable[Entry]) -> dict[str, int]:
    """How many entries are listed and not counted: ``variants`` of a run, ``cited`` numbers, and sentences of ``ours``.

    Example:
        >>> uncounted(number_entries("A-T2", pd.DataFrame(columns=["row", "column", "variant"])))
        {'variants': 0, 'ours': 0, 'cited': 5}
    """
    left = [entry for entry in entries if not entry.counts]
    cited = sum(entry.verdict is Verdict.CITED for entry in left)
    ours = sum(entry.ours for entry in left)
    return {"variants": len(left) - cited - ours, "ours": ours, "cited": cited}


def number_entries(exhibit: str, frame: pd.DataFrame) -> list[Entry]:
    """One entry per printed number of an exhibit and variant of its run; ``frame`` holds the paper profile's runs.

    Example:
        >>> entry = number_entries("A-T2", pd.DataFrame(columns=["row", "column", "variant"]))[0]
        >>> entry.row, entry.column, entry.paper_mean, entry.n
        ('FC/SGD/MNIST', 'FR-II', 95.85, 0)
    """
    lines = numbers()[numbers()["exhibit"] == exhibit].to_dict("records")
    return [entry for line in lines for entry in _number(line, frame)]


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


def _bound(entry: Entry, claimed: list[Entry]) -> Entry:
    """A number that claims decide, with the verdict that these have together; any other as it is."""
    claims = [claim for claim in CLAIMS if claim.decides == entry.id]
    if not claims:
        return entry
    parts = [one for claim in claims for one in claimed if one.id.startswith(claim.id + ":")]
    names = " and ".join(claim.id for claim in claims)
    said = f"the claim {names} does" if len(claims) == 1 else f"the claims {names} do"
    rule = f"holds if {said}: {'; '.join(part.rule for part in parts)}"
    verdict, n = combine([part.verdict for part in parts]), min(part.n for part in parts)
    return replace(entry, exhibit=claims[0].exhibit, verdict=verdict, rule=rule, n=n, papers_own=_nor_theirs(parts))


def _nor_theirs(parts: list[Entry]) -> Verdict | None:
    """Whether every claim that fails fails on the paper's own numbers too, so that what they make up does."""
    failed = [part for part in parts if part.verdict is Verdict.NOT_REPRODUCED]
    return Verdict.NOT_REPRODUCED if failed and all(part.word is Shade.NOR_THEIRS for part in failed) else None


def _claim_entries(exhibit: str, frame: pd.DataFrame, profile: str) -> list[Entry]:
    def seeds(claim: Claim, result: RowResult, there: Mapping[tuple[str, str], Sized]) -> int:
        if over_models(claim):
            return 0 if result.difference is None else EXHIBITS[exhibit].seeds[profile]
        return min(len(there.get((result.row, column), ())) for pair in pairs_of(claim) for column in pair)

    def entry(claim: Claim, result: RowResult, theirs: RowResult | None, n: int) -> Entry:
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
            n=n,
            profile=profile,
            verdict=result.verdict,
            rule=result.rule,
            papers_own=theirs.verdict if theirs else None,
        )

    entries = []
    for claim, seen, rows in claims_seen(exhibit, frame, profile):
        there = scores_by_cell(seen)
        entries += [entry(claim, ours, theirs, seeds(claim, ours, there)) for ours, theirs in rows]
    return entries


def _trend_entries(trend: Trend, store: Store, profile: str) -> list[Entry]:
    grid = [cell for cell in cells(trend.exhibit, profile) if not cell.variant]

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
            n=sum(cell.spec in store and not store.went_past(cell.spec) for cell in grid if cell.row == result.row),
            profile=profile,
            verdict=result.verdict,
            rule=result.rule,
        )

    return [entry(result) for result in trend_results(trend, store, profile)]


def _statement(statement: Statement, counted: list[Entry], claimed: list[Entry], checks: States) -> Entry:
    name = statement.id
    sentences: list[Claim | Trend] = [*CLAIMS, *TRENDS]
    prefixes = tuple(sentence.id + ":" for sentence in sentences if name in sentence.statements)
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
        failed = sum(part.verdict is Verdict.NOT_REPRODUCED for part in parts)
        waiting = sum(part.verdict is Verdict.PENDING for part in parts)
        theirs = sum(part.word is Shade.NOR_THEIRS for part in parts)
        rule = f"all {kind} must be: {done} of {len(parts)} reproduced, {failed} not reproduced, {waiting} pending"
        rule += f"; {theirs} of those that are not fail on the paper's own numbers too" if theirs else ""
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
        papers_own=_nor_theirs(parts),
    )

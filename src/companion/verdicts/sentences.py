"""The sentences that records decide: claims row by row, with what each rule says of the paper's own numbers; trends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from companion.exhibits import CLAIMS, EXHIBITS, cells
from companion.exhibits.claim import Claim
from companion.papers.numbers import numbers
from companion.records.store import Store
from companion.runs.spec import RunSpec
from companion.verdicts.along import along, pairs_of, placed
from companion.verdicts.cells import Completeness
from companion.verdicts.claims import RowResult, evaluate, own_differences, paper_differences
from companion.verdicts.frames import places, probes
from companion.verdicts.spread import over_models, spread_results
from companion.verdicts.stats import Verdict
from companion.verdicts.trends import Trend, evaluate_trend

__all__ = ["OLDER", "claim_results", "claims_seen", "trend_results"]

PROFILE = "paper"
OLDER = "stale: {} of {} runs are of an older protocol"


def claim_results(
    exhibit: str, frame: pd.DataFrame, profile: str = PROFILE
) -> list[tuple[Claim, RowResult, RowResult | None]]:
    """Each claim about an exhibit row by row: our result, and what the same rule says of the paper's own numbers.

    Args:
        exhibit: its id.
        frame: the profile's runs, of :func:`companion.verdicts.frames.runs`.
        profile: rows that are not the paper's have no numbers of the paper beside them.  Where it prints no deviation,
            the rule is put to its means alone, and says so.
    """
    seen = claims_seen(exhibit, frame, profile)
    return [(claim, ours, theirs) for claim, _, rows in seen for ours, theirs in rows]


def claims_seen(
    exhibit: str, frame: pd.DataFrame, profile: str = PROFILE
) -> Iterator[tuple[Claim, pd.DataFrame, list[tuple[RowResult, RowResult | None]]]]:
    """The same, claim by claim, with the runs as the claim sees them: those of :func:`companion.verdicts.along.along`.

    Args:
        exhibit: its id.
        frame: the profile's runs.
        profile: its name.
    """
    grid = places(cell for cell in cells(exhibit, profile) if not cell.variant)
    printed = numbers()[(numbers()["exhibit"] == exhibit) & (numbers()["cited"] == "no")]
    for claim in CLAIMS:
        if claim.exhibit != exhibit or profile not in claim.profiles:
            continue
        seeds = EXHIBITS[exhibit].seeds[profile]
        mine, seen = along(claim, grid), along(claim, frame)
        rows = list(dict(zip(mine["row"], mine["dataset"], strict=True)).items())
        if over_models(claim):
            ours = spread_results(claim, frame, seeds)
        else:
            ours = [_with_fates(claim, one, seen) for one in evaluate(claim, rows, own_differences(seen, seeds))]
        theirs = _papers_own(claim, rows, along(claim, placed(printed, grid))) if profile == PROFILE else {}
        yield claim, seen, [(result, theirs.get(result.row)) for result in ours]


def _papers_own(claim: Claim, rows: list[tuple[str, str]], printed: pd.DataFrame) -> dict[str, RowResult]:
    """What a claim's rule says of the numbers that the paper prints, in each row that has them all."""
    found = evaluate(claim, rows, paper_differences(printed))
    return {one.row: one for one in found if one.verdict is not Verdict.PENDING}


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


def trend_results(trend: Trend, store: Store, profile: str = PROFILE, variant: str = "") -> list[RowResult]:
    """A trend in each row of its exhibit, by its own runs or by those of a variant."""
    grid = cells(trend.exhibit, profile)
    specs: dict[str, list[RunSpec]] = {}
    for cell in grid:
        if cell.variant == variant and cell.spec.probe and trend.speaks_of(cell.axes):
            specs.setdefault(cell.row, []).append(cell.spec)
    stale = {row: sum(spec.stale and spec in store for spec in mine) for row, mine in specs.items()}
    found = evaluate_trend(trend, list(specs), probes(grid, store), EXHIBITS[trend.exhibit].seeds[profile], variant)
    return [_stale(one, stale[one.row], len(specs[one.row])) if stale[one.row] else one for one in found]

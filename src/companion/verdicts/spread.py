"""Claims about many models of one row, that axes tell apart: robustness is the worst model's gap, not a mean.

The spread over models is a spread and never a standard error.  Each comparison is paired by seed and made where all
seeds of both sides are recorded; a claim that is put to many models says to how many it was.  The gap to the worst of
``m`` models is estimated with the gaps of all of them: each has the one-sided bound at ``1 - 0.05 / m`` (Bonferroni),
so that all bounds hold together, whichever model is the worst.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from companion.exhibits import exhibit
from companion.exhibits.axes import Axis
from companion.exhibits.claim import EVERY_OTHER, Claim, Quoted, Relation
from companion.papers.margins import rules
from companion.papers.numbers import number
from companion.verdicts.cells import Completeness
from companion.verdicts.claims import WORST_FIRST, RowResult, allowed, judged
from companion.verdicts.stats import Difference, Verdict, paired_difference

__all__ = ["Worst", "over_models", "spread_results", "worst"]

Model = tuple[Any, ...]
"""Its values on the axes of its exhibit."""
Scores = Mapping[int, float]
"""By seed."""
Models = Mapping[Model, Scores | None]
"""The models of one cell; ``None`` where a seed has no score."""


@dataclass(frozen=True)
class Worst:
    """The largest of some gaps.

    Args:
        name: whose.
        difference: of the largest mean.
        low: the largest of all lower bounds, each corrected.
        high: the largest of all upper bounds, each corrected.
        compared: how many gaps.
    """

    name: str
    difference: Difference
    low: float
    high: float
    compared: int

    def verdict(self, within: float) -> Verdict:
        """Reproduced where no gap can be as large as ``within``; not reproduced where one must be larger."""
        if self.high < within:
            return Verdict.REPRODUCED
        return Verdict.NOT_REPRODUCED if self.low > within else Verdict.INCONCLUSIVE


def worst(gaps: Mapping[str, Difference]) -> Worst:
    """The largest gap, with bounds that hold for the maximum; ``ValueError`` if there is none.

    Args:
        gaps: name to paired gap in points, positive where the model is behind.
    """
    confidence = 1 - 2 * rules()["significance"] / len(gaps) if gaps else 0
    bounds = [gap.interval(confidence) for gap in gaps.values()]
    name = max(gaps, key=lambda one: gaps[one].mean)
    return Worst(name, gaps[name], max(low for low, _ in bounds), max(high for _, high in bounds), len(gaps))


def over_models(claim: Claim) -> bool:
    """Whether a claim is put to many models of a row."""
    return bool(claim.each)


@dataclass
class _Place:
    """A row of a claim: what is compared in it, and how many comparisons there would be."""

    dataset: str
    found: list[tuple[str, str, str, Difference]] = field(default_factory=list)
    wanted: int = 0
    partial: bool = False
    """Whether a mean is one over some of its models."""

    def add(self, a: str, b: str, where: str, left: Scores | None, right: Scores | None) -> None:
        """One comparison, which is made if both sides have all their runs."""
        self.wanted += 1
        if left is not None and right is not None:
            seeds = sorted(left.keys() & right.keys())
            gap = paired_difference([left[seed] for seed in seeds], [right[seed] for seed in seeds])
            self.found.append((a, b, where, gap))

    @property
    def counted(self) -> str:
        """How many comparisons could be made."""
        return f"{len(self.found)} of {self.wanted} comparisons recorded"

    def settled(self, result: RowResult) -> RowResult:
        """The result, which waits while models are missing; but what one of them refutes is refuted."""
        refuted = result.verdict is Verdict.NOT_REPRODUCED and not self.partial
        if refuted or not (self.partial or len(self.found) < self.wanted):
            return result
        return replace(result, verdict=Verdict.PENDING, rule=f"so far {result.verdict}: {result.rule}")


def spread_results(claim: Claim, frame: pd.DataFrame, seeds: int, statistic: str = "best_test") -> list[RowResult]:
    """The claim in each row of a frame, and in each of its columns where it is made along an axis.

    Args:
        claim: one that is put to many models.
        frame: of :func:`companion.verdicts.frames.runs`.
        seeds: how many make a model complete.
        statistic: what is compared.
    """
    axes = exhibit(claim.exhibit).axes
    frame = frame[frame["variant"] == ""]
    if claim.datasets:
        frame = frame[frame["dataset"].isin(claim.datasets)]
    models = _models(frame, axes, max(seeds, 2), statistic)

    def side(row: str, column: Any) -> tuple[str, Models]:
        if isinstance(column, Quoted):
            return column.name, {(None,) * len(axes): dict.fromkeys(frame["seed"], number(column.number))}
        return column, _chosen(claim, axes, models.get((row, column), {}))

    places: dict[str, _Place] = {}
    for row, dataset in dict(zip(frame["row"], frame["dataset"], strict=True)).items():
        if claim.across is None:
            place = places[row] = _Place(dataset)
            for pair in claim.pairs:
                (a, left), (b, right) = (side(row, column) for column in pair)
                (_averages if claim.averaged else _columns)(place, axes, a, b, left, right)
        else:
            for column in claim.columns:
                if column not in set(frame["column"]):
                    continue  # a profile need not have all regimes
                place = places[f"{row}:{column}"] = _Place(dataset)
                _along(place, claim, axes, _chosen(claim, axes, models.get((row, column), {})))
    if claim.relation is Relation.ROBUST:
        return [_robust(claim, row, place) for row, place in places.items()]
    known = {(row, f"{a}{where}", b): gap for row, place in places.items() for a, b, where, gap in place.found}
    results = {r.row: r for r in judged(claim, [(row, p.dataset) for row, p in places.items() if p.found], known)}
    return [
        place.settled(replace(results[row], rule=f"{results[row].rule}; {place.counted}"))
        if row in results
        else _pending(row, place)
        for row, place in places.items()
    ]


def _models(frame: pd.DataFrame, axes: Sequence[Axis], seeds: int, statistic: str) -> dict[tuple[str, str], Models]:
    """Row and column to the models in them, each with its scores if all seeds have one."""
    found: dict[tuple[str, str], dict[Model, dict[int, float]]] = {}
    names = ["row", "column", "seed", statistic, *(axis.name for axis in axes)]
    for row, column, seed, score, *values in frame[names].itertuples(index=False):
        key = tuple(None if value is None or value != value else value for value in values)  # pandas may have made NaN
        model = found.setdefault((row, column), {}).setdefault(key, {})
        if pd.notna(score):
            model[seed] = score
    return {
        place: {model: scores if len(scores) >= seeds else None for model, scores in models.items()}
        for place, models in found.items()
    }


def _chosen(claim: Claim, axes: Sequence[Axis], models: Models) -> Models:
    """The models at the values that the claim is put at."""
    return {
        model: scores
        for model, scores in models.items()
        if all(
            value is None or value in claim.at.get(axis.name, (value,)) for axis, value in zip(axes, model, strict=True)
        )
    }


def _columns(place: _Place, axes: Sequence[Axis], a: str, b: str, left: Models, right: Models) -> None:
    """Two columns, model by model; a column that has nothing of the axes has one model, which stands beside all."""
    alone: Model = (None,) * len(axes)
    for model in dict.fromkeys((*left, *right)):
        if model != alone:
            at = f" ({_words(axes, model)})"
            place.add(a, b, at, left.get(model, left.get(alone)), right.get(model, right.get(alone)))


def _averages(place: _Place, axes: Sequence[Axis], a: str, b: str, left: Models, right: Models) -> None:
    """Two columns, each seed's mean over the models that are recorded."""
    names, means = [], []
    for name, side in ((a, left), (b, right)):
        done = [scores for scores in side.values() if scores is not None]
        place.partial |= len(done) < len(side)
        names.append(name + (f" (mean of {len(done)} of {len(side)} models)" if len(side) > 1 else ""))
        common = sorted(set.intersection(*(set(scores) for scores in done))) if done else []
        means.append({seed: sum(scores[seed] for scores in done) / len(done) for seed in common} if done else None)
    place.add(names[0], names[1], "", means[0], means[1])


def _along(place: _Place, claim: Claim, axes: Sequence[Axis], models: Models) -> None:
    """The values of one axis in one column, all else alike."""
    at = [axis.name for axis in axes].index(str(claim.across))
    others = [axis for i, axis in enumerate(axes) if i != at]
    for rest in dict.fromkeys(model[:at] + model[at + 1 :] for model in models):
        mine = {model[at]: scores for model, scores in models.items() if model[:at] + model[at + 1 :] == rest}
        for a, b in claim.pairs:
            for value in [value for value in mine if value != b] if a == EVERY_OTHER else [a]:
                where = f" ({_words(others, rest)})"
                place.add(axes[at].words(value), axes[at].words(b), where, mine.get(value), mine.get(b))


def _words(axes: Sequence[Axis], values: Sequence[Any]) -> str:
    return ", ".join(axis.words(value) for axis, value in zip(axes, values, strict=True))


def _pending(row: str, place: _Place) -> RowResult:
    there = Completeness(len(place.found), 0, max(place.wanted, 1), "comparisons")
    return RowResult(row, Verdict.PENDING, None, None, None, there.long)


def _robust(claim: Claim, row: str, place: _Place) -> RowResult:
    """The worst model of each group; the group that is worst for the claim is shown."""
    groups: dict[str, dict[str, Difference]] = {}
    for a, b, where, gap in place.found:
        groups.setdefault(where, {})[f"{b} - {a}{where}"] = gap
    if not groups:
        return _pending(row, place)
    within = allowed(claim, place.dataset)
    found = [worst(gaps) for gaps in groups.values()]
    shown = min(found, key=lambda one: (WORST_FIRST.index(one.verdict(within)), -one.difference.mean))
    rule = (
        f"upper bound of the worst below the margin: {shown.name} = {shown.difference.mean:.2f} points, bounds "
        f"{shown.low:.2f} to {shown.high:.2f}, corrected for the largest of {shown.compared}, margin {within:g}; "
        f"{place.counted}"
    )
    pair = shown.name.replace(" - ", " − ")
    bounds = shown.low, shown.high
    return place.settled(RowResult(row, shown.verdict(within), shown.difference.mean, bounds, None, rule, pair))

"""What is missing of a grid, cut into chunks that a machine trains one at a time, and which chunk waits for which.

A chunk holds whole groups of runs that train side by side, as :mod:`companion.training.loop` groups them, or whole
parts of one where it is too long.  All runs of a chunk are of one generation, so no two chunks wait for each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from companion.costs.flops import run_flops
from companion.records.store import Store
from companion.runs.examples import same_examples
from companion.runs.lineage import with_sources
from companion.runs.spec import RunSpec
from companion.training.backends.choose import choose_backend
from companion.training.loop import GROUP_SIZE
from companion.training.queue import barren, needed
from companion.training.workspace import Workspace

__all__ = ["SECONDS", "Chunk", "chunks", "nominal"]

SECONDS = 3600.0
"""How long a chunk takes at most, unless a single run takes longer."""
SPEED = {"cpu": 3e10, "cuda": 2e12}
"""Operations per second of a device that is not here to be measured, by its type: an order of magnitude."""

Estimate = Callable[[Iterable[RunSpec]], float]
Bundle = list[RunSpec]
"""Runs that differ in their number of epochs and in what is measured alone: the longest trains for all of them."""


@dataclass(frozen=True)
class Chunk:
    """Some runs that one process trains.

    Args:
        specs: the runs.
        exhibits: those that show one of them, or a run that needs one.
        seconds: how long they take, as estimated.
        needs: ids of the chunks whose weights it needs.
    """

    specs: tuple[RunSpec, ...]
    exhibits: tuple[str, ...]
    seconds: float
    needs: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of the runs."""
        return tuple(spec.key for spec in self.specs)

    @property
    def id(self) -> str:
        """The same for the same runs, wherever and whenever."""
        return _id(self.specs)

    @property
    def datasets(self) -> tuple[str, ...]:
        """What they are trained on."""
        return tuple(sorted({spec.dataset for spec in self.specs}))


def nominal(device: str) -> Estimate:
    """An estimate for a device that is not here: by operations alone, right in its order of magnitude.

    Args:
        device: a torch device.
    """
    speed = SPEED["cpu" if device == "cpu" else "cuda"]

    def total(specs: Iterable[RunSpec]) -> float:
        longest = {spec.course: spec for spec in sorted(specs, key=lambda spec: spec.epochs)}
        return sum(run_flops(spec) for spec in longest.values()) / speed

    return total


def chunks(
    grids: Mapping[str, Sequence[RunSpec]],
    store: Store,
    workspace: Workspace,
    estimate: Estimate,
    *,
    backend: str = "auto",
    device: str = "cpu",
    seconds: float = SECONDS,
) -> list[Chunk]:
    """The runs that a store lacks, each in one chunk, and with them sources whose weights are lost.

    A run that needs one that diverged is in none: there can be no such run.

    Args:
        grids: name of an exhibit to its runs; their sources are added.
        store: what is recorded.
        workspace: what has left its weights.
        estimate: seconds that some runs take together.
        backend: as in :func:`companion.training.backends.choose.choose_backend`.
        device: a torch device, which need not be here.
        seconds: the longest chunk; one run is never cut.

    Returns:
        The chunks; those that others need stand before them.

    Raises:
        ValueError: no backend can train one of the runs.
        RecordError: a record on which something hangs is damaged.
    """
    missing = [spec for specs in grids.values() for spec in with_sources(specs) if spec not in store]
    open_ = [spec for spec in dict.fromkeys(missing) if not barren(spec, store)]
    shown: dict[RunSpec, list[str]] = {}
    for name, specs in grids.items():
        for spec in with_sources(specs):
            shown.setdefault(spec, []).append(name)
    found: list[Chunk] = []
    place: dict[RunSpec, str] = {}
    for specs in _cut(_groups(needed(open_, store, workspace), backend, device), estimate, seconds):
        sources = [source for spec in specs for source, _ in spec.sources.values()]
        waits = tuple(dict.fromkeys(place[source] for source in sources if source in place))
        exhibits = tuple(name for name in grids if any(name in shown[spec] for spec in specs))
        found.append(Chunk(tuple(specs), exhibits, estimate(specs), waits))
        place |= dict.fromkeys(specs, found[-1].id)
    return found


def _id(specs: Iterable[RunSpec]) -> str:
    return hashlib.sha256(" ".join(sorted(spec.key for spec in specs)).encode()).hexdigest()[:12]


def _groups(specs: Iterable[RunSpec], backend: str, device: str) -> dict[int, list[list[Bundle]]]:
    """By generation: the groups that train side by side, each of bundles."""
    bundles: dict[Hashable, Bundle] = {}
    for spec in specs:
        bundles.setdefault(spec.unmeasured.course, []).append(spec)
    groups: dict[int, dict[Hashable, list[Bundle]]] = {}
    for bundle in bundles.values():
        leader = max(bundle, key=lambda spec: spec.epochs)
        engine = choose_backend(leader, backend, device)
        kind = (same_examples(leader), leader.network, leader.epochs, engine.name, engine.group(leader))
        groups.setdefault(leader.generation, {}).setdefault(kind, []).append(bundle)
    return {generation: list(groups[generation].values()) for generation in sorted(groups)}


def _cut(groups: Mapping[int, list[list[Bundle]]], estimate: Estimate, seconds: float) -> list[list[RunSpec]]:
    """The runs of each chunk: groups that are short share one, a group that is long has several."""
    made: list[list[RunSpec]] = []
    for generation in groups.values():
        current: list[RunSpec] = []
        spent = 0.0
        for group in generation:
            costs = [estimate(bundle) for bundle in group]
            if current and (spent + sum(costs) > seconds or len(group) > GROUP_SIZE):
                made.append(current)
                current, spent = [], 0.0
            members = 0
            for bundle, cost in zip(group, costs, strict=True):
                if current and (spent + cost > seconds or members == GROUP_SIZE):
                    made.append(current)
                    current, spent, members = [], 0.0, 0
                current, spent, members = [*current, *bundle], spent + cost, members + 1
        made += [current] if current else []
    return made

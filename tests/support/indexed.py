"""What a store says with an index and without one."""

from __future__ import annotations

from typing import Any

from companion.records.index import Index
from companion.records.store import Store
from companion.runs.spec import RunSpec

__all__ = ["SPECS", "agree", "believed", "told"]

SPECS = [RunSpec(dataset="digits", width=4, depth=3, epochs=3, seed=seed) for seed in range(4)]


def told(store: Store, index: Index | None = None) -> list[Any]:
    """What a survey says, but for whom it believed; and what every reader finds."""
    seen = [(s.path.name, s.facts, s.reason, s.stale) for s in Store(store.folder, index).survey_all()]
    return [*seen, *map(Store(store.folder, index).find, SPECS)]


def agree(store: Store) -> None:
    """An indexed store says what one without an index does, by the index as it was, and as it is then."""
    assert store.index is not None
    for _ in range(2):
        assert told(store, Index(store.folder, store.index.file)) == told(store)


def believed(store: Store) -> list[bool]:
    assert store.index is not None
    return [seen.believed for seen in Store(store.folder, Index(store.folder, store.index.file)).survey_all()]

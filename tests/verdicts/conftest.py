"""Scorecards of an empty store, of a full one, and of a store that has a variant alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from companion.records.store import Store
from companion.verdicts.scorecard import Entry, scorecard
from support.scorecards import GRID
from support.synthetic import (
    Shelf,
    fill,
    grid_of,
    like_the_paper,
)


@pytest.fixture(scope="module", autouse=True)
def _one_grid() -> Iterator[None]:
    """Grids do not change between tests, and are slow to make anew while shapes are checked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("companion.verdicts.scorecard.cells", grid_of)
        yield


@pytest.fixture(scope="module")
def variant(tmp_path_factory: pytest.TempPathFactory) -> list[Entry]:
    """Nothing recorded but the runs of a variant."""
    variants = [c for c in grid_of("A-T2", "paper") if c.variant]
    return scorecard(fill(tmp_path_factory.mktemp("variant") / "results", variants, lambda cell: 98.0))


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> list[Entry]:
    return scorecard(Store(tmp_path_factory.mktemp("empty") / "results"))


@pytest.fixture(scope="module")
def full() -> list[Entry]:
    """All rows recorded, as the paper has them."""
    return scorecard(Shelf(GRID, like_the_paper()), {})

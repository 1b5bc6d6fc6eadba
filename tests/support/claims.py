"""What the tests of claims share: the claims by name, and scores of which the verdict is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from companion.exhibits import CLAIMS, EXHIBITS, Cell
from companion.exhibits.claim import Claim
from companion.verdicts.along import along
from companion.verdicts.claims import RowResult, evaluate, own_differences
from companion.verdicts.stats import Verdict
from support.synthetic import MNIST, grid_of, main_cells

REPRODUCED, FAILED, UNCLEAR, PENDING = (
    Verdict.REPRODUCED,
    Verdict.NOT_REPRODUCED,
    Verdict.INCONCLUSIVE,
    Verdict.PENDING,
)
PAPER_A = tuple(claim for claim in CLAIMS if claim.exhibit.startswith("A-"))
LEARN, SAME, NEAR, GAIN, WITHIN, RISES, NEVER_FALLS, CROSSES = PAPER_A
PRINTED = (LEARN, SAME, NEAR, WITHIN)
"""Claims about the columns of the paper's own table."""
GRID = [cell for cell in main_cells() if cell.row in MNIST]
TABLE = {"FR-II": 95.9, "FR-DI": 96.0, "DL": 97.9, "FL": 97.8, "ReLU": 97.9}

Score = Callable[[Cell], float | str | None]


def frame_of(score: Score, grid: Sequence[Cell] = GRID) -> pd.DataFrame:
    """As :func:`companion.verdicts.frames.runs` gives it, without a store."""
    frame = pd.DataFrame(
        {
            **{"row": c.row, "column": c.column, "variant": c.variant, **c.axes},
            **{"dataset": c.spec.dataset, "seed": c.spec.seed, "best_test": score(c)},
        }
        for c in grid
    )
    best = pd.to_numeric(frame["best_test"], errors="coerce")
    return frame.assign(best_test=best, last_test=best)


def seen(claim: Claim, score: Score, order: int | None = None) -> list[RowResult]:
    """A claim put to its exhibit's paper runs, all on CIFAR-10; ``order`` shuffles the lines."""
    grid = [c for c in grid_of(claim.exhibit, "paper") if c.spec.dataset == "cifar10"]
    frame = frame_of(score, grid)
    view = along(claim, frame if order is None else frame.sample(frac=1, random_state=order))
    rows = sorted(set(view["row"]))
    return evaluate(
        claim, [(row, "cifar10") for row in rows], own_differences(view, EXHIBITS[claim.exhibit].seeds["paper"])
    )

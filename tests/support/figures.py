"""What the tests of figures share: frames to draw."""

from __future__ import annotations

import pandas as pd

TITLE = "A-T2, profile paper, a made-up device"


def runs(fates: dict[tuple[str, str], list[float]]) -> pd.DataFrame:
    lines = [
        {"row": row, "column": column, "seed": seed, "best_test": score}
        for (row, column), scores in fates.items()
        for seed, score in enumerate(scores)
    ]
    return pd.DataFrame(lines, columns=["row", "column", "seed", "best_test"])


NAN = float("nan")
RUNS = runs(
    {
        ("FC/SGD/MNIST", "FL"): [97.1, 97.3, 97.2],
        ("FC/SGD/MNIST", "ReLU"): [97.8, 97.9, NAN],
        ("FC/Adam/MNIST", "FL"): [97.7, 97.7, 97.7],
        ("FC/Adam/MNIST", "ReLU"): [NAN, NAN, NAN],
    }
)
STRIPS = RUNS.assign(label="identity", filled=True, score=RUNS["best_test"])
PAPER = pd.DataFrame(
    [("FC/SGD/MNIST", "FL", 97.1, 0.09), ("FC/SGD/MNIST", "ReLU", 97.85, NAN), ("elsewhere", "FL", 50.0, 1.0)],
    columns=["row", "column", "mean", "std"],
)
BANDS = pd.DataFrame(
    [
        (row, column, epoch, 90.0 + epoch + shift, 89.0 + epoch + shift, 91.5 + epoch + shift, n)
        for row, column, shift, n in (("a", "ReLU", 0, 5), ("a", "FR-II", -2, 5), ("b", "FL", 1, 3), ("b", "DL", 0, 5))
        for epoch in range(1, 5)
    ],
    columns=["row", "column", "epoch", "mean", "low", "high", "n"],
)

VARIANTS = pd.DataFrame(
    [
        ("a", "DL", "own", 0, 90.0),
        ("a", "DL", "own", 2, 91.0),
        ("a", "DL", "own", 1, 92.0),
        ("a", "FL", "own", 0, 99.0),
        ("a", "DL", "step 1", 0, 95.0),
        ("a", "DL", "step 1", 1, 94.0),
        ("a", "DL", "step 1", 2, NAN),
        ("b", "FL", "own", 0, NAN),
        ("b", "FL", "other", 0, NAN),
    ],
    columns=["row", "column", "label", "seed", "score"],
)
WIDTHS = pd.DataFrame(
    [
        ("ReLU", 32, 90.0, 88.0, 91.0, 5),
        ("FL", 32, 80.0, 79.0, 81.0, 5),
        ("ReLU", 256, 92.0, 91.0, 93.0, 5),
        ("FL", 64, 85.0, 84.0, 86.0, 5),
        ("FL", 256, 86.0, 85.0, 88.0, 3),
    ],
    columns=["label", "x", "mean", "low", "high", "n"],
)


PROBES = pd.DataFrame(
    [("a", "left", "trace v", epoch, 10.0 - epoch, 9.0 - epoch, 12.0 - epoch) for epoch in range(3)],
    columns=["row", "panel", "label", "epoch", "median", "min", "max"],
)

"""The rules and margins of every verdict, from ``papers/margins.json``: fixed before the first record."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

__all__ = ["margin", "rules"]


@cache
def rules() -> dict[str, Any]:
    """The data file of margins and confidence levels.

    Example:
        >>> rules()["equivalence_confidence"], rules()["interval_confidence"]
        (0.9, 0.95)
    """
    return json.loads(resources.files("companion.papers").joinpath("margins.json").read_text())


def margin(dataset: str) -> float:
    """How many percentage points count as the same on a dataset; ``ValueError`` where no margin was fixed.

    Example:
        >>> margin("mnist"), margin("cifar10")
        (0.25, 1.0)
    """
    points = rules()["points"]
    if dataset not in points:
        raise ValueError(f"no margin was fixed for {dataset!r}: there are margins for {', '.join(points)}")
    return points[dataset]

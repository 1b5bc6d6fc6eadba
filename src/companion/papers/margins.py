"""The rules and margins of every verdict, from ``papers/margins.json``: fixed before the first record."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

__all__ = ["margin", "rules"]


@cache
def rules() -> dict[str, Any]:
    """The data file of margins and confidence levels."""
    return json.loads(resources.files("companion.papers").joinpath("margins.json").read_text())


def margin(dataset: str, number: str | None = None) -> float:
    """How many percentage points count as the same on a dataset; ``ValueError`` where no margin was fixed.

    Args:
        dataset: its name.
        number: id of a printed number, which may be one that is only said to be about so much.
    """
    points, about = rules()["points"], rules()["about"]
    if number in about:
        return about[number]
    if dataset not in points:
        raise ValueError(f"no margin was fixed for {dataset!r}: there are margins for {', '.join(points)}")
    return points[dataset]

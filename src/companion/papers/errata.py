"""Slips in the papers: what is printed, what is right, and the evidence."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

__all__ = ["rows"]


@cache
def rows() -> list[dict[str, Any]]:
    """The errata as the data file has them (``papers/errata.json``)."""
    return json.loads(resources.files("companion.papers").joinpath("errata.json").read_text(encoding="utf-8"))

"""Pieces of Markdown: labels and tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["anchor", "table"]


def anchor(name: str) -> str:
    """The label of a statement or an erratum: letters, digits and hyphens.

    >>> anchor("B-Th5.1ii")
    'item-b-th5-1ii'
    """
    return "item-" + re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def table(head: Sequence[Any], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table; ``None`` shows as a dash."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(value) for value in line) + " |" for line in lines)


def _cell(value: Any) -> str:
    return "–" if value is None else re.sub(r"(?<!\\)\|", r"\\|", " ".join(str(value).split()))

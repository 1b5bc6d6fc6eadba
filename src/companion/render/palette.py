"""Colours that colour-blind readers can tell apart: seaborn's palette ``colorblind``, without seaborn.

Importing that takes longer than to read all records of a chapter.
"""

from __future__ import annotations

__all__ = ["PALETTE"]

PALETTE = [
    "#0173b2",
    "#de8f05",
    "#029e73",
    "#d55e00",
    "#cc78bc",
    "#ca9161",
    "#fbafe4",
    "#949494",
    "#ece133",
    "#56b4e9",
]
"""As hexadecimal colours; so many as are wanted, from the first."""

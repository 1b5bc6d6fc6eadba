"""Tables seen from another side, so that a claim which compares rows becomes one that compares columns.

A view takes any frame with ``row`` and ``column`` (runs, cells, or the papers' numbers) and names both anew; lines that
it has no use for are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from companion.papers.numbers import number

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CNTK", "as_printed", "pooled", "staged"]

CNTK = "CNTK"
"""The column of the convolutional tangent kernel's accuracy, which the paper quotes."""


def as_printed(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows and columns of the paper's own table."""
    return frame


def pooled(frame: pd.DataFrame) -> pd.DataFrame:
    """Optimisers as rows, VCONV and GCONV side by side: row ``Adam/CIFAR-10``, columns ``VCONV FL``, ``GCONV FL``."""
    parts = frame["row"].str.extract(r"^(?P<network>VCONV|GCONV)/(?P<rest>.*)$")
    chosen = parts["network"].notna()
    named = {"row": parts["rest"], "column": parts["network"] + " " + frame["column"]}
    return frame.assign(**named)[chosen]


def staged(frame: pd.DataFrame) -> pd.DataFrame:
    """One row, the stages as columns, and the accuracy of the convolutional tangent kernel beside them."""
    import pandas as pd

    chosen = frame["row"].str.fullmatch(r"stage-\d") & (frame["column"] == "FL")
    stages = frame[chosen].assign(row="gates of FL", column=frame["row"])
    quoted = stages[stages["column"] == "stage-0"].assign(column=CNTK)
    for name in quoted.columns.intersection(["best_test", "last_test", "mean"]):
        quoted[name] = number("A-F2-stages:reference:CNTK")
    return pd.concat([stages, quoted], ignore_index=True)

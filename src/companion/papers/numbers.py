"""The numbers that the papers print, from the data file of the package."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["number", "numbers"]


@cache
def numbers() -> pd.DataFrame:
    """The papers' numbers (``papers/numbers.csv``), one row each."""
    import pandas as pd

    with resources.files("companion.papers").joinpath("numbers.csv").open() as file:
        return pd.read_csv(file, keep_default_na=False, na_values={"mean": [""], "std": [""], "n_runs": [""]})


def number(id: str) -> float:
    """One of them by its id.

    Raises:
        KeyError: no number has this id.
    """
    return float(numbers().set_index("id")["mean"][id])

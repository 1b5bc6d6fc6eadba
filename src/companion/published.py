"""What the papers print, from the data files of the package: their numbers and their numbered statements."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

import pandas as pd

__all__ = ["number", "numbers", "statements"]


@cache
def numbers() -> pd.DataFrame:
    """The papers' numbers (``papers/numbers.csv``), one row each."""
    with resources.files("companion.papers").joinpath("numbers.csv").open() as file:
        return pd.read_csv(file, keep_default_na=False, na_values={"mean": [""], "std": [""], "n_runs": [""]})


def number(id: str) -> float:
    """One of them by its id.

    Raises:
        KeyError: no number has this id.
    """
    return float(numbers().set_index("id")["mean"][id])


@cache
def statements() -> list[dict[str, Any]]:
    """The papers' numbered statements (``papers/statements.json``)."""
    return json.loads(resources.files("companion.papers").joinpath("statements.json").read_text())

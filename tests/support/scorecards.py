"""What the tests of the scorecard share: the grid of Table 2, and the paper's numbers."""

from __future__ import annotations

import csv
from importlib import resources

from support.synthetic import (
    MNIST,
    main_cells,
)

GRID = main_cells()
ROW = MNIST[0]


def printed(cited: str) -> list[dict[str, str]]:
    """The lines of the data file as the standard library reads them."""
    text = (resources.files("companion.papers") / "numbers.csv").read_text()
    return [line for line in csv.DictReader(text.splitlines()) if line["cited"] == cited]

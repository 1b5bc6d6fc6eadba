"""What commands print."""

from __future__ import annotations

from pathlib import Path

import pytest

from companion.cli.output import duration, jsonable


def test_json_has_no_nan() -> None:
    import numpy as np

    value = {"a": [float("nan"), np.float64("inf"), np.int64(3), (True, None)], 1: Path("x")}
    assert jsonable(value) == {"a": [None, None, 3, [True, None]], "1": "x"}


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (119, "119 s"), (600, "10 min"), (9000, "2.5 h"), (864_000, "10 days")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text

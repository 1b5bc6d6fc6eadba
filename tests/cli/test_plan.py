"""The plan from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from companion.exhibits import EXHIBITS, cells
from companion.runs.lineage import with_sources


def test_what_is_missing_in_chunks_as_one_document(say: Any, tmp_path: Path) -> None:
    said = say("plan A-F2-stages A-T2 --profile quick --json --hours 0.001 --store", str(tmp_path / "store"))
    assert said.code == 0, said.err
    made = said.json
    specs = with_sources(cell.spec for name in ("A-F2-stages", "A-T2") for cell in cells(name, "quick"))
    keys = [key for chunk in made["chunks"] for key in chunk["keys"]]
    assert sorted(keys) == sorted(spec.key for spec in specs)
    assert set(made["chunks"][0]) == {"id", "profile", "exhibits", "datasets", "keys", "seconds", "needs"}
    assert made["seconds"] == pytest.approx(sum(chunk["seconds"] for chunk in made["chunks"]), abs=1)
    assert made["exhibits"] == ["A-F2-stages", "A-T2"]
    assert made["device"] == "cpu"
    assert not (tmp_path / "store").exists()


def test_by_default_all_exhibits_of_the_profile_for_a_device_that_need_not_be_here(say: Any) -> None:
    made = say("plan --profile paper --device cuda:9 --json").json
    assert made["exhibits"] == [name for name, one in EXHIBITS.items() if "paper" in one.profiles]
    assert made["device"] == "cuda:9"
    assert made["chunks"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("plan --profile huge", "valid are quick, cpu, paper"),
        ("plan --hours 1e400", "inf is not a finite number"),
        ("plan --hours nan", "should be greater than or equal to 0"),
        ("plan A-T9", "unknown exhibit 'A-T9'"),
        ("plan A-F2-K --profile cpu", "unknown profile 'cpu' for A-F2-K"),
        ("plan --device gpu", "valid are auto, cpu, cuda and cuda:N"),
        ("plan A-T2 --profile quick --backend jax", "unknown backend 'jax'"),
    ],
)
def test_a_wrong_word_ends_with_2(say: Any, line: str, words: str) -> None:
    said = say(line)
    assert (said.code, said.out) == (2, "")
    assert words in said.err

"""``companion film`` makes what is missing, beside the runs that the record was made with, and nothing twice."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from companion.exhibits import cells
from companion.exhibits.a_f2_probes import FILMED, STAGES
from companion.records.films import FOLDER, Film, FilmStore
from companion.records.store import Store
from companion.runs.spec import RunSpec

COMMITTED = Store(Path(__file__).parents[2] / "results")
GRID = [cell.spec for cell in cells("A-F2-nu", "paper", rows=[FILMED])]
FIRST = [spec for spec in GRID if spec.seed == 0]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    made = tmp_path / "records"
    made.mkdir()
    return made


def test_films_are_made_once(say: Any, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[RunSpec] = []

    def make(spec: RunSpec, store: Store, epochs: Sequence[int], company: Sequence[RunSpec]) -> Film:
        assert (tuple(epochs), list(company)) == (STAGES, GRID)
        asked.append(spec)
        film = FilmStore(COMMITTED).get(spec)
        assert film is not None
        return film

    monkeypatch.setattr("companion.training.films.make_film", make)
    for spec in FIRST:
        shutil.copy(COMMITTED.path(spec.key), place)
    for _ in range(2):
        said = say(f"film --store {place}")
        assert said.code == 0
        assert [Path(line).name for line in said.out.split()] == [f"{spec.key}.json" for spec in FIRST]
    assert asked == FIRST
    assert say(f"verify --store {place}").out.startswith("4 records verified")
    path = place / FOLDER / f"{FIRST[0].key}.json"
    path.write_text("{}")
    said = say(f"verify --store {place}")
    assert said.code == 1
    assert f"{FOLDER}/{path.name} is damaged" in said.err


def test_a_run_without_a_record_has_no_film(say: Any, place: Path) -> None:
    said = say(f"film --store {place}")
    assert said.code == 1
    assert f"there is no record of the run {FIRST[0].key}" in said.err
    assert not (place / FOLDER).exists()

"""A plan: every missing run once, sources first, and no chunk that waits for itself."""

from __future__ import annotations

from collections.abc import Iterable
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from companion.costs.plan import Chunk, chunks, nominal
from companion.exhibits import EXHIBITS, cells
from companion.records.store import Store
from companion.runs.lineage import with_sources
from companion.runs.spec import RunSpec
from companion.training.loop import GROUP_SIZE
from companion.training.workspace import Workspace
from support.laboratory import TINY, Laboratory, tiny
from support.phases import family

Grids = dict[str, list[RunSpec]]


@pytest.fixture
def lab(tmp_path: Path) -> Laboratory:
    return Laboratory(tmp_path)


def one_each(specs: Iterable[RunSpec]) -> float:
    return float(len(list(specs)))


def planned(lab: Laboratory, grids: Grids, seconds: float = 1e9, **options: str) -> list[Chunk]:
    return chunks(grids, lab.store, lab.workspace, one_each, seconds=seconds, **options)


def of_profile(profile: str) -> Grids:
    return {n: [cell.spec for cell in cells(n, profile)] for n, e in EXHIBITS.items() if profile in e.profiles}


@pytest.mark.parametrize(("profile", "device"), [("quick", "cpu"), ("paper", "cuda")])
@pytest.mark.parametrize("seconds", [1.0, 20.0])
def test_every_missing_run_is_in_one_chunk_and_sources_come_before(
    lab: Laboratory, profile: str, device: str, seconds: float
) -> None:
    grids = of_profile(profile)
    found = planned(lab, grids, seconds, device=device)
    runs = [spec for chunk in found for spec in chunk.specs]
    assert len(runs) == len(set(runs))
    assert set(runs) == set(with_sources(spec for specs in grids.values() for spec in specs))
    assert len({chunk.id for chunk in found}) == len(found)
    ids = [chunk.id for chunk in found]
    list(TopologicalSorter({chunk.id: chunk.needs for chunk in found}).static_order())  # raises where it goes round
    place = {spec: chunk for chunk in found for spec in chunk.specs}
    for chunk in found:
        sources = {place[s].id for spec in chunk.specs for s, _ in spec.sources.values()}
        assert set(chunk.needs) == sources
        assert all(ids.index(need) < ids.index(chunk.id) for need in chunk.needs)
        shown = (
            {n for n in grids if any(spec in with_sources(grids[n]) for spec in chunk.specs)} if seconds > 1 else None
        )
        assert shown is None or set(chunk.exhibits) == shown


def test_a_chunk_is_as_long_as_it_may_be_and_one_run_is_never_cut(lab: Laboratory) -> None:
    specs = [tiny(seed=seed) for seed in range(10)]
    assert [len(chunk.specs) for chunk in planned(lab, {"X": specs}, 4.0)] == [4, 4, 2]
    assert [len(chunk.specs) for chunk in planned(lab, {"X": specs}, 0.5)] == [1] * 10
    assert [chunk.seconds for chunk in planned(lab, {"X": specs})] == [10.0]


def test_what_trains_side_by_side_stays_together(lab: Laboratory) -> None:
    """Three groups of three: where two do not fit into one chunk, none of them is torn."""
    specs = [tiny(seed=seed, width=width) for seed in range(3) for width in (4, 5, 6)]
    found = planned(lab, {"X": specs}, 5.0)
    assert [{spec.width for spec in chunk.specs} for chunk in found] == [{4}, {5}, {6}]
    assert [len(chunk.specs) for chunk in planned(lab, {"X": specs}, 6.0)] == [6, 3]


def test_no_chunk_has_more_of_a_kind_than_train_side_by_side(lab: Laboratory) -> None:
    specs = [tiny(seed=seed) for seed in range(2 * GROUP_SIZE + 1)]
    assert [len(chunk.specs) for chunk in planned(lab, {"X": specs})] == [GROUP_SIZE, GROUP_SIZE, 1]


def test_runs_that_differ_in_their_length_are_one_training(lab: Laboratory) -> None:
    specs = [tiny(seed=seed, epochs=epochs) for epochs in (1, 2, 3) for seed in (0, 1)]
    found = planned(lab, {"X": specs}, 1.0)
    assert [{spec.seed for spec in chunk.specs} for chunk in found] == [{0}, {1}]
    assert [{spec.epochs for spec in chunk.specs} for chunk in found] == [{1, 2, 3}] * 2


def test_the_same_runs_have_the_same_id_whatever_else_is_planned(lab: Laboratory) -> None:
    few, more = [tiny(), tiny("DL")], [tiny("FL", width=9)]
    (chunk,) = planned(lab, {"X": few})
    (again,) = planned(lab, {"Y": few[::-1]})
    assert chunk.id == again.id
    assert chunk.id != planned(lab, {"X": few[:1]})[0].id
    assert chunk.id in {one.id for one in planned(lab, {"X": few, "Y": more}, 2.0)}


def test_what_is_recorded_is_not_planned_and_lost_weights_are(lab: Laboratory) -> None:
    student = tiny("FL")
    teacher = student.teacher
    assert teacher is not None
    lab.run(teacher)
    assert [chunk.specs for chunk in planned(lab, {"X": [student]})] == [(student,)]
    (lab.workspace.folder / "weights" / f"{teacher.key}.pt").unlink()
    first, second = planned(lab, {"X": [student]})
    assert (first.specs, second.specs, second.needs) == ((teacher,), (student,), (first.id,))
    lab.run(student)
    assert planned(lab, {"X": [student]}) == []


def test_what_can_never_be_is_not_planned(lab: Laboratory) -> None:
    teacher = tiny(learning_rate=1e30)
    lab.run(teacher)
    assert not lab.record(teacher).finished
    assert planned(lab, {"X": [teacher.replace(regime="FL")]}) == []


def test_chunk_by_chunk_all_is_trained_once(lab: Laboratory) -> None:
    from companion.training.queue import run_missing

    grid = list(family(0.25, **TINY).values())
    for chunk in planned(lab, {"X": grid}, 1.0):
        others = [spec for spec in with_sources(grid) if spec not in chunk.specs]
        assert run_missing(chunk.specs, lab.store, lab.workspace, others=others) == len(chunk.specs)
    assert planned(lab, {"X": grid}) == []
    assert {record.take for record in lab.store} == {1}


def test_a_device_that_is_not_here_is_estimated_by_operations() -> None:
    spec = tiny()
    assert nominal("cuda")([spec]) < nominal("cpu")([spec])
    assert nominal("cpu")([spec, spec.replace(epochs=1)]) == nominal("cpu")([spec])
    assert nominal("cpu")([spec, spec.replace(seed=1)]) == pytest.approx(2 * nominal("cpu")([spec]))


def test_a_store_that_is_not_there_lacks_everything(tmp_path: Path) -> None:
    store = Store(tmp_path / "none")
    found = chunks({"X": [tiny()]}, store, Workspace(tmp_path / "w", store), one_each)
    assert [chunk.keys for chunk in found] == [(tiny().key,)]
    assert found[0].datasets == ("digits",)
    assert not list(tmp_path.iterdir())

"""A recorded run is trained again, and its kernels are kept where they are those that were measured."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from companion.exhibits import cells
from companion.records.films import FilmStore
from companion.records.store import RecordError, Store
from companion.training.films import make_film, means
from companion.training.queue import run_missing
from companion.training.workspace import Workspace
from support.records import alter

GRID = [cell.spec.replace(epochs=4) for cell in cells("A-F2-nu", "quick", seeds=2)]
TRUE, RANDOM = ([spec for spec in GRID if bool(spec.label_noise) is noisy] for noisy in (False, True))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("filmed")
    store = Store(folder / "results")
    run_missing(GRID, store, Workspace(folder, store), threads=1)
    return store


def test_every_kernel_is_the_one_that_was_measured(store: Store) -> None:
    kept = FilmStore(store)
    for spec in (TRUE[0], RANDOM[0]):
        film = make_film(spec, store, (0, 2, 4), GRID)
        record = store.get(spec)
        assert record is not None
        assert film.content["nu"] == pytest.approx(record.content["probes"]["nu"], rel=1e-6)
        assert film.shades.shape == (3, 200, 200)
        kept.write(film)
        assert kept.get(spec) == film
    assert [reason for _, reason in kept.verify()] == [None, None]


def test_the_repeat_must_be_the_network_of_the_record(store: Store, tmp_path: Path) -> None:
    other = Store(tmp_path)
    spec = TRUE[0]
    record = store.get(spec)
    assert record is not None
    path = other.write(record)
    alter(path, lambda content: content["probes"]["nu"].__setitem__(2, 1.0))
    with pytest.raises(RecordError, match=f"{spec.key}, trained again, is another network here: nu at epoch 4 is"):
        make_film(spec, other, (0, 4), TRUE)


def test_what_has_no_record_or_was_not_measured_then_has_no_film(store: Store, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="there is no record of the run"):
        make_film(TRUE[0], Store(tmp_path), (0,))
    with pytest.raises(ValueError, match="was not measured after epoch 3"):
        make_film(TRUE[0], store, (0, 3))
    with pytest.raises(ValueError, match="was not measured after epoch 6"):
        make_film(TRUE[0], store, (0, 6))


def test_means_leave_out_an_example_with_itself() -> None:
    H = torch.eye(4, dtype=torch.float64) * 100 + 1
    H[:2, 2:] = H[2:, :2] = 0.5
    assert means(H, torch.tensor([-1.0, -1, 1, 1]).double()) == (1.0, 0.5)

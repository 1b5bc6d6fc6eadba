"""Weights beside the records: what is kept comes back, its record vouches for it, and nothing else passes."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.records.store import Record, RecordError, Store
from companion.records.weights import load, save, weights_digest
from companion.runs.regimes import initial_model
from companion.runs.sources import FEATURE
from companion.runs.spec import RunSpec
from support.records import ORIGIN

SPEC = RunSpec(dataset="digits", width=4, depth=3, epochs=3)
COMMITTED = Store(Path(__file__).parents[2] / "results")


def params(seed: int = 0) -> dict[str, torch.Tensor]:
    return dict(initial_model(SPEC.replace(seed=seed)).value)


def record(take: int = 1, **weights: dict[str, torch.Tensor]) -> Record:
    test = [50.0, 52.0, 51.0]
    return Record.build(
        SPEC,
        take,
        status="finished",
        curves={"train_loss": [1.0] * 3, "train_accuracy": [50.0] * 3, "test_accuracy": test},
        best_test=52.0,
        best_epoch=2,
        last_test=51.0,
        selected_test=None,
        selected_epoch=None,
        teacher=None,
        weights={name: weights_digest(made) for name, made in weights.items()},
        provenance=ORIGIN,
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    store.write(record(best_test=params(0), last=params(1)))
    return store


def test_what_is_kept_comes_back_to_the_last_bit(store: Store) -> None:
    assert store.weights(SPEC.key, "best_test") is None
    path = store.keep_weights(SPEC.key, params(0))
    assert path == store.folder / "weights" / f"{SPEC.key}.npz"
    kept = store.weights(SPEC.key, "best_test")
    assert kept is not None
    assert (kept.take, kept.epoch) == (1, 2)
    assert kept.params.keys() == params(0).keys()
    assert all(torch.equal(kept.params[name], tensor) for name, tensor in params(0).items())
    assert store.weights(SPEC.key, "last") is None
    assert store.weights(SPEC.key, "selected") is None
    assert store.weights("0" * 16, "best_test") is None
    assert store.verify() == [(store.path(SPEC.key), None), (path, None)]
    assert store.stale() == {}


def test_one_file_serves_every_checkpoint_of_its_epoch(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write(record(best_test=params(0), last=params(0)))
    store.keep_weights(SPEC.key, params(0))
    best, last = (store.weights(SPEC.key, name) for name in ("best_test", "last"))
    assert best is not None
    assert last is not None
    assert (best.epoch, last.epoch) == (2, 3)
    assert weights_digest(best.params) == weights_digest(last.params)


def test_weights_of_a_further_take_are_told_apart(store: Store) -> None:
    store.write(record(take=2, best_test=params(2)))
    store.keep_weights(SPEC.key, params(2))
    kept = store.weights(SPEC.key, "best_test")
    assert kept is not None
    assert (kept.take, weights_digest(kept.params)) == (2, weights_digest(params(2)))


def test_the_same_weights_make_the_same_file(store: Store) -> None:
    first = store.keep_weights(SPEC.key, params(0)).read_bytes()
    assert store.keep_weights(SPEC.key, dict(reversed(list(params(0).items())))).read_bytes() == first


def test_weights_that_no_record_names_are_refused(store: Store) -> None:
    with pytest.raises(RecordError, match=f"weights of {SPEC.key} are none of those"):
        store.keep_weights(SPEC.key, params(3))
    with pytest.raises(RecordError, match="none of those"):
        store.keep_weights("0" * 16, params(0))
    assert not store.weights_path(SPEC.key).parent.exists()


def test_other_weights_under_the_name_of_a_run_are_damage(store: Store) -> None:
    path = store.keep_weights(SPEC.key, params(0))
    save(path, params(3))
    assert [reason for _, reason in store.verify()] == [
        None,
        f"weights/{path.name} is damaged: they are none of the weights that the records of this run name",
    ]
    with pytest.raises(RecordError, match="damaged"):
        store.weights(SPEC.key, "best_test")
    save(path, params(0))
    store.path(SPEC.key).unlink()
    assert [reason is None for _, reason in store.verify()] == [False]


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04" + bytes(100), b"\x93NUMPY"])
def test_what_is_no_file_of_arrays_is_named(store: Store, content: bytes) -> None:
    path = store.keep_weights(SPEC.key, params(0))
    path.write_bytes(content)
    assert f"weights/{path.name} is damaged: it is no file of arrays" in str(store.verify()[1][1])


@pytest.mark.parametrize("array", [np.zeros(3), np.zeros(3, np.int64), np.array([{"a": 1}], dtype=object)])
def test_arrays_of_another_kind_are_damage(tmp_path: Path, array: np.ndarray) -> None:
    np.savez(tmp_path / "a.npz", array)
    with pytest.raises(ValueError, match=r"it (is no file of|does not hold float32|has) arrays"):
        load(tmp_path / "a.npz")


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_flipped_byte_never_changes_weights(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    store = Store(tmp_path_factory.getbasetemp() / "flipped-weights")
    shutil.rmtree(store.folder, ignore_errors=True)
    store.write(record(best_test=params(0)))
    path = store.keep_weights(SPEC.key, params(0))
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    (_, reason) = store.verify()[1]
    if reason is not None:
        assert reason.startswith(f"weights/{path.name} is damaged: ")
    else:  # the byte said nothing of the arrays
        kept = store.weights(SPEC.key, "best_test")
        assert kept is not None
        assert weights_digest(kept.params) == weights_digest(params(0))


def test_the_committed_weights_are_those_of_their_records() -> None:
    files = sorted(COMMITTED.weights_path("").parent.glob("*.npz"))
    if not files:
        pytest.skip("no weights here")
    for path in files:
        found = {name: COMMITTED.weights(path.stem, name) for name in ("best_test", f"{FEATURE}best_test")}
        ((name, kept),) = ((name, kept) for name, kept in found.items() if kept is not None)
        record = COMMITTED.read(COMMITTED.path(path.stem, kept.take)).content
        assert weights_digest(kept.params) == record["weights"][name]
        assert kept.epoch == record["best_epoch"]
        assert path.stat().st_size < 4 * 2**20

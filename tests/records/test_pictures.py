"""Pictures beside the records: what a run leaves is what its record names, and nothing else passes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from companion.measure.hidden_layers import FILTERS, PICTURED
from companion.records.store import Record, RecordError, Store
from companion.records.weights import save, weights_digest
from companion.runs.spec import RunSpec
from support.records import ORIGIN

SPEC = RunSpec(dataset="digits", width=4, depth=3, epochs=2, regime="FR-II", probe="hidden-layers")
COMMITTED = Store(Path(__file__).parents[2] / "results")


def arrays(seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.rand(shape, generator=generator) for name, shape in (("image", (3, 1, 8, 8)), ("value.1", (3, 4)))
    }


def record(pictures: dict[str, torch.Tensor] | None, take: int = 1) -> Record:
    return Record.build(
        SPEC,
        take,
        status="finished",
        curves={"train_loss": [1.0] * 2, "train_accuracy": [50.0] * 2, "test_accuracy": [50.0, 52.0]},
        best_test=52.0,
        best_epoch=2,
        last_test=52.0,
        provenance=ORIGIN,
        **({} if pictures is None else {"pictures": weights_digest(pictures)}),
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    store.write_pictures(SPEC.key, arrays())
    store.write(record(arrays()))
    return store


def test_what_is_left_comes_back_to_the_last_bit(store: Store) -> None:
    found = store.pictures(SPEC.key)
    assert found is not None
    assert found.keys() == arrays().keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in arrays().items())
    assert store.verify() == [(store.path(SPEC.key), None), (store.pictures_path(SPEC.key), None)]
    assert store.pictures("0" * 16) is None


def test_pictures_that_no_record_names_are_damage(store: Store) -> None:
    path = store.pictures_path(SPEC.key)
    save(path, arrays(1))
    reason = f"pictures/{path.name} is damaged: they are none of the pictures that the records of this run name"
    assert [why for _, why in store.verify()] == [None, reason]
    with pytest.raises(RecordError, match="none of the pictures"):
        store.pictures(SPEC.key)
    save(path, arrays(0))
    store.path(SPEC.key).unlink()
    assert [why is None for _, why in store.verify()] == [False]


def test_a_record_that_names_no_pictures_vouches_for_none(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_pictures(SPEC.key, arrays())
    store.write(record(None))
    with pytest.raises(RecordError, match="none of the pictures"):
        store.pictures(SPEC.key)


def test_those_of_a_further_take_are_its_own(store: Store) -> None:
    store.write_pictures(SPEC.key, arrays(1))
    store.write(record(arrays(1), take=2))
    found = store.pictures(SPEC.key)
    assert found is not None
    assert weights_digest(found) == weights_digest(arrays(1))


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04" + bytes(100)])
def test_what_is_no_file_of_arrays_is_named(store: Store, content: bytes) -> None:
    path = store.pictures_path(SPEC.key)
    path.write_bytes(content)
    assert f"pictures/{path.name} is damaged: it is no file of arrays" in str(store.verify()[1][1])


def test_a_damaged_record_is_named_where_its_pictures_are_asked_for(store: Store) -> None:
    store.path(SPEC.key).write_text("{}")
    with pytest.raises(RecordError, match=f"{SPEC.key}.json is damaged"):
        store.pictures(SPEC.key)


def test_a_file_that_somebody_is_writing_is_none_yet(store: Store) -> None:
    (store.pictures_path(SPEC.key).parent / ".x.npz.1.partial").write_bytes(b"half")
    (store.pictures_path(SPEC.key).parent / ".y.npz").write_bytes(b"half")
    assert [why for _, why in store.verify()] == [None, None]


def test_committed_pictures_are_small_and_show_what_they_should() -> None:
    files = sorted(COMMITTED.pictures_path("").parent.glob("*.npz"))
    if not files:
        pytest.skip("no pictures here")
    for path in files:
        found = COMMITTED.pictures(path.stem)
        assert found is not None
        spec = COMMITTED.read(COMMITTED.path(path.stem)).spec
        assert path.stat().st_size < 2**18
        assert {len(array) for array in found.values()} == {PICTURED}
        assert torch.equal(found["input"][0], found["input"][-1])
        layers = spec.network.gated_layers
        for l in range(1, layers + 1):
            feature, value = found[f"feature.{l}"], found[f"value.{layers + 1 - l}"]
            assert feature.dim() == 2 or feature.shape[1] == FILTERS
            assert float(feature.min()) >= 0
            assert np.isin((value * 127).round().numpy(), range(-127, 128)).all()
            if feature.dim() == 2:  # of a dense layer all units are there: what is closed in one is closed in the other
                closed = feature == 0
                assert float((value[closed] == 0).float().mean()) > 0.95

"""Kernels that a store lacks are measured once, kept whole, and verified when they are read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from companion.records.kernels import FOLDER, KernelRecord, KernelStore, own_order
from companion.records.store import RecordError, Store
from companion.runs.spec import RunSpec
from companion.training.kernels import measure_missing
from companion.training.queue import run_missing
from companion.training.workspace import Workspace

FIELDS = {"dataset": "digits", "architecture": "FC", "depth": 4, "width": 4, "optimiser": "adam", "learning_rate": 1e-2}
RANDOM = [
    RunSpec.from_dict({**FIELDS, "regime": "FR-II", "epochs": 1, "value_input": value, "gate_permutation": order})
    for value in ("image", "ones")
    for order in ((0, 1, 2), (2, 1, 0))
]
LEARNT = RunSpec.from_dict({**FIELDS, "regime": "FL", "epochs": 1, "train_size": 100})


def test_one_kernel_is_measured_for_all_orders_and_inputs_and_only_once(tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    told: list[KernelRecord] = []
    relu, learning = RANDOM[0].replace(regime="ReLU"), RANDOM[0].replace(regime="DL")
    for _ in range(2):
        assert (
            measure_missing([*RANDOM, relu, learning], store, Workspace(tmp_path, store), on_record=told.append) == []
        )
    assert [record.content["key"] for record in told] == [RANDOM[0].key]
    kept = KernelStore(store.folder / FOLDER)
    assert {kept.path(spec) for spec in RANDOM} == set(kept.files())
    assert all(kept.get(spec) is not None for spec in RANDOM)
    assert kept.verify() == [(kept.path(RANDOM[0]), None)]
    assert kept.stale() == {}
    assert list(store.files()) == []
    with pytest.raises(FileExistsError):
        kept.write(told[0])


def test_learnt_gates_wait_for_the_weights_of_their_teacher(tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    workspace = Workspace(tmp_path, store)
    assert measure_missing([LEARNT], store, workspace) == [own_order(LEARNT)]
    assert KernelStore(store.folder / FOLDER).get(LEARNT) is None
    run_missing([LEARNT], store, workspace)
    assert measure_missing([LEARNT], store, workspace) == []
    record = KernelStore(store.folder / FOLDER).get(LEARNT)
    assert record is not None
    assert set(record.content["changes"]) == {"image", "ones"}


def test_a_file_that_was_changed_is_damaged_and_one_of_older_mathematics_is_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "results")
    measure_missing(RANDOM, store, Workspace(tmp_path, store))
    kept = KernelStore(store.folder / FOLDER)
    path = kept.path(RANDOM[0])
    text = path.read_text()
    content = json.loads(text)
    content["changes"]["ones"]["relative"][1] += 1e-3
    path.write_text(json.dumps(content))
    with pytest.raises(RecordError, match=f"{FOLDER}/{path.name} is damaged: the digest does not match"):
        kept.get(RANDOM[0])
    assert kept.verify()[0][1] is not None
    path.write_text(text)
    monkeypatch.setattr("companion.records.kernels.PROTOCOL", 2)
    assert kept.get(RANDOM[0]) is None
    assert "is stale" in kept.stale()[path]
    measure_missing(RANDOM, store, Workspace(tmp_path, store))
    assert kept.get(RANDOM[0]) is not None


def test_what_would_not_verify_is_not_built() -> None:
    inputs = ("image", "ones")
    changes = {given: {"relative": [0.0], "misaligned": [0.0], "entry": [1.0]} for given in inputs}
    with pytest.raises(RecordError, match="of 6 orders"):
        KernelRecord.build(RANDOM[0], "x", changes, device="cpu", seconds=1)
    infinite = {given: {name: [float("inf")] * 6 for name in ("relative", "misaligned", "entry")} for given in inputs}
    with pytest.raises((RecordError, ValueError)):
        KernelRecord.build(RANDOM[0], "x", infinite, device="cpu", seconds=1)

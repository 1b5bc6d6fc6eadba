"""The store as others see it: who may read a record, what is no record, what two spellings of one content are."""

from __future__ import annotations

import json
import math
import stat
from pathlib import Path

import pytest
import torch

from companion.records.store import Record, RecordError, Store, canonical, content_digest
from companion.records.weights import weights_digest
from companion.runs.spec import RunSpec
from support.laboratory import Laboratory, tiny


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Laboratory, RunSpec]:
    """One record."""
    lab, spec = Laboratory(tmp_path_factory.mktemp("lab")), tiny(epochs=2)
    lab.run(spec)
    return lab, spec


def signed(record: Record, **changes) -> Record:
    content = {**record.content, **changes}
    return Record(content | {"digest": content_digest(content)})


def test_everybody_may_read_a_record_and_nobody_change_it_by_group(made):
    lab, spec = made
    assert stat.S_IMODE(lab.store.path(spec.key).stat().st_mode) == 0o644


def test_a_hidden_file_is_no_record(made, tmp_path):
    lab, spec = made
    store = Store(tmp_path)
    store.write(lab.record(spec))
    (tmp_path / ".hidden.json").write_text("{")
    (tmp_path / "notes.txt").write_text("{")
    assert [path.name for path in store.files()] == [f"{spec.key}.json"]
    assert store.verify() == [(store.path(spec.key), None)]


@pytest.mark.parametrize("curve", ["train_loss", "train_accuracy"])
@pytest.mark.parametrize("value", [math.inf, None, "high"])
def test_a_curve_holds_numbers(made, curve, value):
    lab, spec = made
    record = lab.record(spec)
    curves = {**record.curves, curve: [record.curves[curve][0], value]}
    content = {**record.content, "curves": curves}
    digest = content_digest(content) if value is not math.inf else "0"
    with pytest.raises((RecordError, ValueError, TypeError)):
        Record(content | {"digest": digest}).check()


def test_a_further_curve_holds_finite_numbers_too(made):
    lab, spec = made
    record = lab.record(spec)
    with pytest.raises(RecordError, match="not a finite number"):
        signed(record, curves={**record.curves, "holdout_accuracy": [None, 1.0]}).check()
    signed(record, curves={**record.curves, "holdout_accuracy": [2.0, 1.0]}).check()


def test_what_does_not_verify_is_not_written(made, tmp_path):
    lab, spec = made
    store = Store(tmp_path / "results")
    for change in ({"status": "good"}, {"best_test": 99.0}, {"key": "0" * 16}):
        with pytest.raises(RecordError):
            store.write(signed(lab.record(spec), **change))
    assert not list(tmp_path.rglob("*.*"))


def test_a_record_is_one_line_for_each_field(made):
    """So that a change shows where it is."""
    lab, spec = made
    text = lab.store.path(spec.key).read_text()
    assert text.endswith("\n}\n")
    assert len(text.splitlines()) == len(lab.record(spec).content) + 2
    assert json.loads(text) == lab.record(spec).content


def test_the_order_of_keys_does_not_change_a_digest():
    assert content_digest({"a": 1, "b": [1, 2]}) == content_digest({"b": [1, 2], "a": 1, "digest": "x"})
    assert content_digest({"a": 1}) != content_digest({"a": 2})
    assert canonical({"b": 1.5, "a": "é"}) == '{"a":"\\u00e9","b":1.5}'


def test_the_order_of_names_does_not_change_the_digest_of_weights():
    a, b = torch.arange(3.0), torch.arange(4.0)
    assert weights_digest({"x": a, "y": b}) == weights_digest({"y": b, "x": a})
    assert weights_digest({"x": a, "y": b}) != weights_digest({"x": b, "y": a})
    assert weights_digest({"x": a}) == weights_digest({"x": a.double()})


def test_a_take_is_part_of_a_records_place(made, tmp_path: Path):
    lab, spec = made
    assert lab.workspace.next_take(spec) == 2
    assert lab.workspace.next_take(spec.replace(seed=9)) == 1
    assert lab.store.path(spec.key, 1).name == f"{spec.key}.json"
    assert lab.store.path(spec.key, 2).name == f"{spec.key}.take2.json"

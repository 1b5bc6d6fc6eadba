"""The record store: what is written comes back, what was touched is found, nothing is ever replaced."""

from __future__ import annotations

import json
import math
import multiprocessing
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.records.store import Record, RecordError, Store, canonical, content_digest
from companion.runs.spec import RunSpec
from support.records import ORIGIN, taken
from support.strategies import specs

FIXTURES = Path(__file__).parents[1] / "fixtures"
PERCENT = st.floats(0, 100).map(lambda x: round(x, 4))


def parts(epochs: int, test: list[float] | None = None, **changes: Any) -> dict[str, Any]:
    """The parts of a finished record but for its spec."""
    test = test or [50.0 + e for e in range(epochs)]
    content: dict[str, Any] = {
        "status": "finished",
        "curves": {"train_loss": [1.0] * epochs, "train_accuracy": [50.0] * epochs, "test_accuracy": test},
        "best_test": max(test),
        "best_epoch": test.index(max(test)) + 1,
        "last_test": test[-1],
        "selected_test": None,
        "selected_epoch": None,
        "teacher": None,
        "weights": {"last": "0123456789abcdef"},
        "provenance": {**ORIGIN, "seconds": 1.5, "device": "Überprüfer"},
    }
    return content | changes


def record(spec: RunSpec = RunSpec(epochs=3), take: int = 1, **changes: Any) -> Record:  # noqa: B008
    return Record.build(spec, take, **parts(spec.epochs, **{**taken(spec), **changes}))


@st.composite
def records(draw: st.DrawFn) -> Record:
    spec = draw(specs()).replace(epochs=draw(st.integers(1, 4)))
    curve = draw(st.lists(PERCENT, min_size=spec.epochs, max_size=spec.epochs))
    notes = draw(st.dictionaries(st.text(max_size=6), st.text(max_size=6) | st.integers(-(2**50), 2**50), max_size=3))
    return record(spec, draw(st.integers(1, 3)), test=curve, provenance={**notes, **ORIGIN})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("stores")


@given(made=records())
def test_what_is_written_comes_back(folder, made):
    store = Store(folder / "round-trip")
    shutil.rmtree(store.folder, ignore_errors=True)
    path = store.write(made)
    again = store.read(path)
    assert again.content == made.content
    assert (again.key, again.take, again.spec) == (made.spec.key, made.take, made.spec)
    assert list(store.verify()) == [(path, None)]
    assert [r.content for r in store] == [made.content]


@settings(max_examples=80)
@given(made=records(), data=st.data())
def test_a_flipped_byte_is_found_or_changes_nothing(folder, made, data):
    store = Store(folder / "flipped")
    shutil.rmtree(store.folder, ignore_errors=True)
    path = store.write(made)
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    ((found, reason),) = store.verify()
    assert found == path
    if reason is None:  # another white space, or another way to write the same number
        assert canonical(store.read(path).content) == canonical(made.content)
    else:
        assert reason.startswith(f"{path.name} is damaged: ")
        assert "\n" not in reason


def rewrite(path: Path, content: dict[str, Any], sign: bool = True) -> None:
    """Put a changed record in place of another, with a fitting digest unless told otherwise."""
    content = {k: v for k, v in content.items() if k != "digest" or not sign}
    path.write_text(json.dumps(content | ({"digest": content_digest(content)} if sign else {})))


@pytest.mark.parametrize("field", sorted([*record().content]))
def test_a_removed_field_is_found(tmp_path, field):
    store = Store(tmp_path)
    path = store.write(record())
    rewrite(path, {k: v for k, v in record().content.items() if k != field}, sign=False)
    with pytest.raises(RecordError, match=f"{path.name} is damaged: .*(missing|digest)"):
        store.read(path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"best_test": 99.0}, "best_test and last_test"),
        ({"last_test": 0.0}, "best_test and last_test"),
        ({"status": "running"}, "finished, diverged"),
        ({"format": 2}, "format 2"),
        ({"key": "0" * 16}, "spec's key"),
        ({"spec": {"epochs": 4}}, "not the spec's key"),
        ({"spec": {"epochs": 0}}, "at least 1"),
        ({"spec": {"epoch": 3}}, "unknown parameter"),
        ({"spec": [3]}, "damaged"),
        ({"take": 2}, "take 2"),
        ({"curves": {}}, "test_accuracy, train_accuracy, train_loss"),
        ({"curves": None}, "damaged"),
        ({"curves": {"train_loss": [1.0], "train_accuracy": [1.0], "test_accuracy": [1.0]}}, "each of 3 epochs"),
        (
            {"curves": {"train_loss": [1, 1, "1"], "train_accuracy": [50.0] * 3, "test_accuracy": [50.0, 51.0, 52.0]}},
            "not a finite number",
        ),
    ],
)
def test_a_forged_record_is_found_even_if_it_is_signed_anew(tmp_path, change, reason):
    store = Store(tmp_path)
    path = store.write(record())
    rewrite(path, {**record().content, **change})
    with pytest.raises(RecordError, match=reason) as caught:
        store.read(path)
    assert path.name in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", '{"a": NaN}', "\x00" * 100])
def test_what_is_no_record_is_named(tmp_path, text):
    path = tmp_path / "0123456789abcdef.json"
    path.write_text(text)
    with pytest.raises(RecordError, match=r"0123456789abcdef\.json is damaged"):
        Store(tmp_path).read(path)


def test_a_renamed_file_is_found(tmp_path):
    store = Store(tmp_path)
    path = store.write(record())
    other = path.rename(store.path(RunSpec(epochs=4).key))
    with pytest.raises(RecordError, match=f"{other.name} is damaged: it holds take 1 of key {record().key}"):
        store.get(RunSpec(epochs=4))


def test_not_a_number_is_never_written(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        record(curves={"train_loss": [math.nan] * 3, "train_accuracy": [1.0] * 3, "test_accuracy": [1.0] * 3})
    with pytest.raises(RecordError, match="not those of the curve"):
        record(best_test=99.0)
    assert Store(tmp_path).files() == []


def test_a_record_is_never_replaced(tmp_path):
    store = Store(tmp_path)
    path = store.write(record())
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        store.write(record(test=[1.0, 2.0, 3.0]))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_repeated_run_is_a_further_take(tmp_path):
    store, spec = Store(tmp_path), record().spec
    assert store.takes(spec) == 0
    assert store.get(spec) is None
    assert spec not in store
    for take in (1, 2):
        store.write(record(take=take))
    assert store.takes(spec) == 2
    assert spec in store
    assert store.get(spec).take == 1
    assert sorted(r.take for r in store) == [1, 2]


@pytest.mark.parametrize("failing", ["os.fsync", "os.link"])
def test_a_crash_while_writing_leaves_nothing_to_see(tmp_path, monkeypatch, failing):
    store = Store(tmp_path)

    def crash(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"companion.files.whole.{failing}", crash)
        with pytest.raises(KeyboardInterrupt):
            store.write(record())
    assert record().spec not in store
    assert store.files() == []
    store.write(record())
    assert store.get(record().spec).content == record().content


def test_what_a_killed_writer_left_is_not_seen(tmp_path):
    store = Store(tmp_path)
    (tmp_path / ".abc.partial").write_text("{")
    (tmp_path / ".hidden.json").write_text("{")
    assert store.files() == []
    assert list(store) == []


def write_at_once(folder: str, number: int, barrier: Any, results: Any) -> None:
    made = record(provenance={**ORIGIN, "writer": number})
    barrier.wait()
    try:
        Store(folder).write(made)
    except FileExistsError:
        results.put(None)
    else:
        results.put(number)


def test_of_two_writers_at_once_one_wins(tmp_path):
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(2), context.Queue()
    writers = [context.Process(target=write_at_once, args=(str(tmp_path), n, barrier, results)) for n in range(2)]
    for writer in writers:
        writer.start()
    outcomes = [results.get(timeout=30) for _ in writers]
    for writer in writers:
        writer.join()
    (winner,) = [number for number in outcomes if number is not None]
    assert Store(tmp_path).get(record().spec).content["provenance"] == {**ORIGIN, "writer": winner}
    assert len(list(tmp_path.iterdir())) == 1


def test_a_diverged_run_is_a_record(tmp_path):
    curves = {"train_loss": [2.0], "train_accuracy": [10.0], "test_accuracy": [11.0]}
    made = record(status="diverged", curves=curves, best_test=11.0, best_epoch=1, last_test=11.0)
    store = Store(tmp_path)
    again = store.read(store.write(made))
    assert not again.finished
    assert again.statistic("best_test") is None
    assert again.curves["test_accuracy"] == [11.0]


def test_a_run_that_diverged_at_once_is_a_record():
    curves = {"train_loss": [], "train_accuracy": [], "test_accuracy": []}
    made = record(status="diverged", curves=curves, best_test=None, best_epoch=None, last_test=None)
    assert made.statistic("last_test") is None


def test_statistics_of_a_finished_run():
    made = record(selected_test=51.0, selected_epoch=2)
    assert [made.statistic(n) for n in ("best_test", "last_test", "selected_test")] == [52.0, 52.0, 51.0]


def test_a_record_of_an_older_version_still_loads_under_its_old_key(tmp_path):
    """The file was made by a version that knew neither ``precision`` nor ``holdout`` nor ``teacher_checkpoint``."""
    name = "1baccb40b0706a9c.json"
    shutil.copy(FIXTURES / name, tmp_path)
    store = Store(tmp_path)
    spec = RunSpec(dataset="digits", width=8, depth=3, regime="FR-II", epochs=2, gate_permutation=(1, 0))
    old = store.get(spec)
    assert old is not None
    assert old.key == "1baccb40b0706a9c"
    assert old.spec == spec
    assert "precision" not in old.content["spec"]
    assert [old.statistic(name) for name in ("best_test", "selected_test")] == [62.5, None]
    assert store.verify() == [(tmp_path / name, None)]


def test_a_spec_field_of_a_newer_version_is_refused_by_name(tmp_path):
    store = Store(tmp_path)
    path = store.write(record())
    rewrite(path, {**record().content, "spec": {"epochs": 3, "dropout": 0.9}})
    with pytest.raises(RecordError, match="unknown parameter 'dropout'"):
        store.read(path)


def test_a_missing_folder_is_an_empty_store(tmp_path):
    store = Store(tmp_path / "none")
    assert store.files() == store.verify() == list(store) == []
    assert not store.folder.exists()


def test_the_committed_records_verify():
    store = Store(Path(__file__).parents[2] / "results")
    if not store.files():
        pytest.skip("no records here")
    assert [str(reason) for _, reason in store.verify() if reason is not None] == []

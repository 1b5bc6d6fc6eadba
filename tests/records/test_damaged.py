"""A store may hold anything: readers name what is no sound record and go on, and never wait, crash or believe it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from companion import experiments
from companion.exhibits import cells
from companion.files import documents
from companion.records.store import Record, RecordError, Store, canonical, content_digest
from companion.runs.spec import RunSpec
from companion.training.queue import sound
from support.synthetic import record

SPEC = RunSpec.from_dict({"dataset": "digits", "epochs": 3})
NAME = f"{SPEC.key}.json"


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


NASTY: dict[str, Callable[[Path], Any]] = {
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "a link to something that is not there": lambda path: path.symlink_to("nowhere"),
    "a link that leads back to itself": _loop,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "9,437,184 bytes, more than": lambda path: path.write_bytes(b" " * (9 << 20)),
    "not text in UTF-8": lambda path: path.write_bytes(b"\xff\xfe{}"),
    "no JSON": lambda path: path.write_text('{"key": '),
    "no JSON object": lambda path: path.write_text("[1]"),
    "nested more than": lambda path: path.write_text("[" * 200_000),
    "nested more than 64 deep": lambda path: path.write_text('{"a": ' + "[" * 100 + "]" * 100 + "}"),
    "beyond 64 bits": lambda path: path.write_text('{"take": ' + "9" * 5000 + "}"),
    "not finite": lambda path: path.write_text('{"best_test": 1e999}'),
    "NaN, which is no number of JSON": lambda path: path.write_text('{"best_test": NaN}'),
    "names 'take' twice": lambda path: path.write_text('{"take": 1, "take": 2}'),
}


@pytest.mark.parametrize("words", NASTY)
def test_what_is_no_file_of_a_record_is_named_by_every_reader(tmp_path: Path, words: str) -> None:
    store = Store(tmp_path / "results")
    store.folder.mkdir()
    NASTY[words](store.folder / NAME)
    other = record(SPEC.replace(seed=1), 90.0)
    store.write(other)
    with pytest.raises(RecordError, match=f"^{NAME} is damaged: ") as caught:
        store.get(SPEC)
    assert words in str(caught.value)
    assert store.find(SPEC) is None
    assert [found.key for found in store.sound()] == [other.key]
    assert list(store.skipped) == [str(caught.value)]
    assert {path.name: reason for path, reason in store.verify()}[NAME] == str(caught.value)
    assert sound([SPEC, other.spec], store) == ([other.spec], [str(caught.value)])
    with pytest.raises(FileExistsError):  # and it is not replaced
        store.write(record(SPEC, 90.0))
    assert os.path.lexists(store.folder / NAME)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
def test_no_bytes_are_a_traceback(tmp_path: Path, content: bytes) -> None:
    store = Store(tmp_path)
    store.path(SPEC.key).write_bytes(content)
    assert list(store.sound()) == []
    assert len(store.skipped) == 1
    assert next(iter(store.skipped)).isprintable()


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
WHOLE = record(SPEC, 90.0).content


def _signed(content: dict[str, Any]) -> dict[str, Any]:
    return content | {"digest": content_digest(content)}


@settings(max_examples=400, deadline=None)
@given(field=st.sampled_from(sorted(WHOLE.keys() - {"digest"})), value=JSON)
def test_a_record_that_is_signed_anew_still_has_to_make_sense(field: str, value: Any) -> None:
    """Whatever stands in a field is refused by a sentence, or is as sound as what stood there before."""
    changed = _signed(dict(WHOLE) | {field: value})
    refused = ""
    try:
        Record(changed).check()
    except RecordError as error:
        refused = str(error)
    assert len(refused) < 1000
    assert refused or type(value) is type(WHOLE[field]) or value is None


FALSE: dict[str, tuple[dict[str, Any], str]] = {
    "accuracy": ({"best_test": 250.0}, "best_test must be a number from 0 to 100"),
    "take": ({"take": 0}, "take must be a whole number from 1"),
    "take of text": ({"take": "1"}, "take must be a whole number"),
    "provenance": ({"provenance": {}}, "the provenance lacks"),
    "device": ({"provenance": {**WHOLE["provenance"], "device": ["x"]}}, "device of the provenance must be"),
    "curve": (
        {"curves": {**WHOLE["curves"], "test_accuracy": [1.0, 2.0, 250.0]}},
        "a value of the curve test_accuracy",
    ),
    "teacher": ({"teacher": {"key": "0" * 16}}, "teacher must have the fields"),
    "stranger": ({"note": "<script>"}, "the field 'note' is unknown"),
    "status": ({"status": "done"}, "status must be one of finished, diverged"),
}


@pytest.mark.parametrize("name", FALSE)
def test_a_field_out_of_its_range_is_named_with_what_is_valid(name: str) -> None:
    changes, words = FALSE[name]
    with pytest.raises(RecordError, match=words):
        Record(_signed(dict(WHOLE) | changes)).check()


def test_the_records_that_are_committed_are_sound() -> None:
    store = Store(Path(__file__).parents[2] / "results")
    assert sum(1 for _ in store.sound()) == len(store.files()) > 900
    assert not store.skipped


def test_the_front_door_names_damaged_records_and_leaves_out_what_hangs_on_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    grid = cells("A-S-gate", "quick", seeds=1)
    for cell in grid:
        (folder / f"{cell.spec.key}.json").write_text("{")
    assert experiments.main(["A-S-gate", "--profile", "quick", "--seeds", "1", "--out", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert all(f"{cell.spec.key}.json is damaged" in said for cell in grid)
    assert f"{len(grid)} of {len(grid)} runs hang on damaged records and are left out" in said
    assert all((folder / f"{cell.spec.key}.json").read_text() == "{" for cell in grid)


@given(content=st.binary(max_size=200))
def test_a_document_is_read_or_refused(content: bytes) -> None:
    try:
        found = documents.parse(content)
    except documents.DocumentError:
        return
    assert json.loads(canonical(found)) == found

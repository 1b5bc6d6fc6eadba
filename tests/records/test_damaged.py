"""Whatever lies in a store is named by its readers, who go on; and a record that is signed anew is still looked at."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion import experiments
from companion.cli import main
from companion.exhibits import cells
from companion.files import documents
from companion.files.documents import DocumentError
from companion.records.kernels import KernelStore
from companion.records.store import Record, RecordError, Store, content_digest
from companion.runs.spec import RunSpec
from companion.statements.outcomes import CheckStore
from companion.verdicts import frames
from support.records import ORIGIN, taken
from support.synthetic import record

GRID = [cell for cell in cells("A-T2", "quick", 1) if cell.row == "FC/SGD/digits"]
SPEC = GRID[0].spec
FL = next(cell.spec for cell in GRID if cell.column == "FL")
NAME = f"{SPEC.key}.json"
PROBED = RunSpec(dataset="digits", width=4, depth=3, epochs=3, regime="DL", probe="kernel-norms")
KEPT = RunSpec(dataset="digits", width=4, depth=3, epochs=3, holdout=100)

Make = Callable[[Path], Any]


def _socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the name of a socket has room for 100 characters
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def _large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(documents.LARGEST + 1)


def _sealed(**changes: Any) -> bytes:
    content = {**record(SPEC, 97.0).content, **changes}
    return json.dumps({**content, "digest": content_digest(content)}).encode()


NASTY: dict[str, tuple[Make, str]] = {
    "a folder": (lambda path: path.mkdir(), "it is a folder"),
    "a pipe": (os.mkfifo, "it is a pipe"),
    "a socket": (_socket, "it is a socket"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "it is a device"),
    "a dangling link": (lambda path: path.symlink_to("nowhere"), "link to something that is not there"),
    "a looping link": (lambda path: path.symlink_to(path.name), "leads back to itself"),
    "a link to a folder": (lambda path: path.symlink_to("."), "it is a folder"),
    "a large file": (_large, "more than 8,388,608"),
    "nothing": (lambda path: path.write_bytes(b""), "it is no JSON"),
    "noise": (lambda path: path.write_bytes(bytes(range(256)) * 40), "not text in UTF-8"),
    "half a character": (lambda path: path.write_bytes(b'{"a": "\\ud800"}'), "not text in UTF-8"),
    "deep lists": (lambda path: path.write_bytes(b"[" * 200_000), "nested more than 64 deep"),
    "deep objects": (lambda path: path.write_bytes(b'{"a":' * 200_000), "nested more than 64 deep"),
    "closed lists": (lambda path: path.write_bytes(b'{"a":' + b"[" * 300 + b"]" * 300 + b"}"), "nested more than 64"),
    "a huge number": (lambda path: path.write_bytes(b'{"a": 1' + b"0" * 400 + b"}"), "beyond 64 bits"),
    "a number of 5,000 digits": (lambda path: path.write_bytes(b'{"a": -' + b"9" * 5000 + b"}"), "beyond 64 bits"),
    "infinity": (lambda path: path.write_bytes(b'{"a": 1e999}'), "not finite"),
    "not a number": (lambda path: path.write_bytes(b'{"a": NaN}'), "no number of JSON"),
    "a doubled key": (lambda path: path.write_bytes(_sealed()[:-1] + b', "take": 1}'), "it names 'take' twice"),
    "a list": (lambda path: path.write_bytes(b"[]"), "no JSON object"),
    "a record cut short": (lambda path: path.write_bytes(_sealed()[:400]), "it is no JSON"),
    "no permission": (lambda path: path.touch(0), "it is no JSON" if os.geteuid() == 0 else "it cannot be read"),
}
nasty = pytest.mark.parametrize(("make", "reason"), NASTY.values(), ids=NASTY)


@nasty
def test_what_is_no_record_is_named_by_every_reader(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], make: Make, reason: str
) -> None:
    store = Store(tmp_path)
    make(tmp_path / NAME)
    store.write(record(GRID[1].spec, 96.0))
    assert SPEC in store
    with pytest.raises(RecordError, match=f"^{NAME} is damaged: ") as caught:
        store.get(SPEC)
    assert reason in str(caught.value)
    assert [why is None for _, why in store.verify()] == [path.name != NAME for path in store.files()]
    assert store.stale() == {}
    assert [one.key for one in store.sound()] == [GRID[1].spec.key]
    assert list(store.skipped) == [str(caught.value)]
    assert sorted(frames.runs(GRID, Store(tmp_path))["status"]) == ["finished", *["pending"] * 4]
    assert main(["verify", "--store", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith(f"{NAME} is damaged: ")


@nasty
def test_stored_checks_kernels_weights_and_pictures_are_read_alike(tmp_path: Path, make: Make, reason: str) -> None:
    folders = {name: tmp_path / name for name in ("checks", "kernels", "weights", "pictures")}
    for folder in folders.values():
        folder.mkdir()
    for name, file in (("checks", "A-L4.1.json"), ("kernels", NAME)):
        make(folders[name] / file)
        kept: CheckStore | KernelStore = (CheckStore if name == "checks" else KernelStore)(folders[name])
        ((path, why),) = kept.verify()
        assert (path.name, kept.stale()) == (file, {})
        assert str(why).startswith(f"{name}/{file} is damaged: ")
        assert reason in str(why)
    for name in ("weights", "pictures"):
        make(folders[name] / f"{SPEC.key}.npz")
    found = Store(tmp_path).verify()
    assert [str(why).partition(": ")[0] for _, why in found] == [
        f"{name}/{SPEC.key}.npz is damaged" for name in ("weights", "pictures")
    ]


@settings(max_examples=200)
@given(content=st.binary(max_size=300) | st.text(max_size=200).map(str.encode) | st.just(_sealed()).flatmap(
    lambda whole: st.tuples(st.integers(0, len(whole)), st.binary(max_size=8)).map(
        lambda cut: whole[: cut[0]] + cut[1] + whole[cut[0] + 4 :]
    )
))  # fmt: skip
def test_no_bytes_get_past_a_reader_or_stop_it(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    store = Store(tmp_path_factory.getbasetemp() / "bytes")
    store.folder.mkdir(exist_ok=True)
    store.path(SPEC.key).write_bytes(content)
    ((_, reason),) = store.verify()
    if reason is None:
        assert store.read(store.path(SPEC.key)).content == record(SPEC, 97.0).content
    else:
        assert reason.startswith(f"{NAME} is damaged: ")
        assert reason.isprintable()
        assert len(reason) < 1000


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=200)
@given(data=st.data())
def test_a_field_of_any_value_that_is_signed_anew_is_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    store = Store(tmp_path_factory.getbasetemp() / "signed")
    store.folder.mkdir(exist_ok=True)
    whole = record(FL, 97.0).content
    name = data.draw(st.sampled_from(sorted({*whole} - {"digest"})))
    value = data.draw(json_values)
    inner = whole[name]
    if isinstance(inner, dict) and data.draw(st.booleans()):
        value = {**inner, data.draw(st.sampled_from(sorted(inner)) if inner else st.text(max_size=5)): value}
    path = store.path(FL.key)
    content = {**whole, name: value}
    path.write_text(json.dumps({**content, "digest": content_digest(content)}))
    ((_, reason),) = store.verify()
    if reason is None:  # another sound value, of which readers may make what they make of any
        assert list(frames.runs([cell for cell in GRID if cell.spec == FL], store)["status"]) == ["finished"]
    else:
        assert reason.startswith(f"{path.name} is damaged: ")
        assert reason.isprintable()


CURVES = {"train_loss": [1.0] * 3, "train_accuracy": [50.0] * 3, "test_accuracy": [50.0, 52.0, 51.0]}


def made(spec: RunSpec, **changes: Any) -> Record:
    """A signed record of three epochs, sound but for the changes."""
    content: dict[str, Any] = {
        "format": 1, "key": spec.key, "take": 1, "spec": spec.to_dict(), "status": "finished", "curves": CURVES,
        "best_test": 52.0, "best_epoch": 2, "last_test": 51.0, "selected_test": None, "selected_epoch": None,
        **taken(spec), "weights": {"last": "0" * 16}, "provenance": ORIGIN,
    }  # fmt: skip
    content |= changes
    return Record(content | {"digest": content_digest(content)})


def origin(**changes: Any) -> dict[str, Any]:
    return {"provenance": {**ORIGIN, **changes}}


STUDENT = RunSpec(dataset="digits", width=4, depth=3, epochs=3, regime="FL")
LATER = RunSpec(dataset="digits", width=4, depth=3, epochs=3, start_from={"label_noise": 0.5})


def teacher(**changes: Any) -> dict[str, Any]:
    return {"teacher": {**taken(STUDENT)["teacher"], **changes}}


@pytest.mark.parametrize(
    ("spec", "changes", "reason"),
    [
        (KEPT, {"take": 0}, "take must be a whole number from 1"),
        (KEPT, {"take": True}, "take must be a whole number"),
        (KEPT, {"status": ["finished"]}, "status must be one of finished, diverged"),
        (KEPT, {"extra": 1}, "the field 'extra' is unknown"),
        (KEPT, {"key": "x"}, "key must be sixteen hexadecimal digits"),
        (KEPT, {"best_epoch": 1}, "best_test is not the test accuracy of the epoch that was chosen, 1"),
        (KEPT, {"best_epoch": None}, "best_test is not the test accuracy"),
        (KEPT, {"best_epoch": 9}, "best_test is not the test accuracy"),
        (KEPT, {"best_epoch": 2.0}, "best_epoch must be a whole number"),
        (KEPT, {"best_test": "52.0"}, "best_test must be a number from 0 to 100 or null"),
        (KEPT, {"selected_test": 99.0}, "selected_test is not the test accuracy"),
        (KEPT, {"selected_epoch": 1}, "selected_test is not the test accuracy"),
        (KEPT, {"selected_test": 52.0, "selected_epoch": 3}, "selected_test is not the test accuracy"),
        (KEPT, {"curves": {**CURVES, "test_accuracy": [50.0, 250.0, 51.0]}}, "from 0 to 100, not 250.0"),
        (KEPT, {"curves": {**CURVES, "train_accuracy": [50.0, -1.0, 51.0]}}, "from 0 to 100, not -1.0"),
        (KEPT, {"curves": {**CURVES, "train_loss": [1.0, -1.0, 1.0]}}, "train_loss must be a number from 0"),
        (KEPT, {"curves": {**CURVES, "train_loss": [1.0, True, 1.0]}}, "holds True, which is not a finite number"),
        (KEPT, {"curves": {**CURVES, "train_loss": "1.0"}}, "must be a list"),
        (KEPT, {"curves": {**CURVES, "holdout_accuracy": [1.0]}}, "do not have one value for each"),
        (KEPT, {"curves": {**CURVES, "speed": [1.0] * 3}}, "the curve 'speed' is unknown"),
        (KEPT, {"status": "diverged", "best_test": 51.0}, "best_test and last_test"),
        (KEPT, {"weights": {"best": "0" * 16}}, "the name of weights must be best_test"),
        (KEPT, {"weights": {"last": "0" * 15}}, "the digest of the weights last must be sixteen"),
        (KEPT, {"weights": None}, "weights must be an object"),
        (KEPT, {"pictures": 7}, "pictures must be sixteen"),
        (KEPT, {"probes": {"epoch": [0]}}, "the run has no probe"),
        (KEPT, {"provenance": None}, "provenance must be an object"),
        (KEPT, {"provenance": {}}, "the provenance lacks backend, dataset, device, seconds, torch"),
        (KEPT, origin(seconds="long"), "seconds of the provenance must be a number"),
        (KEPT, origin(seconds=-1), "seconds of the provenance must be a number"),
        (KEPT, origin(device=7), "device of the provenance must be a line"),
        (KEPT, origin(device="a\nb"), "device of the provenance must be a line"),
        (KEPT, origin(threads=0), "threads of the provenance must be a whole number"),
        (KEPT, origin(backend=None), "backend of the provenance"),
        (KEPT, origin(dataset="digits"), "dataset of the provenance must be 64"),
        (KEPT, origin(sources="z" * 16), "sources of the provenance must be sixteen"),
        (KEPT, origin(dirty=1), "dirty of the provenance must be true or false or null"),
        (KEPT, origin(time="yesterday"), "time of the provenance must be a time"),
        (KEPT, origin(time="2026-01-31T12:00:00"), "time of the provenance must be a time with its zone"),
        (KEPT, origin(peak_mib=1.5), "peak_mib of the provenance"),
        (KEPT, origin(extra=["a list"]), "extra of the provenance must be text"),
        (KEPT, teacher(), "the run has no teacher, and the record says otherwise"),
        (STUDENT, {"teacher": None}, "the run needs a teacher"),
        (STUDENT, {"teacher": {"key": "0" * 16}}, "teacher must have the fields key, take, checkpoint, epoch, weights"),
        (STUDENT, teacher(key="0" * 16), f"the teacher of the run is best_test of {STUDENT.teacher.key}"),  # type: ignore[union-attr]
        (STUDENT, teacher(checkpoint="last"), "the teacher of the run is best_test of"),
        (STUDENT, teacher(epoch=4), "the teacher has 3 epochs"),
        (STUDENT, teacher(epoch=0), "epoch of the teacher must be a whole number from 1"),
        (STUDENT, teacher(weights="none"), "weights of the teacher must be sixteen"),
        (LATER, {"start": None}, "start must be an object"),
        (PROBED, {"probes": {"epoch": [0, 0], "norm_f": [1.0, 1.0]}}, "do not rise"),
        (PROBED, {"probes": {"epoch": [0, 9], "norm_f": [1.0, 1.0]}}, "do not rise from 0 to at most 3"),
        (PROBED, {"probes": {"epoch": [0, 1], "norm_f": [1.0]}}, "does not have one value"),
        (PROBED, {"probes": {"epoch": [0.5], "norm_f": [1.0]}}, "epoch must be a whole number"),
        (PROBED, {"probes": {"epoch": [0], "norm_f": ["1"]}}, "which is not a finite number"),
        (PROBED, {"probes": {"epoch": [0], "<b>": [1.0]}}, "the name of what a probe measures must be a word"),
    ],
)  # fmt: skip
def test_a_record_that_is_signed_anew_is_still_looked_at(
    tmp_path: Path, spec: RunSpec, changes: dict[str, Any], reason: str
) -> None:
    store = Store(tmp_path)
    store.write(made(spec))
    path = store.path(spec.key)
    path.write_text(json.dumps(dict(made(spec, **changes).content)))
    with pytest.raises(RecordError) as caught:
        store.read(path)
    assert reason in str(caught.value)


def test_a_number_beyond_all_floats_is_no_number_of_a_curve() -> None:
    with pytest.raises(RecordError, match="from 0 to 100, not 1000"):
        made(KEPT, curves={**CURVES, "test_accuracy": [50.0, 10**400, 51.0]}).check()


def test_a_link_to_a_record_is_one(tmp_path: Path) -> None:
    elsewhere = Store(tmp_path / "elsewhere").write(record(SPEC, 97.0))
    (tmp_path / NAME).symlink_to(elsewhere)
    assert Store(tmp_path).read(tmp_path / NAME).key == SPEC.key


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "grown").write_bytes(b"x" * 11)
    monkeypatch.setattr(documents, "_refuse", lambda found, largest: None)
    with pytest.raises(DocumentError, match="grew beyond 10 bytes"):
        documents.regular(tmp_path / "grown", 10)


def front_door(folder: Path) -> int:
    arguments = ["A-T2", "--profile", "quick", "--out", str(folder), "--device", "cpu", "--threads", "1"]
    return experiments.main([*arguments, "--seeds", "1", "--rows", GRID[0].row])


def test_the_front_door_names_what_is_damaged_and_trains_what_does_not_hang_on_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The ReLU run is FL's teacher: with its record damaged neither is trained, and the others are."""
    store = Store(tmp_path / "results")
    store.folder.mkdir()
    store.path(SPEC.key).write_bytes(_sealed()[:400])
    (store.folder / "x.json").mkdir()
    (store.folder / "pictures").mkdir()
    (store.folder / "pictures" / "0.npz").write_bytes(b"left by a run that was killed")
    assert front_door(tmp_path) == 1
    said = capsys.readouterr()
    assert [line.partition(" ")[0] for line in said.err.splitlines()] == [NAME, "x.json", "2"]
    assert said.err.splitlines()[-1] == "2 of 5 runs hang on damaged records and are left out"
    assert {one.spec for one in store.sound()} == {cell.spec for cell in GRID} - {SPEC, FL}
    assert len(said.out.splitlines()) == 3
    assert front_door(tmp_path) == 1
    assert capsys.readouterr().out == ""
    store.path(SPEC.key).unlink()
    (store.folder / "x.json").rmdir()
    assert front_door(tmp_path) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2

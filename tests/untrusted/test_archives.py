"""Archives and files of arrays from elsewhere: parcels of records, weights, pictures, a reader's own arrays."""

from __future__ import annotations

import io
import json
import os
import shutil
import tracemalloc
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.data.own import own_data
from companion.files import npz
from companion.files.npz import ArraysError
from companion.records import weights
from companion.records.errors import RecordError
from companion.records.store import Store
from companion.records.travel import bring, pack
from support.guarded import REFUSED, feeds, tried
from support.laboratory import Laboratory, tiny
from support.malformed import archives, spoiled

TEACHER = tiny(epochs=2)
NAMES = (
    "../outside.json",
    "/outside.json",
    "weights/../../outside.npz",
    "..\\outside.json",
    "C:outside.json",
    f"{TEACHER.key}.json\x00.npz",
    f"./{TEACHER.key}.json",
    f"{TEACHER.key}.JSON",
    f"weights//{TEACHER.key}.npz",
    f"results/{TEACHER.key}.json",
    f"{TEACHER.key}.take2.json",
    "weights",
    "weights/",
    "a\nb.json",
    "\x1b[2J.json",
    "x" * 300 + ".json",
)
"""Names that members should not have."""


class Trap:
    """A pickle that leaves a file."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("ran",)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with a record, its weights, and pictures."""
    lab = Laboratory(tmp_path_factory.mktemp("full"))
    assert lab.run(TEACHER, tiny("FR-II", epochs=2, probe="hidden-layers", probe_every=2)) == 2
    kept = lab.workspace.load_weights(TEACHER.key, "best_test")
    assert kept is not None
    lab.store.keep_weights(TEACHER.key, kept.params)
    return lab.store


@pytest.fixture(scope="module")
def parcel(full: Store, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Its members by name."""
    pack(full, file := tmp_path_factory.mktemp("parcel") / "all.zip")
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("inputs")


def said(name: str, content: bytes) -> object:
    """What a file says, whatever its spaces, its times and the order of its members are."""
    if name.endswith(".json"):
        return json.loads(content)
    return {one: array.tobytes() for one, array in npz.read(io.BytesIO(content)).items()}


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """No machine loses its power here."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@feeds("parcels of records")
@given(data=st.data())
def test_parcels(here: Path, parcel: dict[str, bytes], data: st.DataObject) -> None:
    content = data.draw(archives(parcel, NAMES))
    shutil.rmtree(here / "store", ignore_errors=True)
    (here / "in.zip").write_bytes(content)
    store = Store(here / "store")
    found = tried(lambda: bring(here / "in.zip", store), RecordError, here)
    there = {f.relative_to(store.folder).as_posix(): f for f in store.folder.rglob("*") if f.is_file()}
    if found is REFUSED:
        assert not there
        return
    assert set(there) == {one.name for one in found if one.what == "imported"} <= set(parcel)
    assert all(one.name.isprintable() and (one.reason or "").isprintable() for one in found)
    assert all(said(name, file.read_bytes()) == said(name, parcel[name]) for name, file in there.items())
    assert not [why for _, why in store.verify() if why]
    assert {entry.name for entry in here.iterdir()} <= {"in.zip", "store"}


def written(**found: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.savez(content, **found)
    return content.getvalue()


def lying(shape: str, content: bytes = b"", kind: str = "<f4", claims: int | None = None) -> bytes:
    """A member of an ``.npz`` whose header says what is not so."""
    head = f"{{'descr': {kind!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    head += b" " * (-(len(head) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + content


HEADERS = [
    lying("(1000000000000,)"),
    lying("(1000000000000, 0)"),
    lying("(-1, -4)", bytes(16)),
    lying("(2000000000,)", bytes(64)),
    lying("(4,)", bytes(16), "|O"),
    lying("(True, 4)", bytes(16)),
    lying("(4,)", bytes(16), "<f4,(1000000000,)f4"),
    lying("(10**12,)"),
    lying("__import__('os').mkdir('ran')"),
    lying("(" + "-" * 9000 + "1,)"),
    lying("(1,)", bytes(4), "<f4" + "," * 3000),
    lying("(4,)", b"cos\nmkdir\n(S'ran'\ntR.", "|O"),
]


@cache
def members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@cache
def files_of_arrays(valid: bytes) -> st.SearchStrategy[bytes]:
    """Spoiled as bytes, and as archives in which members are spoiled or lie."""
    inside = members(valid)
    lies = st.tuples(st.sampled_from(sorted(inside)), st.sampled_from(HEADERS)).flatmap(
        lambda lie: archives({**inside, lie[0]: lie[1]}, ["x.npy", "../x.npy", "x"])
    )
    return archives(inside, ["x.npy", "../x.npy", "x"]) | lies | spoiled([valid])


PLAIN = written(
    a=np.arange(12, dtype=np.float32).reshape(3, 4), b=np.array([], np.int64), c=np.asfortranarray(np.eye(3))
)


@feeds("arrays in an `.npz`")
@given(content=files_of_arrays(PLAIN))
def test_arrays(here: Path, content: bytes) -> None:
    found = tried(lambda: npz.read(io.BytesIO(content)), ArraysError, here)
    if found is not REFUSED:
        again = npz.read(io.BytesIO(written(**found)))
        assert {name: (a.dtype, a.shape, a.tobytes()) for name, a in again.items()} == {
            name: (a.dtype, a.shape, a.tobytes()) for name, a in found.items()
        }
        assert not any(array.dtype.hasobject for array in found.values())


@feeds("weights and pictures beside records")
@given(data=st.data())
def test_weights_and_pictures(here: Path, full: Store, parcel: dict[str, bytes], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([name for name in parcel if name.endswith(".npz")]))
    content = data.draw(files_of_arrays(parcel[name]))
    store = Store(here)
    for file in full.files():
        shutil.copy(file, here)
    (here / name).parent.mkdir(exist_ok=True)
    (here / name).write_bytes(content)
    key = (here / name).stem
    whole = weights.load(full.folder / name)
    if name.startswith("pictures"):
        found = tried(lambda: store.pictures(key), RecordError, here)
    else:
        kept = tried(lambda: store.weights(key, "best_test"), RecordError, here)
        found = kept if kept is REFUSED or kept is None else kept.params
    assert found is REFUSED or found is None or weights.weights_digest(found) == weights.weights_digest(whole)


OWN = written(
    x_train=np.ones((4, 3), np.float32),
    y_train=np.array([0, 1, 0, 1]),
    x_test=np.zeros((2, 3), np.float32),
    y_test=np.array([0, 1], np.uint64),
)


@feeds("a reader's own `.npz`")
@given(content=files_of_arrays(OWN))
def test_own_arrays(here: Path, content: bytes) -> None:
    (here / "own.npz").write_bytes(content)
    found = tried(lambda: own_data(here / "own.npz"), ValueError, here)
    if found is not REFUSED:
        for x, y in (found.train, found.test):
            assert len(x) == len(y) > 0
            assert bool(x.isfinite().all())
            assert int(y.min()) >= 0
        assert found.train[0].shape[1:] == found.test[0].shape[1:]


@pytest.mark.parametrize("trap", [np.array([Trap()] * 4), np.array({"a": Trap()})], ids=["array", "scalar"])
def test_a_pickle_in_an_npz_is_never_run(here: Path, monkeypatch: pytest.MonkeyPatch, trap: np.ndarray) -> None:
    monkeypatch.chdir(here)
    content = written(x_train=trap)
    assert tried(lambda: npz.read(io.BytesIO(content)), ArraysError, here) is REFUSED
    assert not (here / "ran").exists()


@pytest.mark.parametrize("member", HEADERS, ids=range(len(HEADERS)))
def test_no_memory_is_taken_for_an_array_that_is_not_there(here: Path, member: bytes) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("x_train.npy", member)
    tracemalloc.start()
    found = tried(lambda: npz.read(out), ArraysError, here)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found is REFUSED or found["x_train"].size == 0
    assert peak < 1 << 22

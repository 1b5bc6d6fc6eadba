"""What training leaves and takes up again, and weights that somebody hands over: files of ``torch.save``."""

from __future__ import annotations

import io
import json
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from companion.decoupling import information
from companion.decoupling.information import train_rows
from companion.decoupling.kept import DamagedError, Kept
from companion.decoupling.named import load_weights
from companion.decoupling.rows import ROWS
from companion.files import saved
from companion.files.saved import SavedError
from companion.records.weights import weights_digest
from companion.training.past import impossible
from companion.training.workspace import TOLD, Checkpoint
from support.guarded import REFUSED, feeds, tried
from support.laboratory import Laboratory, always_save, tiny
from support.malformed import WORDS, archives, spoiled, values

SPEC = tiny(epochs=4, optimiser="adam", learning_rate=0.01, holdout=20)


@pytest.fixture
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("inputs")


class Stop(list[Any]):
    """Ends a run after two epochs."""

    def append(self, told: Any) -> None:
        if told.epoch > 2:
            raise InterruptedError


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a run leaves that was stopped after two epochs, and the weights of one that ended."""
    lab = Laboratory(tmp_path_factory.mktemp("left"))
    lab.progress = Stop()
    with pytest.MonkeyPatch.context() as patch:
        always_save(patch)
        with pytest.raises(InterruptedError):
            lab.run(SPEC)
    lab.progress = []
    (file,) = (lab.workspace.folder / "checkpoints").glob("*.pt")
    content = file.read_bytes()
    assert lab.run(SPEC) == 1
    weights = (lab.workspace.folder / "weights" / f"{SPEC.key}.pt").read_bytes()
    record = lab.store.path(SPEC.key).read_bytes()
    return {"checkpoint": content, "weights": weights, "record": record}


def packed(value: Any) -> bytes:
    content = io.BytesIO()
    torch.save(value, content)
    return content.getvalue()


def pickled(pickle: bytes) -> bytes:
    """An archive of ``torch.save`` with another pickle in it."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(packed({"a": torch.arange(4.0)}))) as archive, zipfile.ZipFile(out, "w") as made:
        for name in archive.namelist():
            made.writestr(name, pickle if name.endswith("data.pkl") else archive.read(name))
    return out.getvalue()


RAN = [
    b"cos\nmkdir\n(S'ran'\ntR.",
    b"\x80\x02cposix\nmkdir\nX\x03\x00\x00\x00ran\x85R.",
    b"\x80\x02cbuiltins\nexec\nX\x13\x00\x00\x00open('ran','w').cl()\x85R.",
    b"\x80\x02ctorch\nload\nX\x03\x00\x00\x00ran\x85R.",
    b"\x80\x04\x8c\x02os\x8c\x05mkdir\x93\x8c\x03ran\x85R.",
    b"\x80\x02(ios\nmkdir\n(S'ran'\no.",
]
"""Pickles that leave a folder or a file."""
LARGE = [
    b"\x80\x02cbuiltins\nbytearray\nJ\x00\xca\x9a\x3b\x85R.",
    b"\x80\x02c__builtin__\nbytearray\nJ\x00\xca\x9a\x3b\x85R.",
    b"\x80\x02X\xff\xff\xff\x7fa.",
]
"""Pickles that take memory by a number alone."""


@pytest.mark.parametrize("names", [saved.PLAIN, None], ids=["state", "weights"])
@pytest.mark.parametrize("pickle", [*RAN, *LARGE])
def test_no_pickle_runs_or_takes_memory(here: Path, monkeypatch: pytest.MonkeyPatch, pickle: bytes, names: Any) -> None:
    monkeypatch.chdir(here)
    for content in (pickled(pickle), pickle, b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03." + pickle):
        assert tried(lambda content=content: saved.load(content, names), SavedError, here) is REFUSED
    assert not list(here.iterdir())


def test_a_tensor_is_not_larger_than_its_memory(here: Path) -> None:
    for tensor in (torch.zeros(1).expand(10**12), torch.zeros(2).as_strided((10**6, 2), (0, 1))):
        content = packed({"a": [{"b": tensor}]})
        assert tried(lambda content=content: saved.load(content), SavedError, here) is REFUSED
    whole = saved.load(
        packed({"a": torch.arange(6.0).reshape(2, 3).T, "b": torch.zeros(0, 3), "c": torch.arange(9)[2:4]})
    )
    assert whole["a"].tolist() == [[0, 3], [1, 4], [2, 5]]


def test_a_lying_number_of_elements_is_not_believed(here: Path) -> None:
    valid = packed({"a": torch.arange(4.0)})
    with zipfile.ZipFile(io.BytesIO(valid)) as archive:
        pickle = archive.read(next(name for name in archive.namelist() if name.endswith("data.pkl")))
    lie = pickle.replace(b"K\x04", b"\x8a\x06\x00\x10\xa5\xd4\xe8\x00")
    assert lie != pickle
    assert tried(lambda: saved.load(pickled(lie)), SavedError, here) is REFUSED
    assert tried(lambda: saved.load(pickled(lie), None), SavedError, here) is REFUSED


def test_an_archive_that_unpacks_to_more_than_it_is_is_refused(here: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("archive/data.pkl", b"\x80\x02].")
        made.writestr("archive/data/0", bytes(1 << 28))
    for names in (saved.PLAIN, None):
        assert tried(lambda names=names: saved.load(out.getvalue(), names), SavedError, here) is REFUSED


Place = tuple[Any, ...]


def places(value: Any, here: Place = ()) -> list[Place]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else ()
    return [here, *(place for name, one in inner for place in places(one, (*here, name)))]


def replaced(value: Any, place: Place, new: Any) -> Any:
    if not place:
        return new
    name, *rest = place
    if isinstance(value, dict):
        return {**value, name: replaced(value[name], tuple(rest), new)}
    return type(value)(replaced(one, tuple(rest), new) if i == name else one for i, one in enumerate(value))


WRONG = [torch.zeros(0), torch.full((6, 64), float("nan")), torch.zeros(6, 64).half(), torch.zeros(1).expand(6, 64)]


@cache
def changed(content: bytes) -> st.SearchStrategy[bytes]:
    """What was saved with one part of it replaced, saved again."""
    whole = saved.load(content)
    new = values.filter(savable) | st.sampled_from(WRONG) | st.sampled_from(WORDS)
    return st.tuples(st.sampled_from(places(whole)), new).map(lambda one: packed(replaced(whole, *one)))


@cache
def members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def savable(value: Any) -> bool:
    return not (isinstance(value, int) and abs(value) >= 2**63)


@feeds("checkpoints of runs")
@given(data=st.data())
def test_checkpoints(here: Path, left: dict[str, Any], data: st.DataObject) -> None:
    whole = left["checkpoint"]
    content = data.draw(spoiled([whole]) | archives(members(whole), ["x/data.pkl"]) | changed(whole) | changed(whole))
    lab = Laboratory(here)
    file = lab.workspace._checkpoint(SPEC)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    found = tried(lambda: lab.workspace.load_checkpoint(SPEC), (), here)
    if found is not None:
        assert isinstance(found, Checkpoint)
        told = {name: getattr(found, name) for name in TOLD}
        kept = {name: epoch for name, (epoch, _) in found.kept.items()}
        assert impossible(SPEC, told | {"kept": kept, "code": list(found.code)}) is None
        lab.workspace.save_checkpoint(SPEC, found)
        assert lab.workspace.load_checkpoint(SPEC) is not None


@feeds("weights that runs leave")
@given(data=st.data())
def test_weights_of_runs(here: Path, left: dict[str, Any], data: st.DataObject) -> None:
    whole = left["weights"]
    content = data.draw(spoiled([whole]) | changed(whole))
    lab = Laboratory(here)
    file = lab.workspace.folder / "weights" / f"{SPEC.key}.pt"
    for path, written in ((file, content), (lab.store.path(SPEC.key), left["record"])):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(written)
    found = tried(lambda: lab.workspace.load_weights(SPEC.key, "best_test"), (), here)
    if found is not None:
        assert weights_digest(found.params) == lab.store.read(lab.store.path(SPEC.key)).content["weights"]["best_test"]


def model() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.BatchNorm1d(6), torch.nn.ReLU(), torch.nn.Linear(6, 2))


STATES = {
    "archive": packed(model().state_dict()),
    "older": (
        lambda out: torch.save(model().state_dict(), out, _use_new_zipfile_serialization=False) or out.getvalue()
    )(io.BytesIO()),
}


@feeds("weights of a reader's own network")
@given(content=spoiled(list(STATES.values())) | changed(STATES["archive"]))
def test_own_weights(here: Path, content: bytes) -> None:
    (here / "weights.pt").write_bytes(content)
    network = model()
    found = tried(lambda: load_weights(network, here / "weights.pt"), ValueError, here)
    if found is not REFUSED:
        assert {n: t.shape for n, t in network.state_dict().items()} == {
            n: t.shape for n, t in model().state_dict().items()
        }


def test_both_kinds_of_files_of_weights_are_taken(here: Path) -> None:
    for content in STATES.values():
        (here / "weights.pt").write_bytes(content)
        load_weights(model(), here / "weights.pt")


TRAIN = (torch.arange(48.0).reshape(12, 4) % 5, torch.arange(12) % 2)


@pytest.fixture(scope="module")
def under_way(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """Settings and checkpoint of a network that was stopped."""
    folder = tmp_path_factory.mktemp("gates")

    def stop(event: Any) -> None:
        if event.epoch == 2:
            raise InterruptedError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("companion.decoupling.information.SAVE_EVERY", 0.0)
        with pytest.raises(InterruptedError):
            study(folder, stop)
    return (folder / "settings.json").read_bytes(), next(iter(folder.glob("*.pt"))).read_bytes()


def study(folder: Path, tell: Any = lambda event: None) -> list[Any]:
    settings = {"regimes": ROWS[:1], "seeds": [0], "epochs": 3, "batch": 6, "keep": folder, "tell": tell}
    return list(train_rows(model(), TRAIN, TRAIN, **settings))


@feeds("checkpoints of `companion gates`")
@given(data=st.data())
def test_checkpoints_of_gates(here: Path, under_way: tuple[bytes, bytes], data: st.DataObject) -> None:
    """Taken up as training takes it up: by a network, its optimiser and two sources of random numbers."""
    settings, whole = under_way
    (here / "settings.json").write_bytes(settings)
    (here / "ReLU.0.pt").write_bytes(data.draw(spoiled([whole]) | changed(whole)))
    kept = Kept(here, json.loads(settings))
    network = model()

    def resume() -> tuple[int, int] | None:
        if (state := kept.checkpoint(ROWS[0], 0)) is None:
            return None
        step = torch.optim.Adam(network.parameters())
        try:
            return information._resume(state, network, step, torch.Generator(), 3, TRAIN[0])
        except Exception:
            raise kept.damaged(ROWS[0], 0) from None

    with torch.random.fork_rng([]):
        found = tried(resume, DamagedError, here)
    if found is not REFUSED:
        assert found is not None
        assert (2 <= found[0] <= 3, 0 <= found[1] < found[0]) == (True, True)


@feeds("checkpoints of `companion gates`, to the end", share=0.05)
@given(data=st.data())
def test_gates_go_on_from_a_checkpoint_or_refuse_it(
    here: Path, under_way: tuple[bytes, bytes], data: st.DataObject
) -> None:
    settings, whole = under_way
    for file in here.iterdir():
        file.unlink()
    (here / "settings.json").write_bytes(settings)
    (here / "ReLU.0.pt").write_bytes(data.draw(spoiled([whole]) | changed(whole)))
    found = tried(lambda: study(here), DamagedError, here)
    if found is not REFUSED:
        (score,) = found
        assert Kept(here, json.loads(settings)).score(ROWS[0], 0) is not None
        assert (score.epochs == 3 and 0 <= score.test <= 100) or score.test != score.test

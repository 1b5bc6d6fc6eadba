"""Checkpoints and teachers' weights: whole, replaced at once, ignored when damaged; and who may train what."""

from __future__ import annotations

import logging
import multiprocessing
import struct
import zipfile

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.notation import Regime
from companion.records.store import Record, Store
from companion.records.weights import weights_digest
from companion.runs.regimes import initial_model
from companion.runs.spec import RunSpec
from companion.training.state import TrainState
from companion.training.workspace import Checkpoint, Workspace
from support.records import ORIGIN

SPEC = RunSpec(dataset="digits", width=4, depth=3, regime=Regime.DL, optimiser="adam", epochs=5)
OTHER = SPEC.replace(seed=1)


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "workspace", Store(tmp_path / "results"))


def leave(workspace: Workspace, take: int = 1, **models) -> None:
    """Weights of a run and the record that names them, the best of epoch 3, the selected of epoch 4."""
    epochs = {"best_test": 3, "selected": 4, "last": 5}
    workspace.save_weights(SPEC.key, take, {name: (epochs[name], params) for name, params in models.items()})
    curve = [10.0, 20.0, 90.0, 30.0, 40.0]
    for number in range(workspace.next_take(SPEC), take + 1):
        record = Record.build(
            SPEC,
            number,
            status="finished",
            curves={"train_loss": curve, "train_accuracy": curve, "test_accuracy": curve},
            best_test=90.0,
            best_epoch=3,
            last_test=40.0,
            selected_test=30.0,
            selected_epoch=4,
            teacher=None,
            weights={name: weights_digest(params) for name, params in models.items()} if number == take else {},
            provenance=ORIGIN,
        )
        workspace.store.write(record)


def checkpoint(epochs: int = 2) -> Checkpoint:
    model = initial_model(SPEC)
    moments = {name: torch.rand_like(tensor) for name, tensor in model.trainable(SPEC.regime).items()}
    state = TrainState(model, moments, {name: tensor**2 for name, tensor in moments.items()}, step=17)
    curves = {name: [float(e) for e in range(epochs)] for name in ("train_loss", "train_accuracy", "test_accuracy")}
    return Checkpoint(state, curves, {"best_test": (epochs, model)}, {"gates": {"key": "k", "epoch": 3}}, 1.25)


def assert_equal(a: Checkpoint, b: Checkpoint) -> None:
    for mine, other in (
        (a.state.model.value, b.state.model.value),
        (a.state.model.feature, b.state.model.feature),
        (a.state.first, b.state.first),
        (a.state.second, b.state.second),
        (a.kept["best_test"][1].value, b.kept["best_test"][1].value),
    ):
        assert mine.keys() == other.keys()
        assert all(torch.equal(mine[name], other[name]) for name in mine)
    assert (a.state.step, a.curves, a.sources, a.seconds, a.diverged, a.epoch) == (
        b.state.step,
        b.curves,
        b.sources,
        b.seconds,
        b.diverged,
        b.epoch,
    )
    assert a.kept["best_test"][0] == b.kept["best_test"][0]


def test_a_checkpoint_comes_back_as_it_was(workspace):
    made = checkpoint()
    workspace.save_checkpoint(SPEC, made)
    assert_equal(workspace.load_checkpoint(SPEC), made)


def test_a_checkpoint_replaces_the_one_before_and_can_be_dropped(workspace):
    path = workspace.folder / "checkpoints" / f"{SPEC.key}.pt"
    files = []
    for epochs in (1, 2):
        workspace.save_checkpoint(SPEC, checkpoint(epochs))
        files.append(path.stat().st_ino)
    assert files[0] != files[1]  # a new file took the old one's name: at no time was there half of one
    assert workspace.load_checkpoint(SPEC).epoch == 2
    assert len(list((workspace.folder / "checkpoints").iterdir())) == 1
    workspace.drop_checkpoint(SPEC)
    workspace.drop_checkpoint(SPEC)
    assert workspace.load_checkpoint(SPEC) is None


def test_a_crash_while_saving_keeps_the_checkpoint_before(workspace, monkeypatch):
    workspace.save_checkpoint(SPEC, checkpoint(1))

    def crash(content, file):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", crash)
    with pytest.raises(KeyboardInterrupt):
        workspace.save_checkpoint(SPEC, checkpoint(2))
    assert workspace.load_checkpoint(SPEC).epoch == 1
    assert [file.name for file in (workspace.folder / "checkpoints").iterdir()] == [f"{SPEC.key}.pt"]


def test_what_killed_processes_left_goes_with_the_checkpoint(workspace):
    workspace.save_checkpoint(SPEC, checkpoint(1))
    (workspace.folder / "checkpoints" / f".{SPEC.key}.pt.0123.partial").write_bytes(b"half")
    workspace.save_checkpoint(OTHER, checkpoint(1))
    workspace.drop_checkpoint(SPEC)
    assert [file.name for file in (workspace.folder / "checkpoints").iterdir()] == [f"{OTHER.key}.pt"]


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04" + bytes(100)], ids=["empty", "garbage", "zip-like"])
def test_what_is_no_checkpoint_is_named_and_ignored(workspace, content, caplog):
    workspace.save_checkpoint(SPEC, checkpoint())
    (workspace.folder / "checkpoints" / f"{SPEC.key}.pt").write_bytes(content)
    assert workspace.load_checkpoint(SPEC) is None
    assert f"{SPEC.key}.pt is damaged and not used" in caplog.text


@pytest.mark.parametrize("content", [[1, 2], {"model": {}}, {"model": {"value": {}}, "first": {}}, None])
def test_a_file_of_another_layout_is_ignored(workspace, content):
    for kind in ("checkpoints", "weights"):
        path = workspace.folder / kind / f"{SPEC.key}.pt"
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(content, path)
    assert workspace.load_checkpoint(SPEC) is None
    assert workspace.load_weights(SPEC.key, "last") is None


def test_a_truncated_checkpoint_is_ignored(workspace):
    workspace.save_checkpoint(SPEC, checkpoint())
    path = workspace.folder / "checkpoints" / f"{SPEC.key}.pt"
    whole = path.read_bytes()
    for length in (1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert workspace.load_checkpoint(SPEC) is None


def test_a_flipped_bit_of_any_part_of_a_checkpoint_is_noticed(workspace, caplog):
    """Moments and counts, which no record has a digest of, as well as weights."""
    workspace.save_checkpoint(SPEC, checkpoint())
    path = workspace.folder / "checkpoints" / f"{SPEC.key}.pt"
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    assert len(members) > 20
    for member in members:
        name, extra = struct.unpack_from("<HH", whole, member.header_offset + 26)
        begins = member.header_offset + 30 + name + extra
        assert workspace.load_checkpoint(SPEC) is not None
        broken = bytearray(whole)
        broken[begins + member.file_size // 2] ^= 4
        path.write_bytes(broken)
        caplog.clear()
        assert workspace.load_checkpoint(SPEC) is None
        assert "is damaged and not used: wrong checksum of" in caplog.text
        path.write_bytes(whole)


@settings(max_examples=60)
@given(data=st.data())
def test_a_flipped_byte_in_saved_weights_never_changes_them(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp() / "flipped"
    workspace = Workspace(folder / "workspace", Store(folder / "results"))
    params = initial_model(SPEC).value
    leave(workspace, last=params)
    path = workspace.folder / "weights" / f"{SPEC.key}.pt"
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    logging.disable(logging.WARNING)
    loaded = workspace.load_weights(SPEC.key, "last")
    logging.disable(logging.NOTSET)
    if loaded is not None:  # the byte was padding, or repeated elsewhere
        assert (loaded.take, loaded.epoch) == (1, 5)
        assert weights_digest(loaded.params) == weights_digest(params)


def test_weights_are_kept_by_the_name_of_their_checkpoint(workspace):
    first, last = initial_model(SPEC).value, initial_model(SPEC.replace(seed=1)).value
    leave(workspace, take=2, best_test=first, last=last)
    best = workspace.load_weights(SPEC.key, "best_test")
    assert (best.take, best.epoch, weights_digest(best.params)) == (2, 3, weights_digest(first))
    assert workspace.load_weights(SPEC.key, "last").epoch == 5
    assert workspace.load_weights(SPEC.key, "selected") is None
    assert workspace.load_weights(OTHER.key, "last") is None


def test_the_digest_sees_every_weight_and_every_name():
    params = initial_model(SPEC).value
    assert weights_digest(params) == weights_digest(dict(reversed(list(params.items()))))
    assert len(weights_digest(params)) == 16
    changed = {name: tensor.clone() for name, tensor in params.items()}
    changed["bias.2"][-1] += 1e-6
    assert weights_digest(changed) != weights_digest(params)
    assert weights_digest({"other" + name: t for name, t in params.items()}) != weights_digest(params)


def test_a_claim_holds_until_its_block_ends(workspace):
    with workspace.claim("k") as mine:
        assert mine
        with workspace.claim("k") as again:
            assert not again
        with workspace.claim("other") as other:
            assert other
    with workspace.claim("k") as free:
        assert free


def hold(folder, claimed, finish) -> None:
    with Workspace(folder, Store(folder)).claim("k"):
        claimed.set()
        finish.wait()


def test_the_claim_of_a_process_that_was_killed_is_free(workspace):
    context = multiprocessing.get_context("fork")
    claimed, finish = context.Event(), context.Event()
    process = context.Process(target=hold, args=(workspace.folder, claimed, finish))
    process.start()
    assert claimed.wait(30)
    with workspace.claim("k") as mine:
        assert not mine
    process.kill()
    process.join()
    with workspace.claim("k") as mine:
        assert mine

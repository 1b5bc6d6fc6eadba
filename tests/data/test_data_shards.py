"""pack and unpack."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from companion.data import DataError, describe, fetch, load, pack, shards, unpack

TINY_SHARD = 5000 / 2**20  # MiB


@pytest.fixture
def packed(tmp_path, tiny, good) -> Path:
    """The tiny set in several shards."""
    fetch("tiny", tmp_path / "cache", sources=[good])
    pack(["tiny"], tmp_path / "shards", max_mib=TINY_SHARD, source=tmp_path / "cache")
    return tmp_path / "shards"


@pytest.mark.parametrize("limit", [997, 5000, 10_000_000])
def test_what_is_packed_can_be_unpacked(tmp_path, tiny, tiny_arrays, good, limit) -> None:
    fetch("tiny", tmp_path / "cache", sources=[good])
    files = pack(["tiny"], tmp_path / "shards", max_mib=limit / 2**20, source=tmp_path / "cache")
    assert sorted(files) == sorted((tmp_path / "shards").iterdir())
    *pieces, manifest = files
    assert manifest.name == "tiny.shards.json"
    assert [piece.name for piece in pieces] == [f"tiny-{n:03d}.shard" for n in range(1, len(pieces) + 1)]
    assert all(0 < piece.stat().st_size <= limit for piece in pieces)
    assert (len(pieces) == 1) == (limit > 100_000)
    assert unpack(tmp_path / "shards", tmp_path / "far") == [tmp_path / "far" / "tiny.bin"]
    assert describe(["tiny"], tmp_path / "far")[0].ok is True


def test_a_smaller_pack_replaces_a_larger_one(tmp_path, packed) -> None:
    before = len(list(packed.iterdir()))
    files = pack("tiny", packed, max_mib=2 * TINY_SHARD, source=tmp_path / "cache")
    assert sorted(packed.iterdir()) == sorted(files)
    assert len(files) < before
    unpack(packed, tmp_path / "far")


def test_missing_and_damaged_shards_are_all_named(tmp_path, packed) -> None:
    (packed / "tiny-002.shard").unlink()
    spoilt = packed / "tiny-003.shard"
    content = bytearray(spoilt.read_bytes())
    content[100] ^= 4
    spoilt.write_bytes(content)
    with pytest.raises(DataError) as caught:
        unpack(packed, tmp_path / "far")
    message = str(caught.value)
    assert "tiny-002.shard is missing; tiny-003.shard is damaged: expected sha256" in message
    assert "tiny-001" not in message
    assert not (tmp_path / "far").exists()


def test_a_missing_manifest_is_named(tmp_path, packed) -> None:
    (packed / "tiny.shards.json").unlink()
    with pytest.raises(DataError, match=r"tiny\.shards\.json is missing"):
        unpack(packed, tmp_path / "far")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda manifest: manifest.update(format="other"), "is of the format 'other', and this code reads"),
        (lambda manifest: manifest.pop("shards"), "is damaged"),
        (lambda manifest: manifest.pop("digest"), "is damaged"),
        (lambda manifest: manifest.update(digest=[]), "is damaged"),
        (lambda manifest: manifest["shards"][0].pop("sha256"), "is damaged"),
        (lambda manifest: manifest["shards"][0].update(sha256=5), "is damaged"),
        (lambda manifest: manifest.update(shards=[]), "is damaged"),
        (lambda manifest: manifest["shards"][0].update(file="../tiny-001.shard"), "is damaged"),
        (lambda manifest: manifest.update(digest="0" * 64), "should be sha256 [0-9a-f]{64}, found 0{64}"),
        (lambda manifest: manifest["shards"].pop(), "breaks off|should have the line"),
        (lambda manifest: manifest["shards"].reverse(), "do not join"),
    ],
)
def test_a_changed_manifest_is_refused(tmp_path, packed, change, complaint, snapshot) -> None:
    file = packed / "tiny.shards.json"
    manifest = json.loads(file.read_text())
    change(manifest)
    file.write_text(json.dumps(manifest))
    with pytest.raises(DataError, match=rf"tiny\.shards\.json.*({complaint})"):
        unpack(packed, tmp_path / "far")
    assert snapshot(tmp_path / "far") == {}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"[" * 100_000, "nested more than 64 deep"),
        (b"[]", "it is no JSON object"),
        (b"\xff", "it is not text in UTF-8"),
        (b'{"digest": 1, "digest": 2}', "it names 'digest' twice"),
    ],
)
def test_what_is_no_manifest_is_named(tmp_path, packed, content, complaint) -> None:
    (packed / "tiny.shards.json").write_bytes(content)
    with pytest.raises(DataError, match=rf"tiny\.shards\.json is damaged: .*{complaint}"):
        unpack(packed, tmp_path / "far")


@pytest.mark.parametrize("name", ["tiny.shards.json", "tiny-002.shard"])
@pytest.mark.parametrize(("make", "what"), [(os.mkfifo, "a pipe"), (Path.mkdir, "a folder")])
def test_what_is_no_file_is_named_and_not_waited_for(tmp_path, packed, name, make, what) -> None:
    (packed / name).unlink()
    make(packed / name)
    with pytest.raises(DataError, match=rf"{name} is damaged: .*it is {what}, not a file"):
        unpack(packed, tmp_path / "far")


def test_well_packed_wrong_bytes_are_refused(tmp_path, tiny, bad, snapshot) -> None:
    """Shards and manifest agree with each other; only the digest in the source tree tells."""
    wrong = bad.read(tmp_path)
    shards._pack_one(tiny, wrong, tmp_path / "shards", 10**6)
    with pytest.raises(DataError) as caught:
        unpack(tmp_path / "shards", tmp_path / "far")
    message = str(caught.value)
    assert "tiny.shards.json: the digest of tiny should be sha256" in message
    assert tiny.digest in message
    assert wrong.digest() in message
    assert snapshot(tmp_path / "far") == {}


def test_shards_of_another_set_are_refused(tmp_path, packed) -> None:
    (packed / "other.shards.json").write_text("{}")
    with pytest.raises(DataError, match=r"other\.shards\.json is for a dataset that is not known here"):
        unpack(packed, tmp_path / "far")


def test_a_folder_without_shards_is_told(tmp_path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(DataError, match="holds no packed dataset"):
            unpack(folder, tmp_path / "far")


def test_an_absent_set_cannot_be_packed(tmp_path, tiny) -> None:
    with pytest.raises(DataError, match="run: companion data fetch tiny"):
        pack(["tiny"], tmp_path / "shards", source=tmp_path)
    assert not (tmp_path / "shards").exists()


@pytest.mark.parametrize("size", [0, -1, float("nan"), float("inf"), 1e-9])
def test_a_shard_size_must_be_positive(tmp_path, tiny, size) -> None:
    with pytest.raises(ValueError, match="must be a positive number of MiB"):
        pack(["tiny"], tmp_path, max_mib=size)


def test_one_unknown_name_packs_nothing(tmp_path, packed) -> None:
    with pytest.raises(ValueError, match="the datasets are"):
        pack(["tiny", "imagenet"], tmp_path / "new", source=tmp_path / "cache")
    assert not (tmp_path / "new").exists()


def test_a_damaged_set_is_replaced_and_a_good_one_kept(tmp_path, packed) -> None:
    far = tmp_path / "far"
    (file,) = unpack(packed, far)
    inode = file.stat().st_ino
    unpack(packed, far)
    assert file.stat().st_ino == inode
    file.write_bytes(b"rubbish")
    unpack(packed, far)
    assert describe(["tiny"], far)[0].ok is True


def test_digits_travel_to_a_machine_without_scikit_learn(tmp_path, monkeypatch) -> None:
    pytest.importorskip("sklearn")
    pack(["digits"], tmp_path / "shards", source=tmp_path / "cache")
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    unpack(tmp_path / "shards", tmp_path / "far")
    assert load("digits", tmp_path / "far").train_inputs.shape == (1437, 1, 8, 8)

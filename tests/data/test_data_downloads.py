"""torchvision's mirrors, played by a server on this machine: dead, wrong, slow or cut off in the middle."""

from __future__ import annotations

import gzip
import hashlib
import io
import pickle
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import CIFAR10, MNIST

from companion.data import SOURCES, DataError, RawArrays, downloads, fetch
from companion.data.downloads import retrieve

FILES = {"a.gz": b"first", "b.gz": b"second" * 1000}
MD5S = {name: f"md5:{hashlib.md5(content).hexdigest()}" for name, content in FILES.items()}


class Mirror(ThreadingHTTPServer):
    """Serves ``files`` and remembers what was asked for; ``fault`` says what it does wrong with one of them."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.files, self.asked, self.fault = dict(files), list[str](), dict[str, str]()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/sets/"


class Answer(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        name = self.path.removeprefix("/sets/")
        self.server.asked.append(name)
        content, fault = self.server.files.get(name), self.server.fault.get(name)
        if content is None:
            return self.send_error(404)
        if fault == "silent":
            time.sleep(2)
        self.send_response(200)
        if fault != "cut short without a length":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if fault and fault.startswith("cut short") else content)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def mirrors(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Mirror]]:
    """Two that have all the files."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(downloads, "_STALL_SECONDS", 0.5)
    servers = [Mirror(FILES), Mirror(FILES)]
    for server in servers:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield servers
    for server in servers:
        server.shutdown()
        server.server_close()


def bring(mirrors: list[Mirror], folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in retrieve(MD5S, [mirror.address for mirror in mirrors], folder)]


def test_one_mirror_is_enough(mirrors, tmp_path, capfd) -> None:
    assert bring(mirrors, tmp_path / "new") == list(FILES.values())
    assert mirrors[0].asked == list(FILES)
    assert mirrors[1].asked == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "fault", ["absent", "silent", "cut short", "cut short without a length", "wrong bytes", "nobody there"]
)
def test_the_next_mirror_is_asked_for_what_is_missing_only(mirrors, tmp_path, fault) -> None:
    first, second = mirrors
    if fault == "absent":
        del first.files["b.gz"]
    elif fault == "wrong bytes":
        first.files["b.gz"] = b"Second" * 1000
    elif fault == "nobody there":
        first.shutdown()
        first.server_close()
    first.fault["b.gz"] = fault
    assert bring(mirrors, tmp_path) == list(FILES.values())
    assert second.asked == (list(FILES) if fault == "nobody there" else ["b.gz"])
    assert sorted(path.name for path in tmp_path.iterdir()) == list(FILES), "nothing half done stays"


def test_when_all_mirrors_fail_each_has_its_reason_and_whole_files_stay(mirrors, tmp_path) -> None:
    first, second = mirrors
    del first.files["b.gz"]
    second.files["b.gz"] = b"wrong"
    with pytest.raises(DataError) as caught:
        bring(mirrors, tmp_path)
    assert f"{first.address}: 404 Client Error" in str(caught.value)
    assert f"{second.address}: MD5 hash of downloaded file (b.gz) does not match" in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["a.gz"]
    second.files["b.gz"] = FILES["b.gz"]
    assert bring([second], tmp_path) == list(FILES.values())
    assert second.asked == ["b.gz", "b.gz"]


def test_a_file_that_was_damaged_meanwhile_is_brought_again(mirrors, tmp_path) -> None:
    bring(mirrors, tmp_path)
    (tmp_path / "a.gz").write_bytes(b"f")
    assert bring(mirrors, tmp_path) == list(FILES.values())
    assert mirrors[0].asked == [*FILES, "a.gz"]


def test_without_pooch_the_reason_says_what_to_do(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(DataError, match=r"^pooch is not installed; run: pip install 'pooch\[progress\]'$"):
        retrieve(MD5S, ["http://127.0.0.1:9/"], tmp_path)
    with pytest.raises(DataError, match="torchvision's mirrors: pooch is not installed"):
        fetch("mnist", tmp_path, sources=SOURCES["mnist"][:1])


def test_mnist_is_put_together_from_a_mirror(mirrors, tmp_path, monkeypatch) -> None:
    random = np.random.default_rng(3)
    arrays = [random.integers(0, 256, shape, np.uint8) for shape in ((3, 28, 28), (3,), (2, 28, 28), (2,))]
    packed = [gzip.compress(b"\0" * (16 if array.ndim == 3 else 8) + array.tobytes()) for array in arrays]
    mirrors[0].files = dict(zip((name for name, _ in MNIST.resources), packed, strict=True))
    digests = [(name, hashlib.md5(content).hexdigest()) for name, content in mirrors[0].files.items()]
    monkeypatch.setattr(MNIST, "resources", digests)
    monkeypatch.setattr(MNIST, "mirrors", [mirrors[0].address])
    got = SOURCES["mnist"][0].read(tmp_path)
    same(got, [arrays[0][:, None], arrays[1], arrays[2][:, None], arrays[3]])


def test_cifar10_is_put_together_from_its_mirror(mirrors, tmp_path, monkeypatch) -> None:
    random = np.random.default_rng(4)
    images = random.integers(0, 256, (6, 2, 3, 32, 32), np.uint8)
    names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    contents = {
        name: pickle.dumps({"data": batch.reshape(2, -1), "labels": [number, 9]})
        for number, (name, batch) in enumerate(zip(names, images, strict=True))
    }
    contents["batches.meta"] = pickle.dumps({"label_names": list("abcdefghij")})
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in contents.items():
            entry = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    md5s = {name: hashlib.md5(content).hexdigest() for name, content in contents.items()}
    mirrors[0].files = {"cifar.tar.gz": buffer.getvalue()}
    monkeypatch.setattr(CIFAR10, "url", f"{mirrors[0].address}cifar.tar.gz")
    monkeypatch.setattr(CIFAR10, "tgz_md5", hashlib.md5(buffer.getvalue()).hexdigest())
    monkeypatch.setattr(CIFAR10, "train_list", [[name, md5s[name]] for name in names[:5]])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", md5s["test_batch"]]])
    monkeypatch.setattr(CIFAR10, "meta", CIFAR10.meta | {"md5": md5s["batches.meta"]})
    got = SOURCES["cifar10"][0].read(tmp_path)
    train_labels = np.array([[number, 9] for number in range(5)], np.uint8).reshape(-1)
    same(got, [images[:5].reshape(10, 3, 32, 32), train_labels, images[5], np.array([5, 9], np.uint8)])
    assert [path.name for path in tmp_path.iterdir()] == ["cifar.tar.gz"]


def same(got: RawArrays, wanted: list[np.ndarray]) -> None:
    for (_, array), expected in zip(got.items(), wanted, strict=True):
        assert array.dtype == np.uint8
        np.testing.assert_array_equal(array, expected)

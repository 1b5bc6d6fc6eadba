"""A dataset of a few bytes that goes through everything the real ones go through."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from companion.data import DatasetInfo, RawArrays, Source, table

Snapshot = dict[str, bytes]


@pytest.fixture(scope="session")
def tiny_arrays() -> RawArrays:
    """Seven and three colour images of 32 x 32, with labels."""
    random = np.random.default_rng(0)
    return RawArrays(
        random.integers(0, 256, (7, 3, 32, 32), dtype=np.uint8),
        random.integers(0, 10, 7, dtype=np.uint8),
        random.integers(0, 256, (3, 3, 32, 32), dtype=np.uint8),
        random.integers(0, 10, 3, dtype=np.uint8),
    )


@pytest.fixture
def tiny(tiny_arrays: RawArrays, monkeypatch: pytest.MonkeyPatch) -> DatasetInfo:
    """The dataset ``tiny``, known to the table while a test runs; its digest is computed by other means."""
    content = b"".join(
        f"{field} uint8 {'x'.join(map(str, array.shape))}\n".encode() + array.tobytes()
        for field, array in tiny_arrays.items()
    )
    info = DatasetInfo(
        name="tiny",
        title="Tiny",
        input_shape=(3, 32, 32),
        classes=10,
        train_size=7,
        test_size=3,
        peak=255,
        mean=(127.5,) * 3,
        deviation=(74.0,) * 3,
        digest=hashlib.sha256(content).hexdigest(),
        embedded=False,
        origin="made by the tests",
    )
    monkeypatch.setitem(table._BY_NAME, "tiny", info)
    return info


@pytest.fixture
def good(tiny_arrays: RawArrays) -> Source:
    """A source that has the tiny set."""
    return Source("a good source", lambda folder: tiny_arrays)


@pytest.fixture
def bad(tiny_arrays: RawArrays) -> Source:
    """A source with one wrong bit."""
    inputs = tiny_arrays.train_inputs.copy()
    inputs[2, 1, 3, 4] ^= 1
    wrong = RawArrays(inputs, tiny_arrays.train_labels, tiny_arrays.test_inputs, tiny_arrays.test_labels)
    return Source("a bad source", lambda folder: wrong)


@pytest.fixture
def snapshot() -> Callable[[Path], Snapshot]:
    """A function that returns every file below a folder with its content, lock files left out."""
    return lambda folder: {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.suffix != ".lock"
    }


@pytest.fixture(scope="session")
def png_of_rows() -> Callable[[np.ndarray], bytes]:
    """A function that encodes images of 32 x 32, ``N C H W``, as a PNG with one image in each row."""

    def encode(images: np.ndarray) -> bytes:
        rows = images.reshape(len(images), -1, 1024).transpose(0, 2, 1)  # N 1024 C
        buffer = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(rows.squeeze())).save(buffer, "PNG")
        return buffer.getvalue()

    return encode

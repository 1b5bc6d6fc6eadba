"""The canonical byte sequence and its digest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.data import DataError, DatasetInfo, RawArrays


def test_the_digest_is_the_documented_one(tiny: DatasetInfo, tiny_arrays: RawArrays) -> None:
    assert tiny_arrays.digest() == tiny.digest
    assert tiny_arrays.verify(tiny, "here") is tiny_arrays


def test_the_digest_does_not_depend_on_memory_layout(tiny: DatasetInfo, tiny_arrays: RawArrays) -> None:
    transposed = replace(tiny_arrays, train_inputs=np.asfortranarray(tiny_arrays.train_inputs))
    assert transposed.digest() == tiny.digest


@given(field=st.sampled_from(["train_inputs", "train_labels", "test_inputs", "test_labels"]), data=st.data())
def test_every_bit_counts(field: str, data: st.DataObject, tiny_arrays: RawArrays) -> None:
    array = getattr(tiny_arrays, field).copy()
    position = data.draw(st.integers(0, array.size - 1))
    array.reshape(-1)[position] ^= 1 << data.draw(st.integers(0, 7))
    assert replace(tiny_arrays, **{field: array}).digest() != tiny_arrays.digest()


def test_the_canonical_bytes_give_the_arrays_back(tiny: DatasetInfo, tiny_arrays: RawArrays) -> None:
    content = b"".join(bytes(part) for part in tiny_arrays.canonical())
    returned = RawArrays.from_canonical(content, tiny, "here")
    for (_, sent), (_, got) in zip(tiny_arrays.items(), returned.items(), strict=True):
        np.testing.assert_array_equal(sent, got)


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda content: content[:-1], "breaks off within test_labels"),
        (lambda content: content + b"\x00", "bytes long"),
        (lambda content: content.replace(b"7x3x32x32", b"7x3x64x16"), "should have the line"),
        (lambda content: b"", "should have the line"),
    ],
)
def test_spoilt_canonical_bytes_are_refused(spoil, complaint, tiny, tiny_arrays) -> None:
    content = b"".join(bytes(part) for part in tiny_arrays.canonical())
    with pytest.raises(DataError, match=complaint) as caught:
        RawArrays.from_canonical(spoil(content), tiny, "some/file")
    assert str(caught.value).startswith("some/file: ")


def test_a_wrong_shape_or_dtype_is_named(tiny: DatasetInfo, tiny_arrays: RawArrays) -> None:
    short = replace(tiny_arrays, test_labels=tiny_arrays.test_labels[:2])
    with pytest.raises(DataError, match="test_labels of tiny should be uint8 3, found uint8 2"):
        short.verify(tiny, "here")
    wide = replace(tiny_arrays, train_labels=tiny_arrays.train_labels.astype(np.int64))
    with pytest.raises(DataError, match="train_labels of tiny should be uint8 7, found int64 7"):
        wide.verify(tiny, "here")

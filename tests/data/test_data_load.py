"""load, the cache folder and the listing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from companion.data import DATASETS, DataError, cache_folder, describe, fetch, installed, load, raw_arrays


def test_inputs_are_scaled_and_labels_are_integers(tmp_path, tiny, tiny_arrays, good) -> None:
    fetch("tiny", tmp_path, sources=[good])
    dataset = load("tiny", tmp_path)
    assert dataset.train_inputs.dtype == dataset.test_inputs.dtype == torch.float32
    assert dataset.train_labels.dtype == dataset.test_labels.dtype == torch.int64
    assert torch.equal(dataset.train_inputs, torch.tensor(tiny_arrays.train_inputs, dtype=torch.float32) / 255)
    assert torch.equal(dataset.test_labels, torch.tensor(tiny_arrays.test_labels).long())
    assert dataset.digest == tiny.digest
    assert dataset.info is tiny


def test_a_second_load_is_the_same_object(tmp_path, tiny, good) -> None:
    fetch("tiny", tmp_path, sources=[good])
    assert load("tiny", tmp_path) is load("tiny", str(tmp_path))


def test_an_absent_set_says_what_to_run(tmp_path) -> None:
    with pytest.raises(DataError, match=r"run: companion data fetch mnist$"):
        load("mnist", tmp_path)
    with pytest.raises(ValueError, match="the datasets are"):
        load("MNIST", tmp_path)


def test_digits_need_no_cache(tmp_path) -> None:
    pytest.importorskip("sklearn")
    dataset = load("digits", tmp_path)
    info = DATASETS["digits"]
    assert dataset.train_inputs.shape == (info.train_size, *info.input_shape)
    assert dataset.test_inputs.shape == (info.test_size, *info.input_shape)
    assert dataset.train_inputs.min() == 0
    assert dataset.train_inputs.max() == 1
    assert sorted(set(dataset.train_labels.tolist())) == list(range(10))
    assert list(tmp_path.iterdir()) == []
    assert raw_arrays("digits", tmp_path).digest() == info.digest


def test_digits_without_scikit_learn_say_what_to_do(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(DataError, match=r"scikit-learn is not installed.*unpack"):
        load("digits", tmp_path)


def test_fetched_digits_need_no_scikit_learn(tmp_path, monkeypatch) -> None:
    pytest.importorskip("sklearn")
    assert fetch("digits", tmp_path).source == "scikit-learn"
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert len(load("digits", tmp_path).test_labels) == 360


def test_the_cache_folder_can_be_chosen(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path / "chosen"))
    assert cache_folder() == tmp_path / "chosen"
    assert cache_folder(tmp_path) == tmp_path
    monkeypatch.setenv("COMPANION_DATA", "~/sets")
    assert cache_folder() == Path.home() / "sets"
    monkeypatch.delenv("COMPANION_DATA")
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path / "all"))
    assert cache_folder() == tmp_path / "all" / "data"


@pytest.mark.parametrize("with_platformdirs", [True, False])
def test_the_cache_folder_is_the_users_by_default(tmp_path, monkeypatch, with_platformdirs) -> None:
    monkeypatch.setenv("COMPANION_DATA", "")
    monkeypatch.delenv("COMPANION_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if with_platformdirs:
        pytest.importorskip("platformdirs")
        if sys.platform != "linux":
            pytest.skip("XDG_CACHE_HOME is for Linux")
    else:
        monkeypatch.setitem(sys.modules, "platformdirs", None)
    assert cache_folder() == tmp_path / "companion" / "data"


def test_the_listing_tells_absent_good_and_damaged(tmp_path, tiny, good) -> None:
    (absent,) = describe(["tiny"], tmp_path)
    assert (absent.present, absent.ok, absent.bytes, absent.reason) == (False, None, 0, None)
    path = fetch("tiny", tmp_path, sources=[good]).path
    (fine,) = describe(["tiny"], tmp_path)
    assert (fine.present, fine.ok, fine.path, fine.reason) == (True, True, path, None)
    assert fine.bytes == path.stat().st_size > tiny.bytes
    assert describe(["tiny"], tmp_path, verify=False)[0].ok is None
    path.write_bytes(path.read_bytes()[:-1])
    (damaged,) = describe(["tiny"], tmp_path)
    assert (damaged.present, damaged.ok) == (True, False)
    assert "tiny breaks off within test_labels" in (damaged.reason or "")
    assert installed("tiny", tmp_path)


def test_all_sets_are_listed_by_default(tmp_path) -> None:
    assert [status.name for status in describe(directory=tmp_path)] == ["mnist", "cifar10", "digits"]


def test_a_well_formed_set_with_one_wrong_bit_is_refused(tmp_path, tiny, good, bad) -> None:
    path = fetch("tiny", tmp_path, sources=[good]).path
    path.write_bytes(b"".join(bad.read(tmp_path).canonical()))
    with pytest.raises(DataError, match=f"should be sha256 {tiny.digest}"):
        load("tiny", tmp_path)


def test_a_cache_that_can_only_be_read_is_enough(tmp_path, tiny, good, monkeypatch) -> None:
    fetch("tiny", tmp_path, sources=[good])
    monkeypatch.setattr(FileLock, "acquire", lambda *given, **named: pytest.fail("no lock is needed to read"))
    assert len(load("tiny", tmp_path).test_labels) == 3
    assert fetch("tiny", tmp_path).source is None

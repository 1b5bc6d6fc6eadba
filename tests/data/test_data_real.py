"""The sets in this machine's cache are the published ones: the original files, rebuilt, have the published MD5."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from companion.data import DATASETS, RawArrays, installed, load, raw_arrays

MNIST = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
CIFAR10 = {
    "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
    "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
    "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
    "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
    "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
    "test_batch.bin": "803d5f7f4d78ea53de84dbe85f74fb6d",
}


def cached(name: str) -> RawArrays:
    if not installed(name):
        pytest.skip(f"{name} is not in the cache; run: companion data fetch {name}")
    return raw_arrays(name)


def test_mnist_is_mnist() -> None:
    raw = cached("mnist")
    arrays = (raw.train_inputs[:, 0], raw.train_labels, raw.test_inputs[:, 0], raw.test_labels)
    found = {}
    for file, array in zip(MNIST, arrays, strict=True):
        start = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
        found[file] = hashlib.md5(start + array.tobytes()).hexdigest()
    assert found == MNIST


def test_cifar10_is_cifar10() -> None:
    raw = cached("cifar10")
    images = np.concatenate([raw.train_inputs, raw.test_inputs]).reshape(6, 10_000, 3072)
    labels = np.concatenate([raw.train_labels, raw.test_labels]).reshape(6, 10_000, 1)
    rows = np.concatenate([labels, images], axis=2)  # one byte of label, then red, green and blue
    found = {file: hashlib.md5(batch.tobytes()).hexdigest() for file, batch in zip(CIFAR10, rows, strict=True)}
    assert found == CIFAR10


@pytest.mark.parametrize("name", ["mnist", "cifar10", "digits"])
def test_mean_and_deviation_are_those_of_the_training_images(name: str) -> None:
    raw = raw_arrays(name) if name == "digits" else cached(name)
    info = DATASETS[name]
    assert len(info.mean) == len(info.deviation) == info.input_shape[0]
    for channel, mean, deviation in zip(raw.train_inputs.swapaxes(0, 1), info.mean, info.deviation, strict=True):
        counts, values = np.bincount(channel.ravel(), minlength=256), np.arange(256)
        average = float(counts @ values / counts.sum())
        assert mean == pytest.approx(average, abs=0.005)
        assert deviation == pytest.approx(float(counts @ (values - average) ** 2 / counts.sum()) ** 0.5, abs=0.005)


def test_mnist_loads_as_the_papers_use_it() -> None:
    cached("mnist")
    dataset = load("mnist")
    assert dataset.train_inputs.shape == (60_000, 1, 28, 28)
    assert dataset.test_inputs.shape == (10_000, 1, 28, 28)
    assert 0.0 == dataset.train_inputs.min() < dataset.train_inputs.max() == 1.0
    assert dataset.train_labels.bincount().tolist()[:2] == [5923, 6742]

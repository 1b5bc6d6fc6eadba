"""torchvision's mirrors, played by a class that downloads nothing."""

from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision.datasets

from companion.data import mirrors

PICTURE = np.random.default_rng(3).integers(0, 256, (32, 32, 3), np.uint8)


class FakeMnist:
    """Two black images, and the circumstances under which they were asked for."""

    timeouts: tuple[float | None, ...] = ()

    def __init__(self, root: Path, train: bool, download: bool) -> None:
        assert download
        print("Downloading")
        FakeMnist.timeouts += (socket.getdefaulttimeout(),)
        self.data = torch.full((2, 28, 28), int(train), dtype=torch.uint8)
        self.targets = torch.tensor([3, 7])


class FakeCifar:
    """One image, all of whose rows, columns and channels differ."""

    def __init__(self, root: Path, train: bool, download: bool) -> None:
        self.data = PICTURE[None]
        self.targets = [5]


def test_mnist_is_asked_for_with_a_time_limit(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(torchvision.datasets, "MNIST", FakeMnist)
    before = socket.getdefaulttimeout()
    arrays = mirrors.mnist(tmp_path)
    assert all(timeout is not None and timeout <= 30 for timeout in FakeMnist.timeouts)
    assert len(FakeMnist.timeouts) == 2
    assert socket.getdefaulttimeout() == before
    assert capsys.readouterr().out == ""
    assert arrays.train_inputs.shape == (2, 1, 28, 28)
    assert arrays.train_inputs.all()
    assert not arrays.test_inputs.any()
    assert arrays.test_labels.dtype == np.uint8


def test_cifar10_has_its_channels_first(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(torchvision.datasets, "CIFAR10", FakeCifar)
    arrays = mirrors.cifar10(tmp_path)
    assert arrays.train_inputs.shape == (1, 3, 32, 32)
    np.testing.assert_array_equal(arrays.train_inputs[0, :, 4, 5], PICTURE[4, 5, :])
    np.testing.assert_array_equal(arrays.test_inputs[0, 2], PICTURE[:, :, 2])
    np.testing.assert_array_equal(arrays.train_labels, [5])


def test_the_time_limit_is_lifted_after_a_failure(tmp_path, monkeypatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torchvision.datasets, "MNIST", refuse)
    before = socket.getdefaulttimeout()
    with pytest.raises(OSError, match="no route"):
        mirrors.mnist(tmp_path)
    assert socket.getdefaulttimeout() == before

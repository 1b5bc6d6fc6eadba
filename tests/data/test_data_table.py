"""The static table, and what bad names get."""

from __future__ import annotations

import subprocess
import sys

import pytest

from companion.data import DATASETS, dataset_info


def test_the_sets_have_the_published_sizes() -> None:
    sizes = {name: (info.train_size, info.test_size, info.input_shape) for name, info in DATASETS.items()}
    assert sizes == {
        "mnist": (60_000, 10_000, (1, 28, 28)),
        "cifar10": (50_000, 10_000, (3, 32, 32)),
        "digits": (1_437, 360, (1, 8, 8)),
    }
    assert all(info.classes == 10 and len(info.digest) == 64 for info in DATASETS.values())


def test_bytes_counts_the_four_arrays() -> None:
    assert DATASETS["mnist"].bytes == 70_000 * 784 + 70_000


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        DATASETS["mine"] = DATASETS["mnist"]  # type: ignore[index]


@pytest.mark.parametrize("name", ["MNIST", "", "cifar100"])
def test_an_unknown_name_lists_the_known_ones(name: str) -> None:
    with pytest.raises(ValueError, match="the datasets are mnist, cifar10, digits"):
        dataset_info(name)


def test_the_bare_packages_are_enough() -> None:
    """Level 1 may need torch, torchvision and NumPy only: the rest is blocked here, then the table is read."""
    blocked = ["sklearn", "platformdirs", "jaxtyping", "pandas", "scipy", "PIL", "pooch", "filelock"]
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({blocked}))\n"
        "from companion.data import DATASETS, cache_folder, installed\n"
        "print(cache_folder().parts[-2:], installed('mnist', '/nonexistent'), len(DATASETS))"
    )
    environment = {"HOME": "/home/reader", "PATH": ""}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == "('companion', 'data') False 3", done.stderr

"""Datasets as whole tensors, from several sources, each verified by one digest.

``load("mnist")`` returns four tensors from the cache; ``fetch("mnist")`` brings the set there; ``pack`` and
``unpack`` carry it to a machine without a network; ``DATASETS`` knows sizes and shapes without loading
anything.

>>> from companion.data import load
>>> load("digits").train_inputs.shape
torch.Size([1437, 1, 8, 8])
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from companion.data.arrays import RawArrays
from companion.data.cache import Progress, SetStatus, cache_folder, describe, installed
from companion.data.errors import DataError
from companion.data.sources import SOURCES, Fetched, Source, fetch
from companion.data.table import DATASETS, DatasetInfo, dataset_info

if TYPE_CHECKING:
    from companion.data.dataset import Dataset, load, raw_arrays
    from companion.data.shards import pack, unpack

__all__ = [
    "DATASETS",
    "SOURCES",
    "DataError",
    "Dataset",
    "DatasetInfo",
    "Fetched",
    "Progress",
    "RawArrays",
    "SetStatus",
    "Source",
    "cache_folder",
    "dataset_info",
    "describe",
    "fetch",
    "installed",
    "load",
    "pack",
    "raw_arrays",
    "unpack",
]

_ASKED_FOR = {"Dataset": "dataset", "load": "dataset", "raw_arrays": "dataset", "pack": "shards", "unpack": "shards"}
"""Public name to the module that has it, which imports PyTorch, and is imported when it is asked for."""


def __getattr__(name: str) -> Any:
    if name not in _ASKED_FOR:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ASKED_FOR[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

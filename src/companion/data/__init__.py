"""Datasets as whole tensors, from several sources, each verified by one digest.

``load("mnist")`` returns four tensors from the cache; ``fetch("mnist")`` brings the set there; ``pack`` and
``unpack`` carry it to a machine without a network; ``DATASETS`` knows sizes and shapes without loading
anything.

>>> from companion.data import load
>>> load("digits").train_inputs.shape
torch.Size([1437, 1, 8, 8])
"""

from companion.data.arrays import RawArrays
from companion.data.cache import Progress, SetStatus, cache_folder, describe, installed
from companion.data.dataset import Dataset, load, raw_arrays
from companion.data.errors import DataError
from companion.data.shards import pack, unpack
from companion.data.sources import SOURCES, Fetched, Source, fetch
from companion.data.table import DATASETS, DatasetInfo, dataset_info

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

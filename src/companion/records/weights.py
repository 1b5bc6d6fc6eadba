"""Weights of trained networks: their digest, and files of them that are small enough to keep beside the records."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from companion.files.documents import regular
from companion.files.whole import write
from companion.networks.forward import Params

__all__ = ["LARGEST", "Weights", "load", "save", "unpacked", "weights_digest"]

LARGEST = 1 << 30
"""Bytes that a file of arrays may have, packed and unpacked."""


@dataclass(frozen=True)
class Weights:
    """A trained network: which take of its run and which epoch, and its parameters."""

    take: int
    epoch: int
    params: Params


def weights_digest(params: Params) -> str:
    """SHA-256 over names and float32 bytes of parameters, the first sixteen digits.

    Example:
        >>> import torch
        >>> weights_digest({"weight.0": torch.zeros(1)})
        '7d706aaa09b604d1'
    """
    digest = hashlib.sha256()
    for name in sorted(params):
        digest.update(name.encode())
        digest.update(params[name].detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def save(path: Path, params: Params) -> None:
    """Write parameters as float32 arrays, whole or not at all; the same parameters give the same bytes.

    Raises:
        OSError: the system refuses.
    """
    arrays = {name: params[name].detach().cpu().float().numpy() for name in sorted(params)}
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    write(path, content.getvalue())


def unpacked(content: bytes) -> int:
    """Bytes that a file of arrays, which is a zip archive, says that it unpacks to; an error if it is none."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return sum(member.file_size for member in archive.infolist())


def load(path: Path) -> Params:
    """The parameters of such a file.

    Raises:
        ValueError: it is damaged, or no file of sane size.
    """
    content = regular(path, LARGEST)
    try:
        if (size := unpacked(content)) > LARGEST:
            raise ValueError(f"it would unpack to {size:,} bytes, more than {LARGEST:,}")
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
    except Exception as error:  # whatever bad bytes provoke in the decoders
        raise ValueError(f"it is no file of arrays ({error})") from None
    if not found or any(array.dtype != np.float32 for array in found.values()):
        raise ValueError("it does not hold float32 arrays")
    return {name: torch.from_numpy(array) for name, array in found.items()}

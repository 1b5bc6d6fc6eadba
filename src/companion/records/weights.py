"""Weights of trained networks: their digest, and files of them that are small enough to keep beside the records."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from companion.files import npz
from companion.files.documents import regular
from companion.files.quoting import brief
from companion.files.whole import write
from companion.networks.forward import Params
from companion.runs.shapes import feature_shapes, misfit, value_shapes
from companion.runs.sources import FEATURE
from companion.runs.spec import RunSpec

__all__ = ["LARGEST", "Weights", "load", "named", "save", "unpacked", "weights_digest"]

LARGEST = 1 << 30
"""Bytes that a file of arrays may have, packed and unpacked."""


@dataclass(frozen=True)
class Weights:
    """A trained network: which take of its run and which epoch, and its parameters.

    Example:
        >>> kept = Weights(take=1, epoch=20, params={"weight.0": torch.zeros(4, 3)})
        >>> kept.epoch, kept.params["weight.0"].shape
        (20, torch.Size([4, 3]))
    """

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


def named(content: Mapping[str, Any], spec: RunSpec, params: Params) -> dict[str, Weights]:
    """Checkpoint to weights: those of a run's record whose digest is that of these parameters; often none.

    Args:
        content: the record's, verified.
        spec: the record's run.
        params: the parameters of its value network, or of its feature network.

    Raises:
        ValueError: the digest is right and the shapes are not: the digest does not see them.

    Example:
        >>> spec = RunSpec(dataset="digits", width=1, depth=2, bias=False)
        >>> params = {"weight.0": torch.zeros(64, 1), "weight.1": torch.zeros(1, 10)}
        >>> content = {"take": 1, "best_epoch": 1, "curves": {"test_accuracy": [9.0, 8.0]}}
        >>> found = named(content | {"weights": {"last": weights_digest(params)}}, spec, params)
        >>> {name: weights.epoch for name, weights in found.items()}
        {'last': 2}
    """
    digest = weights_digest(params)
    epochs: dict[str, Any] = {
        "best_test": content["best_epoch"],
        "last": len(content["curves"]["test_accuracy"]),
        "selected": content.get("selected_epoch"),
    }
    names = [name for name, one in content.get("weights", {}).items() if one == digest]
    for name in names:
        wanted = feature_shapes(spec) if name.startswith(FEATURE) else value_shapes(spec)
        if reason := misfit(params, wanted, f"the weights {name} of {spec.key}"):
            raise ValueError(reason)
    return {name: Weights(content["take"], epochs[name.removeprefix(FEATURE)], params) for name in names}


def save(path: Path, params: Params) -> None:
    """Write parameters as float32 arrays, whole or not at all; the same parameters give the same bytes.

    Args:
        path: the file, an ``.npz``.
        params: arrays by name.

    Raises:
        OSError: the system refuses.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     save(Path(folder) / "a.npz", {"weight.0": torch.tensor([2.0])})
        ...     load(Path(folder) / "a.npz")
        {'weight.0': tensor([2.])}
    """
    found = {name: params[name].detach().cpu().float().numpy() for name in sorted(params)}
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **found)
    write(path, content.getvalue())


def unpacked(content: bytes) -> int:
    """Bytes that a file of arrays, which is a zip archive, says that it unpacks to; an error if it is none.

    Example:
        >>> content = io.BytesIO()
        >>> np.savez(content, a=np.zeros(2, np.float32))
        >>> unpacked(content.getvalue())  # a head of 128 bytes and two numbers of 4
        136
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return sum(member.file_size for member in archive.infolist())


def load(path: Path) -> Params:
    """The parameters of such a file.

    Raises:
        ValueError: it is damaged, or no file of sane size.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     np.savez(f"{folder}/a.npz", a=np.zeros(2))
        ...     load(Path(folder) / "a.npz")
        Traceback (most recent call last):
            ...
        ValueError: it does not hold float32 arrays
    """
    content = regular(path, LARGEST)
    try:
        size = unpacked(content)
    except Exception as error:  # whatever bad bytes provoke in the decoders
        raise ValueError(f"it is no file of arrays ({brief(str(error))[1:-1]})") from None
    if size > LARGEST:
        raise ValueError(f"it would unpack to {size:,} bytes, more than {LARGEST:,}")
    found = npz.read(io.BytesIO(content))
    if not found or any(array.dtype != np.float32 for array in found.values()):
        raise ValueError("it does not hold float32 arrays")
    return {name: torch.from_numpy(array) for name, array in found.items()}

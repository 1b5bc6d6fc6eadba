"""Carry verified sets to a machine without a network, in files no larger than a given size.

A packed set is the zlib-compressed canonical byte sequence of :mod:`companion.data.arrays`, cut into numbered
pieces, with a manifest beside them::

    mnist-001.shard  mnist-002.shard  ...  mnist.shards.json

The manifest gives size and SHA-256 of every piece, so that a damaged one can be named.  Whether the whole is
the right set is decided by the digest in the source tree.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shutil
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from companion.data.arrays import RawArrays
from companion.data.dataset import raw_arrays
from companion.data.errors import DataError
from companion.data.install import Progress, install, quiet, staging
from companion.data.table import DATASETS, DatasetInfo, dataset_info

__all__ = ["MANIFEST_SUFFIX", "pack", "unpack"]

MANIFEST_SUFFIX = ".shards.json"
_FORMAT = "companion-shards-1"
_SLICE = 1 << 20


@dataclass(frozen=True)
class _Shard:
    file: str
    bytes: int
    sha256: str


def pack(
    names: Iterable[str],
    directory: str | os.PathLike[str],
    max_mib: int | float = 55,
    source: str | os.PathLike[str] | None = None,
    progress: Progress = quiet,
) -> list[Path]:
    """Write sets into ``directory`` as shards; return the files written, each manifest after its shards.

    An earlier pack of the same set in the same folder is replaced.

    Args:
        names: which sets; all must be in the cache, or embedded.
        directory: where to; made if it is not there.
        max_mib: the largest size of a shard, in MiB.
        source: the cache to read from, if not the default one.
        progress: called with a sentence for each set.

    Raises:
        DataError: a set is absent or damaged, or the folder cannot be written to.
        ValueError: there is no dataset of one of the names, or ``max_mib`` is not positive.
    """
    limit = int(max_mib * 2**20) if math.isfinite(max_mib) else 0
    if limit < 1:
        raise ValueError(f"max_mib is {max_mib!r}; it must be a positive number of MiB, such as 55.")
    infos = [dataset_info(name) for name in dict.fromkeys([names] if isinstance(names, str) else names)]
    folder = Path(directory)
    written: list[Path] = []
    for info in infos:
        arrays = raw_arrays(info.name, source)
        try:
            written += _pack_one(info, arrays, folder, limit)
        except OSError as error:
            raise DataError(f"cannot write to {folder} ({error.strerror or error}).") from error
        progress(f"{info.title}: packed into {folder}")
    return written


def unpack(
    directory: str | os.PathLike[str],
    target: str | os.PathLike[str] | None = None,
    progress: Progress = quiet,
) -> list[Path]:
    """Install every set that :func:`pack` left in ``directory``; return their folders in the cache.

    All shards of all sets are verified before anything is installed, and each set appears in the cache whole
    or not at all.

    Args:
        directory: the folder with the shards and their manifests.
        target: the cache, if not the default one.
        progress: called with a sentence for each set.

    Raises:
        DataError: there is nothing to unpack; a shard or a manifest is missing or damaged (all such are
            named); the bytes are not those of the set; or the cache cannot be written to.
    """
    folder = Path(directory)
    manifests = sorted(folder.glob(f"*{MANIFEST_SUFFIX}"))
    orphans = {file.name.rsplit("-", 1)[0] for file in folder.glob("*.shard")} - {_set_name(file) for file in manifests}
    problems = [f"{name}{MANIFEST_SUFFIX} is missing" for name in sorted(orphans)]
    if not manifests and not orphans:
        raise DataError(f"{folder} holds no packed dataset; give the folder that `companion data pack` wrote.")
    shards = {}
    for manifest in manifests:
        shards[_set_name(manifest)] = listed = _read_manifest(manifest)
        problems += [problem for shard in listed if (problem := _problem(folder, shard)) is not None]
    if problems:
        raise DataError(f"{folder} cannot be unpacked: {'; '.join(problems)}. Copy it again.")
    installed = []
    for name, listed in shards.items():
        origin = f"{folder / name}{MANIFEST_SUFFIX}"
        with staging(name, target, progress) as staged:
            arrays = _join(dataset_info(name), folder, listed, origin)
            installed.append(install(arrays, name, staged, origin, target))
        progress(f"{dataset_info(name).title}: in {installed[-1]}, verified")
    return installed


def _pack_one(info: DatasetInfo, arrays: RawArrays, folder: Path, limit: int) -> list[Path]:
    staged = folder / f".packing-{info.name}"
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    try:
        shards = []
        for number, piece in enumerate(_cut(_compress(arrays), limit), start=1):
            shard = _Shard(f"{info.name}-{number:03d}.shard", len(piece), hashlib.sha256(piece).hexdigest())
            (staged / shard.file).write_bytes(piece)
            shards.append(shard)
        content = {
            "format": _FORMAT,
            "name": info.name,
            "digest": info.digest,
            "shards": [asdict(shard) for shard in shards],
        }
        manifest = f"{info.name}{MANIFEST_SUFFIX}"
        (staged / manifest).write_text(json.dumps(content, indent=2) + "\n", "ascii")
        for old in (folder / manifest, *folder.glob(f"{info.name}-*.shard")):
            old.unlink(missing_ok=True)
        return [(staged / file).rename(folder / file) for file in (*(shard.file for shard in shards), manifest)]
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _compress(arrays: RawArrays) -> Iterator[bytes]:
    compressor = zlib.compressobj()
    for part in arrays.canonical():
        view = memoryview(part)
        for start in range(0, len(view), _SLICE):
            yield compressor.compress(view[start : start + _SLICE])
    yield compressor.flush()


def _cut(pieces: Iterable[bytes], limit: int) -> Iterator[bytes]:
    """Join the pieces and cut them anew, each ``limit`` bytes long but the last, which is not empty."""
    pending = bytearray()
    for piece in pieces:
        pending += piece
        while len(pending) > limit:
            yield bytes(pending[:limit])
            del pending[:limit]
    if pending:
        yield bytes(pending)


def _join(info: DatasetInfo, folder: Path, shards: list[_Shard], origin: str) -> RawArrays:
    most = info.bytes + 1024  # more than the header lines take
    expander = zlib.decompressobj()
    content = bytearray()
    try:
        for shard in shards:
            content += expander.decompress((folder / shard.file).read_bytes(), max(1, most - len(content)))
    except (zlib.error, OSError) as error:
        raise DataError(f"{origin}: the shards do not join to one compressed set ({error}).") from error
    return RawArrays.from_canonical(content, info, origin)


def _read_manifest(manifest: Path) -> list[_Shard]:
    name = _set_name(manifest)
    if name not in DATASETS:
        raise DataError(f"{manifest} is for a dataset that is not known here; those known are {', '.join(DATASETS)}.")
    try:
        content = json.loads(manifest.read_text("ascii"))
        shards = [_Shard(**shard) for shard in content["shards"]]
        plain = all(re.fullmatch(rf"{name}-\d{{3,}}\.shard", shard.file) for shard in shards)
        right = plain and content["format"] == _FORMAT and content["name"] == name and bool(shards)
    except (OSError, ValueError, KeyError, TypeError):
        right = False
    if not right:
        raise DataError(f"{manifest} is damaged: it is not a manifest that `companion data pack` wrote.")
    if content["digest"] != dataset_info(name).digest:
        raise DataError(
            f"{manifest}: the digest of {name} should be sha256 {dataset_info(name).digest}, found {content['digest']}."
        )
    return shards


def _problem(folder: Path, shard: _Shard) -> str | None:
    try:
        content = (folder / shard.file).read_bytes()
    except FileNotFoundError:
        return f"{shard.file} is missing"
    except OSError as error:
        return f"{shard.file} cannot be read ({error.strerror or error})"
    found = hashlib.sha256(content).hexdigest()
    if found != shard.sha256:
        return f"{shard.file} is damaged: expected sha256 {shard.sha256}, found {found}"
    return None


def _set_name(manifest: Path) -> str:
    return manifest.name.removesuffix(MANIFEST_SUFFIX)

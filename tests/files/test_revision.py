"""A revision is told by the repository of the checkout itself, and by no other."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from companion.files.revision import Revision, revision

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="no git")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one file, in no repository yet."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2026-01-31T23:59:59 -0500")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-01-31T23:59:59 -0500")
    root = tmp_path / "outer" / "root"
    root.mkdir(parents=True)
    (root / "own.txt").write_text("of the project\n")
    return root


def commit(place: Path) -> str:
    """Make a repository in a place, with all that is there; the commit."""
    name = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"], ["rev-parse", "HEAD"]):
        made = subprocess.run(["git", "-C", str(place), *name, *arguments], check=True, capture_output=True, text=True)
    return made.stdout.strip()


def test_a_commit_its_day_in_utc_and_whether_files_have_changed(checkout: Path) -> None:
    assert revision(checkout, "own.txt") is None
    name = commit(checkout)
    found = revision(checkout, "own.txt")
    assert found == Revision(name, "2026-02-01", changed=False)
    assert str(found) == f"{name[:12]} of 2026-02-01"
    (checkout / "part").mkdir()
    (checkout / "new.txt").touch()
    assert str(revision(checkout, "own.txt")) == f"{name[:12]} of 2026-02-01, with changes"
    assert revision(checkout, "own.txt", within="part") == found


def test_a_foreign_repository_tells_nothing(checkout: Path) -> None:
    commit(checkout.parent)
    assert revision(checkout, "own.txt") is None
    assert revision(checkout.parent, "own.txt") is None
    assert revision(checkout.parent, "root/own.txt") is not None


def test_another_version_that_lies_in_the_project_is_not_of_its_revision(checkout: Path) -> None:
    """Such as an older one, unpacked to compare: the repository around it has all files of the project too."""
    shutil.copyfile(checkout / "own.txt", checkout.parent / "own.txt")
    commit(checkout.parent)
    assert revision(checkout.parent, "own.txt") is not None
    assert revision(checkout, "own.txt") is None


def test_a_repository_that_a_hook_names_is_not_taken(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = checkout.parent / "other"
    shutil.copytree(checkout, other)
    (other / "more.txt").touch()
    foreign = commit(other)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert revision(checkout, "own.txt") is None
    monkeypatch.undo()
    assert revision(other, "own.txt").commit == foreign


def test_without_git_there_is_no_revision(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(checkout)
    monkeypatch.setenv("PATH", str(checkout))
    assert revision(checkout, "own.txt") is None

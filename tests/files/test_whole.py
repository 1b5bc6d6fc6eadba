"""The one writer: whatever fails, and wherever, there is the old file or the new one, and nothing else."""

from __future__ import annotations

import errno
import os
import re
import resource
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from companion.files import whole
from companion.files.quoting import one_line
from companion.files.whole import FolderError, abandoned, foreseen, write, writing

OLD, NEW = b"old and whole", b"new " * 1000


class Disk:
    """Records what is asked of the system, and fails where it is told to.

    Args:
        root: names are told relative to it; those of temporary files as ``partial``.
        fail: a call of :attr:`calls`, before which ``error`` is raised.
    """

    def __init__(self, patch: pytest.MonkeyPatch, root: Path, fail: str = "", error: BaseException | None = None):
        self.calls: list[str] = []

        def watched(name: str, real: Callable[..., None]) -> Callable[..., None]:
            def call(*places: int | Path) -> None:
                said = " ".join([name, *(self._name(place, root) for place in places)])
                self.calls.append(said)
                if error is not None and said == fail:
                    raise error
                real(*places)

            return call

        for name in ("fsync", "replace", "link"):
            patch.setattr(os, name, watched(name, getattr(os, name)))

    @staticmethod
    def _name(place: int | Path, root: Path) -> str:
        path = Path(f"/proc/self/fd/{place}").readlink() if isinstance(place, int) else place
        return "partial" if path.suffix == ".partial" else str(path.relative_to(root.resolve()))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path.resolve() / "folder"


@pytest.mark.parametrize("content", [NEW, "Grüße\n"])
def test_what_is_written_is_there_and_alone(folder: Path, content: bytes | str) -> None:
    for _ in range(2):
        write(folder / "below" / "f", content)
        read = (folder / "below" / "f").read_bytes()
        assert read == (content if isinstance(content, bytes) else content.encode())
        assert names(folder / "below") == ["f"]


def test_the_content_is_on_disk_before_its_name_and_then_the_name_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir()
    disk = Disk(monkeypatch, folder)
    write(folder / "f", NEW)
    assert disk.calls == ["fsync partial", "replace partial f", "fsync ."]
    disk.calls.clear()
    write(folder / "g", NEW, replace=False)
    assert disk.calls == ["fsync partial", "link partial g", "fsync ."]


def test_what_is_synced_is_all_of_the_content(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: sizes.append(os.fstat(handle).st_size))
    write(folder / "f", NEW)
    assert sizes[0] == len(NEW)


@pytest.mark.parametrize("error", [OSError(errno.EIO, "broken"), KeyboardInterrupt()], ids=["error", "interrupted"])
@pytest.mark.parametrize("existing", [True, False])
@pytest.mark.parametrize("at", ["fsync partial", "replace partial f", "link partial f"])
def test_what_fails_before_the_new_name_leaves_the_old_file_and_no_remains(
    folder: Path, monkeypatch: pytest.MonkeyPatch, at: str, existing: bool, error: BaseException
) -> None:
    folder.mkdir()
    if existing:
        (folder / "f").write_bytes(OLD)
    before = [(path.name, path.read_bytes()) for path in folder.iterdir()]
    with monkeypatch.context() as patch:
        disk = Disk(patch, folder, at, error)
        with pytest.raises(type(error)):
            write(folder / "f", NEW, replace=not at.startswith("link"))
    assert disk.calls[-1] == at
    assert [(path.name, path.read_bytes()) for path in folder.iterdir()] == before


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt(), ValueError("no content")])
def test_what_fails_while_the_content_is_written_leaves_the_old_file_and_no_remains(
    folder: Path, error: BaseException
) -> None:
    write(folder / "f", OLD)

    def fail() -> None:
        with writing(folder / "f") as file:
            file.write(NEW)
            raise error

    with pytest.raises(type(error)):
        fail()
    assert names(folder) == ["f"]
    assert (folder / "f").read_bytes() == OLD


def test_a_file_that_grows_too_large_for_the_system_is_not_written(folder: Path) -> None:
    write(folder / "f", OLD)
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write(folder / "f", NEW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert names(folder) == ["f"]
    assert (folder / "f").read_bytes() == OLD


@pytest.mark.parametrize(("code", "known"), [(errno.EINVAL, True), (errno.ENOTSUP, True), (errno.EIO, False)])
def test_a_folder_that_cannot_be_synced_is_let_be_and_one_that_fails_is_not(
    folder: Path, monkeypatch: pytest.MonkeyPatch, code: int, known: bool
) -> None:
    write(folder / "f", OLD)
    Disk(monkeypatch, folder, "fsync .", OSError(code, "no"))
    if known:
        write(folder / "f", NEW)
    else:
        with pytest.raises(OSError, match="no"):
            write(folder / "f", NEW)
    assert (folder / "f").read_bytes() == NEW
    assert names(folder) == ["f"]


def test_a_name_that_is_taken_is_refused_and_nothing_changes(folder: Path) -> None:
    write(folder / "f", OLD, replace=False)
    with pytest.raises(FileExistsError):
        write(folder / "f", NEW, replace=False)
    assert names(folder) == ["f"]
    assert (folder / "f").read_bytes() == OLD


def test_a_file_has_the_rights_that_the_user_gives_new_files(folder: Path) -> None:
    before = os.umask(0o027)
    try:
        write(folder / "f", NEW)
    finally:
        os.umask(before)
    assert (folder / "f").stat().st_mode & 0o777 == 0o640


def test_what_takes_no_files_is_foreseen_and_nothing_is_made(folder: Path) -> None:
    folder.mkdir()
    foreseen(folder, "--there DIR")
    foreseen(folder / "new" / "newer", "--there DIR")
    assert names(folder) == []
    (folder / "file").touch()
    for place in (folder / "file", folder / "file" / "below"):
        said = re.escape(f"{one_line(str(place))} takes no files (a file stands in its place): --there DIR names")
        with pytest.raises(FolderError, match=f"^{said} a folder elsewhere$"):
            foreseen(place, "--there DIR")
    assert names(folder) == ["file"]
    if Path("/proc/self").is_dir():  # where nobody makes anything
        with pytest.raises(FolderError, match=r"^/proc/nowhere/at_all takes no files \(.+\): --there DIR names"):
            foreseen(Path("/proc/nowhere/at_all"), "--there DIR")


def test_a_folder_that_is_there_must_take_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    folder.mkdir()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FolderError, match=r"takes no files \(No space left on device\)"):
        foreseen(folder, "--there DIR")
    assert names(folder) == []


def test_two_writers_of_one_file_do_not_meet(folder: Path) -> None:
    with writing(folder / "f") as one, writing(folder / "f") as two:
        one.write(b"one")
        two.write(b"two")
        assert len(abandoned(folder / "f")) == 2
        assert abandoned(folder / "g") == []
    assert names(folder) == ["f"]
    assert (folder / "f").read_bytes() == b"one"  # the outer block ends last


def test_nobody_else_has_a_way_of_its_own() -> None:
    """What is durable goes through the one writer, or its failures are tested nowhere."""
    signs = re.compile(r"\b(fsync|mkstemp|NamedTemporaryFile|os\.link|hardlink_to|getpid)\b")
    package = Path(whole.__file__).parents[1]
    found = {f.relative_to(package).as_posix(): set(signs.findall(f.read_text())) for f in package.rglob("*.py")}
    assert found.pop("files/whole.py")
    # A kernel's parent, who holds a claim, and whose an index is that is open: no parts of a name.
    known = {name: {"getpid"} for name in ("site/warm.py", "training/claims.py", "records/index.py")}
    assert {name: words for name, words in found.items() if words} == known

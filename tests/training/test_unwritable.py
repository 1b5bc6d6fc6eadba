"""What cannot be written is found out before anything trains."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from companion import experiments
from companion.files import whole
from companion.files.whole import FolderError, writable, write
from companion.records.store import Store
from companion.training import queue
from companion.training.queue import run_missing
from companion.training.workspace import Workspace
from support.laboratory import Laboratory, tiny


def names(folder: Path | str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


@pytest.fixture
def lab(tmp_path: Path) -> Laboratory:
    return Laboratory(tmp_path)


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    def trains(*arguments: Any, **options: Any) -> None:
        pytest.fail("it trains")

    monkeypatch.setattr(queue, "train", trains)


class TestFolders:
    @pytest.mark.parametrize("folder", ["/proc/nowhere", "/sys/kernel/nowhere", "file", "file/below"])
    def test_one_that_takes_no_files_is_named_with_what_to_do(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "file").write_text("")
        with pytest.raises(FolderError, match=rf"^{folder} takes no files \(.+\): --out DIR names a folder elsewhere$"):
            writable(Path(folder), "--out DIR")
        assert names(tmp_path) == ["file"]

    @pytest.mark.parametrize("call", ["fsync", "link", "open"])
    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
    def test_one_that_is_full_or_refuses_any_step_keeps_nothing_of_the_attempt(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int
    ) -> None:
        def refuse(*arguments: Any, **options: Any) -> None:
            raise OSError(code, os.strerror(code))

        with monkeypatch.context() as patch:
            patch.setattr(os, call, refuse)
            with pytest.raises(FolderError, match=os.strerror(code)):
                writable(tmp_path / "store", "--store DIR")
        assert names(tmp_path / "store") == []

    def test_one_on_a_disk_that_is_read_only_says_no_more(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*arguments: Any, **options: Any) -> None:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), "a probe")

        monkeypatch.setattr(os, "open", refuse)
        monkeypatch.setattr(Path, "open", refuse)
        monkeypatch.setattr(Path, "unlink", refuse)  # though nothing is there to be removed
        with pytest.raises(FolderError, match=r"takes no files \(Read-only file system\): --store DIR"):
            writable(tmp_path, "--store DIR")

    def test_one_that_takes_files_is_left_empty(self, tmp_path: Path) -> None:
        writable(tmp_path / "a" / "b", "--out DIR")
        assert names(tmp_path / "a" / "b") == []


class TestWithoutLinks:
    @pytest.fixture(autouse=True, params=[errno.EPERM, errno.ENOTSUP, errno.ENOSYS])
    def no_links(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        def link(*names: Any) -> None:
            raise OSError(request.param, os.strerror(request.param))

        monkeypatch.setattr(os, "link", link)

    def test_a_file_is_written_once_all_the_same(self, tmp_path: Path) -> None:
        write(tmp_path / "f", b"first", replace=False)
        with pytest.raises(FileExistsError):
            write(tmp_path / "f", b"second", replace=False)
        assert (tmp_path / "f").read_bytes() == b"first"
        assert names(tmp_path) == ["f"]

    def test_runs_are_recorded(self, lab: Laboratory) -> None:
        assert lab.run(tiny()) == 1
        assert all(reason is None for _, reason in lab.store.verify())

    def test_a_folder_that_cannot_lock_either_is_refused_early(
        self, lab: Laboratory, monkeypatch: pytest.MonkeyPatch, untrained: None
    ) -> None:
        def lock(*arguments: Any) -> None:
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

        monkeypatch.setattr("fcntl.flock", lock)
        with pytest.raises(FolderError, match="No locks available"):
            lab.run(tiny())


@pytest.mark.parametrize("place", ["results", "results/pictures", "checkpoints", "weights", "claims"])
def test_nothing_trains_where_a_file_stands_in_the_place_of_a_folder(
    lab: Laboratory, untrained: None, place: str
) -> None:
    root = lab.store.folder.parent if place.startswith("results") else lab.workspace.folder
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (root / place).write_text("")
    with pytest.raises(FolderError, match=Path(place).name):
        lab.run(tiny())


def test_nothing_is_probed_where_nothing_is_missing(lab: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.run(tiny())
    monkeypatch.setattr(whole, "write", lambda *arguments, **options: pytest.fail("it writes"))
    assert lab.run(tiny()) == 0


@pytest.mark.parametrize("option", ["--out", "--store"])
def test_the_front_door_says_it_in_one_sentence_with_code_2(
    untrained: None, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path))
    assert experiments.main(["A-T2", "--profile", "quick", option, "/proc/nowhere"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert "/proc/nowhere" in said.err


@contextmanager
def limit(kind: int, soft: int) -> Iterator[None]:
    before = resource.getrlimit(kind)
    resource.setrlimit(kind, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, before)


def test_more_runs_than_open_files_are_claimed_in_groups(lab: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each claim is an open file; what is trained is recorded as empty here, for it is the claims that count."""
    groups: list[list[str]] = []
    monkeypatch.setattr(queue, "train", lambda specs, *rest, **options: groups.append([spec.key for spec in specs]))
    specs = [tiny(seed=seed) for seed in range(300)]
    used = len(names("/proc/self/fd"))
    with limit(resource.RLIMIT_NOFILE, used + queue.CLAIMED + 20):
        run_missing(specs, lab.store, lab.workspace)
    assert [key for group in groups for key in group] == [spec.key for spec in specs]
    assert max(map(len, groups)) == queue.CLAIMED


def test_runs_that_train_as_one_are_claimed_together() -> None:
    specs = [tiny(seed=seed, epochs=epochs) for epochs in (1, 2, 3) for seed in range(50)]
    groups = list(queue._groups([*specs, tiny("FL")]))
    assert sorted(spec.key for group in groups for spec in group) == sorted(s.key for s in [*specs, tiny("FL")])
    homes = {spec: number for number, group in enumerate(groups) for spec in group}
    for seed in range(50):
        assert len({homes[tiny(seed=seed, epochs=epochs)] for epochs in (1, 2, 3)}) == 1
    assert groups[-1] == [tiny("FL")]


def test_weights_that_do_not_fit_leave_nothing_and_name_the_file(lab: Laboratory) -> None:
    import signal

    import torch

    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with limit(resource.RLIMIT_FSIZE, 1000), pytest.raises(OSError, match="File too large") as error:
            lab.workspace.save_weights("k", 1, {"last": (1, {"w": torch.zeros(10_000)})})
    finally:
        signal.signal(signal.SIGXFSZ, handler)
    assert error.value.filename == str(lab.workspace.folder / "weights" / "k.pt")
    assert names(lab.workspace.folder / "weights") == []


def test_what_a_killed_process_left_of_weights_goes_with_the_next_ones(lab: Laboratory) -> None:
    import torch

    folder = lab.workspace.folder / "weights"
    folder.mkdir(parents=True)
    for name in (".k.pt.0123456789ab.partial", ".other.pt.0123456789ab.partial"):
        (folder / name).write_bytes(b"half")
    lab.workspace.save_weights("k", 1, {"last": (1, {"w": torch.zeros(1)})})
    assert names(folder) == [".other.pt.0123456789ab.partial", "k.pt"]


def test_a_workspace_names_how_to_have_another(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderError, match="COMPANION_CACHE"):
        Workspace(tmp_path / "file", Store(tmp_path / "results")).check()

"""fetch: right bytes from somewhere, or the cache as it was."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from companion.data import DataError, Source, describe, fetch, installed, load
from companion.data.cache import read

ACTS = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree", "shutil.copyfile"}


def broken(folder: Path) -> None:
    raise TimeoutError("the read operation timed out")


def test_a_fetched_set_is_whole_and_verified(tmp_path, tiny, tiny_arrays, good) -> None:
    assert not installed("tiny", tmp_path)
    told: list[str] = []
    fetched = fetch("tiny", tmp_path, progress=told.append, sources=[good])
    assert (fetched.source, fetched.digest) == ("a good source", tiny.digest)
    assert installed("tiny", tmp_path)
    assert read("tiny", tmp_path).digest() == tiny.digest
    assert hashlib.sha256(fetched.path.read_bytes()).hexdigest() == tiny.digest, "any sha256sum can verify it"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [".tiny.lock", "tiny.bin"]
    assert told[0] == "Tiny: trying a good source"


def test_a_set_that_is_there_is_not_fetched_again(tmp_path, tiny, good) -> None:
    fetch("tiny", tmp_path, sources=[good])
    again = fetch("tiny", tmp_path, sources=[Source("must not be asked", broken)])
    assert again.source is None


def test_one_wrong_bit_is_refused(tmp_path, tiny, bad, snapshot) -> None:
    with pytest.raises(DataError) as caught:
        fetch("tiny", tmp_path, sources=[bad])
    message = str(caught.value)
    assert "a bad source: the digest of tiny should be sha256" in message
    assert tiny.digest in message
    assert bad.read(tmp_path).digest() in message
    assert snapshot(tmp_path) == {}
    assert not installed("tiny", tmp_path)


def test_the_next_source_is_tried(tmp_path, tiny, bad, good) -> None:
    told: list[str] = []
    fetched = fetch("tiny", tmp_path, told.append, [Source("a dead source", broken), bad, good])
    assert fetched.source == "a good source"
    assert any("a dead source failed: TimeoutError: the read operation timed out" in line for line in told)
    assert any("a bad source failed" in line and tiny.digest in line for line in told)


def test_when_all_fail_every_reason_is_given_and_a_way_out(tmp_path, tiny, bad, snapshot) -> None:
    with pytest.raises(DataError) as caught:
        fetch("tiny", tmp_path, sources=[Source("a dead source", broken), bad])
    message = str(caught.value)
    for part in (
        "Tiny could not be fetched",
        "a dead source: TimeoutError",
        "a bad source: ",
        "unpack",
        "COMPANION_DATA",
    ):
        assert part in message
    assert snapshot(tmp_path) == {}


def test_what_one_try_downloads_is_there_for_the_next_and_then_goes(tmp_path, tiny, tiny_arrays) -> None:
    def interrupted(downloads: Path):
        assert list(downloads.iterdir()) == []
        (downloads / "first").write_text("x")
        raise ValueError("no")

    def resumed(downloads: Path):
        assert (downloads / "first").read_text() == "x"
        return tiny_arrays

    with pytest.raises(DataError):
        fetch("tiny", tmp_path, sources=[Source("interrupted", interrupted)])
    assert not installed("tiny", tmp_path)
    fetch("tiny", tmp_path, sources=[Source("resumed", resumed)])
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [".tiny.lock", "tiny.bin"]


@pytest.mark.parametrize("how", ["flip a byte", "cut short", "not a set", "unreadable"])
def test_a_damaged_set_is_named_and_replaced(tmp_path, tiny, good, how) -> None:
    file = fetch("tiny", tmp_path, sources=[good]).path
    content = file.read_bytes()
    if how == "flip a byte":
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif how == "cut short":
        file.write_bytes(content[:500])
    elif how == "not a set":
        file.write_bytes(b"rubbish")
    elif not Path("/proc/self/mem").exists():
        pytest.skip("needs a file that not even root can read")
    else:
        file.unlink()
        file.symlink_to("/proc/self/mem")
    with pytest.raises(DataError, match=r"tiny\.bin.*run: companion data fetch tiny"):
        load("tiny", tmp_path)
    told: list[str] = []
    assert fetch("tiny", tmp_path, told.append, [good]).source == "a good source"
    assert any("tiny.bin" in line for line in told)
    assert describe(["tiny"], tmp_path)[0].ok is True


@pytest.mark.parametrize(
    "make", [os.mkfifo, lambda file: file.symlink_to("nowhere"), lambda file: file.symlink_to(file)]
)
def test_what_is_no_file_is_never_waited_for_and_replaced(tmp_path, tiny, good, make) -> None:
    file = fetch("tiny", tmp_path, sources=[good]).path
    file.unlink()
    make(file)
    with pytest.raises(DataError, match=r"tiny\.bin is not Tiny: it is a (pipe|link).*run: companion data fetch tiny"):
        load("tiny", tmp_path)
    assert fetch("tiny", tmp_path, sources=[good]).source == "a good source"
    assert describe(["tiny"], tmp_path)[0].ok is True


def test_a_folder_in_the_place_of_a_set_is_named(tmp_path, tiny, good) -> None:
    (tmp_path / "tiny.bin").mkdir()
    with pytest.raises(DataError, match=r"tiny\.bin is a folder, and tiny must stand there as a file: remove"):
        fetch("tiny", tmp_path, sources=[good])


def test_every_flipped_bit_of_the_lines_between_the_arrays_is_mended(tmp_path, tiny, tiny_arrays, good) -> None:
    file = fetch("tiny", tmp_path, sources=[good]).path
    whole, at, bits = file.read_bytes(), 0, []
    for field, array in tiny_arrays.items():
        line = whole.index(b"\n", at) + 1
        assert whole[at:line].startswith(field.encode())
        bits += range(8 * at, 8 * line)
        at = line + array.size
    assert len(bits) == 784
    for bit in bits:
        content = bytearray(whole)
        content[bit // 8] ^= 1 << bit % 8
        file.write_bytes(content)
        told: list[str] = []
        assert fetch("tiny", tmp_path, told.append, [good]).source == "a good source"
        assert told[0].startswith(f"{file}: ")
        assert told[0].isprintable()
        assert file.read_bytes() == whole


def test_a_damaged_set_stays_when_nothing_better_comes(tmp_path, tiny, good, bad, snapshot) -> None:
    fetch("tiny", tmp_path, sources=[good]).path.write_bytes(b"rubbish")
    before = snapshot(tmp_path)
    with pytest.raises(DataError):
        fetch("tiny", tmp_path, sources=[bad])
    assert snapshot(tmp_path) == before


def test_a_full_disk_is_named_and_leaves_the_cache_as_it_was(tmp_path, monkeypatch, tiny, good) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(DataError, match=r"cannot write to .*No space left on device.*COMPANION_DATA"):
            fetch("tiny", tmp_path, sources=[good])
    assert not installed("tiny", tmp_path)
    assert list(tmp_path.glob("*.partial")) == []
    assert fetch("tiny", tmp_path, sources=[good]).source == "a good source"


def test_a_cache_that_cannot_be_written_to_is_named(tmp_path, tiny, good) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"cannot write to .*file.*COMPANION_DATA"):
        fetch("tiny", tmp_path / "file", sources=[good])


def test_an_unknown_name_changes_nothing(tmp_path) -> None:
    with pytest.raises(ValueError, match="the datasets are"):
        fetch("imagenet", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_two_at_once_ask_one_source_once(tmp_path, tiny, tiny_arrays) -> None:
    asked: list[float] = []
    told: list[str] = []
    results = []

    def slow(folder: Path):
        asked.append(time.monotonic())
        deadline = time.monotonic() + 10
        while not any("another process is preparing tiny" in line for line in told):
            assert time.monotonic() < deadline, "the second fetch never waited"
            time.sleep(0.01)
        return tiny_arrays

    def run() -> None:
        results.append(fetch("tiny", tmp_path, told.append, [Source("slow", slow)]))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(asked) == 1
    assert sorted(str(result.source) for result in results) == ["None", "slow"]
    assert describe(["tiny"], tmp_path)[0].ok is True


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork, to be killed in the middle")
@pytest.mark.parametrize("damaged_before", [False, True])
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_killed_at_any_step_the_set_is_whole_or_absent(tmp_path, monkeypatch, tiny, good, damaged_before) -> None:
    """The process dies before its first act on a file, then before its second, and so on until it lives."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # what dies is the process, not the machine
    fetch("tiny", tmp_path / "imported", sources=[good])  # what is imported is not opened in the child
    steps = interrupted = 0
    while True:
        steps += 1
        cache = tmp_path / str(steps)
        if damaged_before:
            fetch("tiny", cache, sources=[good]).path.write_bytes(b"rubbish")
        child = os.fork()
        if child == 0:
            _die_at(steps)
            fetch("tiny", cache, sources=[good])
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
        (state,) = describe(["tiny"], cache)
        assert state.ok or not state.present or (damaged_before and "tiny.bin" in (state.reason or ""))
        fetch("tiny", cache, sources=[good])
        assert describe(["tiny"], cache)[0].ok is True
        if not state.ok:
            interrupted += 1
            assert sorted(entry.name for entry in cache.iterdir()) == [".tiny.lock", "tiny.bin"]
    assert interrupted >= 5, "a folder to make, a lock and a file to open, to sync and to rename"


def _die_at(step: int) -> None:
    """From now on count what this process does to files, and kill it before the given act.

    Counted are the syncs to disk, and what Python's audit events tell of: files opened, folders made, things renamed or
    removed.
    """
    count = 0

    def act() -> None:
        nonlocal count
        count += 1
        if count == step:
            os.kill(os.getpid(), signal.SIGKILL)

    os.fsync = lambda handle: act()
    sys.addaudithook(lambda event, _: act() if event in ACTS else None)


def test_ctrl_c_leaves_no_set_and_no_lock(tmp_path, tiny, good) -> None:
    def interrupted(downloads: Path):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch("tiny", tmp_path, sources=[Source("slow", interrupted)])
    assert not installed("tiny", tmp_path)
    assert fetch("tiny", tmp_path, sources=[good]).source == "a good source"

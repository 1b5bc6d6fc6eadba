"""The workflow: its helpers by themselves, and where Snakemake is, a dry run and a real one."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from companion.exhibits import cells
from companion.records.store import Store
from support.workflows import ROOT, helper, needs_snakemake, snakemake


@pytest.fixture
def two_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which the driver says that there are two; returns the folder of the cache."""
    tool = tmp_path / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\nprintf '0, GPU-aa\\n1, GPU-bb\\n'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path / "cache"


SAY = [sys.executable, "-c", "import os; print(os.environ.get('CUDA_VISIBLE_DEVICES'), flush=True); input()"]


def start() -> subprocess.Popen[str]:
    command = [sys.executable, str(ROOT / "workflow" / "on_gpu.py"), *SAY]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_each_process_has_a_gpu_of_its_own_and_the_next_waits_for_one(two_gpus: Path) -> None:
    first, second = start(), start()
    assert first.stdout is not None
    assert second.stdout is not None
    assert {first.stdout.readline(), second.stdout.readline()} == {"GPU-aa\n", "GPU-bb\n"}
    taken = sorted(two_gpus.rglob("*.lock"))
    assert [path.name for path in taken] == ["GPU-aa.lock", "GPU-bb.lock"]
    for path in taken:
        with path.open() as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    first.kill()  # a lock ends with its process, however that ends
    first.wait()
    third = start()
    assert third.stdout is not None
    assert third.stdout.readline() in ("GPU-aa\n", "GPU-bb\n")
    for process in (second, third):
        process.communicate("\n")
        assert process.returncode == 0


@pytest.mark.parametrize(
    ("allowed", "found"),
    [
        (None, ["GPU-aa", "GPU-bb"]),
        ("1", ["GPU-bb"]),
        ("GPU-aa", ["GPU-aa"]),
        ("", []),
        ("7", []),
        ("1,0", ["GPU-bb", "GPU-aa"]),
    ],
)
def test_only_gpus_that_may_be_used_are_taken(
    two_gpus: Path, monkeypatch: pytest.MonkeyPatch, allowed: str | None, found: list[str]
) -> None:
    if allowed is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", allowed)
    assert helper("on_gpu").gpus() == found


def test_a_folder_that_takes_no_locks_is_one_sentence(two_gpus: Path) -> None:
    two_gpus.touch()
    command = [sys.executable, str(ROOT / "workflow" / "on_gpu.py"), *SAY]
    said = subprocess.run(command, input="\n", capture_output=True, text=True)
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.startswith(str(two_gpus))
    assert said.stderr.endswith("takes no locks (Not a directory): COMPANION_CACHE names a folder elsewhere\n")


def test_a_machine_without_a_gpu_runs_the_command_as_it_is(tmp_path: Path) -> None:
    environment = {"PATH": str(tmp_path), "COMPANION_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, str(ROOT / "workflow" / "on_gpu.py"), *SAY]
    said = subprocess.run(command, input="\n", env=environment, capture_output=True, text=True)
    assert (said.returncode, said.stdout) == (0, "None\n")
    assert not (tmp_path / "cache").exists()


def test_time_left_follows_from_the_work_behind(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"chunks": [{"id": i, "seconds": s} for i, s in (("a", 10), ("b", 20), ("c", 70))]}))
    os.utime(plan, (1000.0, 1000.0))
    left = helper("time_left").sentence
    assert left(plan, tmp_path, "a", 1600.0) == "1 of 3 chunks, 10% of the work, about 90 min left"
    (tmp_path / "a.done").touch()
    assert left(plan, tmp_path, "b", 1900.0) == "2 of 3 chunks, 30% of the work, about 35 min left"
    assert left(plan, tmp_path, "none", 100_000.0) == "1 of 3 chunks, 10% of the work, about 247.5 h left"
    (tmp_path / "b.done").touch()
    assert left(plan, tmp_path, "c", 2000.0) == "3 of 3 chunks, 100% of the work, about 0 min left"


@needs_snakemake
def test_a_dry_run_shows_the_way_from_data_to_the_book_and_trains_nothing(tmp_path: Path) -> None:
    said = snakemake(tmp_path, "--dry-run")
    assert said.returncode == 0, said.stderr
    assert all(f"rule {name}:" in said.stdout + said.stderr for name in ("data", "chunk", "chapter", "book"))
    assert not (tmp_path / "store").exists()


@needs_snakemake
@pytest.mark.slow
def test_records_are_made_once_and_a_lost_one_is_made_again(tmp_path: Path) -> None:
    said = snakemake(tmp_path, "records")
    assert said.returncode == 0, said.stderr
    store = Store(tmp_path / "store")
    keys = {cell.spec.key for cell in cells("A-F2-K", "quick")}
    assert {record.key for record in store} == keys
    before = {path: path.read_bytes() for path in store.files()}
    assert snakemake(tmp_path, "records").returncode == 0
    assert {path: path.read_bytes() for path in store.files()} == before
    store.files()[0].unlink()
    assert snakemake(tmp_path, "records").returncode == 0
    assert {record.key for record in store} == keys

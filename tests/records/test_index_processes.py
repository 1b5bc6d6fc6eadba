"""Several processes at one store and one index, and processes that die while they write to it."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from companion.records import index as indices
from companion.records import survey as surveys
from companion.records.index import Index
from companion.records.store import Store
from companion.runs.spec import RunSpec
from support.synthetic import record

SPECS = [RunSpec(dataset="digits", width=4, depth=3, epochs=3, seed=seed) for seed in range(60)]
LOOK = """
import sys
from pathlib import Path
from companion.records import survey
from companion.records.index import Index
from companion.records.store import Store
survey.MOMENT = 5 * 10**7
folder, file, until = map(Path, sys.argv[1:])
rounds = 0
while not until.exists() or not rounds:
    store = Store(folder, Index(folder, file))
    for seen in store.survey():
        assert seen.reason is None, seen
        assert seen.path.name == store.path(seen.facts.key).name, seen
    rounds += 1
assert [one.facts for one in store.survey()] == [one.facts for one in Store(folder).survey()]
"""


def test_several_processes_at_one_index_while_records_come(tmp_path: Path) -> None:
    store, stop, file = Store(tmp_path / "results"), tmp_path / "stop", tmp_path / "index.sqlite"
    command = [sys.executable, "-c", LOOK, str(store.folder), str(file), str(stop)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for number, spec in enumerate(SPECS):
        store.write(record(spec, 90.0))
        if number % 20 == 19:
            file.unlink(missing_ok=True)
    stop.touch()
    for process in processes:
        assert process.wait(timeout=100) == 0, process.stderr and process.stderr.read()
        assert process.stderr is not None
        process.stderr.close()
    seen = list(Store(store.folder, Index(store.folder, file)).survey())
    assert [one.facts for one in seen] == [one.facts for one in store.survey()]


def _survey_and_die(store: Store, file: Path, statement: int) -> int:
    """Look at all files in a process that is killed where SQLite begins the so-manieth statement; how it ended."""
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        connect, count = sqlite3.connect, 0

        def said(sql: str) -> None:
            nonlocal count
            count += 1
            if count == statement:
                os.kill(os.getpid(), signal.SIGKILL)

        def connected(*arguments: object, **options: object) -> sqlite3.Connection:
            db = connect(*arguments, **options)  # type: ignore[call-overload]
            db.set_trace_callback(said)
            return db

        try:
            sqlite3.connect = connected  # type: ignore[assignment]
            list(Store(store.folder, Index(store.folder, file)).survey())
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def test_whoever_dies_at_the_index_leaves_one_that_tells_the_truth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surveys, "MOMENT", -(10**12))
    monkeypatch.setattr(indices, "PENDING", 3)
    store = Store(tmp_path / "results")
    for spec in SPECS[:8]:
        store.write(record(spec, 90.0))
    store.path(SPECS[8].key).write_text("{}")
    truth = [(one.path, one.facts, one.reason) for one in store.survey()]
    died = 0
    for statement in range(1, 100):
        file = tmp_path / f"{statement}.sqlite"
        ended = _survey_and_die(store, file, statement)
        for _ in range(2):
            seen = Store(store.folder, Index(store.folder, file)).survey()
            assert [(one.path, one.facts, one.reason) for one in seen] == truth
        if ended != signal.SIGKILL:
            assert ended == 0
            break
        died += 1
    assert 20 < died < 99


def test_a_child_process_opens_the_index_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surveys, "MOMENT", -(10**12))
    store = Store(tmp_path / "results", Index(tmp_path / "results", tmp_path / "index.sqlite"))
    store.write(record(SPECS[0], 90.0))
    assert [one.believed for one in store.survey()] == [False]
    child = os.fork()
    if child == 0:
        os._exit(0 if [one.believed for one in store.survey()] == [True] else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert [one.believed for one in store.survey()] == [True]

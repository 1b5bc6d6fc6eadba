"""Files of a later version, and sources that change while a run is under way: named, and never believed in silence."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from companion import statements
from companion.cli import main
from companion.data import DataError, unpack
from companion.records import films, index, kernels, provenance
from companion.records.films import FilmStore
from companion.records.index import Index
from companion.records.kernels import KernelStore
from companion.records.record import FORMAT, canonical, content_digest
from companion.records.store import RecordError, Store
from companion.records.travel import bring
from companion.runs.spec import PROTOCOL_VERSION
from companion.statements import outcomes
from companion.statements.outcomes import CheckStore
from companion.training import workspace
from support.faults import STRUCK, strike, visible
from support.laboratory import Laboratory, always_save, tiny
from support.sources import sources_now

WORK = "files of another version"
"""What the report calls it."""
TEACHER, STUDENT = tiny(epochs=2), tiny("FL", epochs=2)


@pytest.fixture
def lab(tmp_path, monkeypatch) -> Laboratory:
    """A teacher, recorded, with its weights."""
    always_save(monkeypatch)
    lab = Laboratory(tmp_path / "lab")
    assert lab.run(TEACHER) == 1
    return lab


def rewrite(path: Path, **changes: Any) -> bytes:
    """A record with other fields, signed anew; ``None`` takes one away."""
    content = json.loads(path.read_text()) | changes
    content = {name: value for name, value in content.items() if value is not None}
    path.write_text(json.dumps(content | {"digest": content_digest(content)}))
    return path.read_bytes()


def relabel(path: Path) -> None:
    """A file of the workspace of the format after this one, with something that this code does not know."""
    content = torch.load(path, weights_only=True)
    content["label"]["format"] += 1
    torch.save({**content, "other": 1}, path)


# Records, and what lies beside them

LATER = {
    "a record": (Store, {"format": FORMAT + 1}, f"format {FORMAT + 1} is unknown"),
    "kernels": (KernelStore, {"format": kernels.FORMAT + 1}, f"format {kernels.FORMAT + 1} is unknown"),
    "kernels by later mathematics": (
        KernelStore,
        {"format": kernels.FORMAT, "protocol": kernels.PROTOCOL + 1},
        f"protocol {kernels.PROTOCOL + 1} is unknown",
    ),
    "a film": (
        lambda folder: FilmStore(Store(folder)),
        {"format": films.FORMAT + 1},
        f"format {films.FORMAT + 1} is unknown",
    ),
    "a film by later mathematics": (
        lambda folder: FilmStore(Store(folder)),
        {"format": films.FORMAT, "protocol": films.PROTOCOL + 1},
        f"protocol {films.PROTOCOL + 1} is unknown",
    ),
    "an outcome": (CheckStore, {"format": outcomes.FORMAT + 1}, f"format {outcomes.FORMAT + 1} is unknown"),
}


@pytest.mark.parametrize("kind", LATER)
def test_a_document_of_a_later_version_is_named_whatever_else_it_has_or_lacks(tmp_path, kind):
    make, content, said = LATER[kind]
    store = make(tmp_path)
    store.folder.mkdir(parents=True, exist_ok=True)
    (store.folder / f"{'0' * 16}.json").write_text(json.dumps(content | {"spec": {"invented later": 1}}))
    ((_, reason),) = store.verify()
    assert reason is not None
    assert f"{'0' * 16}.json is damaged: {said}, this code " in reason


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"format": FORMAT + 1, "curves": None, "series": []},
            f"format {FORMAT + 1} is unknown, this code reads format",
        ),
        ({"invented": 1}, "the field 'invented' is unknown"),
        (
            {"spec": {**TEACHER.to_dict(), "protocol_version": PROTOCOL_VERSION + 1}},
            "the spec is not valid: protocol_version must be from 1 to",
        ),
        ({"spec": {**TEACHER.to_dict(), "invented": 1}}, "the spec is not valid: unknown parameter 'invented'"),
    ],
)
def test_a_record_of_a_later_version_is_neither_shown_nor_replaced_and_teaches_nobody(lab, changes, said):
    path = lab.store.path(TEACHER.key)
    content = rewrite(path, **changes)
    assert lab.store.find(TEACHER) is None
    assert [reason.startswith(f"{path.name} is damaged: {said}") for reason in lab.store.skipped] == [True]
    assert lab.run(TEACHER) == 0
    with pytest.raises(RecordError, match=f"^{path.name} is damaged: {said}"):
        lab.run(STUDENT)
    assert visible(lab.store.folder) == {path.name: content}
    ours = Store(lab.store.folder.parent / "ours")
    (arrival,) = bring(lab.store.folder, ours)
    assert arrival.what == "damaged"
    assert arrival.reason.startswith(said)
    assert ours.files() == []


def test_a_pack_of_a_later_version_is_named(tmp_path):
    manifest = tmp_path / "digits.shards.json"
    manifest.write_text(json.dumps({"format": "companion-shards-2", "parts": []}))
    with pytest.raises(DataError) as error:
        unpack(tmp_path, tmp_path / "cache")
    assert str(error.value) == (
        f"{manifest} is of the format 'companion-shards-2', and this code reads 'companion-shards-1'."
    )


# What a run leaves on its way

OF_THE_NEXT = (
    f"it is of format {workspace.FORMAT + 1}, and this code reads format {workspace.FORMAT}; its run starts anew"
)


def test_a_checkpoint_of_a_later_version_is_named_and_its_run_starts_anew(lab, tmp_path, caplog):
    spec = tiny(epochs=4)
    whole = Laboratory(tmp_path / "whole")
    whole.run(spec)
    acts = strike(tmp_path, lambda: Laboratory(tmp_path / "one").run(spec)).acts
    first = next(at for at, act in enumerate(acts, start=1) if act.startswith("os.rename one/workspace/checkpoints"))
    assert strike(tmp_path, lambda: Laboratory(tmp_path / "two").run(spec), first + 1, "killed").how == "killed"
    lab = Laboratory(tmp_path / "two")
    saved = lab.workspace.load_checkpoint(spec)
    assert saved is not None
    assert saved.epoch == 1
    file = lab.workspace.folder / "checkpoints" / f"{spec.key}.pt"
    relabel(file)
    assert lab.run(spec) == 1
    assert [told.epoch for told in lab.progress] == [1, 2, 3, 4]
    assert caplog.messages == [f"{file} is not used: {OF_THE_NEXT}"]
    assert lab.content(spec) == whole.content(spec)


def test_weights_of_a_later_version_teach_nobody(lab, caplog):
    file = lab.workspace.folder / "weights" / f"{TEACHER.key}.pt"
    relabel(file)
    before = visible(lab.store.folder)
    assert lab.run(STUDENT) == 2  # the teacher once more, as a further take
    assert caplog.messages == [f"{file} is not used: {OF_THE_NEXT}"]
    assert lab.record(STUDENT).content["teacher"]["take"] == 2
    assert visible(lab.store.folder).items() >= before.items()
    assert [reason for _, reason in lab.store.verify() if reason] == []


# Sources

SCRIPT = """
import math, os, signal, sys
from pathlib import Path
from companion.training import loop, pace
from support.laboratory import Laboratory, tiny

Path(sys.argv[2]).open("a").write("# a line that this process has not read\\n")
loop.CHECKPOINT_SECONDS, pace.SHARE = -1, math.inf

class Told(list):
    def append(self, told):
        super().append(told.epoch)
        if sys.argv[3] == str(told.epoch):
            os.kill(os.getpid(), signal.SIGKILL)

lab = Laboratory(Path(sys.argv[1]))
lab.progress = Told()
lab.run(tiny(epochs=4))
print(lab.progress)
"""


@pytest.fixture
def package(tmp_path) -> Path:
    """A copy of the package, whose sources may change."""
    package = tmp_path / "src" / "companion"
    shutil.copytree(provenance.PACKAGE, package)  # with what is compiled of it, which saves time
    return package


def test_a_record_names_the_sources_that_trained_and_none_that_came_meanwhile(tmp_path, monkeypatch, package):
    """Each process is started, its sources change, it trains; the first one is killed half-way."""
    monkeypatch.setattr(provenance, "PACKAGE", package)
    environment = {**os.environ, "PYTHONPATH": f"{package.parent}{os.pathsep}{Path(__file__).parents[1]}"}

    def process(dies: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-c", SCRIPT, str(tmp_path), str(package / "training" / "loop.py"), dies]
        return subprocess.run(words, env=environment, capture_output=True, text=True)

    first = sources_now()
    assert process("3").returncode == -signal.SIGKILL
    STRUCK.append("killed")
    second = sources_now()
    said = process("never")
    assert said.stdout == "[3, 4]\n", said.stderr
    assert len({first, second, sources_now()}) == 3
    made = Laboratory(tmp_path).record(tiny(epochs=4)).content["provenance"]
    assert (made["sources_before"], made["sources"]) == ([first], second)


def test_an_outcome_names_the_sources_of_the_check_that_ran(tmp_path, monkeypatch, package):
    module, entry = statements.module_of("A-Eq2"), canonical(asdict(statements.statements()["A-Eq2"]))
    file, really = package.joinpath(*module.split(".")[1:]).with_suffix(".py"), statements.run_checks

    def meanwhile(*words: Any, **more: Any) -> Any:
        file.write_text(file.read_text() + "# a line that this process has not read\n")
        return really(*words, **more)

    monkeypatch.setattr(outcomes, "PACKAGE", package)
    monkeypatch.setattr(statements, "run_checks", meanwhile)
    before = outcomes._digest.__wrapped__(module, package, entry)
    (store := tmp_path / "store").mkdir()
    assert main(["check", "A-Eq2", "--save", "--store", str(store)]) == 0
    kept = CheckStore(store / outcomes.FOLDER)
    assert kept.read(kept.path("A-Eq2")).content["provenance"]["sources"] == before
    assert outcomes._digest.__wrapped__(module, package, entry) != before


def test_an_index_vouches_in_the_name_of_the_sources_that_its_process_has_read(tmp_path, monkeypatch, package):
    monkeypatch.setattr(index, "PACKAGE", package)
    index.code.cache_clear()
    try:
        before = index.code.__wrapped__()
        Index(tmp_path, tmp_path / "index.sqlite")
        (package / "records" / "record.py").write_text("# other sources\n")
        assert index.code() == before
        assert index.code.__wrapped__() != before
    finally:
        index.code.cache_clear()

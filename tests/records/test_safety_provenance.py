"""Whatever decides a number counts in a record's provenance: every source of the training path, and a changed tree."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import companion
from companion.data import DATASETS
from companion.runs.spec import RunSpec
from support.laboratory import Laboratory, tiny

PACKAGE = Path(companion.__file__).parent
INDIFFERENT = {
    "__init__.py",
    "project.py",
    "provenance.py",
    "store.py",
    "record.py",
    "summary.py",
    "survey.py",
    "index.py",
    "workspace.py",
    "weights.py",
    "digests.py",
    "revision.py",
    "whole.py",
    "documents.py",
    "npz.py",
    "saved.py",
    "quoting.py",
    "errors.py",
    "schema.py",
}
"""Names of files that training imports and on which no number hangs: folders, and how results are kept."""

PROBE = """
import json, shutil, subprocess, sys
from pathlib import Path
import torch
import companion
import companion.training.queue
from companion.records import provenance
from companion.runs.spec import RunSpec

package = Path(companion.__file__).parent
root = package.parents[1]
loaded = [Path(m.__file__) for n, m in list(sys.modules.items()) if n.split(".")[0] == "companion" and m.__file__]
files = sorted({*loaded, *package.rglob("*.[ch]"), *(package / "data").rglob("*.py")})

def digest():
    provenance.sources.cache_clear()
    provenance.sources_digest.cache_clear()
    return provenance.sources_digest()

def tree():
    provenance._revision.cache_clear()
    made = provenance.provenance("reference", "cpu", 1, RunSpec(), 1.0)
    return [made["revision"], made["dirty"]]

def git(*arguments):
    name = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    done = subprocess.run(["git", "-C", str(root), *name, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()

before = digest()
found = {}
for file in files:
    text = file.read_bytes()
    file.write_bytes(text + b"\\n")
    found[file.relative_to(package).as_posix()] = digest() != before
    file.write_bytes(text)
found["the same again"] = digest() == before

def foreign(place, *names):
    # what we say in a repository that begins in a place, and has nothing of the project but these files, if any
    subprocess.run(["git", "-C", str(place), "init", "-q"], check=True)
    (place / "notes.txt").write_text("of something else")
    subprocess.run(["git", "-C", str(place), "add", "notes.txt", *names], check=True)
    made = ["git", "-C", str(place), "-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-q", "-m", "x"]
    subprocess.run(made, check=True)
    told = tree()
    shutil.rmtree(place / ".git")
    (place / "notes.txt").unlink()
    return told

trees = {"none": tree()}
trees["around"] = foreign(root.parent)
trees["around, with all files"] = foreign(root.parent, root.name)
trees["beside"] = foreign(root)
git("init", "-q")
trees["no commit"] = tree()
git("add", ".")
git("commit", "-q", "-m", "all")
trees["head"] = git("rev-parse", "HEAD")
trees["clean"] = tree()
(package / "notation.py").write_text((package / "notation.py").read_text() + "\\n")
trees["changed"] = tree()
git("checkout", "-q", ".")
(package / "new.py").write_text("")
trees["new file"] = tree()
print(json.dumps({"files": found, "trees": trees, "length": len(before)}))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What a copy of the package says of itself while its files change."""
    if shutil.which("git") is None:
        pytest.skip("no git")
    folder = tmp_path_factory.mktemp("copy")
    source = folder / "unpacked" / "src"
    shutil.copytree(PACKAGE, source / "companion", ignore=shutil.ignore_patterns("__pycache__"))
    environment = {**os.environ, "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"}
    environment["GIT_CEILING_DIRECTORIES"] = str(folder.parent)
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        environment.pop(name, None)
    script = [sys.executable, "-c", PROBE]
    done = subprocess.run(script, capture_output=True, text=True, env=environment, cwd=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_source_that_training_reads_is_in_the_digest(found):
    files = {name: counted for name, counted in found["files"].items() if Path(name).name not in INDIFFERENT}
    assert [name for name, counted in files.items() if not counted] == []
    stems = {Path(name).stem for name in files}
    assert {"objectives", "fused", "regimes", "forward", "labels", "gate_cache", "stacked", "ntk", "spec"} <= stems
    assert {".c", ".h"} <= {Path(name).suffix for name in files}
    assert sum(name.startswith("data/") for name in files) > 5
    assert found["length"] == 16


def test_a_digest_depends_on_nothing_else(found):
    assert found["files"]["the same again"]


def test_a_tree_is_clean_or_dirty_or_no_tree_at_all(found):
    trees = found["trees"]
    assert trees["none"] == trees["no commit"] == [None, None]
    assert trees["clean"] == [trees["head"], False]
    assert trees["changed"] == [trees["head"], True]
    assert trees["new file"] == [trees["head"], True]


@pytest.mark.parametrize("place", ["around", "around, with all files", "beside"])
def test_the_revision_of_something_else_is_none(found, place):
    """A tree that lies, unpacked, in another repository has no revision, though git would tell one."""
    assert found["trees"][place] == [None, None]


def test_a_record_names_what_trained_it(tmp_path):
    lab = Laboratory(tmp_path)
    spec = tiny(epochs=2)
    lab.run(spec, backend="stacked")
    made = lab.record(spec).content["provenance"]
    assert (made["backend"], made["precision"], made["threads"]) == ("stacked", "float32", 1)
    assert made["dataset"] == DATASETS["digits"].digest != DATASETS["mnist"].digest
    assert 50 < made["peak_mib"] < 100_000
    assert RunSpec().precision == "float32"

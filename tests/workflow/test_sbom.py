"""The bill of materials: what is installed, with nothing of this machine, and no half of one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BILL = {
    "bomFormat": "CycloneDX",
    "components": [
        {"name": "a", "externalReferences": [{"url": "file:///somewhere/a"}]},
        {"name": "b", "externalReferences": [{"url": "https://b"}, {"url": "file:///b"}]},
        {"name": "c"},
    ],
}


def run(file: Path, printed: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    text = printed if isinstance(printed, str) else json.dumps(printed)
    command = [sys.executable, "-c", f"import sys; print({text!r}); sys.exit({code})"]
    words = [sys.executable, "-I", ROOT / ".ci" / "sbom.py", file, *command]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def test_a_bill_names_every_package_and_no_place_of_this_machine(tmp_path):
    done = run(file := tmp_path / "new" / "sbom.json", BILL)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("sbom.json: 3 packages\n")
    bill = json.loads(file.read_text())
    assert [one["name"] for one in bill["components"]] == ["a", "b", "c"]
    assert bill["components"][0] == {"name": "a"}
    assert bill["components"][1]["externalReferences"] == [{"url": "https://b"}]
    assert [one.name for one in file.parent.iterdir()] == ["sbom.json"]


@pytest.mark.parametrize("printed", [{}, {"bomFormat": "CycloneDX", "components": []}, {"components": [{"name": "a"}]}])
def test_what_is_no_bill_replaces_none(tmp_path, printed):
    (file := tmp_path / "sbom.json").write_text("the old one")
    done = run(file, printed)
    assert done.returncode == 1
    assert "printed no bill of materials" in done.stderr
    assert file.read_text() == "the old one"


def test_a_command_that_fails_is_passed_on(tmp_path):
    assert run(tmp_path / "sbom.json", BILL, 3).returncode == 3
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_takes_no_files_is_one_sentence_before_the_command_runs(tmp_path):
    (file := tmp_path / "file").touch()
    words = [sys.executable, "-I", ROOT / ".ci" / "sbom.py", file / "sbom.json", "touch", tmp_path / "run"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{file / 'sbom.json'} cannot be written (File exists)\n"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_lock_is_what_is_audited_and_tools_have_a_version():
    makefile = (ROOT / "Makefile").read_text()
    audit, sbom = (makefile.split(f"\n{name}: ")[1].split("\n\n")[0] for name in ("audit", "sbom"))
    assert "requirements.lock" in audit
    assert "==$(PIP_AUDIT_VERSION)" in audit
    assert "==$(CYCLONEDX_VERSION)" in sbom

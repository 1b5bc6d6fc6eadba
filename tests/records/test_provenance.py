"""Where a record comes from: the digest follows every source on which a run's numbers depend."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest

from companion.records import provenance
from support.sources import sources_now


def imports(file: Path) -> set[str]:
    """First names below ``companion`` of what a file imports."""
    tree = ast.parse(file.read_text())
    modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {module.split(".")[1] for module in modules if module.startswith("companion.")}


def test_the_digest_covers_all_that_training_imports() -> None:
    covered = {name.removesuffix(".py") for name in provenance.TRAINING_PATH}
    assert {"networks", "data", "runs", "kernels", "measure", "training"} <= covered
    folders = [provenance.PACKAGE / name for name in provenance.TRAINING_PATH if "." not in name]
    needed = set().union(*(imports(file) for folder in folders for file in folder.rglob("*.py")))
    assert needed - covered <= {"files", "records", "project"}  # what writes numbers down does not change them


@pytest.mark.parametrize("name", ["runs/labels.py", "measure/kernel_norms.py", "training/backends/fused.c"])
def test_the_digest_follows_the_sources(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = provenance.sources_digest()
    shutil.copytree(provenance.PACKAGE, tmp_path / "companion", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path / "companion")
    assert sources_now() == here
    with (tmp_path / "companion" / name).open("a") as file:
        file.write("\n")
    assert sources_now() != here


def test_the_processor_is_known_by_the_fields_of_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "cpuinfo"
    told.write_text("processor\t: 0\nmodel name\t: A CPU: the second\nFeatures\t: fp asimd\nmodel name\t: another\n")
    monkeypatch.setattr(provenance, "Path", lambda place: told if place == "/proc/cpuinfo" else Path(place))
    monkeypatch.setattr(provenance.platform, "processor", lambda: "what the platform says")
    assert provenance.processor("model name") == "A CPU: the second"
    assert provenance.processor("flags", "Features") == "fp asimd"
    assert provenance.processor("flags") == "what the platform says"
    told.unlink()
    assert provenance.processor("model name") == "what the platform says"


def test_the_digest_covers_the_sources_in_c_and_no_other_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(provenance.PACKAGE, tmp_path / "companion", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path / "companion")
    here = sources_now()
    for name in ("training/notes.md", "site/pages.py", "records/store.py"):
        (tmp_path / "companion" / name).write_text("other")
    assert sources_now() == here
    (tmp_path / "companion" / "kernels" / "extra.c").write_text("")
    assert sources_now() != here

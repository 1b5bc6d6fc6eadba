"""The settings of the workflow: what is none is refused, and what is one reaches every command that it concerns."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.workflows import ROOT, helper, needs_snakemake, snakemake

PYTHON = {"python": sys.executable}


def test_settings_have_defaults_and_are_written_on_as_they_are_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/reader")
    given = {"exhibits": "A-T2, A-F2-K", "store": "~/mine", "hours": 0.5, "threads": "2", "mem_mb": 1000, **PYTHON}
    made = helper("settings").settings(given)
    assert made.exhibits == ("A-T2", "A-F2-K")
    assert (made.store, made.out) == ("/home/reader/mine", "_build/workflow")
    assert (made.profile, made.device, made.hours, made.threads, made.mem_mb) == ("paper", "auto", "0.5", 2, 1000)
    assert helper("settings").settings({"exhibits": ["A-T2", "C-E1"], **PYTHON}).exhibits == ("A-T2", "C-E1")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"exhibit": "A-T2"}, "unknown setting 'exhibit' after --config: valid are python, profile, exhibits, store"),
        ({"Store": "x"}, "unknown setting 'Store'"),
        ({"mem": 1000}, "unknown setting 'mem'"),
        ({"store": None}, "the setting store must have one value"),
        ({"store": "  "}, "the setting store must have one value"),
        ({"store": ["a", "b"]}, "the setting store must have one value"),
        ({"store": __file__}, "the setting store must be a folder"),
        ({"out": __file__}, "the setting out must be a folder"),
        ({"store": "~nobody-of-that-name/x"}, "the home of a user who is unknown"),
        ({"exhibits": ","}, "the setting exhibits must name exhibits, or be all"),
        ({"exhibits": [1]}, "the setting exhibits must name exhibits"),
        ({"python": "/nowhere/python"}, "the setting python must be a program, and /nowhere/python is none"),
        ({"device": "cuda:1"}, "the setting device must be auto, cpu or cuda, not 'cuda:1': each process takes a GPU"),
        ({"device": None}, "the setting device must be auto, cpu or cuda"),
        ({"hours": "soon"}, "the setting hours must be a number"),
        ({"hours": "nan"}, "the setting hours must be a number"),
        ({"hours": -1}, "the setting hours must be a number"),
        ({"hours": True}, "the setting hours must be a number"),
        ({"threads": 0}, "the setting threads must be a whole number of at least 1"),
        ({"threads": 1.5}, "the setting threads must be a whole number"),
        ({"threads": True}, "the setting threads must be a whole number"),
        ({"mem_mb": "16G"}, "the setting mem_mb must be a whole number of at least 1, not '16G'"),
    ],
)
def test_a_wrong_setting_is_one_sentence(wrong: dict[str, Any], words: str) -> None:
    module = helper("settings")
    with pytest.raises(ValueError, match=r"the setting|unknown setting") as caught:
        module.settings({**PYTHON, **wrong})
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_setting_has_a_check() -> None:
    module = helper("settings")
    assert list(module.CHECKS) == list(module.Settings.__dataclass_fields__)


@needs_snakemake
@pytest.mark.parametrize("words", ["stroe=mine", "device=cuda:1", "threads=none", "mem_mb=1G", "exhibits="])
def test_the_workflow_refuses_a_wrong_setting_before_anything_runs(tmp_path: Path, words: str) -> None:
    said = snakemake(tmp_path, settings=[words])
    assert said.returncode != 0
    assert words.partition("=")[0] in said.stderr
    assert "Traceback" not in said.stderr
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "store").exists()


@needs_snakemake
def test_each_line_of_a_profile_is_an_option_of_snakemake_and_names_rules_that_are_there() -> None:
    import yaml

    options = subprocess.run([shutil.which("snakemake") or "", "--help"], capture_output=True, text=True).stdout
    rules = set(re.findall(r"^rule (\w+):", (ROOT / "workflow" / "Snakefile").read_text(), re.MULTILINE))
    profiles = sorted((ROOT / "workflow" / "profiles").glob("*/config.yaml"))
    assert [path.parent.name for path in profiles] == ["kubernetes", "local", "slurm"]
    for path in profiles:
        lines = yaml.safe_load(path.read_text())
        for name in lines:
            assert re.search(rf"--{name}[^\w-]", options), (path, name)
        assert set(lines.get("set-resources", {})) <= rules, path


RECORDER = """#!{python}
import json, pathlib, sys
words = sys.argv[1:]
with pathlib.Path({log!r}).open("a") as log:
    print(json.dumps(words), file=log)
if "plan" in words:
    print(json.dumps(dict(profile="quick", device="cpu", seconds=0, exhibits=["A-F2-K"], chunks=[])))
if "--output" in words:
    target = pathlib.Path(words[words.index("--output") + 1])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.touch()
"""
"""In the place of the project's Python: it notes what it was asked, and nothing is missing."""


@needs_snakemake
def test_plan_chapters_and_book_have_one_store_and_another_store_is_shown_anew(tmp_path: Path) -> None:
    log, python = tmp_path / "log", tmp_path / "python"
    python.write_text(RECORDER.format(python=sys.executable, log=str(log)))
    python.chmod(0o755)

    def asked(store: str) -> dict[str, str]:
        """What was asked of ``companion``, to the store that was named."""
        log.unlink(missing_ok=True)
        said = snakemake(tmp_path, settings=[f"python={python}", f"store={tmp_path / store}"])
        assert said.returncode == 0, said.stderr
        calls = [json.loads(line)[2:] for line in log.read_text().splitlines()]
        return {words[0]: words[words.index("--store") + 1] for words in calls}

    for store in ("mine", "other", "mine"):  # the notebooks of the one are no chapters of the other
        assert asked(store) == dict.fromkeys(("plan", "run", "book"), str(tmp_path / store))
    assert list(asked("mine")) == ["plan", "book"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "0.json").touch()
    assert list(asked("mine")) == ["plan", "run", "book"]


@needs_snakemake
def test_a_folder_that_takes_no_files_is_one_sentence_before_anything_is_planned(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = snakemake(tmp_path, "-n", "records", settings=[f"out={tmp_path / 'file' / 'out'}"])
    assert said.returncode != 0
    assert "takes no files (Not a directory): the setting out names a folder elsewhere" in said.stderr + said.stdout
    assert "Traceback" not in said.stderr
    assert not (tmp_path / "store").exists()

"""The application: help, errors, and exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from companion import __version__
from companion.cli import main
from companion.files.revision import Revision
from companion.project import Project
from companion.records.store import Store
from support.projects import tree


def test_help_is_quick_for_it_imports_no_torch() -> None:
    code = "import sys; from companion.cli import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "scorecard" in done.stdout
    assert not {"torch", "pandas", "numpy"} & set(done.stderr.split())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "",
            "list, run, status, plan, scorecard, check, verify, book, bench, keep-weights",
        ),
        ("lists", "valid commands of `companion` are list, run"),
        ("data", "valid commands of `companion data` are fetch, pack, unpack, list"),
        ("data get", "valid commands of `companion data` are fetch"),
        ("status --jsn", "valid options of `companion status` are --json"),
        ("run", "Missing argument 'exhibit'"),
        ("run A-T9", "unknown exhibit 'A-T9': valid are A-T2"),
        ("run A-T2 --profile fast", "valid are quick, cpu, paper"),
        ("run A-T2 --device tpu", "valid on this machine are auto"),
        ("run A-T2 --backend fast", "valid are auto, fused"),
        ("run A-T2 -p colour red", "unknown parameter 'colour' of A-T2: valid are profile, device, train, seeds"),
        ("run A-T2 -p seeds many", "seeds must be a whole number of at least 1 and at most 1000, not 'many'"),
        ("run A-T2 -p seeds", "'seeds' has no value"),
        ("run A-T2 -p gate_permutation [0,0,1] --store x", "gate permutation"),
        ("run A-T2 -p optimiser lion --store x", "valid are sgd, adam"),
        ("run A-T2 -p seeds 2", "--store DIR"),
        ("run A-T2 -p seeds 2 --store results", "--store DIR"),
        ("run A-T2 --threads 0", "--threads"),
        ("status --store nowhere", "--store must be a folder of records"),
        ("verify --store nowhere", "--store must be a folder of records"),
        ("data fetch imagenet", "unknown dataset 'imagenet': valid are mnist, cifar10, digits"),
        ("data pack imagenet out", "unknown dataset 'imagenet'"),
        ("data pack digits out --max-mib -1", "positive number of MiB"),
        ("check A-Eq99", "A-Eq99"),
        ("book --refresh --committed", "it goes alone"),
        ("book --refresh --store results", "it goes alone"),
        ("book --committed --store results", "it takes no --store"),
        ("book --store nowhere", "--store must be a folder of records, and nowhere is none"),
        ("gates --data digits", "Missing option '--model'"),
        ("gates --model torch.nn:Linear", "Missing option '--data'"),
        ("gates --model Linear --data digits", "a model is named package.module:factory"),
        ("gates --model no.such:net --data digits", "there is no module no.such"),
        ("gates --model torch.nn:Linear --data digits", "torch.nn:Linear() failed"),
        ("gates --model torch.nn:Flatten --data digits --weights none.pt", "there is no file none.pt of weights"),
        ("gates --model torch.nn:Flatten --data imagenet", "are not there: valid are mnist, cifar10, digits, a folder"),
        ("gates --model torch.nn:Flatten --data digits --grey", "are for folders of images"),
        (
            "gates --model torch.nn:Flatten --data digits --regimes ReLU,FL,FR",
            "unknown regime 'FR': valid are ReLU, FL",
        ),
        ("gates --model torch.nn:Flatten --data digits --regimes ReLU,FL", "needs the regimes ReLU, FL and FR-II"),
        ("gates --model torch.nn:Flatten --data digits --seeds 1", "'--seeds'"),
        ("gates --model torch.nn:Flatten --data digits --device tpu", "valid on this machine are auto"),
        ("gates --model torch.nn:Flatten --data digits --optimiser lion", "valid are adam, sgd"),
        ("gates --model torch.nn:Flatten --data digits --lr 0", "--lr must be above 0"),
        ("gates --model torch.nn:Flatten --data digits --momentum 0.9", "--momentum is of sgd"),
        ("gates --model torch.nn:Flatten --data digits --out _config.yml", "--out must be a folder"),
        ("gates --model torch.nn:Conv2d --data digits -p in_channels", "'in_channels' has no value"),
    ],
)
def test_a_wrong_command_is_one_sentence_and_changes_nothing(
    say: Any, checkout: Project, line: str, words: str
) -> None:
    before = tree(checkout.root)
    said = say(line)
    assert said.code == 2
    assert words in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert said.out == ""
    assert tree(checkout.root) == before
    assert not checkout.build.exists()


def test_where_there_is_no_project_the_message_says_so(
    say: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for line in ("status", "verify", "run A-T2", "book"):
        said = say(line)
        assert (said.code, said.out) == (2, "")
        assert "no project in" in said.err


def test_a_fault_of_the_program_is_not_hidden(say: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Store) -> None:
        raise KeyError("a fault")

    monkeypatch.setattr(Store, "survey_all", fail)
    with pytest.raises(KeyError, match="a fault"):
        say("verify")


def test_version_and_revision_are_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("companion.cli.app.of_the_code", lambda: Revision("0123456789abcdef", "2026-01-31", True))
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"companion {__version__}, revision 0123456789ab of 2026-01-31, with changes\n"
    monkeypatch.setattr("companion.cli.app.of_the_code", lambda: None)
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"companion {__version__}, of no known revision\n"

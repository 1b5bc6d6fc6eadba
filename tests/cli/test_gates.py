"""``companion gates``: an answer, its files, and a study that is stopped and goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from companion.cli import main
from support.commands import Said

SOURCE = """\
import torch
from torch import nn


def net(width=8):
    print("a word of the model's own")
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))


def smooth():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.GELU(), nn.Linear(10, 10), nn.Softmax(1))


class Four(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 10)

    def forward(self, x):
        return self.layer(x.reshape(4, 64))


class Typed(nn.Linear):
    times = 0

    def reset_parameters(self):
        super().reset_parameters()
        Typed.times += 1
        if Typed.times > 1:
            raise TypeError("not of this kind")


def four():
    return Four()


def typed():
    return nn.Sequential(nn.Flatten(), Typed(64, 10))


def loose():
    return nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64, track_running_stats=False), nn.Linear(64, 10)).eval()


class Drops(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last, self.seen = nn.Linear(64, 8), nn.Linear(8, 10), None

    def forward(self, x):
        self.seen = torch.relu(self.first(x.flatten(1)))
        return self.last(self.seen * (0 if self.training and torch.rand(1) < 0.5 else 1))


def used():
    model = Drops().eval()
    model(torch.ones(1, 64))
    return model


class Frozen(nn.Sequential):
    @torch.no_grad()
    def forward(self, x):
        return super().forward(x)


def frozen():
    return Frozen(*net())
"""


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Ask from a folder with a model in it that is no project."""
    (tmp_path / "nets_of_ours.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "nets_of_ours", raising=False)

    def run(line: str) -> Said:
        code = main(["gates", *line.split()])
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return run


LINE = "--model nets_of_ours:net --data digits --seeds 2 --epochs 2 --threads 1"


def test_an_answer_and_its_files(ask: Any, tmp_path: Path) -> None:
    said = ask(LINE + " --json")
    assert said.code == 0, said.err
    found = said.json
    assert json.loads((tmp_path / "gates-net" / "gates.json").read_text()) == found
    assert len(found["scores"]) == 10
    assert found["examples"] == {"train": 1437, "test": 360}
    assert found["answer"] in (tmp_path / "gates-net" / "gates.html").read_text()
    lines = [line for line in said.err.splitlines() if " of 10" in line]
    assert len(lines) == 10
    assert lines[0].startswith("ReLU seed 0: ")
    assert " left)" in lines[0]
    assert lines[-1].endswith("(10 of 10)")
    again = ask(LINE)
    assert again.code == 0
    assert "10 of 10 networks were trained before" in again.err
    assert found["answer"] in again.out
    assert "random gates (II)" in again.out
    more = ask(LINE.replace("--seeds 2", "--seeds 3") + " --json").json
    assert [score for score in more["scores"] if score["seed"] < 2] == found["scores"]
    assert len(more["scores"]) == 15


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("--epochs 2", "--epochs 3"), "(epochs 2, not 3)"),
        (("--data digits", "--data digits -p width 9"), "another model"),
        (("--data digits", "--data mine.npz"), "other data"),
    ],
)
def test_another_study_in_the_same_folder_is_refused(ask: Any, tmp_path: Path, change: tuple, words: str) -> None:
    import numpy as np

    from companion.data import load

    digits = load("digits")
    x, y = digits.train_inputs[:50].numpy(), digits.train_labels[:50].numpy()
    np.savez(tmp_path / "mine.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    quick = LINE + " --regimes ReLU,FL,FR-II"
    assert ask(quick).code == 0
    before = (tmp_path / "gates-net" / "gates.json").read_bytes()
    said = ask(quick.replace(*change))
    assert (said.code, len(said.err.splitlines())) == (2, 1)
    assert words in said.err
    assert (tmp_path / "gates-net" / "gates.json").read_bytes() == before
    assert ask(quick.replace(*change) + " --out another").code == 0
    (tmp_path / "gates-net" / "networks" / "FL.0.json").write_text("{")
    said = ask(quick)
    assert (said.code, len(said.err.splitlines())) == (1, 1)
    assert "FL.0.json is damaged" in said.err


def test_a_model_that_cannot_be_decoupled(ask: Any, tmp_path: Path) -> None:
    said = ask(LINE.replace(":net", ":smooth"))
    assert said.code == 2
    assert "2 places stand in the way" in said.err
    assert "2 (GELU): it is smooth" in said.err
    assert not (tmp_path / "gates-smooth").exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("four", "the study failed (RuntimeError, nets_of_ours.py line 20): shape '[4, 64]' is invalid"),
        ("typed", "the study failed (TypeError, nets_of_ours.py line 30): not of this kind"),
        ("loose", "1 (BatchNorm1d): it takes its statistics from the batch, in evaluation too"),
    ],
)
def test_what_a_model_raises_in_training_is_a_sentence(ask: Any, tmp_path: Path, name: str, words: str) -> None:
    """The first four examples go through, and those of a step do not."""
    said = ask(LINE.replace(":net", f":{name}"))
    assert (said.code, "Traceback" in said.err, words in said.err) == (2, False, True), said.err
    assert not (tmp_path / f"gates-{name}" / "gates.json").exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Drops", "it draws random numbers, which a trace would keep for ever (line 52 of nets_of_ours.py)"),
        ("used", "its attribute seen holds a tensor of an earlier call, which cannot be copied; set seen to None"),
        ("frozen", "(torch.no_grad"),
    ],
)
def test_what_a_trace_would_lose_is_said_without_a_traceback(ask: Any, tmp_path: Path, name: str, words: str) -> None:
    said = ask(LINE.replace(":net", f":{name}"))
    assert said.code == 2
    assert len(said.err.splitlines()) == 2
    assert words in said.err
    assert not (tmp_path / f"gates-{name}").exists()


def test_a_study_in_which_all_diverge_has_an_answer_too(ask: Any, tmp_path: Path) -> None:
    said = ask(LINE + " --optimiser sgd --lr 1e30 --json")
    assert said.code == 0
    assert {line["n"] for line in said.json["table"]} == {0}
    assert "no share" in said.json["answer"] or "not clearly better" in said.json["answer"]
    assert "Diverged" in said.json["notes"][-1]
    shown = ask(LINE + " --optimiser sgd --lr 1e30")
    assert (shown.code, "nan" in shown.out) == (0, False)
    assert "nan" not in (tmp_path / "gates-net" / "gates.html").read_text()


def test_a_folder_that_cannot_be_written(ask: Any) -> None:
    said = ask(LINE + " --out /proc/nowhere/at_all")
    assert (said.code, len(said.err.splitlines())) == (2, 1)
    assert "/proc/nowhere/at_all takes no files" in said.err


def heed_interrupts() -> None:
    """A process that a shell started in the background ignores Ctrl-C, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_and_then_the_same_command(ask: Any, tmp_path: Path) -> None:
    long = LINE.replace("--epochs 2", "--epochs 30")
    command = [sys.executable, "-c", "import sys; from companion.cli import main; sys.exit(main())", "gates"]
    process = subprocess.Popen(
        [*command, *long.split()], stderr=subprocess.PIPE, text=True, env={**os.environ}, preexec_fn=heed_interrupts
    )
    try:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("ReLU seed 0")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "the same command goes on from there" in err
    assert not (tmp_path / "gates-net" / "gates.json").exists()
    assert not list(tmp_path.rglob("*.partial"))
    said = ask(long + " --json")
    assert said.code == 0
    assert "networks were trained before" in said.err
    whole = ask(long + " --json --out whole")
    assert said.json["scores"] == whole.json["scores"]

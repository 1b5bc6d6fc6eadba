"""Running a chapter from the command line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.cli.run import joined, parse
from companion.exhibits import EXHIBITS
from companion.project import Project
from companion.records.store import Store
from companion.site.run import Plan
from support.projects import tree


def test_run_trains_executes_and_then_skips(say: Any, checkout: Project, tmp_path: Path) -> None:
    before = tree(checkout.root)
    line = "run A-T2 -p epochs 1 -p seeds 1 -p rows"
    more = ('["FC/SGD/digits"]', "--store", str(tmp_path / "store"))
    said = say(line, *more)
    assert said.code == 0, said.err
    path = checkout.build / "runs" / "A-T2-quick.ipynb"
    assert said.out.strip() == str(path)
    assert path.is_file()
    assert "5 runs trained" in said.err
    assert len(Store(tmp_path / "store").files()) == 5
    assert "All 5 runs are recorded" in say(line, *more).err
    assert tree(checkout.root) == before


def test_what_is_recorded_is_shown_where_nothing_can_be_written(
    say: Any, checkout: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither store nor cache takes a file here; training is refused for it, and showing is not."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path / "file" / "cache"))
    shown = []
    monkeypatch.setattr("companion.site.run.execute_chapter", lambda project, made: shown.append(made) or made.output)
    for line, code in (("run A-T2 --store {}", 2), ("run A-T2 -p train false --store {}", 0)):
        assert say(line.format(tmp_path / "file" / "store")).code == code, line
    assert [made.values["train"] for made in shown] == [False]


def test_a_dry_run_says_what_it_takes_and_writes_nothing(say: Any, checkout: Project, tmp_path: Path) -> None:
    before = tree(checkout.root)
    said = say("run A-T2 --dry-run --store", str(tmp_path / "store"))
    assert (said.code, said.out) == (0, "")
    assert "75 of 75 runs to train on cpu: about " in said.err
    assert " of its memory at the least, " in said.err
    assert " of disk (" in said.err
    assert tree(checkout.root) == before
    assert not (tmp_path / "store").exists()


def test_what_the_disk_cannot_hold_is_refused_before_training(
    say: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=1000))
    said = say("run A-T2 --store", str(tmp_path / "store"))
    assert said.code == 2
    assert f"too little room in {tmp_path}: --store DIR takes a folder elsewhere" in said.err
    assert not (tmp_path / "store").exists()


class TestAll:
    @pytest.fixture(autouse=True)
    def two(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Two exhibits that share runs, with one chapter."""
        table = EXHIBITS["A-T2"]
        rows = {"quick": table.profiles["quick"][:1]}
        again = replace(table, id="A-T3", profiles=rows, seeds={"quick": 1})
        both = {"A-T2": replace(table, profiles=rows, seeds={"quick": 2}), "A-T3": again}
        monkeypatch.setattr("companion.exhibits.EXHIBITS", both)

    def test_every_exhibit_of_the_profile_runs_once_over_one_grid(
        self, say: Any, checkout: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        grids: list[Plan] = []
        monkeypatch.setattr("companion.site.run.train_missing", lambda made, **_: grids.append(made) or 0)
        said = say("run all --store", str(tmp_path / "store"))
        assert said.code == 0, said.err
        assert len(said.out.splitlines()) == 2
        (grid,) = grids
        assert len(grid.specs) == len(set(grid.specs)) == 10
        assert "A-T2: 10 of 10 runs, about" in said.err
        assert "A-T3: 5 of 5 runs, about" in said.err
        assert "10 of 10 runs to train on cpu" in said.err

    def test_it_takes_them_as_they_are(self, say: Any) -> None:
        for line in ("run all -p seeds 2", "run all --output x.ipynb"):
            said = say(line)
            assert (said.code, said.out) == (2, "")
            assert "--output and -p are for one exhibit alone" in said.err


def test_interrupted_training_ends_with_130_and_says_how_to_go_on(
    say: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*arguments: Any, **options: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("companion.site.run.train_missing", interrupt)
    said = say("run A-T2 -p seeds 1 --store", str(tmp_path / "store"))
    assert (said.code, said.out) == (130, "")
    assert "0 of 15 are recorded" in said.err
    assert "same command" in said.err


def heed_interrupts() -> None:
    """A process that a shell started in the background ignores Ctrl-C, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_in_a_real_run(checkout: Project, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; from companion.cli import main; sys.exit(main())"]
    words = ["run", "A-T2", "-p", "epochs", "1000000", "-p", "seeds", "1", "--store", str(tmp_path / "store")]
    process = subprocess.Popen(
        [*command, *words],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ},
        preexec_fn=heed_interrupts,
    )
    try:
        assert process.stderr is not None
        assert "runs to train on cpu" in process.stderr.readline()
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "same command" in err


@given(
    st.lists(st.tuples(st.from_regex(r"[a-z_]+", fullmatch=True), st.text(min_size=1).filter(lambda t: "=" not in t)))
)
def test_names_and_values_reach_the_parser_in_pairs(pairs: list[tuple[str, str]]) -> None:
    words = [word for name, value in pairs for word in ("-p", name, value)]
    assert joined(["run", "A-T2", *words, "--json"]) == [
        "run",
        "A-T2",
        *(word for name, value in pairs for word in ("-p", f"{name}={value}")),
        "--json",
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("1e-3", 0.001),
        ("[2, 0, 1]", [2, 0, 1]),
        ('{"epochs": 3}', {"epochs": 3}),
        ("true", True),
        ("False", False),
        ("None", None),
        ("adam", "adam"),
        ("a=b", "a=b"),
    ],
)
def test_values_are_json_or_words(text: str, value: Any) -> None:
    assert parse([f"name={text}"]) == {"name": value}

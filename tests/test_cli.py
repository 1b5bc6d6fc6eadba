from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion import project
from companion.cli import main
from companion.cli.output import duration, jsonable
from companion.cli.run import joined, parse
from companion.project import Project
from companion.records.store import Record, Store
from projects import make_project, tree


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A small project that we stand in, with a cache of its own; calibrations are replaced by one speed."""
    for name in (project.ROOT, project.STORE, project.DOWNLOADS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(project.CACHE, str(tmp_path / "cache"))
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path / "data"))
    monkeypatch.setattr("companion.costs.speeds._calibrate", lambda *arguments: 1e10)
    made = make_project(tmp_path / "book")
    monkeypatch.chdir(made.root)
    return made


class Said:
    """What a command came to."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


@pytest.fixture
def say(checkout: Project, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(line: str, *more: str) -> Said:
        code = main([*line.split(), *more])
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return run


def _record(spec: Any) -> Record:
    curve = [50.0] * spec.epochs
    return Record.build(
        spec,
        1,
        status="finished",
        curves={"train_loss": curve, "train_accuracy": curve, "test_accuracy": curve},
        best_test=50.0,
        best_epoch=1,
        last_test=50.0,
        selected_test=None,
        selected_epoch=None,
        teacher=None,
        weights={},
        provenance={"device": "a device", "seconds": 1.0, "backend": "stacked", "threads": 1},
    )


def _some_records(folder: Path, count: int) -> Store:
    from companion.exhibits import cells

    store = Store(folder)
    for cell in cells("A-T2", "quick")[:count]:
        store.write(_record(cell.spec))
    return store


def test_help_is_quick_for_it_imports_no_torch() -> None:
    code = "import sys; from companion.cli import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "scorecard" in done.stdout
    assert not {"torch", "pandas", "numpy"} & set(done.stderr.split())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "valid commands of `companion` are list, run, status, scorecard, check, verify, book"),
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
        ("run A-T2 -p seeds many", "seeds must be a whole number of at least 1, not 'many'"),
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

    monkeypatch.setattr(Store, "verify", fail)
    with pytest.raises(KeyError, match="a fault"):
        say("verify")


def test_list(say: Any) -> None:
    lines = say("list --json").json
    assert {"exhibit", "title", "paper", "profiles", "parameters", "chapter"} <= lines[0].keys()
    assert lines[0]["exhibit"] == "A-T2"
    assert lines[0]["profiles"] == ["quick", "cpu", "paper"]
    assert lines[0]["parameters"]["seeds"] is None
    assert "A-T2" in say("list").out


def test_status_counts_what_is_there_and_estimates_the_rest(say: Any, checkout: Project) -> None:
    _some_records(checkout.results, 7)
    lines = {line["profile"]: line for line in say("status --json").json if line["exhibit"] == "A-T2"}
    assert list(lines["quick"]) == ["exhibit", "profile", "expected", "recorded", "missing", "seconds"]
    assert (lines["quick"]["expected"], lines["quick"]["recorded"], lines["quick"]["missing"]) == (75, 7, 68)
    assert (lines["cpu"]["expected"], lines["cpu"]["missing"]) == (6 * 5 * 3, 90)
    assert (lines["paper"]["expected"], lines["paper"]["missing"]) == (10 * 5 * 5, 250)
    assert 0 < lines["quick"]["seconds"] < lines["cpu"]["seconds"] < lines["paper"]["seconds"]
    assert "paper" in say("status").out


def test_verify_names_the_first_damaged_record(say: Any, checkout: Project) -> None:
    store = _some_records(checkout.results, 3)
    assert say("verify").code == 0
    assert [line["ok"] for line in say("verify --json").json] == [True] * 3
    first, _, last = store.files()
    for path in (first, last):
        path.write_text(path.read_text().replace("50.0", "51.0"))
    said = say("verify")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"{first.name} is damaged")
    assert "2 of 3" in said.err
    said = say("verify --json")
    assert said.code == 1
    assert [(Path(line["file"]).name, line["ok"]) for line in said.json] == [
        (path.name, path not in (first, last)) for path in store.files()
    ]
    assert said.json[0]["reason"].startswith(first.name)
    assert said.json[1]["reason"] is None
    said = say("status --json")
    assert (said.code, said.out) == (1, "")
    assert first.name in said.err


def test_scorecard(say: Any) -> None:
    lines = say("scorecard --json").json
    keys = "id kind exhibit row column source statistic variant paper_mean paper_std mean std n profile verdict rule"
    assert all(set(keys.split()) <= line.keys() for line in lines)
    assert len({line["id"] for line in lines}) == len(lines)
    assert {line["kind"] for line in lines} == {"number", "claim", "statement"}
    assert any(line["mean"] is None for line in lines)
    assert "A-T2" in say("scorecard").out


def test_check(say: Any) -> None:
    said = say("check A-Eq2 --json")
    assert said.code == 0
    assert said.json
    for line in said.json:
        assert {"id", "form", "measured", "expected", "error", "tolerance", "holds", "passed"} <= line.keys()
        assert line["id"] == "A-Eq2"
    assert say("check A-Eq2").code == 0


def test_a_check_that_fails_is_named(say: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    from companion import statements

    real = statements.run_checks
    monkeypatch.setattr(
        statements, "run_checks", lambda *a, **k: [dataclasses.replace(one, passed=False) for one in real(*a, **k)]
    )
    said = say("check A-Eq2 --json")
    assert said.code == 1
    assert "A-Eq2" in said.err
    assert said.json[0]["passed"] is False


def test_data_travels_in_shards(say: Any, checkout: Project, tmp_path: Path) -> None:
    said = say("data pack digits --max-mib 0.02", str(tmp_path / "shards"))
    assert said.code == 0
    files = [Path(line) for line in said.out.splitlines()]
    assert len(files) > 2
    assert all(path.is_file() for path in files)
    assert say("data unpack", str(tmp_path / "shards")).code == 0
    lines = {line["name"]: line for line in say("data list --json").json}
    assert (lines["digits"]["present"], lines["digits"]["ok"]) == (True, True)
    assert lines["mnist"]["present"] is False
    files[0].unlink()
    said = say("data unpack", str(tmp_path / "shards"))
    assert said.code == 1
    assert files[0].name in said.err


def test_fetching_what_is_embedded_reports_progress(say: Any) -> None:
    said = say("data fetch digits")
    assert (said.code, said.out) == (0, "")
    assert "verified" in said.err
    assert "already" in say("data fetch digits").err


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


def test_json_has_no_nan() -> None:
    import numpy as np

    value = {"a": [float("nan"), np.float64("inf"), np.int64(3), (True, None)], 1: Path("x")}
    assert jsonable(value) == {"a": [None, None, 3, [True, None]], "1": "x"}


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (119, "119 s"), (600, "10 min"), (9000, "2.5 h"), (864_000, "10 days")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text

"""Standard output full, unread, closed, narrow, or of any encoding: for every command, and for the front door."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from companion import experiments
from companion.cli import main
from companion.cli.app import app
from companion.cli.output import table
from companion.files import console
from companion.project import Project
from support.commands import some_records
from support.laboratory import Laboratory, tiny

COMMANDS = [str(one.name) for one in (*app.registered_commands, *app.registered_groups)]
SAYING = ["list", "list --json", "data list digits", "verify", "--help", *(f"{name} --help" for name in COMMANDS)]
TRAINING = ["A-T2", "--profile", "quick", "--seeds", "1", "--rows", "FC/SGD/digits", "--threads", "1", "--out"]


class Ended(NamedTuple):
    code: int
    err: str


def ended(
    work: Callable[[], int], stdout: int, *, encoding: str = "utf-8", buffered: bool = True, width: str | None = None
) -> Ended:
    """How a process ends that does this with another standard output, the interpreter's own last flush included."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 99
        signal.alarm(120)  # a child that hangs ends as one that failed
        try:
            os.dup2(stdout, 1)
            os.dup2(writer, 2)
            raw = io.FileIO(1, "w", closefd=False)
            sys.stdout = io.TextIOWrapper(
                io.BufferedWriter(raw) if buffered else raw,  # type: ignore[type-var]
                encoding,
                write_through=not buffered,
            )
            sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), "ascii", write_through=True)
            os.environ.pop("COLUMNS", None)
            if width is not None:
                os.environ |= {"COLUMNS": width, "FORCE_COLOR": "1"}
            code = work()
            sys.stdout.flush()
        except BaseException as error:
            os.write(2, f"Traceback: {error!r}".encode())
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        err = pipe.read()
    return Ended(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), err)


@pytest.fixture
def unread() -> int:
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.fixture
def full() -> int:
    return os.open("/dev/full", os.O_WRONLY)


@pytest.fixture
def shelf(checkout: Project, tmp_path: Path) -> None:
    some_records(checkout.results, 3)
    some_records(checkout.root / "other", 3)


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize(("line", "buffered"), [*((line, True) for line in SAYING), ("list", False), ("--help", False)])
class TestEveryCommand:
    def test_a_reader_that_has_seen_enough_is_a_success(self, unread: int, line: str, buffered: bool) -> None:
        plain = ended(lambda: main(line.split()), os.open(os.devnull, os.O_WRONLY))
        assert plain.code == 0, plain.err
        found = ended(lambda: main(line.split()), unread, buffered=buffered)
        assert found == plain

    def test_a_full_device_is_one_sentence_and_a_failure(self, full: int, line: str, buffered: bool) -> None:
        code, err = ended(lambda: main(line.split()), full, buffered=buffered)
        assert code == 2
        assert "standard output cannot be read or written (No space left on device)" in err.splitlines()
        assert "Traceback" not in err


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize(
    ("encoding", "width"),
    [("ascii", "0"), ("latin-1", "1"), ("cp437", "7"), ("utf-16", "99999999"), ("ascii", "-3"), ("ascii", "²")],
)
def test_any_encoding_and_width(tmp_path: Path, encoding: str, width: str) -> None:
    place = os.open(tmp_path / "out", os.O_WRONLY | os.O_CREAT)

    def dashes() -> int:
        table("Größe – 尺寸", ("–", "A-T2"), [[None, "\\udcff é"]])
        return main(["list"])

    code, err = ended(lambda: console.answer(dashes), place, encoding=encoding, width=width)
    assert (code, "Traceback" in err) == (0, False), err
    assert (tmp_path / "out").stat().st_size > 1000


class TestTheFrontDoor:
    def test_training_goes_on_when_the_reader_has_seen_enough(self, unread: int, tmp_path: Path) -> None:
        assert ended(lambda: experiments.main([*TRAINING, str(tmp_path)]), unread) == (0, "")
        assert len(list((tmp_path / "results").glob("*.json"))) == 5

    def test_a_full_device_is_one_sentence(self, full: int, tmp_path: Path) -> None:
        code, err = ended(lambda: experiments.main([*TRAINING, str(tmp_path)]), full)
        assert (code, err) == (2, "standard output cannot be read or written (No space left on device)\n")

    def test_so_it_is_for_its_help(self, full: int, unread: int) -> None:
        assert ended(lambda: experiments.main(["--help"]), full).code == 2
        assert ended(lambda: experiments.main(["--help"]), unread) == (0, "")

    def test_ctrl_c_is_one_sentence_and_130(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        command = [sys.executable, "-m", "companion.experiments", "A-T2", "--profile", "quick", "--out", str(tmp_path)]
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        try:
            claims = tmp_path / "workspace" / "claims"
            until = time.monotonic() + 120
            while not (claims.is_dir() and list(claims.iterdir())) and time.monotonic() < until:
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=120)
        finally:
            process.kill()
        assert (process.returncode, len(err.splitlines())) == (130, 1), err
        assert err.startswith("Stopped. Every finished run is kept")

    def test_so_it_is_in_the_midst_of_a_class_that_is_being_made(self, tmp_path: Path) -> None:
        """There the interpreter would have the last word, which is to end by the signal."""
        (tmp_path / "stopped.py").write_text(
            "import sys\n"
            "from companion.files.console import answer\n"
            "def work(): exec('raise KeyboardInterrupt')\n"
            "sys.exit(answer(work))\n"
        )
        command = [sys.executable, "-m", "stopped"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (130, "Stopped.\n")

    @pytest.mark.parametrize(
        ("error", "words"),
        [
            (OSError(24, "Too many open files", "x"), "too many files are open .*ulimit -n 4096"),
            (OSError(28, "No space left on device", "/disk/k.pt"), "^/disk/k.pt cannot be read or written .No space"),
            (OSError(13, "Permission denied", "/disk/k.pt"), "^/disk/k.pt cannot be read or written .Permission"),
            (OSError(5, "Input/output error"), "^the system refuses to go on .Input/output error"),
            (BrokenPipeError(32, "Broken pipe"), "^the system refuses to go on .Broken pipe"),
        ],
    )
    def test_what_the_system_refuses_is_one_sentence_and_2(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, words: str
    ) -> None:
        import re

        def refuse(*arguments: object, **options: object) -> None:
            raise error

        monkeypatch.setattr("companion.training.queue.run_missing", refuse)
        code, err = ended(lambda: experiments.main([*TRAINING, str(tmp_path)]), os.open(os.devnull, os.O_WRONLY))
        assert (code, len(err.splitlines())) == (2, 1)
        assert re.search(words, err)


def test_what_the_system_refuses_a_command_is_one_sentence_and_2(
    checkout: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*arguments: object) -> None:
        raise PermissionError(13, "Permission denied", "results")

    monkeypatch.setattr("companion.records.store.Store.survey_all", refuse)
    assert main(["verify"]) == 2
    assert capsys.readouterr() == ("", "results cannot be read or written (Permission denied)\n")


def test_a_command_stopped_by_ctrl_c_says_so(
    checkout: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("companion.records.store.Store.survey_all", interrupt)
    assert main(["verify"]) == console.INTERRUPTED
    assert capsys.readouterr() == ("", "Stopped.\n")


def test_what_watches_may_be_lost_and_the_work_goes_on(full: int, tmp_path: Path) -> None:
    """Progress on a full standard error."""

    def work() -> int:
        os.dup2(full, 2)
        lab = Laboratory(tmp_path)
        console.tell("a word")
        return lab.run(tiny())

    assert ended(lambda: console.answer(work), os.open(os.devnull, os.O_WRONLY)).code == 1  # one run was trained


def test_closed_streams_are_as_good_as_the_null_device(checkout: Project) -> None:
    code = "import sys; from companion.cli import main; sys.exit(main(['list']))"
    for closed in (">&-", "2>&-", ">&- 2>&-"):
        done = subprocess.run(
            ["sh", "-c", f'"$0" -c "$1" {closed}', sys.executable, code], capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("run A-T2 --store /proc/nowhere", "/proc/nowhere takes no files"),
        ("run A-T2 --output /proc/nowhere/x.ipynb", "/proc/nowhere"),
        ("book", "_build"),
        ("bench cost-model --save --tiny", "results"),
        ("keep-weights 0000000000000000 --store /proc", "/proc/weights takes no files"),
    ],
)
def test_what_cannot_be_written_is_found_out_first(
    checkout: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str, place: str
) -> None:
    def works(*arguments: object, **options: object) -> None:
        pytest.fail("it works for nothing")

    for work in ("training.queue.train", "site.run.execute_chapter", "site.build.build", "costs.bench.measure"):
        monkeypatch.setattr(f"companion.{work}", works)
    monkeypatch.setattr("companion.costs.bench.load", lambda root: {"cost-model": None})
    (checkout.root / "_build").mkdir(exist_ok=True)
    if place == "_build":
        (checkout.root / "_build").rmdir()
        (checkout.root / "_build").write_text("")
    (checkout.root / "benchmarks").mkdir()
    (checkout.root / "benchmarks" / "results").write_text("")
    assert main(line.split()) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert place in said.err.splitlines()[-1]
    assert "Traceback" not in said.err

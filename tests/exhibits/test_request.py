"""One mechanism checks what is asked for: chapters, `companion run` and the front door give the same sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from companion import experiments, project
from companion.chapters import open_chapter
from companion.exhibits import EXHIBITS
from companion.exhibits.request import request
from companion.files.quoting import brief
from companion.project import Project, holder
from companion.runs.fields import SpecError
from companion.site.run import plan
from support.projects import make_project, tree

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"train": "false"}, "train must be true or false .*, not 'false'"),
    ({"train": 0}, "train must be true or false .*, not 0"),
    ({"train": None}, "train must be true or false"),
    ({"device": "gpu"}, "unknown device 'gpu': valid on this machine are auto, cpu"),
    ({"device": None}, "device must be a word"),
    ({"device": ["cpu"]}, "device must be a word"),
    ({"profile": "fast"}, "unknown profile 'fast' for .*: valid are"),
    ({"profile": None}, "profile must be a word: valid are"),
    ({"profile": ["quick"]}, "profile must be a word: valid are"),
    ({"seeds": "2"}, "seeds must be a whole number of at least 1 and at most 1000, not '2'"),
    ({"seeds": True}, "seeds must be a whole number"),
    ({"seeds": 100_000_000}, "seeds must be a whole number of at least 1 and at most 1000"),
    ({"seeds": 10**5000}, "seeds must be a whole number of at least 1 and at most 1000"),
    ({"rows": "nowhere"}, "rows must be a list of some of"),
    ({"rows": []}, "rows must be a list of some of"),
    ({"rows": [["nowhere"]]}, "rows must be a list of some of"),
    ({"rows": ["x" * 10_000]}, "rows must be a list of some of"),
    ({"overrides": "epochs"}, "overrides must map"),
    ({"overrides": 0}, "overrides must map"),
    ({"overrides": []}, "overrides must map"),
    ({"overrides": {"regime": "DL"}}, "overrides must map"),
    ({"overrides": {3: 4}}, "unknown parameter 3"),
    ({"overrides": {"self": 4}}, "unknown parameter 'self'"),
    ({"overrides": {"colour": "red"}}, "unknown parameter 'colour'"),
    ({"overrides": {"epochs": "x" * 10_000}}, "epochs must be a whole number"),
]


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project that a notebook is executed in; its results are the store."""
    for name in (project.ROOT, project.STORE, project.DOWNLOADS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(project.CACHE, str(tmp_path / "cache"))
    made = make_project(tmp_path / "book")
    monkeypatch.chdir(made.notebooks)
    return made


@pytest.mark.parametrize(("given", "words"), WRONG, ids=brief)
def test_every_chapter_refuses_a_bad_parameter_in_one_sentence_and_writes_nothing(
    book: Project, given: dict[str, Any], words: str
) -> None:
    before = tree(book.root)
    for name, exhibit in EXHIBITS.items():
        with pytest.raises(SpecError, match=words) as chapter:
            open_chapter(name, **{"profile": next(iter(exhibit.profiles)), **given})
        assert "\n" not in str(chapter.value)
        assert len(str(chapter.value)) < 2000
    assert tree(book.root) == before


@pytest.mark.parametrize("given", [given for given, _ in WRONG], ids=brief)
def test_the_command_line_gives_the_very_sentence_of_the_chapter(book: Project, given: dict[str, Any]) -> None:
    asked = {"profile": "quick", **given}
    with pytest.raises(SpecError) as chapter:
        open_chapter("A-T2", **asked)
    with pytest.raises(SpecError) as command:
        plan(book, "A-T2", asked)
    assert str(command.value) == str(chapter.value)


@pytest.mark.parametrize("given", [{"device": "gpu"}, {"seeds": 100_000_000}, {"rows": ["nowhere"]}])
def test_the_front_door_gives_it_too(
    book: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str], given: dict[str, Any]
) -> None:
    with pytest.raises(SpecError) as chapter:
        open_chapter("A-T2", profile="quick", **given)
    words = [w for name, value in given.items() for w in (f"--{name}", *(value if name == "rows" else [str(value)]))]
    with pytest.raises(SystemExit) as stopped:
        experiments.main(["A-T2", "--profile", "quick", "--out", str(tmp_path / "out"), *words])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.strip().endswith(str(chapter.value))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("changed", [{"seeds": 1}, {"overrides": {"epochs": 1}}])
@pytest.mark.parametrize("inside", ["results", "elsewhere/below"])
def test_only_the_exhibits_own_runs_are_trained_into_a_work_tree(
    book: Project, monkeypatch: pytest.MonkeyPatch, inside: str, changed: dict[str, Any]
) -> None:
    """However it is asked for: with a project around us or not, by a chapter or by the front door."""
    monkeypatch.setenv(project.STORE, str(book.root / inside))
    monkeypatch.chdir("/")
    before = tree(book.root)
    with pytest.raises(SpecError, match=r"outside the work tree with --store DIR, or in a notebook with .*_STORE"):
        open_chapter("A-T2", profile="quick", train=True, **changed)
    if "seeds" in changed:
        with pytest.raises(SystemExit) as stopped:
            experiments.main(["A-T2", "--profile", "quick", "--store", str(book.root / inside), "--seeds", "1"])
        assert stopped.value.code == 2
    assert tree(book.root) == before
    assert not open_chapter("A-T2", profile="quick", **changed).own  # to look at them writes nothing


def test_what_is_its_own_and_what_is_changed() -> None:
    table = EXHIBITS["A-T2"]
    plain = request("A-T2", profile="quick", device="cpu", seeds=table.seeds["quick"], overrides={})
    assert (plain.own, plain.changed, plain.train, plain.device) == (True, {}, False, "cpu")
    some = request("A-T2", profile="quick", rows=("FC/SGD/digits",))
    assert (some.own, some.changed) == (True, {"rows": ["FC/SGD/digits"]})
    other = request("A-T2", profile="quick", seeds=1, rows=["FC/SGD/digits"], overrides={"epochs": 2})
    assert (other.own, other.others) == (False, ["seeds", "overrides"])
    assert {cell.spec.epochs for cell in other.cells} == {2}


def test_a_work_tree_is_known_from_its_folders_and_what_is_generated_is_outside(book: Project, tmp_path: Path) -> None:
    assert holder(book.results / "not" / "there") == book
    (tmp_path / "link").symlink_to(book.results)
    assert holder(tmp_path / "link") == book
    assert holder(book.build / "store") is None
    assert holder(tmp_path / "store") is None

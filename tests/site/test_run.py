from __future__ import annotations

from pathlib import Path

import pytest

from companion import project
from companion.data import DataError
from companion.exhibits.parameters import chapter_parameters
from companion.project import Project
from companion.records.store import RecordError, Store
from companion.runs.fields import SpecError
from companion.site import notebooks
from companion.site.notebooks import NotebookError
from companion.site.run import Meter, Plan, execute_chapter, plan, train_missing
from companion.training.loop import Progress
from support.projects import make_project, tree

FEW = {"profile": "quick", "rows": ["FC/SGD/digits"], "epochs": 1, "seeds": 1}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv(project.CACHE, str(tmp_path / "cache"))
    monkeypatch.delenv(project.ROOT, raising=False)
    monkeypatch.delenv(project.STORE, raising=False)
    return make_project(tmp_path / "book")


@pytest.fixture
def few(checkout: Project, tmp_path: Path) -> Plan:
    return plan(checkout, "A-T2", FEW, store=tmp_path / "store")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"learning": 1}, "unknown parameter 'learning' of A-T2: valid are profile, .*learning_rate"),
        ({"regime": "DL"}, "unknown parameter 'regime'"),
        ({"profile": "fast"}, "valid are quick, cpu, paper"),
        ({"profile": 3}, "profile must be a word"),
        ({"device": "tpu"}, "valid on this machine are auto, cpu"),
        ({"train": "yes"}, "train must be true or false"),
        ({"seeds": 0}, "seeds must be a whole number of at least 1"),
        ({"seeds": 2.5}, "seeds must be a whole number of at least 1"),
        ({"rows": ["FC"]}, "FC/SGD/digits"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"overrides": 3}, "overrides must map"),
        ({"overrides": {"seed": 1}}, "overrides must map"),
        ({"seeds": 3}, "seeds of A-T2 differs .* --store DIR"),
        ({"epochs": 2, "seeds": 2}, "seeds, overrides of A-T2 differ .* --store DIR"),
    ],
)
def test_a_bad_request_is_one_sentence_and_changes_nothing(
    checkout: Project, given: dict[str, object], words: str
) -> None:
    before = tree(checkout.root)
    with pytest.raises(SpecError, match=words) as error:
        plan(checkout, "A-T2", {"profile": "quick", **given})
    assert "\n" not in str(error.value)
    assert tree(checkout.root) == before
    assert not checkout.build.exists()


def test_unknown_exhibit_and_backend(checkout: Project, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="unknown exhibit 'Z': valid are A-T2"):
        plan(checkout, "Z", {})
    with pytest.raises(SpecError, match="unknown backend 'fast': valid are auto"):
        plan(checkout, "A-T2", FEW, store=tmp_path / "store", backend="fast")


def test_only_the_exhibits_own_runs_belong_into_the_results(checkout: Project, tmp_path: Path) -> None:
    own = plan(checkout, "A-T2", {"profile": "quick"})
    assert own.store == checkout.results
    assert len(own.specs) == len(own.missing) == 3 * 5 * 5
    assert plan(checkout, "A-T2", {"profile": "quick", "rows": ["FC/SGD/digits"]}).store == checkout.results
    for inside in (checkout.results, checkout.root / "mine"):
        with pytest.raises(SpecError, match="outside the work tree"):
            plan(checkout, "A-T2", FEW, store=inside)
    changed = plan(checkout, "A-T2", FEW, store=tmp_path / "store")
    assert {spec.epochs for spec in changed.specs} == {1}
    assert changed.values["overrides"] == {"epochs": 1}


@pytest.mark.parametrize(("profile", "seeds"), [("quick", 5), ("cpu", 3), ("paper", 5)])
def test_the_profiles_own_number_of_seeds_in_so_many_words_is_no_change(
    checkout: Project, profile: str, seeds: int
) -> None:
    told = plan(checkout, "A-T2", {"profile": profile, "seeds": seeds, "train": False})
    assert told.specs == plan(checkout, "A-T2", {"profile": profile, "train": False}).specs
    assert told.store == checkout.results


def test_the_output_must_be_a_notebook_elsewhere(checkout: Project) -> None:
    assert plan(checkout, "A-T2", {"profile": "quick"}).output == checkout.build / "runs" / "A-T2-quick.ipynb"
    for wrong in (checkout.root / "x.txt", checkout.notebooks / "x.ipynb"):
        with pytest.raises(SpecError, match="--output must be an"):
            plan(checkout, "A-T2", {"profile": "quick"}, output=wrong)


def test_a_set_that_is_not_here_is_named_before_training(
    checkout: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path / "empty"))
    with pytest.raises(DataError, match="run: companion data fetch cifar10"):
        plan(checkout, "A-T2", {"profile": "cpu"})
    assert plan(checkout, "A-T2", {"profile": "cpu", "train": False}).missing  # to show needs no data


def test_a_damaged_record_stops_the_run(checkout: Project) -> None:
    made = plan(checkout, "A-T2", {"profile": "quick"})
    path = Store(checkout.results).path(made.specs[0].key)
    path.write_text("{}")
    with pytest.raises(RecordError, match=path.name):
        plan(checkout, "A-T2", {"profile": "quick"})


def test_what_is_missing_is_trained_once_and_the_chapter_shows_it(checkout: Project, few: Plan) -> None:
    before = tree(checkout.root)
    meter, recorded = Meter(few.missing), []
    assert train_missing(few, on_progress=meter, on_record=recorded.append) == len(few.specs) == 5
    assert meter.done == meter.total > 0
    assert [record.key for record in recorded] == [record.key for record in recorded if record.spec in Store(few.store)]
    assert few.missing == ()
    assert train_missing(few) == 0
    path = execute_chapter(checkout, few)
    said = [o.text for cell in notebooks.read(path).cells for o in cell.get("outputs", [])]
    assert said == ["quick True 1 ['FC/SGD/digits'] {'epochs': 1} 5\n"]
    assert tree(checkout.root) == before


def test_a_chapter_that_fails_leaves_no_notebook(checkout: Project, tmp_path: Path) -> None:
    unlucky = plan(checkout, "A-T2", {"profile": "quick", "seeds": 13, "train": False}, store=tmp_path / "store")
    with pytest.raises(NotebookError, match=r"a_t2_accuracy\.ipynb failed in cell 3: AssertionError: unlucky"):
        execute_chapter(checkout, unlucky)
    assert not list(unlucky.output.parent.glob("*.ipynb"))


def test_the_meter_counts_teachers_that_must_be_repeated(few: Plan) -> None:
    student = next(spec for spec in few.specs if spec.teacher is not None)
    meter = Meter((student,))
    before = meter.total
    meter(Progress(student.teacher, 1, "stacked", 0.1))
    assert meter.total > before
    assert 0 < meter.done < meter.total


def test_parameters_of_a_chapter() -> None:
    assert list(chapter_parameters("A-T2"))[:3] == ["profile", "device", "train"]
    with pytest.raises(SpecError, match="valid are A-T2"):
        chapter_parameters("A-T9")

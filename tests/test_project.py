from __future__ import annotations

from pathlib import Path

import pytest

from companion import project
from companion.project import ProjectError
from support.projects import make_project


@pytest.fixture(autouse=True)
def _no_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (project.ROOT, project.STORE, project.DOWNLOADS, project.CACHE):
        monkeypatch.delenv(name, raising=False)


def test_a_project_is_found_from_any_folder_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_project(tmp_path / "book")
    deep = made.root / "a" / "b"
    deep.mkdir(parents=True)
    for folder in (made.root, made.notebooks, deep):
        monkeypatch.chdir(folder)
        assert project.find() == made
    assert project.find(deep) == made


def test_where_there_is_no_project_the_message_says_how_to_name_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProjectError, match="set COMPANION_ROOT"):
        project.find()
    monkeypatch.setenv(project.ROOT, str(tmp_path))
    with pytest.raises(ProjectError, match="lacks _config"):
        project.find()


def test_the_environment_names_the_project_its_records_and_its_downloads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_project(tmp_path / "book")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(project.ROOT, str(made.root))
    assert project.store_folder() == made.results
    assert project.downloads_folder() == made.build / "downloads"
    monkeypatch.setenv(project.STORE, str(tmp_path / "elsewhere"))
    monkeypatch.setenv(project.DOWNLOADS, str(tmp_path / "downloads"))
    assert project.store_folder() == tmp_path / "elsewhere"
    assert project.downloads_folder() == tmp_path / "downloads"


def test_each_store_has_a_workspace_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(project.CACHE, str(tmp_path / "cache"))
    one, other = (
        project.workspace_folder(tmp_path / "a" / "results"),
        project.workspace_folder(tmp_path / "b" / "results"),
    )
    assert one != other
    assert one.is_relative_to(tmp_path / "cache")
    assert one == project.workspace_folder(str(tmp_path / "a" / ".." / "a" / "results"))


def test_what_is_generated_is_no_part_of_the_work_tree(tmp_path: Path) -> None:
    made = make_project(tmp_path / "book")
    assert made.holds(made.results)
    assert made.holds(made.root / "new")
    assert not made.holds(made.build / "store")
    assert not made.holds(tmp_path / "elsewhere")
    (tmp_path / "link").symlink_to(made.results)
    assert made.holds(tmp_path / "link")

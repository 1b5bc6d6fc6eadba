"""What the site says of itself: how to cite it, what has changed, of which revision it is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

import companion
from companion.files.revision import Revision
from companion.project import Project
from companion.site import about
from companion.site.staging import inputs_digest
from support.projects import make_project

ROOT = Path(__file__).parents[2]
REVISION = Revision("0123456789abcdef", "2026-01-31", changed=False)
FACTS = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
LIBRARY = (ROOT / "book" / "references.bib").read_text(encoding="utf-8")


def test_the_citation_file_tells_the_version_of_the_package() -> None:
    assert FACTS["version"] == companion.__version__


def test_the_book_is_cited_as_its_file_says() -> None:
    assert about.bibtex(FACTS, REVISION).splitlines() == [
        "@software{companion,",
        f"  author  = {{{{{FACTS['authors'][0]['name']}}}}},",
        f"  title   = {{{{{FACTS['title']}}}}},",
        f"  version = {{{companion.__version__}}},",
        "  year    = {2026},",
        "  note    = {Revision 0123456789ab},",
        "}",
    ]


def test_a_day_of_release_and_an_address_are_taken_where_the_file_has_them() -> None:
    author = {"family-names": "Roe", "given-names": "Jane"}
    facts = {**FACTS, "authors": [author], "date-released": "2027-05-01", "repository-code": "https://example.org/x"}
    made = about.bibtex(facts)
    assert "author  = {Roe, Jane}," in made
    assert "year    = {2027}," in made
    assert "url     = {https://example.org/x}," in made
    assert "note" not in made
    assert "year" not in about.bibtex(FACTS)


def test_the_papers_are_cited_as_in_the_bibliography_without_our_names_for_them() -> None:
    found = about.entries(LIBRARY)
    assert list(found) == ["A", "B", "C"]
    assert found["A"] in LIBRARY
    assert found["A"].startswith("@inproceedings{lakshminarayanan2020neural,\n")
    for paper in "BC":
        assert "author = {Anonymous}," in found[paper]
        assert "Paper" not in found[paper].replace("Paper under", "")
        assert found[paper].count("{") == found[paper].count("}")
    with pytest.raises(ValueError, match="no entry lakshminarayanan2020neural"):
        about.entries("@misc{other,\n}\n")


def test_the_foot_names_the_revision_or_says_that_there_is_none() -> None:
    said = about.footer(REVISION, "MIT")
    assert f"Version {companion.__version__}." in said
    assert "<code>0123456789ab</code> of 2026-01-31." in said
    assert said.endswith("Licence: MIT.")
    changed = about.footer(Revision("0123456789abcdef", "2026-01-31", changed=True))
    assert "2026-01-31, with changes that are not committed." in changed
    assert "Licence" not in changed
    assert "no known revision" in about.footer(None)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    return make_project(tmp_path / "book")


def test_pages_come_from_the_files_that_are_there(project: Project) -> None:
    made = about.pages(project)
    assert list(made) == ["footer.html"]
    assert "no known revision" in made["footer.html"]
    for name in ("CITATION.cff", "CHANGELOG.md", "book/references.bib"):
        shutil.copy(ROOT / name, project.root / name)
    made = about.pages(project)
    assert made.keys() == {"footer.html", "cite-book.md", "cite-papers.md", "changelog.md"}
    assert made["changelog.md"].startswith((ROOT / "CHANGELOG.md").read_text(encoding="utf-8").rstrip())
    assert about.bibtex(FACTS) in made["cite-book.md"]
    assert made["cite-papers.md"].count("```bibtex\n@") == 3
    assert made["footer.html"].endswith("Licence: MIT.")


@pytest.mark.parametrize("name", ["CITATION.cff", "CHANGELOG.md"])
def test_a_site_is_built_anew_when_one_of_them_changes(project: Project, name: str) -> None:
    before = inputs_digest(project)
    (project.root / name).write_text("title: x\n")
    assert inputs_digest(project) != before


def test_a_site_is_built_anew_at_another_revision(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    before = inputs_digest(project)
    monkeypatch.setattr("companion.site.staging.revision_of", lambda made: REVISION)
    assert inputs_digest(project) != before

"""What the site says of itself: how to cite it, what has changed, and of which revision it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from companion import __version__
from companion.files.revision import Revision, revision
from companion.project import Project

__all__ = ["bibtex", "changes", "entries", "footer", "pages", "revision_of"]

PAPERS = {
    "A": "lakshminarayanan2020neural",
    "B": "anonymous2021composite",
    "C": "anonymous2021duality",
}
"""Keys of the three papers in the bibliography."""


def pages(project: Project) -> dict[str, str]:
    """File name to text of what is made from ``CITATION.cff``, ``CHANGELOG.md``, the bibliography and the repository.

    What has no source in the project has no page.
    """
    citation, log, library = (project.root / name for name in ("CITATION.cff", "CHANGELOG.md", "book/references.bib"))
    found = revision_of(project)
    facts = _facts(citation) if citation.is_file() else {}
    made = {"footer.html": footer(found, facts.get("license"))}
    if facts:
        made["cite-book.md"] = _shown({"": bibtex(facts, found)})
    if library.is_file():
        made["cite-papers.md"] = _shown(entries(library.read_text(encoding="utf-8")))
    if log.is_file():
        made["changelog.md"] = changes(log.read_text(encoding="utf-8"))
    return made


def revision_of(project: Project) -> Revision | None:
    """The revision of the sources and records of a project; ``None`` outside a repository of its own."""
    return revision(project.root, "_config.yml")


def footer(found: Revision | None, licence: str | None = None) -> str:
    """The line at the foot of every page: version, revision and its day, licence.

    Args:
        found: the revision of sources and records.
        licence: its name.
    """
    if found is None:
        told = "Sources and records of no known revision: built outside a repository of the project."
    else:
        changes = ", with changes that are not committed" if found.changed else ""
        told = f"Sources and records: revision <code>{found.commit[:12]}</code> of {found.date}{changes}."
    words = [f"Version {escape(__version__)}.", told, f"Licence: {escape(licence)}." if licence else ""]
    return " ".join(filter(None, words))


def bibtex(facts: Mapping[str, Any], found: Revision | None = None) -> str:
    """A BibTeX entry for the book.

    Args:
        facts: the content of ``CITATION.cff``.
        found: the revision; its day gives the year where the file has no ``date-released``.
    """
    names = " and ".join(_author(author) for author in facts["authors"])
    day = str(facts.get("date-released") or (found.date if found else ""))
    fields = {
        "author": names,
        "title": f"{{{facts['title']}}}",
        "version": facts["version"],
        "year": day[:4],
        "note": f"Revision {found.commit[:12]}" if found else "",
        "url": facts.get("repository-code") or facts.get("url") or "",
    }
    lines = [f"  {name:<7} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join(["@software{companion,", *lines, "}"])


def entries(bibliography: str) -> dict[str, str]:
    """The BibTeX entries of the three papers, by the paper's letter, as they stand in a bibliography.

    An author that is a paper's name in this book, as the text names none, becomes *Anonymous*.

    Raises:
        ValueError: the bibliography lacks one.
    """
    found = {}
    for paper, key in PAPERS.items():
        entry = re.search(rf"^@\w+\{{{key},\n.*?^\}}", bibliography, re.MULTILINE | re.DOTALL)
        if entry is None:
            raise ValueError(f"the bibliography has no entry {key}")
        found[paper] = entry[0].replace(f"{{{{Paper {paper}}}}}", "{Anonymous}")
    return found


def changes(log: str) -> str:
    """The changelog as a page: its text as it is, and its place."""
    return f"{log.rstrip()}\n\nThis page is the file `CHANGELOG.md` of the repository.\n"


def _facts(path: Path) -> dict[str, Any]:
    import yaml

    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _author(one: Mapping[str, str]) -> str:
    """``Family, Given``; a name that is no person's in braces, so that BibTeX leaves it whole."""
    return f"{{{one['name']}}}" if "name" in one else f"{one['family-names']}, {one['given-names']}"


def _shown(by_paper: Mapping[str, str]) -> str:
    """Code blocks, each under the name of its paper where there is one."""
    titles = {name: f"**Paper {name}**\n\n" if name else "" for name in by_paper}
    return "\n\n".join(f"{titles[name]}```bibtex\n{entry}\n```" for name, entry in by_paper.items()) + "\n"

"""What the book's extensions add to pages, on a small site: glossary, foot, times, site map, launch buttons."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

BOOK = Path(__file__).parents[2] / "book"
CONFIG = f"""
import sys
sys.path.insert(0, {str(BOOK / "_ext")!r})
extensions = ["myst_nb", "sphinx_book_theme", "about_site", "chapter_times", "colab", "glossary_links"]
html_theme = "sphinx_book_theme"
html_extra_path = [{str(BOOK / "_extra")!r}]
nb_execution_mode = "off"
html_baseurl = BASE
html_theme_options = {{
    "repository_url": REPOSITORY, "repository_branch": "main",
    "launch_buttons": {{"binderhub_url": "https://mybinder.org", "colab_url": "https://colab.research.google.com"}},
}}
"""
GLOSSARY = """# Words

```{glossary}
gate
  What *passes* a number on.

  More of it.

hard gate
  A gate of 0 or 1.

take
  A number.

NPK
  A kernel.
```
"""
PAGE = """# A gate in a title

Not `gate`, not [gate](glossary.md), not gateway; but gates, a hard gate and the NPK. An npk takes nothing, and a take
of gates and a second hard gate neither.

| gate |
|---|
| hard gate |
"""
NOTEBOOK: dict[str, Any] = {
    "cells": [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# A chapter\n\n## First\n\nHard gates.\n\n"},
        {"cell_type": "markdown", "id": "b", "metadata": {}, "source": "## Re-run it\n\nLike this."},
    ],
    "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}


def build(root: Path, base: str, repository: str) -> Path:
    """The site of a small book."""
    source = root / "source"
    (source / "book" / "generated").mkdir(parents=True)
    (source / "notebooks").mkdir()
    text = CONFIG.replace("BASE", repr(base)).replace("REPOSITORY", repr(repository))
    (source / "conf.py").write_text(text)
    (source / "index.md").write_text(
        "# Contents\n\n```{toctree}\nbook/page\nbook/glossary\nbook/cite\nnotebooks/chapter\nnotebooks/other\n```\n"
    )
    (source / "book" / "page.md").write_text(PAGE)
    (source / "book" / "cite.md").write_text("# How to cite\n\nAs you like.\n")
    (source / "book" / "glossary.md").write_text(GLOSSARY)
    (source / "book" / "generated" / "footer.html").write_text("Version <b>1</b>.")
    (source / "book" / "generated" / "times.json").write_text(
        json.dumps({"chapter": "It takes about a minute in `quick`, *How* says."})
    )
    for name in ("chapter", "other"):
        (source / "notebooks" / f"{name}.ipynb").write_text(json.dumps(NOTEBOOK))
    site = root / "site"
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-d", str(root / "trees"), str(source), str(site)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return site


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where neither the site's address nor the repository's is known."""
    return build(tmp_path_factory.mktemp("plain"), "", "")


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where both are known."""
    return build(tmp_path_factory.mktemp("known"), "https://example.org/", "https://github.com/someone/gates")


def links(page: Path) -> dict[str, tuple[str, str]]:
    """Words of a page's links to the glossary to their addresses and titles."""
    found = re.findall(r'<a class="glossary-link[^"]*" href="([^"]+)" title="([^"]+)"><span>([^<]+)', page.read_text())
    return {words: (address, title) for address, title, words in found}


def test_first_mentions_lead_to_the_glossary_and_tell_their_meaning(plain: Path) -> None:
    assert links(plain / "book" / "page.html") == {
        "gates": ("glossary.html#term-gate", "What passes a number on."),
        "hard gate": ("glossary.html#term-hard-gate", "A gate of 0 or 1."),
        "NPK": ("glossary.html#term-NPK", "A kernel."),
    }
    assert (plain / "book" / "page.html").read_text().count("glossary-link") == 3
    assert links(plain / "notebooks" / "chapter.html") == {
        "Hard gates": ("../book/glossary.html#term-hard-gate", "A gate of 0 or 1."),
    }
    assert links(plain / "book" / "glossary.html") == {}
    anchors = re.findall(r'id="(term-[\w-]+)"', (plain / "book" / "glossary.html").read_text())
    assert {"term-gate", "term-hard-gate", "term-NPK"} <= set(anchors)


def test_the_foot_of_every_page_has_links_that_hold_from_there(plain: Path) -> None:
    for page, address in (
        ("index", "book/cite.html"),
        ("book/page", "cite.html"),
        ("notebooks/other", "../book/cite.html"),
    ):
        text = (plain / f"{page}.html").read_text()
        assert f'Version <b>1</b>. · <a href="{address}">How to cite</a>' in text
        assert "What has changed" not in text  # this book has no changelog


def test_a_chapter_tells_its_time_where_it_tells_how_to_re_run_it(plain: Path) -> None:
    text = (plain / "notebooks" / "chapter.html").read_text()
    said = re.search(r"<p>It takes about a minute in <code[^>]*>.*quick.*</code>, <em>How</em> says.</p>", text)
    assert said is not None
    assert text.index("Re-run it") < said.start() < text.index("Like this.")
    assert "about a minute" not in (plain / "notebooks" / "other.html").read_text()


def test_without_addresses_there_is_no_site_map_and_nothing_to_launch(plain: Path) -> None:
    assert not (plain / "sitemap.xml").exists()
    assert not (plain / "robots.txt").exists()
    assert 'data-base=""' in (plain / "404.html").read_text()
    text = (plain / "notebooks" / "chapter.html").read_text()
    assert "mybinder" not in text
    assert "colab" not in text


def test_with_an_address_every_page_is_on_the_site_map(known: Path) -> None:
    places = [one.text for one in ElementTree.parse(known / "sitemap.xml").iter() if one.tag.endswith("}loc")]
    pages = ["book/cite", "book/glossary", "book/page", "index", "notebooks/chapter", "notebooks/other"]
    assert places == [f"https://example.org/{name}.html" for name in pages]
    assert all((known / f"{name}.html").is_file() for name in pages)
    assert (known / "robots.txt").read_text().endswith("Sitemap: https://example.org/sitemap.xml\n")


def test_with_an_address_the_page_for_what_is_not_found_has_it(known: Path) -> None:
    text = (known / "404.html").read_text()
    assert 'data-base="https://example.org/"' in text
    assert text.count('href="https://example.org/" data-to=') == 3


def test_with_a_repository_a_chapter_can_be_launched(known: Path) -> None:
    text = (known / "notebooks" / "chapter.html").read_text()
    assert "https://mybinder.org/v2/gh/someone/gates/main?urlpath=" in text
    assert "https://colab.research.google.com/github/someone/gates/blob/main/notebooks/chapter.ipynb" in text
    assert "mybinder" not in (known / "book" / "page.html").read_text()


def test_a_chapter_that_can_be_launched_has_the_first_cell_for_colab(known: Path) -> None:
    text = re.sub("<[^>]+>", "", (known / "notebooks" / "chapter.html").read_text())
    clone = "!git clone --depth 1 --branch main https://github.com/someone/gates checkout"
    assert f"{clone}\n%pip install --quiet ./checkout\n%cd checkout/notebooks" in text
    assert text.index("Like this.") < text.index(clone)
    assert "has not been tried" in text
    assert "git clone" not in (known / "book" / "page.html").read_text()

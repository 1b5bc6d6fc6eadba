"""What the book's own extensions do to a build."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def extensions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "book" / "_ext"))


def begin(folder: Path, pages: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Begin a plain build in a folder; the generated pages are given."""
    import generated

    monkeypatch.setattr(generated, "generated_pages", lambda project: pages)
    app: Any = SimpleNamespace(srcdir=str(folder))
    generated.write_pages(app, app)
    return folder / "book" / "generated"


def test_a_plain_build_writes_pages_and_leaves_those_alone_that_have_not_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "results").mkdir()
    folder = begin(tmp_path, {"one.md": "1", "two.md": "ä"}, monkeypatch)
    assert {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()} == {"one.md": "1", "two.md": "ä"}
    for path in folder.iterdir():
        os.utime(path, (1, 1))
    begin(tmp_path, {"one.md": "1", "two.md": "2"}, monkeypatch)
    assert (folder / "one.md").stat().st_mtime == 1
    assert (folder / "two.md").stat().st_mtime > 1
    assert (folder / "two.md").read_text() == "2"


def test_a_staged_build_which_has_no_records_writes_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not begin(tmp_path, {"one.md": "1"}, monkeypatch).exists()


def test_what_folds_out_in_the_sidebar_has_a_name() -> None:
    from barriers import name_folds
    from bs4 import BeautifulSoup

    tree = '<ul><li><a href="#">API</a><details><summary><i></i></summary><ul><li>x</li></ul></details></li></ul>'
    context: dict[str, Any] = {"generate_toctree_html": lambda kind: BeautifulSoup(tree, "html.parser")}
    app: Any = SimpleNamespace()
    name_folds(app, "page", "page.html", context, None)
    assert '<summary aria-label="Pages below API">' in str(context["generate_toctree_html"]("sidebar"))
    nothing: dict[str, Any] = {"generate_toctree_html": lambda: ""}
    name_folds(app, "page", "page.html", nothing, None)
    assert nothing["generate_toctree_html"]() == ""


class TestBarriers:
    SIGNATURE = (
        '<dl class="py"><dt>f<span class="sig-paren">(</span>\n\n<dl>\n<dd><em>a</em>,</dd>\n'
        '<dd><em>b</em>,</dd>\n</dl>\n\n<span class="sig-paren">)</span></dt><dd>{}</dd></dl>'
    )

    def test_the_lines_of_a_signature_are_no_list_without_terms(self) -> None:
        from barriers import mended

        other = "<dl>\n<dt>term</dt>\n<dd>words</dd>\n</dl>"
        made = mended(self.SIGNATURE.format(other) * 2)
        assert made.count('<span class="sig-line"><em>') == 4
        assert made.count(other) == 2
        assert made.count("<dl>") == made.count("</dl>") - 2 == 2
        assert mended(made) == made

    def test_entries_of_a_bibliography_are_items_of_its_list(self) -> None:
        from barriers import mended

        entry = '<div role="list"><div class="citation" id="id1" role="doc-biblioentry">A</div></div>'
        assert mended(entry) == entry.replace("doc-biblioentry", "listitem")


def test_the_examples_of_the_extensions_are_true() -> None:
    import doctest

    import barriers

    assert doctest.testmod(barriers).attempted
    assert not doctest.testmod(barriers).failed


def test_powers_of_ten_are_powers_in_cells_and_names_stay() -> None:
    from powers import as_powers, mend

    cells = "<td>{}</td><td><span>{}</span></td>"
    power = '<span class="power">{}10<sup>{}</sup></span>'
    for written, shown in (
        ("1e-05", power.format("", "−5")),
        ("-1.20e+03 → 4e2", f"{power.format('−1.20·', '3')} → {power.format('4·', '2')}"),
        ("results/4e41bf119", "results/4e41bf119"),
        ("0e31774469407335.json", "0e31774469407335.json"),
        ("FR-II (step 3e-4)", "FR-II (step 3e-4)"),
        ("<pre>1e-5</pre>", "<pre>1e-5</pre>"),
        ("<math><mn>1e-5</mn></math>", "<math><mn>1e-5</mn></math>"),
        ("one 2e", "one 2e"),
    ):
        assert as_powers(cells.format(written, written)) == cells.format(shown, shown)
    assert as_powers("<td>a</td>1e-5<table><tr><th>1e-5</th></tr></table>") == (
        f"<td>a</td>1e-5<table><tr><th>{power.format('', '−5')}</th></tr></table>"
    )
    app: Any = SimpleNamespace()
    for page, mended in (("book/generated/scorecard", False), ("book/generated/statements", True)):
        context = {"body": "<td>1e-5</td>"}
        mend(app, page, "page.html", context, None)
        assert ("<sup>" in context["body"]) is mended

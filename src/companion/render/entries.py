"""The scorecard's entries as one HTML table: a line each, its rule on demand, and controls for a small script.

Without scripts it is a plain table of all entries.  ``book/_static/scorecard/table.js`` sorts and filters it by what
the lines carry as data attributes, and folds what is pending or does not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from types import MappingProxyType
from typing import Any

from companion.render.markdown import anchor
from companion.render.tables import MARKS, css_class, plus_minus

__all__ = ["FOLDS", "Line", "command", "entries_table"]

Line = Mapping[str, Any]
"""One entry of the scorecard, as :meth:`companion.verdicts.scorecard.Entry.to_dict` gives it."""

FOLDS = {"pending": "pending", "uncounted": "variants, cited numbers and sentences of ours, which are not counted"}
"""What the script folds until it is asked for, and the words of the box that asks."""
COLUMNS = ("entry", "exhibit", "kind", "printed", "measured", "n", "verdict", "records")
STATIC = "../../_static/scorecard"
STATEMENTS = "statements.html"
WORDS = {str(word): mark for word, mark in MARKS.items()}
PAPERS = {"A": "Paper A", "B": "Paper B", "C": "Paper C"}


def entries_table(
    lines: Sequence[Line], places: Mapping[str, str], chapters: Mapping[str, str] = MappingProxyType({})
) -> str:
    """All entries with their controls, style and script, as one block of HTML for a page in ``book/generated``.

    Args:
        lines: the entries.
        places: exhibit to the document of its chapter, relative to the page, without an ending.
        chapters: statement to the document of the chapter that shows its check, in the same way.
    """
    head = "".join(f'<th scope="col" data-column="{name}">{name}</th>' for name in COLUMNS)
    body = "\n".join(_line(line, places, chapters) for line in lines)
    return "\n".join(
        [
            f'<link rel="stylesheet" href="{STATIC}/table.css">',
            '<section id="entries" aria-label="All entries">',
            *_controls(lines),
            f'<table class="table scorecard"><thead><tr>{head}</tr></thead><tbody>',
            body,
            "</tbody></table>",
            "</section>",
            f'<script src="{STATIC}/table.js"></script>',
        ]
    )


def command(line: Line, places: Mapping[str, str]) -> str | None:
    """What a reader types to decide an entry again; ``None`` where no code decides it.

    Args:
        line: the entry.
        places: exhibit to the document of its chapter; one without a chapter has no runs.
    """
    if line["word"] in ("cited", "not checkable"):
        return None
    if line["exhibit"] in places:
        return f"companion run {line['exhibit']} --profile {line['profile']}"
    return f"companion check {line['id']}" if line["kind"] == "statement" and line["exhibit"] is None else None


def _controls(lines: Sequence[Line]) -> Iterator[str]:
    """Choices that the script shows and heeds; every value that a choice offers, some line has."""
    letters = "".join(line["papers"] for line in lines)
    yield '<div class="controls" hidden>'
    yield _choice("paper", [(letter, name) for letter, name in PAPERS.items() if letter in letters])
    yield _choice("exhibit", [(name, name) for name in _seen(_exhibit(line) for line in lines)])
    yield _choice("kind", [(name, name) for name in _seen(line["kind"] for line in lines)])
    words = {line["word"] for line in lines}
    yield _choice("verdict", [(word, f"{mark} {word}") for word, mark in WORDS.items() if word in words])
    orders = [(sign + name, f"{name}, {way}") for name in COLUMNS[:-1] for sign, way in (("", "up"), ("-", "down"))]
    yield _choice("sort", orders, "as printed")
    for name, words_of in FOLDS.items():
        yield f'<label class="tick"><input type="checkbox" data-fold="{name}"> Show {words_of}</label>'
    yield '<button type="button" data-part="reset">Begin again</button>'
    yield '</div><p data-part="said" role="status"></p>'


def _choice(name: str, values: Iterable[tuple[str, str]], every: str = "all") -> str:
    options = "".join(f'<option value="{escape(value)}">{escape(label)}</option>' for value, label in values)
    shown = f'<select data-choice="{name}"><option value="">{every}</option>{options}</select>'
    return f'<label class="by-{name}">{name.capitalize()} {shown}</label>'


def _line(line: Line, places: Mapping[str, str], chapters: Mapping[str, str]) -> str:
    folds = [
        name for name, folded in (("pending", line["word"] == "pending"), ("uncounted", not line["counts"])) if folded
    ]
    data = {
        "paper": line["papers"],
        "exhibit": _exhibit(line),
        "kind": line["kind"],
        "verdict": line["word"],
        "folds": " ".join(folds),
    }
    attributes = "".join(f' data-{name}="{escape(value)}"' for name, value in data.items())
    chapter = places.get(line["exhibit"] or "") or chapters.get(line["id"])
    claim = line["kind"] == "claim"
    measured = (
        None if line["mean"] is None else f"{line['mean']:+.2f}" if claim else plus_minus(line["mean"], line["std"])
    )
    cells = [
        ("entry", _entry(line, places), None),
        ("exhibit", _to(chapter, _exhibit(line)), None),
        ("kind", escape(line["kind"]), None),
        ("printed", plus_minus(line["paper_mean"], line["paper_std"]), line["paper_mean"]),
        ("measured", measured or "–", line["mean"]),
        ("n", line["n"] if line["kind"] != "statement" else "–", line["n"] or None),
        ("verdict", _verdict(line["word"]), list(WORDS).index(line["word"])),
        ("records", _records(line, places, chapters), None),
    ]
    shown = "".join(
        f'<td data-label="{name}"' + ("" if key is None else f' data-key="{key}"') + f">{text}</td>"
        for name, text, key in cells
    )
    return f'<tr id="entry-{anchor(line["id"])}"{attributes}>{shown}</tr>'


def _entry(line: Line, places: Mapping[str, str]) -> str:
    """What it is, and on demand the rule that gave its verdict, where it is printed, and the command."""
    if line["kind"] == "statement":
        name = f"{line['id']}: {(line['source'] or '').partition(': ')[2]}"
        where = f'<a href="{STATEMENTS}#{anchor(line["id"])}">what it says</a>'
    else:
        place = " · ".join(filter(None, (line["row"], line["column"])))
        name = f"{line['source']}. {place}" if line["kind"] == "claim" else place or line["id"]
        name += f" ({line['variant']})" if line["variant"] else ""
        where = escape(line["source"] or "") if line["kind"] == "number" else ""
    typed = command(line, places)
    below = [
        escape(line["rule"]),
        where,
        f"Entry <code>{escape(line['id'])}</code>",
        f"Again: <code>{escape(typed)}</code>" if typed else "",
    ]
    told = "".join(f"<p>{text}</p>" for text in below if text)
    return f"<details><summary>{escape(name)}</summary>{told}</details>"


def _records(line: Line, places: Mapping[str, str], chapters: Mapping[str, str]) -> str:
    """A link to the records that decide it, with the command: the end of a chapter, or the comparisons of a check."""
    if command(line, places) is None:
        return "–"
    if line["exhibit"] in places:
        return f'<a href="{places[line["exhibit"]]}.html#re-run-it">records</a>'
    return f'<a href="{STATEMENTS}#{anchor(line["id"])}">check</a>'


def _verdict(word: str) -> str:
    return f'<span class="{css_class(word)}">{WORDS[word]}&nbsp;{escape(word)}</span>'


def _to(chapter: str | None, text: str) -> str:
    return f'<a href="{chapter}.html">{escape(text)}</a>' if chapter else escape(text)


def _exhibit(line: Line) -> str:
    return line["exhibit"] or "theory"


def _seen(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))

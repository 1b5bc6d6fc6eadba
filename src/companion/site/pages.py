"""Pages of the book that are made and not written: Markdown from the scorecard and from the papers' data files.

Each function takes plain data and returns the text of one page; nothing is computed, and nothing is read but the lists
of statements and errata of the package.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Any

from companion.papers import errata as printed_errata
from companion.papers.statements import Statement
from companion.papers.statements import statements as printed_statements
from companion.render.entries import Line, entries_table
from companion.render.markdown import Markdown, anchor, plain, table
from companion.render.tables import MARKS, css_class

__all__ = ["errata", "figures", "headline", "scorecard", "statements"]

KINDS = {"number": "numbers", "claim": "claims about tables", "statement": "numbered statements"}
LEFT = {"variants": "variants of a run", "ours": "sentences of ours", "cited": "cited numbers"}
PAPERS = {
    "A": "Paper A",
    "B": "Paper B",
    "C": "Paper C",
    "BC": "Papers B and C",
}


def headline(
    counts: Mapping[str, Mapping[str, int]],
    trees: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    left: Mapping[str, int] = MappingProxyType({}),
    corrected: tuple[int, int] = (0, 0),
) -> str:
    """The tables of the landing page: what is measured of each paper, and kinds by their verdicts.

    Args:
        counts: kind to word to count, as :func:`companion.verdicts.scorecard.headline` gives it.
        trees: profile to its tree, as :meth:`companion.verdicts.tree.Node.to_dict` gives it.
        left: what is listed and not counted, as :func:`companion.verdicts.scorecard.uncounted` gives it.
        corrected: how many statements hold only once what is printed is corrected, and how many code checks in all.
    """
    shown = [str(v) for v in MARKS if any(str(v) in row for row in counts.values())]
    rows = [[_verdict(v), *_with_sum(row.get(v, 0) for row in counts.values())] for v in shown]
    rows.append(["all", *_with_sum(sum(row.values()) for row in counts.values())])
    parts = [figures(trees), table(["verdict", *(KINDS.get(kind, kind) for kind in counts), "together"], rows)]
    return "\n\n".join(filter(None, [*parts, _corrected(*corrected), _left(left)]))


def _with_sum(values: Iterable[int]) -> list[int]:
    found = list(values)
    return [*found, sum(found)]


def _corrected(wrong: int, checked: int) -> str:
    """A sentence on what is printed wrongly; nothing where nothing is."""
    if not wrong:
        return ""
    return (
        f"Of the {checked} statements that code checks, {wrong} count as reproduced in a corrected form alone: what is "
        "printed fails, as the [errata](generated/errata.md) say."
    )


def _left(left: Mapping[str, int]) -> str:
    """A sentence on entries that are no part of the counts; nothing where there are none."""
    told = [f"{count} {LEFT[name]}" for name, count in left.items() if count]
    return f"Listed on the scorecard, not counted: {', '.join(told)}." if told else ""


def _tree(trees: Mapping[str, Mapping[str, Any]], places: Mapping[str, str]) -> list[str]:
    """The section of the tree: figures of its papers, and of the exhibits below them."""
    if not trees:
        return []
    rows = [
        [
            Markdown(f"`{profile}`"),
            PAPERS[paper["name"]],
            _chapter(part["name"], places),
            len(part["children"]),
            f"{part['weight']:.2%}",
            *_figures(part),
        ]
        for profile, root in trees.items()
        for paper in root["children"]
        for section in paper["children"]
        if section["name"] == "experiments"
        for part in section["children"]
    ]
    return [
        "## How much of it, and how it came out",
        "*Measured* is the share that has been measured or checked at all, *agrees* the share of what is decided that "
        "came out; half of a thing that holds *partly* counts, and a statement that is printed wrongly counts by its "
        "corrected form. Every part of a paper weighs as much as its neighbours: theory as much as experiments, each "
        "exhibit as much as the next, and within it each number or claim. Cited numbers, variants of a run, sentences "
        "of ours, and what code cannot check are no part of it. The whole tree with its weights is in "
        "{download}`tree.json <tree.json>`; `companion scorecard --tree` prints it.",
        figures(trees),
        table(["profile", "paper", "exhibit", "numbers and claims", "weight", "measured", "agrees"], rows),
    ]


def figures(trees: Mapping[str, Mapping[str, Any]]) -> str:
    """A table of coverage and agreement: papers and their parts down, profiles across.

    Args:
        trees: as in :func:`headline`.
    """
    found = {
        (paper["name"], section["name"], profile): section
        for profile, root in trees.items()
        for paper in root["children"]
        for section in paper["children"]
    }
    rows = []
    for paper, section in dict.fromkeys(place[:2] for place in found):
        shown = [_figures(found.get((paper, section, profile))) for profile in trees]
        rows.append([PAPERS[paper], section, *chain.from_iterable(shown)])
    head = [Markdown(f"{word}, `{profile}`") for profile in trees for word in ("measured", "agrees")]
    return table(["", "", *head], rows) if rows else ""


def _figures(part: Mapping[str, Any] | None) -> tuple[str | None, str | None]:
    if part is None:
        return None, None
    agreement = part["agreement"]
    return f"{part['coverage']:.0%}", "–" if agreement is None else f"{agreement:.0%}"


def scorecard(
    lines: Sequence[Line],
    places: Mapping[str, str],
    trees: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    chapters: Mapping[str, str] = MappingProxyType({}),
    counted: str = "",
) -> str:
    """Every entry with its verdict and the rule that gave it.

    Args:
        lines: the entries.
        places: exhibit to the document of its chapter, relative to the page; exhibits without one get no link.
        trees: profile to its tree, as in :func:`headline`.
        chapters: statement to the document of the chapter that shows its check, relative to the page.
        counted: how many entries there are of which verdict, as :func:`headline` says it without trees.
    """
    return _page(
        [
            "# Scorecard",
            "Every number, claim and numbered statement of the three papers, with what was measured and the verdict "
            "of a rule. [How to read this book](../how_to_read.md) explains the words; `companion scorecard --json` "
            "prints the same list.",
            *_tree(trees, places),
            "## Every entry",
            "Numbers are accuracies in percent, as mean ± standard deviation over runs, all of the profile `paper`; "
            "what is *measured* of a claim is the difference, or the figure, that its rule looks at, and *n* counts "
            "the seeds recorded. Open an entry for its rule, its source and the command that decides it again; "
            "devices are named in each chapter.",
            counted,
            # without a backtick in it nothing ends the block early
            f"```{{raw}} html\n{entries_table(lines, places, chapters).replace('`', '&#96;')}\n```",
        ]
    )


def statements(
    lines: Sequence[Line],
    places: Mapping[str, str],
    checks: Mapping[str, Sequence[Line]] = MappingProxyType({}),
    chapters: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Every numbered statement: what it says, how it fares, where it is checked, what is wrong with its print.

    Args:
        lines: the scorecard's entries.
        places: exhibit to the document of its chapter, relative to the page.
        checks: statement to the comparisons of its check, where they are stored and not stale, with the fields of
            :class:`companion.statements.Check`.
        chapters: statement to the document of the chapter that shows its check, relative to the page.
    """
    verdicts = {line["id"]: line for line in lines if line["kind"] == "statement"}
    parts = [
        "# Statements",
        "Every numbered definition, proposition, lemma, theorem, claim and conjecture of the three papers, in our "
        "words. `companion check ID` repeats the check of one, `companion check` of all.",
    ]
    everything = printed_statements()
    for paper in dict.fromkeys(one.paper for one in everything.values()):
        parts.append(f"## {PAPERS[paper]}")
        for id, one in everything.items():
            if one.paper == paper:
                parts += _statement(one, verdicts.get(id), places, chapters.get(id))
                parts.append(_comparisons(checks.get(id, ())))
    return _page(parts)


def errata() -> str:
    """What is printed, what is right, the evidence, and what the companion does about it, paper by paper."""
    parts = [
        "# Errata",
        "What is printed wrongly or left open in the papers, what is right, and how we know. "
        "Where a formula can be computed, the corrected form must hold in a check and the printed one must fail.",
    ]
    everything = printed_errata.rows()
    for paper in dict.fromkeys(one["paper"] for one in everything):
        parts.append(f"## {PAPERS[paper]}")
        for one in everything:
            if one["paper"] == paper:
                parts += [
                    f"({anchor(one['id'])})=\n### {one['id']}: {one['where']}",
                    _fields(
                        {
                            "Printed": one["printed"],
                            "Right": one["right"],
                            "Evidence": one["evidence"],
                            "What we do": one["consequence"],
                            "Statements": ", ".join(_link(name) for name in one["statements"]),
                        }
                    ),
                ]
    return _page(parts)


def _statement(one: Statement, line: Line | None, places: Mapping[str, str], chapter: str | None) -> list[str]:
    facts = [f"*{one.kind}*"]
    if line is not None:
        facts.append(f"{_verdict(line['word'])}: {plain(line['rule'].removeprefix(line['verdict'] + ': '))}")
    if one.exhibit:
        facts.append(f"decided by the records of {_chapter(one.exhibit, places)}")
    elif not one.not_checkable:
        shown = f" in [its chapter]({chapter})" if chapter else ""
        facts.append(f"checked by `companion check {one.id}`{shown}")
    if one.errata:
        facts.append(f"errata {', '.join(map(_link, one.errata))}")
    return [f"({anchor(one.id)})=\n### {one.id}: {one.title}", one.statement, " · ".join(facts)]


def _comparisons(checks: Sequence[Line]) -> str:
    """The table of one statement's comparisons; nothing where there are none."""
    head = ["form", "case", "measured", "expected", "error", "tolerance", "holds"]
    rows = [
        [
            one["form"],
            one["aspect"],
            *(f"{one[name]:.4g}" for name in ("measured", "expected")),
            *(f"{one[name]:.1e}" for name in ("error", "tolerance")),
            ("yes" if one["holds"] else "no") + ("" if one["passed"] else ", against expectation"),
        ]
        for one in checks
    ]
    return table(head, rows) if rows else ""


def _page(parts: Iterable[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


def _fields(fields: Mapping[str, str]) -> str:
    """A definition list of the fields that are not empty."""
    return "\n\n".join(f"{name}\n: {' '.join(text.split())}" for name, text in fields.items() if text)


WORDS = {str(word): mark for word, mark in MARKS.items()}
"""Every word of a verdict, and its mark."""


def _verdict(word: str) -> Markdown:
    return Markdown(f'<span class="{css_class(word)}">{WORDS[word]}&nbsp;{word}</span>')


def _link(name: str) -> str:
    return f"{{ref}}`{name} <{anchor(name.removesuffix(':table'))}>`"


def _chapter(exhibit: str | None, places: Mapping[str, str]) -> Markdown:
    if exhibit is None:
        return Markdown("–")
    return Markdown(f"[{exhibit}]({places[exhibit]}.ipynb)") if exhibit in places else plain(exhibit)

"""Link the first mention of a glossary's term on each page to its meaning, which is told where the link is.

A link carries the first paragraph of the meaning as its title; ``terms.js`` shows that to those who point at it or move
to it with the keyboard.  Pages need no markup, so that a chapter reads the same in Jupyter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.nodes import make_refnode

GLOSSARY = "book/glossary"
LEFT_ALONE = {GLOSSARY, "book/api", "book/notation", "book/references", "book/generated/changelog"}
"""Pages that explain words themselves, or that are lists; and those below them."""
EVERYDAY = {"run", "take"}
"""Terms that are common words too: nothing leads to them."""
WITHIN = (
    nodes.title,
    nodes.term,
    nodes.literal,
    nodes.literal_block,
    nodes.reference,
    nodes.caption,
    nodes.math,
    nodes.math_block,
    nodes.raw,
    nodes.table,
    nodes.citation,
    nodes.footnote,
    addnodes.desc,
    addnodes.pending_xref,
)
"""Where a word stays as it is."""

Meanings = dict[str, tuple[str, str]]


def meanings(glossary: nodes.document) -> Meanings:
    """Term to its anchor and to the first paragraph of its meaning."""
    found: Meanings = {}
    for item in glossary.findall(nodes.definition_list_item):
        paragraph = next(item.findall(nodes.paragraph), None)
        for term in item.findall(nodes.term):
            if term["ids"] and paragraph is not None and term.astext() not in EVERYDAY:
                found[term.astext()] = (term["ids"][0], " ".join(paragraph.astext().split()))
    return found


def pattern(terms: Meanings) -> re.Pattern[str]:
    """What matches a term as a whole word, in the plural too; the longest term first."""
    words = "|".join(re.escape(term) for term in sorted(terms, key=len, reverse=True))
    return re.compile(rf"(?<![\w-])({words})(s?)(?![\w-])", re.IGNORECASE)


def mentions(doctree: nodes.document) -> Iterator[nodes.Text]:
    """The texts of a page's paragraphs in which words may become links."""
    for text in list(doctree.findall(nodes.Text)):
        above, node = [], text.parent
        while node is not None:
            above.append(node)
            node = node.parent
        plain = not any(isinstance(node, WITHIN) or "sd-card" in node.get("classes", ()) for node in above)
        if plain and any(isinstance(node, nodes.paragraph) for node in above):
            yield text


def term_of(match: re.Match[str], terms: Meanings) -> str | None:
    """The term that was found; a name in capitals is meant only where it is written so."""
    said = match[1]
    return next((term for term in (said, said[0].lower() + said[1:]) if term in terms), None)


def link_terms(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Turn first mentions into links."""
    left_alone = any(docname == name or docname.startswith(f"{name}/") for name in LEFT_ALONE)
    if GLOSSARY not in app.env.found_docs or left_alone:
        return
    terms = meanings(app.env.get_doctree(GLOSSARY))
    words, seen = pattern(terms), set[str]()
    for text in mentions(doctree):
        rest, parts = text.astext(), []
        while match := next((m for m in words.finditer(rest) if term_of(m, terms) not in seen | {None}), None):
            term = term_of(match, terms)
            assert term is not None
            seen.add(term)
            anchor, meaning = terms[term]
            shown = nodes.inline("", match[0])
            link = make_refnode(app.builder, docname, GLOSSARY, anchor, shown, meaning)
            link["classes"].append("glossary-link")
            parts += [nodes.Text(rest[: match.start()]), link]
            rest = rest[match.end() :]
        if parts:
            text.parent.replace(text, [*parts, nodes.Text(rest)])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the hook, after those that resolve links."""
    app.connect("doctree-resolved", link_terms, priority=850)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Pieces of Markdown: labels and tables, and the one way in which text that is not ours gets into them.

Text of a record, of a stored check, of a benchmark or of a parameter shows as it is: every character of it that
Markdown, MyST or HTML could take for markup becomes a character reference, which none of them takes for anything but
itself (CommonMark, section 2.5).  Only what is :class:`Markdown` already is let through.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["Markdown", "anchor", "plain", "table"]

MARKUP = re.compile(r"[&<>{}\[\]`$*_|\\~^@#!]|:(?=//)|(?<=www)\.", re.IGNORECASE)
"""What begins or ends a tag, a role, a link, mathematics, a substitution, emphasis, a cell or an address."""


class Markdown(str):
    """Text that is Markdown, made by us: it is not escaped."""

    __slots__ = ()


def plain(text: object) -> Markdown:
    """Any text as Markdown that shows it, on one line.

    >>> plain("<b> of $x_1$")
    '&#60;b&#62; of &#36;x&#95;1&#36;'
    """
    line = " ".join(str(text).split())
    return Markdown(MARKUP.sub(lambda found: f"&#{ord(found[0])};", line))


def anchor(name: str) -> str:
    """The label of a statement or an erratum: letters, digits and hyphens.

    >>> anchor("B-Th5.1ii")
    'item-b-th5-1ii'
    """
    return "item-" + re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def table(head: Sequence[Any], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table; ``None`` shows as a dash, and cells that are not :class:`Markdown` as they are."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(value) for value in line) + " |" for line in lines)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if not isinstance(value, Markdown):
        return plain(value)
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(value.split()))

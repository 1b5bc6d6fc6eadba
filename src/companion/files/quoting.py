"""Values as messages show them: on one line, and never longer than a reader wants."""

from __future__ import annotations

import reprlib

__all__ = ["LONGEST", "brief", "one_line", "printable"]

LONGEST = 80
"""Characters of a value that a message shows."""

_SHORT = reprlib.Repr()
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxset = _SHORT.maxfrozenset = 20
_SHORT.maxdict, _SHORT.maxlevel = 8, 4
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = LONGEST


def brief(value: object) -> str:
    """``repr`` of a value, of which the middle is left out where it is longer than :data:`LONGEST` characters.

    >>> brief([2, 0, 1, 3]), len(brief("x" * 10_000))
    ('[2, 0, 1, 3]', 80)
    """
    try:
        text = _SHORT.repr(value)
    except Exception:  # a number of too many digits, or an object that cannot show itself
        text = f"<{type(value).__name__}>"
    if not text.isprintable():
        text = ascii(text)
    half = (LONGEST - 3) // 2
    return text if len(text) <= LONGEST else f"{text[:half]}...{text[half + 3 - LONGEST :]}"


def printable(text: str) -> str:
    r"""Text at its full length, with escapes where a letter of it could do something to a terminal or a line.

    >>> printable("a.png"), printable("a\nb")
    ('a.png', 'a\\nb')
    """
    return text if text.isprintable() else ascii(text)[1:-1]


def one_line(name: str) -> str:
    r"""A name as it is if it can be printed and is no longer than :data:`LONGEST`, else what :func:`brief` shows of it.

    >>> one_line("x.json"), one_line("a\nb")
    ('x.json', 'a\\nb')
    """
    return name if name.isprintable() and len(name) <= LONGEST else brief(name)[1:-1]

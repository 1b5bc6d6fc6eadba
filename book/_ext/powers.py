"""Write powers of ten in tables as powers, on one line; records and downloads have them as Python prints them.

Names stay as they are: a step of 3e-4 is called so on the command line too.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

TAG = re.compile(r"(<[^>]*>)")
NUMBER = re.compile(r"(?<![\w./:-])(?<!step )([-+]?\d+(?:\.\d+)?)e([-+]?\d{1,3})(?![\w/])")
LEFT_ALONE = {"code", "pre", "script", "style", "math", "svg"}
"""Elements whose text is no prose."""
NAMES = {"book/generated/scorecard"}
"""Pages whose tables are searched by the names in them."""


def as_powers(body: str) -> str:
    """The HTML of a page with powers of ten in the cells of its tables.

    >>> as_powers("<p>1e-3</p><td>&lt; 1e-10, 7.5e+03, 2e+00 <code>1e-3</code></td>")
    '<p>1e-3</p><td>&lt; <span class="power">10<sup>−10</sup></span>, <span class="power">7.5·10<sup>3</sup></span>, \
2 <code>1e-3</code></td>'
    """
    within: list[str] = []
    parts = TAG.split(body)
    for at, part in enumerate(parts):
        if at % 2:
            name = re.match(r"</?([\w-]+)", part)
            if name and name[1] in LEFT_ALONE | {"td", "th"}:
                if not part.startswith("</"):
                    within.append(name[1])
                elif name[1] in within:
                    del within[len(within) - 1 - within[::-1].index(name[1]) :]
        elif "e" in part and within and within[-1] in ("td", "th"):
            parts[at] = NUMBER.sub(_power, part)
    return "".join(parts)


def _power(found: re.Match[str]) -> str:
    digits, exponent = found[1].replace("-", "\u2212"), int(found[2])
    if exponent == 0:
        return digits
    ahead = "" if digits == "1" else f"{digits}\u00b7"
    return f'<span class="power">{ahead}10<sup>{exponent}</sup></span>'.replace("<sup>-", "<sup>\u2212")


def mend(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Mend one page before it is written."""
    if "body" in context and pagename not in NAMES:
        context["body"] = as_powers(context["body"])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the hook."""
    app.connect("html-page-context", mend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

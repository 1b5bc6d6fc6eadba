"""What commands print: facts to standard output, as a table or as one JSON document, and all else to standard error."""

from __future__ import annotations

import contextlib
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO, cast

from companion.files.console import Forgiving, tell

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["UsageError", "duration", "facts", "json_only", "jsonable", "say", "size", "table", "watching"]


NARROWEST, WIDTH = 40, 200
"""Letters across a table: on a terminal however narrow, and where there is none."""


class UsageError(ValueError):
    """A command that makes no sense; the message lists what is valid."""


def say(message: str) -> None:
    """One line to standard error, if it can be written there."""
    tell(message)


def watching() -> Console:
    """A console on standard error for what is shown while work goes on, which goes on if nobody can see it."""
    from rich.console import Console

    return Console(file=cast(TextIO, Forgiving(sys.stderr)))


def jsonable(value: Any) -> Any:
    """``value`` as JSON knows it: no NaN, no infinity, no numpy scalar, no tuple."""
    if isinstance(value, Mapping):
        return {str(name): jsonable(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)


@contextlib.contextmanager
def json_only(active: bool) -> Iterator[None]:
    """Keep standard output free of everything but the document, whatever a library prints."""
    with contextlib.redirect_stdout(sys.stderr) if active else contextlib.nullcontext():
        yield


def facts(value: Any) -> None:
    """One JSON document to standard output."""
    print(json.dumps(jsonable(value), indent=2, allow_nan=False))


def table(title: str, columns: Sequence[str], lines: Sequence[Sequence[Any]]) -> None:
    """A table to standard output, as wide as the terminal, or as its content where there is none."""
    from rich.console import Console
    from rich.table import Table

    grid = Table(title=title or None, title_justify="left", header_style="bold")
    for name in columns:
        grid.add_column(name, overflow="fold")
    for line in lines:
        grid.add_row(*(_text(value) for value in line))
    console = Console()
    console = Console(width=max(console.width, NARROWEST) if console.is_terminal else WIDTH)
    with console.capture() as shown:  # what cannot be printed is an error here, and a way of its own in rich
        console.print(grid)
    print(shown.get(), end="")


def _text(value: Any) -> str:
    from rich.markup import escape

    if value is None:
        return "–"
    return escape(f"{value:.4g}" if isinstance(value, float) else str(value))


def duration(seconds: float) -> str:
    """``40 s``, ``12 min``, ``3.5 h``, ``8 days``."""
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / size:.1f} {unit}" if unit == "h" else f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:,.0f} days"


def size(count: int) -> str:
    """``12 KiB``, ``3.4 GiB``: bytes in the unit that keeps the number below 1,024."""
    amount, unit = float(count), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{amount:.1f} {unit}" if amount < 10 and unit != "bytes" else f"{amount:,.0f} {unit}"

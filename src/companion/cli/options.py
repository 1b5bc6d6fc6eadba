"""Options that several commands share, and what they stand for."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import typer

from companion.cli.output import UsageError, say

__all__ = ["Json", "StoreOption", "finite", "room", "store_of", "went_past"]

NAMED = 20
"""Damaged files that a command names, of more it says how many there are."""

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
StoreOption = Annotated[
    Path | None,
    typer.Option(
        "--store", metavar="DIR", help="Folder of records; by default the project's results.", show_default=False
    ),
]


def finite(value: float) -> float:
    """A number that an option takes; infinity and NaN are none, though they are read as numbers."""
    if not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number.")
    return value


def room(*places: tuple[Path, str]) -> None:
    """Refuse folders that take no files, and too few open files: all that writes begins with it.

    It comes before what takes seconds is loaded, and before anything is read or measured.

    Args:
        places: folders, and for each how another is named, such as ``--store DIR``.

    Raises:
        OSError: in one sentence, which of them takes no files and why, or that too few files may be open.
    """
    from companion.files.limits import open_files
    from companion.files.whole import foreseen

    open_files()
    for folder, instead in places:
        foreseen(folder, instead)


def store_of(folder: Path | None, *, indexed: bool = False) -> Any:
    """The records to look at: those of ``--store``, which must be there, or those of the project.

    Args:
        folder: that of ``--store``.
        indexed: whether what was verified before, and has not changed since, may count as verified.
    """
    from companion.project import store_folder
    from companion.records.store import Store

    if folder is not None and not folder.expanduser().is_dir():
        raise UsageError(f"--store must be a folder of records, and {folder} is none")
    return (Store.indexed if indexed else Store)(folder.expanduser() if folder is not None else store_folder())


def went_past(records: Any) -> int:
    """The exit code of a command that has shown what a store holds: 1 where it had to leave out what is damaged."""
    for sentence in list(records.skipped)[:NAMED]:
        say(sentence)
    if (count := len(records.skipped)) > 1:
        say(f"{count} files are damaged and left out, in {records.folder}")
    return 1 if count else 0

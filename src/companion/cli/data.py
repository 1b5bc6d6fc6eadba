"""``companion data``: bring datasets into the cache, and carry them to machines without a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from companion.cli.options import Json, finite, room
from companion.cli.output import UsageError, facts, json_only, say, table

__all__ = ["app"]

app = typer.Typer(help="Fetch, pack, unpack and list datasets.")
Names = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME]...", help="By default all sets.", show_default=False)
]


def _valid(names: list[str] | None) -> list[str]:
    """The sets that are meant; :class:`UsageError` lists the valid ones."""
    from companion.data import DATASETS

    for name in names or ():
        if name not in DATASETS:
            raise UsageError(f"unknown dataset {name!r}: valid are {', '.join(DATASETS)}")
    return list(dict.fromkeys(names or DATASETS))


def _room() -> None:
    """Refuse a cache that takes no files before anything is fetched or read."""
    from companion.data.cache import cache_folder

    room((cache_folder(), "the variable COMPANION_DATA"))


@app.command()
def fetch(names: Names = None) -> None:
    """Bring datasets into the cache, verified."""
    from companion.data import fetch as fetch_one

    wanted = _valid(names)
    _room()
    for name in wanted:
        found = fetch_one(name, progress=say)
        if found.source is None:
            say(f"{name}: in {found.path} already, verified")


@app.command()
def pack(
    arguments: Annotated[list[str], typer.Argument(metavar="[NAME]... DIR", help="By default all sets in the cache.")],
    max_mib: Annotated[float, typer.Option(callback=finite, help="Largest size of a shard in MiB.")] = 55,
) -> None:
    """Write datasets as shards, for a machine without a network."""
    *names, folder = arguments
    room((Path(folder).expanduser(), "DIR"))
    from companion.data import describe
    from companion.data import pack as pack_all

    chosen = _valid(names) if names else [s.name for s in describe(verify=False) if s.present and not s.embedded]
    if not chosen:
        raise UsageError("no dataset is in the cache; run: companion data fetch mnist cifar10")
    try:
        paths = pack_all(chosen, Path(folder).expanduser(), max_mib, progress=say)
    except ValueError as error:
        raise UsageError(str(error)) from None
    for path in paths:
        print(path)


@app.command()
def unpack(folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where `pack` wrote.")]) -> None:
    """Install datasets from shards."""
    _room()
    from companion.data import unpack as unpack_all

    for path in unpack_all(folder.expanduser(), progress=say):
        print(path)


@app.command("list")
def list_sets(names: Names = None, json: Json = False) -> int:
    """List datasets and verify those in the cache."""
    from companion.data import describe

    with json_only(json):
        sets = describe(_valid(names))
    columns = ("name", "title", "embedded", "present", "path", "bytes", "ok", "reason")
    lines = [[getattr(one, name) for name in columns] for one in sets]
    if json:
        facts([dict(zip(columns, line, strict=True)) for line in lines])
    else:
        table("", columns, lines)
    damaged = [one for one in sets if one.ok is False]
    if damaged:
        say(str(damaged[0].reason))
    return 1 if damaged else 0

"""``companion records``: carry records between stores, such as those of machines without a network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from companion.cli.options import Json, StoreOption, room, store_of
from companion.cli.output import UsageError, facts, json_only, say, size

if TYPE_CHECKING:
    from companion.records.parcel import Shelf

__all__ = ["app"]

app = typer.Typer(help="Carry records, with the weights and pictures beside them, from one store to another.")
SHOWN = 10
"""Files that are named one by one where there is no JSON."""


def _shelves() -> tuple[Shelf, ...]:
    """The kinds of files that travel: those of :mod:`companion.records`, and the outcomes of checks."""
    from companion.records.parcel import Shelf
    from companion.records.travel import SHELVES
    from companion.statements import outcomes

    def reader(folder: Path) -> Any:
        return outcomes.CheckStore(folder / outcomes.FOLDER).read

    return *SHELVES, Shelf(outcomes.FOLDER, r"[A-Za-z0-9][A-Za-z0-9.-]{0,60}\.json", reader)


def _keys(exhibits: Sequence[str], profiles: Sequence[str]) -> set[str] | None:
    """Keys of all runs of exhibits and profiles, their sources among them; ``None`` where none is named."""
    from companion.exhibits import EXHIBITS, PROFILES, cells, exhibit
    from companion.runs.lineage import with_sources

    if not exhibits and not profiles:
        return None
    for name in profiles:
        if name not in PROFILES:
            raise UsageError(f"unknown profile {name!r}: valid are {', '.join(PROFILES)}")
    grid = []
    for one in [exhibit(name) for name in exhibits] or EXHIBITS.values():
        there = [name for name in one.profiles if not profiles or name in profiles]
        if exhibits and not there:
            raise UsageError(f"{one.id} has no profile {' or '.join(profiles)}: valid are {', '.join(one.profiles)}")
        grid += [cell.spec for name in there for cell in cells(one.id, name)]
    return {spec.key for spec in with_sources(grid)}


@app.command("export")
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE.zip", help="The archive to write; it must not be there yet.")],
    exhibit: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID", help="Runs of this exhibit, and their sources; may be repeated.", show_default=False
        ),
    ] = None,
    profile: Annotated[
        list[str] | None,
        typer.Option(metavar="PROFILE", help="Runs of this profile; may be repeated.", show_default=False),
    ] = None,
    json: Json = False,
    store: StoreOption = None,
) -> None:
    """Write records, with weights and pictures, as one zip: all of a store, or those of exhibits and profiles."""
    records, target = store_of(store), file.expanduser()
    if target.suffix != ".zip":
        raise UsageError(f"the archive must be named FILE.zip, not {file}")
    if target.exists():
        raise UsageError(f"{file} is there already: give the name of a file that is not")
    room((target.absolute().parent, "FILE.zip"))
    from companion.records.travel import pack

    keys = _keys(exhibit or (), profile or ())
    shelves = _shelves()
    if not any(keys is None or path.name.partition(".")[0] in keys for path in records.files()):
        raise UsageError(f"there is no such record in {records.folder}")
    try:
        with json_only(json):
            names = pack(records, target, keys, shelves)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror or error}") from None
    count = Counter(name.rpartition("/")[0] or "records" for name in names)
    kinds = {one.folder or "records": count[one.folder or "records"] for one in shelves}
    if json:
        facts({"file": str(target), "bytes": target.stat().st_size, **kinds})
    else:
        said = ", ".join(f"{number} of {kind}" for kind, number in kinds.items() if number)
        say(f"{size(target.stat().st_size)}: {said}")
        print(target)


@app.command("import")
def bring_in(
    source: Annotated[
        Path, typer.Argument(metavar="FILE.zip|FOLDER", help="What `export` wrote, or the folder of another store.")
    ],
    json: Json = False,
    store: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where records go; by default the project's results.", show_default=False),
    ] = None,
) -> int:
    """Merge the records of another store into this one; conflicts are named, and nothing is overwritten."""
    import tempfile

    from companion.project import store_folder
    from companion.records.store import Store

    place, target = source.expanduser(), store.expanduser() if store else store_folder()
    if not place.is_dir() and not place.is_file():
        raise UsageError(f"{source} is neither a zip that `companion records export` wrote nor a folder of records")
    if target.exists() and not target.is_dir():
        raise UsageError(f"--store must be a folder, and {target} is a file")
    if place.is_dir() and not any(place.glob("*.json")) and any((place / "results").glob("*.json")):
        raise UsageError(f"{source} holds no record, but {source / 'results'} does: give that folder")
    room((target.absolute(), "--store DIR"), (Path(tempfile.gettempdir()), "the variable TMPDIR"))
    from companion.records.travel import bring

    try:
        with json_only(json):
            arrivals = bring(place, Store(target), _shelves())
    except OSError as error:
        raise UsageError(f"{error.filename or target} cannot be read or written: {error.strerror or error}") from None
    if not arrivals:
        raise UsageError(f"{source} holds no record")
    count = Counter(one.what for one in arrivals)
    bad = [one for one in arrivals if one.what in ("conflict", "damaged")]
    counts = {
        "imported": count["imported"],
        "present": count["present"],
        "conflicts": count["conflict"],
        "damaged": count["damaged"],
    }
    if json:
        named = [{"file": one.name, "what": one.what, "reason": one.reason} for one in bad]
        facts({"store": str(target), **counts, "named": named})
    else:
        print(", ".join(f"{number} {what}" for what, number in counts.items()))
    for one in bad[:SHOWN]:
        say(f"{one.what}: {one.name}: {one.reason}")
    if len(bad) > SHOWN:
        say(f"... and {len(bad) - SHOWN} more; --json names all of them")
    return 1 if bad else 0

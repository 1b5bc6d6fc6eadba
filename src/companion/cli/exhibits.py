"""Commands that tell what there is: ``list``, ``status``, ``scorecard``, ``check``, ``verify``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from companion.cli.output import UsageError, duration, facts, json_only, say, table

if TYPE_CHECKING:
    from companion.runs.spec import RunSpec

__all__ = ["Json", "StoreOption", "check", "list_exhibits", "scorecard", "status", "verify"]

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
StoreOption = Annotated[
    Path | None,
    typer.Option(
        "--store", metavar="DIR", help="Folder of records; by default the project's results.", show_default=False
    ),
]


def list_exhibits(json: Json = False) -> None:
    """List exhibits: profiles, parameters, chapter."""
    from companion.exhibits import EXHIBITS
    from companion.site.run import chapter_parameters

    lines = [
        {
            "exhibit": e.id,
            "title": e.title,
            "paper": e.paper,
            "profiles": list(e.profiles),
            "parameters": chapter_parameters(e.id),
            "chapter": f"notebooks/{e.chapter}.ipynb",
        }
        for e in EXHIBITS.values()
    ]
    if json:
        return facts(lines)
    columns = ("exhibit", "title", "paper", "profiles", "parameters", "chapter")
    shown = [
        {**line, "profiles": ", ".join(line["profiles"]), "parameters": ", ".join(line["parameters"])} for line in lines
    ]
    return table("", columns, [[line[name] for name in columns] for line in shown])


def status(
    json: Json = False,
    device: Annotated[str, typer.Option(help="Device for the estimate: auto, cpu, cuda.")] = "auto",
    store: StoreOption = None,
) -> None:
    """Tell what is recorded, what is missing, and how long that would take here."""
    from companion.costs.speeds import Speeds
    from companion.exhibits import EXHIBITS, PROFILES, cells
    from companion.training.machine import device_of, threads_here
    from companion.training.queue import with_teachers

    records = _store(store)
    with json_only(json):
        speeds = Speeds(device_of(device), threads_here(), list(records))

        def count(name: str, profile: str, specs: list[RunSpec]) -> dict[str, Any]:
            missing = [spec for spec in specs if spec not in records]
            return {
                "exhibit": name,
                "profile": profile,
                "expected": len(specs),
                "recorded": len(specs) - len(missing),
                "missing": len(missing),
                "seconds": round(speeds.total(missing), 1),
            }

        wanted = {
            (name, profile): with_teachers(cell.spec for cell in cells(name, profile))
            for name, exhibit in EXHIBITS.items()
            for profile in exhibit.profiles
        }
        lines = [count(name, profile, specs) for (name, profile), specs in wanted.items()]
        together = [  # exhibits share runs: all of them are fewer than their sum
            count("together", chosen, list({s: None for (_, p), specs in wanted.items() if p == chosen for s in specs}))
            for chosen in PROFILES
        ]
    if json:
        return facts(lines)
    columns = ("exhibit", "profile", "expected", "recorded", "missing", "time left here")
    shown = [[*list(line.values())[:-1], duration(line["seconds"])] for line in (*lines, *together)]
    return table("", columns, shown)


def scorecard(json: Json = False, store: StoreOption = None) -> None:
    """Set every number, claim and statement of the papers beside what was measured."""
    from companion.verdicts.scorecard import scorecard as entries_of

    records = _store(store)
    with json_only(json):
        lines = [entry.to_dict() for entry in entries_of(records)]
    if json:
        return facts(lines)
    columns = ("id", "kind", "paper_mean", "mean", "n", "verdict", "rule")
    return table("", columns, [[line[name] for name in columns] for line in lines])


def check(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Statements; by default all.")] = None,
    json: Json = False,
    record: Annotated[bool, typer.Option("--record", help="Store the outcomes, for the scorecard to read.")] = False,
    store: StoreOption = None,
) -> int:
    """Check numbered statements by code."""
    from rich.console import Console
    from rich.progress import Progress

    from companion.statements import run_checks
    from companion.statements.outcomes import FOLDER, CheckStore

    target = CheckStore(_store(store).folder / FOLDER) if record else None
    if store is not None and not record:
        raise UsageError("--store names the folder in which --record stores outcomes: give both or neither")
    with json_only(json), Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Checking", total=None)
        try:
            checks = run_checks(
                ids or None, on_progress=lambda id, done, total: progress.update(task, completed=done, total=total)
            )
        except ValueError as error:
            raise UsageError(str(error)) from None
    if target is not None:
        target.store(checks)
    columns = ("id", "form", "aspect", "measured", "expected", "error", "tolerance", "holds", "passed")
    lines = [{name: asdict(one)[name] for name in columns} for one in checks]
    if json:
        facts(lines)
    else:
        table("", columns, [[line[name] for name in columns] for line in lines])
    failed = [f"{one.id} ({one.form})" for one in checks if not one.passed]
    if failed:
        say(f"{len(failed)} of {len(checks)} checks fail: {', '.join(failed)}")
    return 1 if failed else 0


def verify(json: Json = False, store: StoreOption = None) -> int:
    """Verify every record against its schema, key and digest, and every stored check."""
    from companion.statements.outcomes import FOLDER, CheckStore

    records = _store(store)
    results = [*records.verify(), *CheckStore(records.folder / FOLDER).verify()]
    if json:
        facts([{"file": str(path), "ok": reason is None, "reason": reason} for path, reason in results])
    bad = [reason for _, reason in results if reason is not None]
    if bad:
        say(bad[0] + (f" ({len(bad)} of {len(results)} records are damaged)" if len(bad) > 1 else ""))
    elif not json:
        print(f"{len(results)} records verified in {records.folder}")
    return 1 if bad else 0


def _store(folder: Path | None) -> Any:
    """The records to look at: those of ``--store``, which must be there, or those of the project."""
    from companion.project import store_folder
    from companion.records.store import Store

    if folder is not None and not folder.expanduser().is_dir():
        raise UsageError(f"--store must be a folder of records, and {folder} is none")
    return Store(folder.expanduser() if folder is not None else store_folder())

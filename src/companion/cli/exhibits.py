"""Commands that tell what there is: ``list``, ``status``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from companion.cli.options import Json, StoreOption, store_of, went_past
from companion.cli.output import duration, facts, json_only, table

if TYPE_CHECKING:
    from companion.records.summary import Summary
    from companion.runs.spec import RunSpec

__all__ = ["list_exhibits", "status"]


def list_exhibits(json: Json = False) -> None:
    """List exhibits: profiles, parameters, chapter."""
    from companion.exhibits import EXHIBITS
    from companion.exhibits.parameters import chapter_parameters

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
) -> int:
    """Tell what is recorded, what is missing, and how long that would take here."""
    from companion.costs.speeds import Speeds
    from companion.exhibits import EXHIBITS, PROFILES, cells
    from companion.runs.lineage import with_sources
    from companion.runs.machine import device_of, threads_here

    records = store_of(store, indexed=True)
    with json_only(json):
        recorded: set[str] = set()

        def made() -> Iterator[Summary]:
            for one in records.summaries():
                recorded.add(one.key)
                yield one

        speeds = Speeds(device_of(device), threads_here(), made())

        def count(name: str, profile: str, specs: list[RunSpec]) -> dict[str, Any]:
            missing = [spec for spec in specs if spec.key not in recorded]
            return {
                "exhibit": name,
                "profile": profile,
                "expected": len(specs),
                "recorded": len(specs) - len(missing),
                "missing": len(missing),
                "seconds": round(speeds.total(missing), 1),
            }

        wanted = {
            (name, profile): with_sources(cell.spec for cell in cells(name, profile))
            for name, exhibit in EXHIBITS.items()
            for profile in exhibit.profiles
        }
        lines = [count(name, profile, specs) for (name, profile), specs in wanted.items()]
        together = [  # exhibits share runs: all of them are fewer than their sum
            count("together", chosen, list({s: None for (_, p), specs in wanted.items() if p == chosen for s in specs}))
            for chosen in PROFILES
        ]
    if json:
        facts(lines)
    else:
        columns = ("exhibit", "profile", "expected", "recorded", "missing", "time left here")
        shown = [[*list(line.values())[:-1], duration(line["seconds"])] for line in (*lines, *together)]
        table("", columns, shown)
    return went_past(records)

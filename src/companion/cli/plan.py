"""``plan``: what is missing of a profile, in chunks for many machines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from companion.cli.options import Json, StoreOption, finite
from companion.cli.output import UsageError, duration, facts, json_only, table

if TYPE_CHECKING:
    from companion.costs.plan import Estimate

__all__ = ["plan"]

ALL = "all"
HOUR = 3600


def plan(
    exhibit: Annotated[
        list[str] | None, typer.Argument(metavar="[EXHIBIT]...|all", help="By default all that have the profile.")
    ] = None,
    profile: Annotated[str, typer.Option(help="quick, cpu or paper.")] = "paper",
    device: Annotated[
        str, typer.Option(help="What will train: auto, cpu, cuda or cuda:N; it need not be in this machine.")
    ] = "auto",
    backend: Annotated[str, typer.Option(help="auto, or one for all runs.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads.", show_default="all cores")] = None,
    hours: Annotated[
        float, typer.Option(min=0.0, callback=finite, help="How long a chunk takes at most; a run is never cut.")
    ] = 1.0,
    workspace: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Checkpoints and weights; by default the store's own.", show_default=False),
    ] = None,
    json: Json = False,
    store: StoreOption = None,
) -> None:
    """Cut what is missing of a profile into chunks that can train on many machines, and tell which needs which."""
    from companion.costs.plan import chunks
    from companion.exhibits import EXHIBITS, PROFILES, cells
    from companion.project import store_folder, workspace_folder
    from companion.records.store import Store
    from companion.runs.machine import threads_of
    from companion.training.workspace import Workspace

    if profile not in PROFILES:
        raise UsageError(f"unknown profile {profile!r}: valid are {', '.join(PROFILES)}")
    every = [name for name, one in EXHIBITS.items() if profile in one.profiles]
    names = every if not exhibit or ALL in exhibit else list(dict.fromkeys(exhibit))
    grids = {name: [cell.spec for cell in cells(name, profile)] for name in names}
    records = Store.indexed(store.expanduser() if store else store_folder())
    place = workspace.expanduser() if workspace else workspace_folder(records.folder)
    with json_only(json):
        chosen, estimate = _estimate(device, threads_of(threads), records, backend)
        try:
            found = chunks(
                grids,
                records,
                Workspace(place, records),
                estimate,
                backend=backend,
                device=chosen,
                seconds=hours * HOUR,
            )
        except ValueError as error:
            if type(error) is ValueError:  # of a backend; those of ours say more
                raise UsageError(str(error)) from None
            raise
    lines = [
        {
            "id": chunk.id,
            "profile": profile,
            "exhibits": chunk.exhibits,
            "datasets": chunk.datasets,
            "keys": chunk.keys,
            "seconds": round(chunk.seconds, 1),
            "needs": chunk.needs,
        }
        for chunk in found
    ]
    if json:
        total = round(sum(chunk.seconds for chunk in found), 1)
        facts({"profile": profile, "device": chosen, "seconds": total, "exhibits": names, "chunks": lines})
        return
    columns = ("id", "exhibits", "runs", "time", "needs")
    table("", columns, [_shown(c.id, c.exhibits, len(c.keys), c.seconds, c.needs) for c in found])


def _shown(id: str, exhibits: Sequence[str], runs: int, seconds: float, needs: Sequence[str]) -> list[object]:
    return [id, ", ".join(exhibits), runs, duration(seconds), ", ".join(needs)]


def _estimate(device: str, threads: int, records: object, backend: str) -> tuple[str, Estimate]:
    """The device, and what tells how long runs take on it: measured where it is here, else by operations alone."""
    import re

    from companion.costs.plan import nominal
    from companion.costs.speeds import Speeds
    from companion.records.store import Store
    from companion.runs.fields import SpecError
    from companion.runs.machine import device_of

    assert isinstance(records, Store)
    try:
        chosen = device_of(device)
    except SpecError:
        if not re.fullmatch(r"cuda(:\d+)?", device):
            raise UsageError(f"unknown device {device!r}: valid are auto, cpu, cuda and cuda:N") from None
        return device, nominal(device)
    return chosen, Speeds(chosen, threads, records, backend).total

"""``run``: train what an exhibit lacks, then execute its chapter; ``keep-weights`` and ``kernels``: what gates need."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from companion.cli.options import StoreOption, room, store_of
from companion.cli.output import UsageError, duration, say, size, watching
from companion.files.documents import DEEPEST, depth
from companion.files.quoting import brief

if TYPE_CHECKING:
    from companion.site.run import Plan

__all__ = ["ALL", "joined", "keep_weights", "kernels", "run"]

ALL = "all"
"""In the place of an exhibit: all that have the profile."""
CALIBRATION = 120
"""Seconds for which a GPU is measured before all of a profile is run on it."""

FLAGS = ("-p", "--parameter")


def joined(words: list[str]) -> list[str]:
    """``-p name value`` as ``-p name=value``, the form that the parser of options knows."""
    result: list[str] = []
    rest = iter(words)
    for word in rest:
        result.append(word)
        if word in FLAGS:
            name = next(rest, None)
            value = None if name is None or "=" in name else next(rest, None)
            result += [part for part in ["=".join(p for p in (name, value) if p is not None)] if part]
    return result


def parse(pairs: list[str]) -> dict[str, Any]:
    """Names and values of ``-p``: a value is JSON where it reads as JSON, Python's True, False or None, else a word.

    Raises:
        UsageError: a name without value, or a value that nests without end.
    """
    values: dict[str, Any] = {}
    for pair in pairs:
        name, mark, text = pair.partition("=")
        if not (name and mark):
            raise UsageError(f"-p takes a name and a value, such as -p seeds 3; {brief(name or pair)} has no value")
        try:
            values[name] = json.loads(text)
            deep = depth(values[name]) > DEEPEST
        except RecursionError:
            deep = True
        except ValueError:
            values[name], deep = {"True": True, "False": False, "None": None}.get(text, text), False
        if deep:  # which Python could not read in the cell of a notebook
            raise UsageError(f"-p takes a value that is nested at most {DEEPEST} deep, not {brief(text)}")
    return values


def run(
    exhibit: Annotated[str, typer.Argument(help="Such as A-T2, or all of the profile; see `companion list`.")],
    profile: Annotated[str, typer.Option(help="quick, cpu or paper.")] = "quick",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            *FLAGS,
            metavar="NAME VALUE",
            help="A parameter of the chapter, or a field of every run.",
            show_default=False,
        ),
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Records; by default the project's results.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The executed notebook; by default in _build/runs.", show_default=False),
    ] = None,
    backend: Annotated[str, typer.Option(help="auto, fused, stacked or reference.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads.", show_default="all cores")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it takes: time, memory and disk, and do nothing.")
    ] = False,
    calibrate: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="SECONDS",
            help="How long to measure the device for that.",
            show_default=f"{CALIBRATION} for all on a GPU, else a moment where nothing is known",
        ),
    ] = None,
) -> int:
    """Train what is missing and execute the chapter.  What is recorded already is skipped."""
    given = {"profile": profile, "device": device, **parse(parameter or [])}
    from companion.project import find

    project = find()
    if not dry_run:
        place = (store or project.results).expanduser().absolute()
        _room(place, output or project.build / "runs" / "notebook", exhibit, given)
    from companion.exhibits import EXHIBITS
    from companion.files.whole import writable
    from companion.runs.machine import threads_of
    from companion.site.run import execute_chapter, joint, plan

    if exhibit == ALL and (output or parameter):
        raise UsageError("all runs every exhibit as it is: --output and -p are for one exhibit alone")
    names = [n for n, e in EXHIBITS.items() if profile in e.profiles] if exhibit == ALL else []
    plans = [plan(project, n, given, store=store, output=output, backend=backend) for n in names or [exhibit]]
    made, threads = joint(plans), threads_of(threads)
    try:
        if made.values["train"] or dry_run:
            on_gpu = CALIBRATION if exhibit == ALL and made.device != "cpu" else 0
            _estimate(plans, backend, threads, on_gpu if calibrate is None else calibrate)
        if dry_run:
            return 0
        for one in plans:  # what is written at the end must find its place
            writable(one.output.parent, "--output FILE")
        if made.values["train"]:
            _train(made, backend, threads)
        for one in plans:
            say(f"Executing the chapter {one.exhibit.chapter}")
            print(execute_chapter(project, one), flush=True)
    except KeyboardInterrupt:
        recorded = len(made.specs) - len(made.missing)
        say(
            f"Stopped. Every finished run is kept ({recorded} of {len(made.specs)} are recorded); "
            "one that was under way goes on from its last checkpoint, at most a minute or an epoch old, "
            "when the same command is given again."
        )
        return 130
    return 0


def _room(store: Path, output: Path, exhibit: str, given: Mapping[str, Any]) -> None:
    """Refuse what cannot be written, and too few open files, before what takes seconds is loaded and measured.

    Whoever only shows what is recorded may read it where nothing can be written.
    """
    from companion.files.whole import FolderError
    from companion.project import workspace_folder

    room((output.expanduser().absolute().parent, "--output FILE"))
    try:
        room((store, "--store DIR"), (workspace_folder(store), "the variable COMPANION_CACHE"))
    except FolderError:
        if given.get("train") is not False and _lacking(store, exhibit, given):
            raise


def _lacking(store: Path, exhibit: str, given: Mapping[str, Any]) -> bool:
    """Whether a run of what is asked for is not recorded, without loading what trains; what makes no sense is not."""
    from companion.exhibits import EXHIBITS, cells
    from companion.records.store import Store

    about = {name: given[name] for name in ("seeds", "rows") if name in given}
    fields = {name: value for name, value in given.items() if name not in ("profile", "device", "train", *about)}
    overrides = fields.pop("overrides", None)
    asked = EXHIBITS if exhibit == ALL else [exhibit]
    try:
        grids = [
            cells(name, given["profile"], overrides={**(overrides or {}), **fields} or None, **about)
            for name in asked
            if exhibit != ALL or given["profile"] in EXHIBITS[name].profiles
        ]
    except (ValueError, TypeError):  # said in full by whoever reads the request
        return True
    return Store(store).lacks(cell.spec for grid in grids for cell in grid)


def _estimate(plans: list[Plan], backend: str, threads: int, calibrate: int) -> None:
    """Say what training takes, exhibit by exhibit where there are several, and refuse what the disk cannot hold."""
    import shutil

    from companion.costs.needs import needs
    from companion.costs.speeds import Speeds
    from companion.project import workspace_folder
    from companion.records.store import Store
    from companion.site.run import joint

    made = joint(plans)
    missing = made.missing
    if not missing:
        return say(f"All {len(made.specs)} runs are recorded in {made.store}")
    store = Store.indexed(made.store)
    speeds = Speeds(made.device, threads, store.summaries(), backend)
    if calibrate:
        say(f"Measuring {made.device} for {duration(calibrate)}")
        speeds.calibrate(missing, calibrate)
    if len(plans) > 1:
        for one in plans:
            if one.missing:
                say(
                    f"{one.exhibit.id}: {len(one.missing)} of {len(one.specs)} runs, "
                    f"about {duration(speeds.total(one.missing))}"
                )
    found = needs(missing, store, speeds)
    places = [made.store, workspace_folder(made.store)]
    there = [next(parent for parent in (place, *place.parents) if parent.exists()) for place in places]
    folder = min(there, key=lambda place: shutil.disk_usage(place).free)
    free = shutil.disk_usage(folder).free
    say(
        f"{found.runs} of {len(made.specs)} runs to train on {made.device}: about {duration(found.seconds)}, "
        f"{size(found.memory)} of its memory at the least, {size(found.disk)} of disk ({size(free)} free)"
    )
    if found.disk > free:
        how = "--store DIR" if folder == there[0] else "the variable COMPANION_CACHE"
        raise UsageError(f"there is too little room in {folder}: {how} takes a folder elsewhere")


def _train(made: Plan, backend: str, threads: int) -> None:
    """Train with a bar whose unit is work, so that its time left is right for long and short runs alike."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from companion.site.run import Meter, train_missing
    from companion.training.loop import Progress as Epoch

    missing = made.missing
    if not missing:
        return
    meter, console = Meter(missing), watching()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:5.1f}%"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, speed_estimate_period=300) as bar:
        task = bar.add_task("Training", total=meter.total)

        def epoch(progress: Epoch) -> None:
            meter(progress)
            bar.update(
                task,
                total=meter.total,
                completed=meter.done,
                description=f"{progress.spec.regime} seed {progress.spec.seed}",
            )

        trained = train_missing(made, backend=backend, threads=threads, on_progress=epoch)
    left = len(made.missing)
    say(f"{trained} runs trained" + (f"; {left} are being trained by another process" if left else ""))
    sys.stderr.flush()


def keep_weights(
    keys: Annotated[list[str], typer.Argument(metavar="KEY...", help="Keys of recorded runs of ReLU or DL.")],
    workspace: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where they were trained; by default the store's own.", show_default=False),
    ] = None,
    store: StoreOption = None,
) -> None:
    """Keep the best weights of a run beside its record, so that FL runs need not train it again: of DL its gates."""
    records = store_of(store)
    room((records.weights_path("").parent, "--store DIR"))
    from companion.notation import Regime
    from companion.project import workspace_folder
    from companion.runs.sources import FEATURE
    from companion.training.workspace import Workspace

    trained = Workspace(workspace or workspace_folder(records.folder), records)
    for key in keys:
        made = records.path(key, 1)
        gates = made.exists() and records.read(made).spec.regime is Regime.DL
        weights = trained.load_weights(key, f"{FEATURE}best_test" if gates else "best_test")
        if weights is None:
            raise UsageError(f"there are no weights of a run {key} in {trained.folder}")
        print(records.keep_weights(key, weights.params))


def kernels(
    rows: Annotated[
        list[str] | None, typer.Argument(metavar="[ROW]...", help="Rows of C-E1-kernel; by default all.")
    ] = None,
    regime: Annotated[list[str] | None, typer.Option(metavar="REGIME", help="FL or FR-II; by default both.")] = None,
    device: Annotated[str, typer.Option(help="A torch device, or auto.")] = "auto",
    store: StoreOption = None,
) -> None:
    """Measure how the path kernels of C-E1's fixed gates change with the order of their layers, where it is missing."""
    from companion.exhibits import cells
    from companion.project import workspace_folder
    from companion.records.kernels import FOLDER, KernelStore
    from companion.runs.fields import SpecError

    records = store_of(store)
    try:
        grid = [cell for cell in cells("C-E1-kernel", "paper", rows=rows or None) if cell.column != "ReLU"]
    except SpecError as error:
        raise UsageError(str(error)) from None
    known = dict.fromkeys(cell.column for cell in grid)
    if not set(regime or known) <= set(known):
        raise UsageError(f"--regime must be {' or '.join(known)}, not {', '.join(regime or ())}")
    specs = [cell.spec for cell in grid if cell.column in (regime or known)]
    kept = KernelStore(records.folder / FOLDER)
    if not all(kept.path(spec).exists() for spec in specs):
        room((kept.folder, "--store DIR"))
    from companion.runs.machine import device_of
    from companion.training.kernels import measure_missing
    from companion.training.workspace import Workspace

    lacking = measure_missing(
        specs,
        records,
        Workspace(workspace_folder(records.folder), records),
        device=device_of(device),
        on_record=lambda record: say(f"{record.content['provenance']['seconds']:8.1f} s  {record.content['key']}"),
    )
    if lacking:
        say(f"{len(lacking)} kernels wait for the weights of their teachers: {', '.join(spec.key for spec in lacking)}")

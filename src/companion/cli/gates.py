"""``gates``: how much of what a reader's own model has learnt its gates hold."""

from __future__ import annotations

import json as json_text
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from companion.cli.options import Json, finite, room
from companion.cli.output import UsageError, duration, facts, json_only, jsonable, say, watching
from companion.cli.run import FLAGS, parse
from companion.files.whole import writable

if TYPE_CHECKING:
    from companion.decoupling.information import Optimiser
    from companion.decoupling.rows import Epoch
    from companion.verdicts.information import GateInformation

__all__ = ["gates"]

FOLDER = "gates-{}"


def gates(
    model: Annotated[
        str,
        typer.Option(metavar="PACKAGE.MODULE:FACTORY", help="Called to make the model; only that module is imported."),
    ],
    data: Annotated[
        str,
        typer.Option(
            metavar="NAME|FOLDER|FILE.npz",
            help="mnist, cifar10 or digits; a folder with train/ and test/ (or val/) of one folder of images a class; "
            "or an .npz with x_train, y_train, x_test, y_test.",
        ),
    ],
    parameter: Annotated[
        list[str] | None,
        typer.Option(*FLAGS, metavar="NAME VALUE", help="An argument of the factory.", show_default=False),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The model's trained weights, a saved state_dict.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="For answer and networks; by default gates-FACTORY.", show_default=False),
    ] = None,
    regimes: Annotated[str, typer.Option(help="ReLU, FL and FR-II, and what else is compared.")] = (
        "ReLU,FL,FR-II,FR-DI,FL-ones"
    ),
    seeds: Annotated[int, typer.Option(min=2, help="Networks of each regime.")] = 5,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training examples, at most.")] = 20,
    batch: Annotated[int, typer.Option(min=1, help="Examples of a step.")] = 128,
    early_stop: Annotated[
        int, typer.Option(min=0, help="Stop a network after so many epochs in a row with 99.9% right; 0: never.")
    ] = 0,
    optimiser: Annotated[str, typer.Option(help="adam or sgd.")] = "adam",
    lr: Annotated[float, typer.Option(callback=finite, help="Step size.")] = 1e-3,
    momentum: Annotated[float, typer.Option(min=0, callback=finite, help="Of sgd.")] = 0.0,
    size: Annotated[
        int | None, typer.Option(min=1, help="Rows and columns of a folder's images.", show_default="as they are")
    ] = None,
    grey: Annotated[bool, typer.Option("--grey", help="Read a folder's images with one channel.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads.", show_default="all cores")] = None,
    json: Json = False,
) -> int:
    """Train value networks on a model's gates, on random gates and with ones in, and tell what its gates hold.

    What was trained is kept in DIR, and the same command goes on from there after Ctrl-C.  The model, the data and the
    settings must then be the same; more seeds and more regimes may be asked for.
    """
    arguments = parse(parameter or [])
    folder = (out or Path(FOLDER.format(model.rpartition(":")[2]))).expanduser()
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--out must be a folder, and {folder} is a file")
    room((folder, "--out DIR"))
    step = _optimiser(optimiser, lr, momentum)
    import torch

    from companion.data.own import own_data
    from companion.decoupling.kept import DamagedError
    from companion.decoupling.named import failed, load_weights, model_named
    from companion.decoupling.rows import rows_of
    from companion.runs.machine import device_of, threads_of
    from companion.verdicts.information import gate_information

    torch.set_num_threads(threads_of(threads))
    new = False  # whether the folder was made for this
    with json_only(json):
        try:
            names = [str(row) for row in rows_of(name.strip() for name in regimes.split(","))]
            where = device_of(device)
            found = own_data(data, size=size, grey=grey)
            made = model_named(model, arguments)
            if weights is not None:
                load_weights(made, weights.expanduser())
            ask = partial(
                gate_information,
                made,
                found.train,
                found.test,
                regimes=names,
                seeds=range(seeds),
                epochs=epochs,
                batch=batch,
                early_stop=early_stop,
                device=where,
                optimiser=step,
                keep=folder / "networks",
            )
            new = not folder.exists()
            writable(folder, "--out DIR")
            started = time.monotonic()
            answer = _watched(ask, len(names) * seeds)
        except KeyboardInterrupt:
            say(
                f"Stopped. What was trained is kept in {folder}; the same command goes on from there, "
                "a network under way from its last checkpoint, at most an epoch or a minute old."
            )
            return 130
        except DamagedError as error:
            say(str(error))
            return 1
        except (ValueError, TypeError, RuntimeError) as error:
            if new:
                with suppress(OSError):  # something is in it
                    folder.rmdir()
            raise UsageError(str(error) if isinstance(error, ValueError) else failed("the study", error)) from error
    asked = {
        "model": model,
        "arguments": arguments,
        "weights": None if weights is None else str(weights),
        "data": data,
        "examples": {"train": len(found.train[0]), "test": len(found.test[0])},
        "settings": {
            "seeds": seeds,
            "epochs": epochs,
            "batch": batch,
            "early_stop": early_stop,
            "optimiser": optimiser,
            "lr": lr,
            "momentum": momentum,
        },
    }
    document = _write(folder, answer, asked, where, time.monotonic() - started)
    if json:
        facts(document)
    else:
        _show(answer)
        for place in ("gates.html", "gates.json"):
            print(folder / place)
    return 0


def _optimiser(name: str, lr: float, momentum: float) -> Optimiser:
    import torch

    if not lr > 0:
        raise UsageError(f"--lr must be above 0, not {lr:g}")
    if name not in ("adam", "sgd"):
        raise UsageError(f"unknown optimiser {name!r}: valid are adam, sgd")
    if name == "adam" and momentum:
        raise UsageError("--momentum is of sgd; adam has its own")
    return partial(torch.optim.Adam, lr=lr) if name == "adam" else partial(torch.optim.SGD, lr=lr, momentum=momentum)


def _watched(ask: Callable[..., GateInformation], networks: int) -> GateInformation:
    """Ask with a bar on a terminal, and a line for each network that is done, with the time left."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    console = watching()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:5.1f}%"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, speed_estimate_period=300, disable=not console.is_terminal) as bar:
        task = bar.add_task("Preparing", total=networks)
        kept, trained, spent, began = 0, 0, 0.0, None

        def tell(epoch: Epoch) -> None:
            nonlocal kept, trained, spent, began
            done = epoch.place + (1 if epoch.score else epoch.epoch / epoch.epochs)
            bar.update(task, completed=done, description=f"{epoch.row} seed {epoch.seed}")
            if epoch.score is None:
                began = began or time.monotonic()
                return
            if began is None:
                kept += 1
                bar.reset(task, total=networks, completed=epoch.place + 1)
                return
            spent, trained, began = spent + time.monotonic() - began, trained + 1, None
            left = spent / trained * (networks - epoch.place - 1)
            more = f", about {duration(left)} left" if left else ""
            text = f"{epoch.row} seed {epoch.seed}: {epoch.score.test:.2f}% ({epoch.place + 1} of {networks}{more})"
            bar.console.print(text, highlight=False) if console.is_terminal else say(text)

        answer = ask(tell=tell)
    if kept:
        say(f"{kept} of {networks} networks were trained before")
    return answer


def _write(folder: Path, answer: GateInformation, asked: dict[str, Any], device: str, seconds: float) -> dict[str, Any]:
    """Write ``gates.json`` and ``gates.html``, each whole or not at all; the document."""
    import torch

    import companion
    from companion.files.whole import write
    from companion.records.provenance import device_name
    from companion.site.gate_report import document, page

    made = {
        "device": device_name(device),
        "seconds": round(seconds, 1),
        "torch": torch.__version__,
        "companion": companion.__version__,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    whole = jsonable(document(answer, asked | made))
    write(folder / "gates.json", json_text.dumps(whole, indent=2, allow_nan=False) + "\n")
    write(folder / "gates.html", page(answer, asked | made))
    return whole


def _show(answer: GateInformation) -> None:
    from companion.cli.output import table
    from companion.render.information import information_table

    shown = information_table(answer)
    table(shown.caption, list(shown.frame.columns), shown.frame.values.tolist())
    for note in answer.notes:
        say(note)
    print(answer)

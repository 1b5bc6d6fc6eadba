"""``companion bench``: how fast this machine does what the book needs, and what else could do it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from companion.cli.options import Json, room
from companion.cli.output import UsageError, facts, json_only, say, table

__all__ = ["bench"]


def bench(
    name: Annotated[str, typer.Argument(help="A benchmark; `companion bench list` names them.")],
    json: Json = False,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads.", show_default="all cores")] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="How often each variant is measured.")] = None,
    save: Annotated[bool, typer.Option("--save", help="Keep the outcome as the project's reference result.")] = False,
    tiny: Annotated[bool, typer.Option(help="Tiny sizes, to see that everything runs.")] = False,
    keras_python: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Python of an environment with tensorflow.", show_default=False)
    ] = None,
    neural_tangents_python: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Python of an environment with neural-tangents.", show_default=False),
    ] = None,
) -> int:
    """Measure variants of one task side by side; the ratio is to the first of them."""
    from companion.project import find

    project = find()
    if save:
        room((project.benchmarks, "a checkout elsewhere"))
    from companion.costs.bench import Options, keep, load, machine, measure
    from companion.runs.machine import threads_of

    known = load(project.root)
    if name == "list":
        lines = [{"benchmark": one.name, "title": one.title} for one in known.values()]
        facts(lines) if json else table("", ("benchmark", "title"), [list(line.values()) for line in lines])
        return 0
    if name not in known:
        raise UsageError(f"unknown benchmark {name!r}: valid are {', '.join(known)}")
    options = Options(threads_of(threads), rounds, tiny, keras_python, neural_tangents_python)
    with json_only(json):
        where = machine(options.threads)
        rows = measure(known[name], options, tell=say)
    document = {"benchmark": name, "title": known[name].title, "machine": where, "rows": [asdict(row) for row in rows]}
    if save:
        keep(project.root, document)
    if json:
        facts(document)
    else:
        columns = ("variant", "value", "unit", "ratio", "seconds", "of peak", "paired", "low", "high", "why not")
        numbers = [(r.value, r.unit, r.ratio, r.seconds, r.of_peak, r.paired, r.low, r.high) for r in rows]
        shown = [[r.variant, *map(_digits, own), r.reason] for r, own in zip(rows, numbers, strict=True)]
        table(f"{where['processor']}, {where['threads']} threads, torch {where['torch']}", columns, shown)
    return 0 if any(row.value is not None for row in rows) else 1


def _digits(value: float | str | None) -> str | None:
    """A number to three digits that count."""
    if not isinstance(value, float):
        return value
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"

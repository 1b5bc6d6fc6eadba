"""Commands that judge: ``scorecard``, ``check``, ``verify``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import chain
from typing import TYPE_CHECKING, Annotated

import typer

from companion.cli.options import Json, StoreOption, room, store_of, went_past
from companion.cli.output import UsageError, facts, json_only, say, table

if TYPE_CHECKING:
    from companion.verdicts.tree import Node

__all__ = ["check", "scorecard", "verify"]


def scorecard(
    json: Json = False,
    tree: Annotated[
        bool, typer.Option("--tree", help="As a tree: how much of each paper is measured, and how much agrees.")
    ] = False,
    store: StoreOption = None,
) -> int:
    """Set every number, claim and statement of the papers beside what was measured."""
    from companion.verdicts.scorecard import scorecard as entries_of
    from companion.verdicts.tree import trees

    records = store_of(store, indexed=True)
    with json_only(json):
        for _ in records.summaries():  # so that what is damaged is named, whether or not a number hangs on it
            pass
        entries = entries_of(records)
        grown = trees(entries, records) if tree else {}
    lines = [entry.to_dict() for entry in entries]
    columns = ("id", "kind", "paper_mean", "mean", "n", "word", "rule")
    if json:
        facts({name: root.to_dict() for name, root in grown.items()} if tree else lines)
    elif tree:
        _show(grown)
    else:
        table("", columns, [[line[name] for name in columns] for line in lines])
    return went_past(records)


def _show(grown: Mapping[str, Node]) -> None:
    """Every inner node of the trees, a line each, those below it set in."""

    def lines(node: Node, depth: int) -> Iterator[list[str]]:
        agrees = "–" if node.agreement is None else f"{node.agreement:.0%}"
        count = str(sum(1 for _ in leaves(node)))
        yield ["  " * depth + node.name, f"{node.weight:.2%}", count, f"{node.coverage:.0%}", agrees]
        for child in node.children if node.name != THEORY else ():  # each of these is a statement of its own
            if child.entry is None:
                yield from lines(child, depth + 1)

    from companion.verdicts.tree import THEORY, leaves

    for profile, root in grown.items():
        table(f"profile {profile}", ("part", "weight", "leaves", "measured", "agrees"), list(lines(root, 0)))


def check(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Statements; by default all.")] = None,
    json: Json = False,
    record: Annotated[
        bool, typer.Option("--save", "--record", help="Store the outcomes, for the scorecard to read.")
    ] = False,
    store: StoreOption = None,
) -> int:
    """Check numbered statements by code; `stored` tells how what is stored of each compares with today's code."""
    from rich.console import Console
    from rich.progress import Progress

    from companion.project import ProjectError
    from companion.statements.outcomes import FOLDER, CheckStore, checks_digest

    if store is not None and not record:
        raise UsageError("--store names the folder in which --save stores outcomes: give both or neither")
    try:
        kept = CheckStore(store_of(store).folder / FOLDER)
    except ProjectError:  # statements can be checked anywhere; outcomes are stored in a project
        if record:
            raise
        kept = None
    if kept is not None and record:
        room((kept.folder, "--store DIR"))
    from companion.statements import CHECKS, run_checks

    for id in CHECKS if record else ():
        checks_digest(id)  # it is remembered: what is checked may change on the disk before there is an outcome
    with json_only(json), Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Checking", total=None)
        try:
            checks = run_checks(
                ids or None, on_progress=lambda id, done, total: progress.update(task, completed=done, total=total)
            )
        except ValueError as error:
            raise UsageError(str(error)) from None
    if kept is not None and record:
        kept.store(checks)
    stored = {} if kept is None else {id: kept.state(id) for id in {one.id for one in checks}}
    columns = ("id", "form", "aspect", "measured", "expected", "error", "tolerance", "holds", "passed", "stored")
    lines = [{name: (asdict(one) | {"stored": stored.get(one.id)})[name] for name in columns} for one in checks]
    if json:
        facts(lines)
    else:
        table("", columns, [[line[name] for name in columns] for line in lines])
    failed = [f"{one.id} ({one.form})" for one in checks if not one.passed]
    if failed:
        say(f"{len(failed)} of {len(checks)} checks fail: {', '.join(failed)}")
    return 1 if failed else 0


def verify(
    json: Json = False,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Believe an index of what was verified before where a file has not changed."),
    ] = False,
    store: StoreOption = None,
) -> int:
    """Verify every stored record, kernel, film and check against schema, key and digest; name those that are stale.

    Every byte is read, unless ``--quick`` takes files for verified whose size, times and number are those that they had
    when they were.
    """
    from companion.records import films, kernels
    from companion.statements import outcomes

    records = store_of(store, indexed=quick)
    count, believed, bad, stale, lines = 0, 0, [], {}, []
    for one in chain(
        records.survey_all(),
        outcomes.CheckStore(records.folder / outcomes.FOLDER).survey(records.index),
        kernels.KernelStore(records.folder / kernels.FOLDER).survey(records.index),
        films.FilmStore(records).survey(records.index),
    ):
        count, believed = count + 1, believed + one.believed
        if one.reason is not None:
            bad.append(one.reason)
        if one.stale is not None:
            stale[one.path] = one.stale
        if json:
            wrong = one.reason or one.stale
            line = {"file": str(one.path), "ok": wrong is None, "reason": wrong}
            lines.append(line | {"stale": one.stale is not None, "believed": one.believed})
    if json:
        facts(lines)
    if bad:
        say(bad[0] + (f" ({len(bad)} of {count} records are damaged)" if len(bad) > 1 else ""))
    if stale:
        names = ", ".join(path.stem for path in stale)
        say(next(iter(stale.values())) + (f" ({len(stale)} of {count}: {names})" if len(stale) > 1 else ""))
    if quick:
        say(f"{believed} of {count} files are as they were when they were verified, and were not read")
    if not (json or bad or stale):
        print(f"{count} records verified in {records.folder}")
    return 1 if bad or stale else 0

"""What is missing is trained: sources before those who need them, and no run that another process has claimed."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack

from companion.records.store import Record, Store
from companion.runs.lineage import with_sources
from companion.runs.spec import RunSpec
from companion.training.backends.choose import choose_backend
from companion.training.loop import Progress, train
from companion.training.workspace import Workspace

__all__ = ["barren", "needed", "run_missing", "sound"]

log = logging.getLogger(__name__)


CLAIMED = 96
"""Runs that are claimed at a time, two stacks of :data:`companion.training.loop.GROUP_SIZE`."""


def sound(specs: Iterable[RunSpec], store: Store) -> tuple[list[RunSpec], list[str]]:
    """The runs that no damaged record stands in the way of, and a sentence for each file of the store that is damaged.

    A damaged record is not replaced, so its run cannot be recorded; and it vouches for no weights, so what needs these
    cannot be trained, nor what needs that.

    Args:
        specs: the runs.
        store: where records are.

    Example:
        >>> runs, damaged = sound([RunSpec()], Store("/no/such/folder"))
        >>> len(runs), damaged
        (1, [])
    """
    pictures = store.pictures_path("").parent  # a run that was killed may have left some, and will replace them
    found = [(path, reason) for path, reason in store.verify() if path.parent != pictures]
    keys = {path.name.partition(".")[0] for path, reason in found if reason is not None}
    return (
        [spec for spec in specs if not any(one.key in keys for one in with_sources([spec]))],
        [reason for _, reason in found if reason is not None],
    )


def run_missing(
    specs: Iterable[RunSpec],
    store: Store,
    workspace: Workspace,
    *,
    backend: str = "auto",
    device: str = "cpu",
    threads: int = 1,
    on_progress: Callable[[Progress], None] | None = None,
    on_record: Callable[[Record], None] | None = None,
    others: Iterable[RunSpec] = (),
) -> int:
    """Train what the store lacks and write the records as they are finished.

    Runs that another process is training are left to it, and the log says to which.  A source whose weights are not in
    the workspace is trained again (a further take of its record); where a source diverged, there is no run from it.

    Args:
        specs: the runs wanted; the sources that they need are added.
        store: receives the records.
        workspace: checkpoints and the weights of sources.
        backend: a name in :data:`companion.training.backends.choose.BACKENDS`, or ``auto``.
        device: a torch device.
        threads: CPU threads.
        on_progress: told after each epoch of each run.
        on_record: told after each record is written.
        others: runs that are trained elsewhere or later.  Those of ``specs`` that they need leave their weights for
            them, and are trained again where they are recorded but these are lost.

    Returns:
        How many runs were trained.

    Raises:
        ValueError: no such backend, or one that cannot train these runs; nothing is written then.
        OSError: the system refuses; where a folder takes no files, that is found out before anything trains.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> spec = RunSpec(dataset="digits", train_size=32, test_size=32, width=2, depth=2, epochs=1)
        >>> with TemporaryDirectory() as folder:
        ...     store = Store(folder)
        ...     workspace = Workspace(f"{folder}/workspace", store)
        ...     run_missing([spec], store, workspace), run_missing([spec], store, workspace)
        (1, 0)
    """
    asked, others = dict.fromkeys(specs), list(others)

    def open_runs() -> dict[RunSpec, None]:
        wanted = [spec for spec in asked if spec not in store]
        if others:
            all_of_them = needed([*wanted, *(spec for spec in others if spec not in store)], store, workspace)
            wanted = [spec for spec in all_of_them if spec in asked]
        return needed(wanted, store, workspace)

    missing = open_runs()
    for spec in missing:
        choose_backend(spec, backend, device)
    if missing:  # what cannot be written is found out now, not after the last epoch
        workspace.check()
    leave = {source for spec in (*missing, *with_sources(others)) for source, _ in spec.sources.values()}
    trained = 0

    def finish(record: Record) -> None:
        nonlocal trained
        store.write(record)
        trained += 1
        if on_record:
            on_record(record)

    for group in _groups(missing):
        with ExitStack() as claims:
            # What waits for a run that trains elsewhere is not claimed: whoever trains that goes on with it.
            ready = [spec for spec in group if not _lacking(spec, workspace)]
            mine = [spec for spec in ready if claims.enter_context(workspace.claim(spec.key))]
            _tell([spec for spec in ready if spec not in mine], workspace)
            # Another process may have trained some before the claim.
            still = open_runs()
            mine = [spec for spec in mine if spec in still]
            train(
                mine,
                workspace,
                finish,
                backend=backend,
                device=device,
                threads=threads,
                on_progress=on_progress,
                leave=leave,
            )
    return trained


def _groups(missing: Iterable[RunSpec]) -> Iterator[list[RunSpec]]:
    """The runs in groups that are claimed together, sources before those who need them.

    Each claim is an open file, of which a process may have a thousand or fewer.  Runs that train as one stay together.
    """
    courses: dict[tuple[int, object], list[RunSpec]] = {}
    for spec in sorted(missing, key=lambda spec: spec.generation):
        courses.setdefault((spec.generation, spec.unmeasured.course), []).append(spec)
    group: list[RunSpec] = []
    for (generation, _), runs in courses.items():
        if group and (generation != group[0].generation or len(group) + len(runs) > CLAIMED):
            yield group
            group = []
        group = [*group, *runs]
    if group:
        yield group


def _tell(taken: Iterable[RunSpec], workspace: Workspace) -> None:
    """Say which runs are left to whom, and since when."""
    for holder, count in Counter(str(workspace.holder(spec.key) or "another process") for spec in taken).items():
        log.warning("%d %s left to %s", count, "run is" if count == 1 else "runs are", holder)


def _lacking(spec: RunSpec, workspace: Workspace) -> list[RunSpec]:
    """The sources of a run that have left no weights in the workspace."""
    sources = spec.sources.values()
    return [source for source, checkpoint in sources if workspace.load_weights(source.key, checkpoint) is None]


def needed(wanted: Iterable[RunSpec], store: Store, workspace: Workspace) -> dict[RunSpec, None]:
    """What must train so that the wanted runs can: themselves, and before them all sources whose weights are lost.

    A source that diverged leaves no weights and is not tried again.

    Args:
        wanted: runs that are not recorded, or are to be trained again.
        store: where records are.
        workspace: where weights are.

    Example:
        >>> store = Store("/no/such/folder")
        >>> [str(run.regime) for run in needed([RunSpec(regime="FL")], store, Workspace("/no/such/folder", store))]
        ['ReLU', 'FL']
    """
    found: dict[RunSpec, None] = {}
    seen: set[RunSpec] = set()

    def look(spec: RunSpec) -> None:
        if spec in seen:
            return
        seen.add(spec)
        for source in _lacking(spec, workspace):
            if (record := store.get(source)) is None or record.finished:
                look(source)
                found.setdefault(source)

    wanted = list(wanted)
    for spec in wanted:
        look(spec)
    return found | dict.fromkeys(wanted)


def barren(spec: RunSpec, store: Store) -> bool:
    """Whether there can be no run of this kind, as one that it needs, directly or not, has diverged.

    Args:
        spec: the run.
        store: where records are.

    Example:
        >>> barren(RunSpec(regime="FL"), Store("/no/such/folder"))
        False
    """
    sources = [source for source, _ in spec.sources.values()]
    return any(((r := store.get(s)) is not None and not r.finished) or barren(s, store) for s in sources)

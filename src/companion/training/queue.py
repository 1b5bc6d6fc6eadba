"""What is missing is trained: teachers first, and no run that another process has claimed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack

from companion.records.store import Record, Store
from companion.runs.spec import RunSpec
from companion.training.backends.choose import choose_backend
from companion.training.loop import Progress, train
from companion.training.workspace import Workspace

__all__ = ["run_missing", "with_teachers"]


def with_teachers(specs: Iterable[RunSpec]) -> list[RunSpec]:
    """The runs and the ReLU runs that they need, each once, teachers first."""
    ordered: dict[RunSpec, None] = {}
    specs = list(specs)
    for spec in specs:
        if spec.teacher is not None:
            ordered.setdefault(spec.teacher)
    for spec in specs:
        ordered.setdefault(spec)
    return sorted(ordered, key=lambda spec: spec.teacher is not None)


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
) -> int:
    """Train what the store lacks and write the records as they are finished.

    Runs that another process is training are left to it.  A teacher whose weights are not in the workspace is trained
    again (a further take of its record); where the teacher diverged, there is no FL run.

    Args:
        specs: the runs wanted; teachers are added where an FL run needs them.
        store: receives the records.
        workspace: checkpoints and teachers' weights.
        backend: a name in :data:`companion.training.backends.choose.BACKENDS`, or ``auto``.
        device: a torch device.
        threads: CPU threads.
        on_progress: told after each epoch of each run.
        on_record: told after each record is written.

    Returns:
        How many runs were trained.

    Raises:
        ValueError: no such backend, or one that cannot train these runs; nothing is written then.
    """
    wanted = [spec for spec in dict.fromkeys(specs) if spec not in store]
    for spec in wanted:
        choose_backend(spec, backend, device)
    students = [spec for spec in wanted if spec.teacher is not None]
    lost = _lost_teachers(students, store, workspace)
    first = list(dict.fromkeys([*lost, *(spec for spec in wanted if spec.teacher is None)]))
    trained = 0

    def finish(record: Record) -> None:
        nonlocal trained
        store.write(record)
        trained += 1
        if on_record:
            on_record(record)

    for stage in (first, students):
        with ExitStack() as claims:
            # A student whose teacher is still training elsewhere is not claimed: whoever trains that goes on with it.
            ready = [spec for spec in stage if spec.teacher is None or _has_weights(spec, workspace)]
            mine = [spec for spec in ready if claims.enter_context(workspace.claim(spec.key))]
            lost = _lost_teachers(students, store, workspace)  # another process may have trained some before the claim
            mine = [spec for spec in mine if spec not in store or spec in lost]
            train(mine, workspace, finish, backend=backend, device=device, threads=threads, on_progress=on_progress)
    return trained


def _has_weights(student: RunSpec, workspace: Workspace) -> bool:
    """Whether the teacher of an FL run has left its weights in the workspace."""
    teacher = student.teacher
    return teacher is not None and workspace.load_weights(teacher.key, student.teacher_checkpoint) is not None


def _lost_teachers(students: Iterable[RunSpec], store: Store, workspace: Workspace) -> list[RunSpec]:
    """The teachers that must train for these FL runs; one that diverged leaves no weights and is not tried again."""
    teachers = dict.fromkeys(s.teacher for s in students if s.teacher is not None and not _has_weights(s, workspace))
    return [teacher for teacher in teachers if (record := store.get(teacher)) is None or record.finished]

"""Run an exhibit: check what is asked for, train what is missing, execute the chapter.

Everything is checked before anything is written (:func:`plan`).  Training goes on in this process, where it can show
its progress; the chapter, executed afterwards with ``train=True``, then finds that nothing is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from companion.costs.flops import epoch_flops
from companion.data import DATASETS, DataError, installed
from companion.exhibits import Exhibit, exhibit
from companion.exhibits.parameters import chapter_parameters
from companion.exhibits.request import request
from companion.files.quoting import brief
from companion.project import Project, workspace_folder
from companion.records.store import Record, Store
from companion.runs.fields import SpecError
from companion.runs.lineage import with_sources
from companion.runs.spec import RunSpec
from companion.site import notebooks
from companion.training.backends.choose import choose_backend
from companion.training.loop import Progress
from companion.training.queue import run_missing
from companion.training.workspace import Workspace

__all__ = ["Meter", "Plan", "execute_chapter", "joint", "plan", "train_missing"]


@dataclass(frozen=True)
class Plan:
    """What one run of a chapter will do, all of it checked.

    Args:
        exhibit: the exhibit.
        values: every parameter of its chapter.
        specs: the runs it shows, each once, sources first.
        device: a torch device.
        store: the folder of records to read and to add to.
        output: where the executed notebook goes.
    """

    exhibit: Exhibit
    values: Mapping[str, Any]
    specs: tuple[RunSpec, ...]
    device: str
    store: Path
    output: Path

    @property
    def missing(self) -> tuple[RunSpec, ...]:
        """The runs that are not recorded yet."""
        store = Store(self.store)
        return tuple(spec for spec in self.specs if spec not in store)


def plan(
    project: Project,
    name: str,
    given: Mapping[str, Any],
    *,
    store: Path | None = None,
    output: Path | None = None,
    backend: str = "auto",
) -> Plan:
    """Check a request; nothing is written.

    The exhibit's own runs belong into the project's ``results``.  ``rows`` only selects among them; any other changed
    parameter makes another experiment, whose records need a store of their own.

    Args:
        project: where chapters and results are.
        name: the exhibit.
        given: parameters by name; one that is a field of :class:`~companion.runs.spec.RunSpec` changes it in every run.
        store: where records go, if not to the project's results.
        output: the executed notebook; by default in ``_build/runs``.
        backend: as in :func:`companion.training.backends.choose.choose_backend`.

    Raises:
        SpecError: one sentence that lists what is valid.
        DataError: a dataset is not here; the message has the command that fetches it.
        RecordError: a record of one of the runs is damaged.
        NotebookError: the exhibit's notebook is missing or damaged.
    """
    chosen = exhibit(name)
    values = _values(chosen, given)
    asked = request(name, **values)
    specs, device = tuple(with_sources(cell.spec for cell in asked.cells)), asked.device
    for spec in specs:
        try:
            choose_backend(spec, backend, device)
        except ValueError as error:
            raise SpecError(str(error)) from None
    target = store.expanduser().absolute() if store else project.results
    asked.into(target)
    if target.exists() and not target.is_dir():
        raise SpecError(f"--store must be a folder, and {target} is a file")
    output = output.expanduser().absolute() if output else project.build / "runs" / f"{name}-{values['profile']}.ipynb"
    if output.suffix != ".ipynb" or output.is_dir() or output.parent == project.notebooks:
        raise SpecError(f"--output must be an .ipynb file outside the folder of chapters, not {output}")
    notebooks.parameters(notebooks.read(project.chapter(chosen.chapter)))
    made = Plan(chosen, values, specs, device, target, output)
    records = Store(target)
    for spec in specs:
        records.get(spec)  # a damaged record stops us here
    if values["train"]:
        for dataset in dict.fromkeys(spec.dataset for spec in made.missing):
            if not DATASETS[dataset].embedded and not installed(dataset):
                raise DataError(f"{DATASETS[dataset].title} is not here; run: companion data fetch {dataset}")
    return made


def _values(chosen: Exhibit, given: Mapping[str, Any]) -> dict[str, Any]:
    """Every parameter of the chapter, those given and the defaults; fields of runs become overrides."""
    values: dict[str, Any] = {**chapter_parameters(chosen.id), "train": True}
    fields = RunSpec.__dataclass_fields__
    overrides: dict[str, Any] = {}
    for name, value in given.items():
        if name in values:
            values[name] = value
        elif name in fields and name not in ("regime", "seed"):
            overrides[name] = value
        else:
            others = ", ".join(n for n in fields if n not in ("regime", "seed"))
            raise SpecError(
                f"unknown parameter {brief(name)} of {chosen.id}: valid are {', '.join(values)} "
                f"and, for every run, {others}"
            )
    if not overrides or not isinstance(values["overrides"], Mapping):
        return values
    return {**values, "overrides": {**values["overrides"], **overrides}}


def joint(plans: Sequence[Plan]) -> Plan:
    """One plan for the training of several that have device and store in common: each run once, sources first."""
    specs = dict.fromkeys(spec for made in plans for spec in made.specs)
    return replace(plans[0], specs=tuple(sorted(specs, key=lambda spec: spec.generation)))


@dataclass
class Meter:
    """Work done, in floating-point operations, as training reports its epochs.

    Args:
        specs: the runs to be trained.
    """

    specs: tuple[RunSpec, ...]
    epochs: dict[RunSpec, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.cost = {spec: epoch_flops(spec) for spec in self.specs}

    @property
    def total(self) -> int:
        """All the work."""
        return sum(cost * spec.epochs for spec, cost in self.cost.items())

    @property
    def done(self) -> int:
        """The work behind us."""
        return sum(self.cost[spec] * epoch for spec, epoch in self.epochs.items())

    def __call__(self, progress: Progress) -> None:
        """Take note of an epoch; sources that must be repeated are work that was not foreseen."""
        self.cost.setdefault(progress.spec, epoch_flops(progress.spec))
        self.epochs[progress.spec] = progress.epoch


def train_missing(
    made: Plan,
    *,
    backend: str = "auto",
    threads: int = 1,
    on_progress: Callable[[Progress], None] | None = None,
    on_record: Callable[[Record], None] | None = None,
) -> int:
    """Train what a plan lacks, in this process; how many runs were trained.

    Args:
        made: from :func:`plan`.
        backend: as in :func:`companion.training.queue.run_missing`, and so are the others.
        threads: CPU threads.
        on_progress: told after each epoch.
        on_record: told after each record is written.
    """
    store = Store(made.store)
    workspace = Workspace(workspace_folder(made.store), store)
    return run_missing(
        made.specs,
        store,
        workspace,
        backend=backend,
        device=made.device,
        threads=threads,
        on_progress=on_progress,
        on_record=on_record,
    )


def execute_chapter(project: Project, made: Plan) -> Path:
    """Execute the chapter with a plan's parameters and write the notebook; a failure leaves none.

    Raises:
        NotebookError: a cell failed.
    """
    notebook = notebooks.execute(
        project.chapter(made.exhibit.chapter),
        root=project.root,
        store=made.store,
        downloads=made.output.parent / f"{made.output.stem}-downloads",
        values={**made.values, "device": made.device},
    )
    notebooks.write(notebook, made.output)
    return made.output

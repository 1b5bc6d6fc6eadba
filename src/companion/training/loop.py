"""The only training loop: specs in, records out.

It groups runs that a backend can train together, trains epoch by epoch, evaluates, keeps the best weights, saves
checkpoints and resumes from them.  A backend supplies one epoch and nothing else.

Runs that differ only in their number of epochs are one run that ends at several times: it is trained once, and each of
them is recorded as it passes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import partial

import torch

from companion.data import load
from companion.networks.precision import single_precision
from companion.notation import Int, Tensor
from companion.records.provenance import sources_digest
from companion.records.store import Record
from companion.runs.examples import same_examples, split
from companion.runs.spec import RunSpec
from companion.runs.streams import stream
from companion.training.backends.choose import choose_backend
from companion.training.evaluation import evaluate_all, evaluators
from companion.training.jobs import Job, leaders
from companion.training.pace import Pace
from companion.training.workspace import Workspace

__all__ = ["Progress", "epoch_order", "train"]

log = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 60
"""Between two checkpoints of a group; :mod:`companion.training.pace` has more, or less, where that is better."""
EVALUATION_SHARE = 0.25
"""Of the memory for cached gates, for those of the examples that runs are tested on, beside what training takes."""
GROUP_SIZE = 48
sources_digest()  # of what was read just now: the files may change before there is a checkpoint or a record


@dataclass(frozen=True)
class Progress:
    """Told after every epoch of every run.

    Example:
        >>> told = Progress(RunSpec(epochs=20), epoch=3, backend="fused", seconds=0.5)
        >>> f"{told.epoch} of {told.spec.epochs} epochs"
        '3 of 20 epochs'
    """

    spec: RunSpec
    epoch: int
    backend: str
    seconds: float
    """This run's share of the time that the epoch took."""


def epoch_order(spec: RunSpec, epoch: int, examples: int) -> Int[Tensor, "N"]:
    """The order of so many training examples in an epoch (from 1): the same for all runs of one seed.

    A run that starts from another goes on after all epochs that this one's description gives it.

    Args:
        spec: the run.
        epoch: from 1.
        examples: how many.

    Example:
        >>> orders = [epoch_order(RunSpec(seed=3, regime=regime), 1, examples=5) for regime in ("FR-II", "ReLU")]
        >>> sorted(orders[0].tolist()), torch.equal(*orders)
        ([0, 1, 2, 3, 4], True)
    """
    return torch.randperm(examples, generator=stream(spec.seed, "order", spec.epochs_before + epoch))


def train(
    specs: Iterable[RunSpec],
    workspace: Workspace,
    on_record: Callable[[Record], None],
    *,
    backend: str = "auto",
    device: str = "cpu",
    threads: int = 1,
    on_progress: Callable[[Progress], None] | None = None,
    leave: Collection[RunSpec] = (),
) -> None:
    """Train every run to its end and hand over its record at once.

    Args:
        specs: the runs; the weights of their sources must be in ``workspace``.
        workspace: checkpoints and weights; a run that has a checkpoint goes on from it.
        on_record: receives each record as it is finished.
        backend: a name in :data:`BACKENDS`, or ``auto``.
        device: a torch device.
        threads: CPU threads.
        on_progress: told after each epoch.
        leave: those that leave their weights for others, beside ReLU runs, which always do.

    Raises:
        SourceMissingError: a run lacks the weights of one of its sources.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from companion.records.store import Store
        >>> spec = RunSpec(dataset="digits", train_size=32, test_size=32, width=2, depth=2, epochs=2)
        >>> records = []
        >>> with TemporaryDirectory() as folder:
        ...     train([spec], Workspace(folder, Store(folder)), records.append, backend="reference")
        >>> len(records[0].curves["test_accuracy"])
        2
    """
    jobs = [Job(spec, workspace, choose_backend(spec, backend, device), spec in leave) for spec in specs]
    groups: dict[object, list[Job]] = {}
    for job in leaders(jobs):
        s = job.spec
        ahead = (s.epochs, job.checkpoint.epoch)
        kind = (job.backend.name, job.backend.group(s))
        groups.setdefault((same_examples(s), s.network, ahead, kind), []).append(job)
    for group in groups.values():
        for at in range(0, len(group), GROUP_SIZE):
            _train_group(group[at : at + GROUP_SIZE], on_record, device, threads, on_progress)


def _train_group(
    jobs: list[Job],
    on_record: Callable[[Record], None],
    device: str,
    threads: int,
    on_progress: Callable[[Progress], None] | None,
) -> None:
    spec, backend = jobs[0].spec, jobs[0].backend
    if device != "cpu":
        single_precision(tensor_cores=spec.precision == "tf32")  # the gates of test images are computed before training
    data = split(spec, load(spec.dataset))
    models = [job.checkpoint.state.model for job in jobs]
    found = evaluators([job.spec for job in jobs], models, data, device, EVALUATION_SHARE)
    tests = {job.spec.key: evaluator for job, evaluator in zip(jobs, found, strict=True)}
    recorded: set[str] = set()

    def record(job: Job) -> None:
        for ended in (*job.passed(), job):
            on_record(ended.record(device, threads))
        job.workspace.drop_checkpoint(job.spec)
        recorded.add(job.spec.key)

    for job in jobs:
        job.probe(data)
    engine, members = None, 0
    begun = jobs[0].checkpoint.epoch  # all of a group are as old
    pace = Pace([job.checkpoint.state for job in jobs], CHECKPOINT_SECONDS)
    while active := [job for job in jobs if not job.done]:
        if engine is None or len(active) < members:
            states = [job.checkpoint.state for job in active]
            engine = None  # before the next one takes its memory
            engine = backend.start([job.spec for job in active], states, data.train, device, threads)
            members = len(active)
        start = time.monotonic()
        results = engine.epoch([epoch_order(job.spec, job.checkpoint.epoch + 1, len(data.train)) for job in active])
        states = engine.states()
        accuracies = evaluate_all([tests[job.spec.key] for job in active], [s.model for s in states], threads)
        seconds = (time.monotonic() - start) / len(active)
        for job, state, result, accuracy in zip(active, states, results, accuracies, strict=True):
            job.advance(state, result, accuracy, seconds)
            job.probe(data)
            if on_progress:
                on_progress(Progress(job.spec, job.checkpoint.epoch, backend.name, seconds))
                for follower in job.followers:
                    on_progress(Progress(follower.spec, job.checkpoint.epoch, backend.name, 0.0))
            for follower in job.passed():
                on_record(follower.record(device, threads))
        for job in active:
            if job.done:
                record(job)
        going = [job for job in active if not job.done]
        if going and pace.due(going[0].checkpoint.epoch - begun, spec.epochs - going[0].checkpoint.epoch):
            pace.save(partial(_save, going))
    for job in jobs:
        if job.spec.key not in recorded:  # it was at its end before it was taken up
            record(job)


def _save(jobs: list[Job]) -> None:
    for job in jobs:
        job.workspace.save_checkpoint(job.spec, job.checkpoint)

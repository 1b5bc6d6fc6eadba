"""The only training loop: specs in, records out.

It groups runs that a backend can train together, trains epoch by epoch, evaluates, keeps the best weights, saves
checkpoints and resumes from them.  A backend supplies one epoch and nothing else.

Runs that differ only in their number of epochs are one run that ends at several times: it is trained once, and each of
them is recorded as it passes.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch

from companion.backends import (
    Backend,
    CudaBackend,
    EpochResult,
    FusedBackend,
    LanesBackend,
    ReferenceBackend,
    StackedBackend,
    TrainState,
)
from companion.data import load
from companion.evaluation import Evaluator, evaluate_all
from companion.measure import measure
from companion.networks.precision import single_precision
from companion.notation import Int, Regime, Tensor
from companion.records.provenance import provenance
from companion.records.store import Record
from companion.runs.examples import Split, split
from companion.runs.regimes import initial_model
from companion.runs.spec import RunSpec
from companion.runs.streams import stream
from companion.workspace import Checkpoint, Workspace, weights_digest

__all__ = ["BACKENDS", "Progress", "TeacherMissingError", "choose_backend", "endless", "epoch_order", "train"]

log = logging.getLogger(__name__)

BACKENDS: dict[str, Backend] = {
    b.name: b for b in (FusedBackend(), CudaBackend(), LanesBackend(), StackedBackend(), ReferenceBackend())
}
"""In order of preference."""

ONLY_ON = {"fused": "cpu", "lanes": "cpu", "cuda": "cuda"}
"""Backends that serve one type of device only."""

CHECKPOINT_SECONDS = 60
EVALUATION_SHARE = 0.25
"""Of the memory for cached gates, for those of the examples that runs are tested on, beside what training takes."""
GROUP_SIZE = 48


class TeacherMissingError(RuntimeError):
    """An FL run whose ReLU run has left no weights here."""


@dataclass(frozen=True)
class Progress:
    """Told after every epoch of every run."""

    spec: RunSpec
    epoch: int
    backend: str
    seconds: float
    """This run's share of the time that the epoch took."""


def choose_backend(spec: RunSpec, name: str = "auto", device: str = "cpu") -> Backend:
    """The first backend that can train ``spec`` on ``device``, or the named one.

    Raises:
        ValueError: unknown name, or neither the named backend nor, for ``auto``, any other can train this run.
    """
    if name not in ("auto", *BACKENDS):
        raise ValueError(f"unknown backend {name!r}: valid are auto, {', '.join(BACKENDS)}")
    kind = device.partition(":")[0]
    able = {b.name: b for b in BACKENDS.values() if ONLY_ON.get(b.name, kind) == kind and b.supports(spec)}
    if not able or name not in ("auto", *able):
        run = f"{spec.architecture} {'with' if spec.bias else 'without'} biases in {spec.precision} on {device}"
        raise ValueError(f"backend {name} cannot train {run}: valid here are {', '.join(able) or 'none'}")
    return next(iter(able.values())) if name == "auto" else able[name]


def epoch_order(spec: RunSpec, epoch: int, examples: int) -> Int[Tensor, "N"]:
    """The order of so many training examples in an epoch (from 1): the same for all runs of one seed."""
    return torch.randperm(examples, generator=stream(spec.seed, "order", epoch))


def endless(spec: RunSpec) -> RunSpec:
    """The run without its number of epochs; the teacher, whose length may hang on it, is another matter."""
    own = {"teacher_epochs": None} if spec.regime is Regime.FL else {}
    return spec.replace(epochs=10**9, **own)


def train(
    specs: Iterable[RunSpec],
    workspace: Workspace,
    on_record: Callable[[Record], None],
    *,
    backend: str = "auto",
    device: str = "cpu",
    threads: int = 1,
    on_progress: Callable[[Progress], None] | None = None,
) -> None:
    """Train every run to its end and hand over its record at once.

    Args:
        specs: the runs; FL runs come after their teachers, whose weights must be in ``workspace``.
        workspace: checkpoints and teachers' weights; a run that has a checkpoint goes on from it.
        on_record: receives each record as it is finished.
        backend: a name in :data:`BACKENDS`, or ``auto``.
        device: a torch device.
        threads: CPU threads.
        on_progress: told after each epoch.

    Raises:
        TeacherMissingError: an FL run has no teacher.
    """
    jobs = [_Job(spec, workspace, choose_backend(spec, backend, device)) for spec in specs]
    groups: dict[object, list[_Job]] = {}
    for job in _leaders(jobs):
        s = job.spec
        shared = (s.dataset, s.classes, s.train_size, s.test_size, s.holdout, s.network, s.epochs)
        noise = (s.label_noise, s.seed if s.label_noise else None)  # the noise of a seed is its own
        start = (
            len(job.checkpoint.curves["test_accuracy"]),
            job.backend.name,
            job.backend.group(s),
            s.regime is Regime.FL,
        )
        groups.setdefault((shared, noise, start), []).append(job)
    for group in groups.values():
        for at in range(0, len(group), GROUP_SIZE):
            _train_group(group[at : at + GROUP_SIZE], on_record, device, threads, on_progress)


class _Job:
    """One run on its way."""

    def __init__(self, spec: RunSpec, workspace: Workspace, backend: Backend) -> None:
        self.spec, self.workspace, self.backend = spec, workspace, backend
        self.teacher: dict[str, object] | None = None
        teacher = None
        if spec.teacher is not None:
            weights = workspace.load_weights(spec.teacher.key, spec.teacher_checkpoint)
            if weights is None:
                raise TeacherMissingError(
                    f"the FL run {spec.key} needs the weights of its ReLU run {spec.teacher.key}: train that first"
                )
            teacher = weights.params
            self.teacher = {
                "key": spec.teacher.key,
                "take": weights.take,
                "checkpoint": spec.teacher_checkpoint,
                "epoch": weights.epoch,
                "weights": weights_digest(weights.params),
            }
        self.followers: list[_Job] = []
        saved = workspace.load_checkpoint(spec.key)
        if saved is not None and saved.teacher == self.teacher:
            self.checkpoint = saved
        else:
            self.checkpoint = Checkpoint.fresh(TrainState(initial_model(spec, teacher)), self.teacher)

    @property
    def done(self) -> bool:
        return self.checkpoint.diverged or self.checkpoint.epoch >= self.spec.epochs or self.fitted

    @property
    def fitted(self) -> bool:
        """Whether the run may stop early by the rule of its spec."""
        return self.spec.fitted(self.checkpoint.curves["train_accuracy"])

    def passed(self) -> list[_Job]:
        """The followers whose last epoch this is, taken off the list; with the run itself all others end too."""
        ended = [job for job in self.followers if self.done or job.spec.epochs == self.checkpoint.epoch]
        self.followers = [job for job in self.followers if job not in ended]
        for job in ended:
            job.checkpoint = self.checkpoint
        return ended

    def advance(self, state: TrainState, result: EpochResult, accuracies: dict[str, float], seconds: float) -> None:
        """Take note of one more epoch."""
        old = self.checkpoint
        values = {
            "train_loss": round(result.loss / result.examples, 6),
            "train_accuracy": round(100 * result.correct / result.examples, 4),
            **accuracies,
        }
        # The loss was taken before the last step: that step can still have overflowed.
        finite = math.isfinite(values["train_loss"]) and all(
            bool(tensor.isfinite().all()) for tensor in state.model.trainable(self.spec.regime).values()
        )
        curves = {name: [*old.curves.get(name, []), value] for name, value in values.items()} if finite else old.curves
        new = replace(old, state=state, curves=curves, seconds=old.seconds + seconds, diverged=not finite)
        for checkpoint, curve in (("best_test", "test_accuracy"), ("selected", "holdout_accuracy")):
            if finite and curve in curves and curves[curve][-1] > max(curves[curve][:-1], default=-1.0):
                new = replace(new, kept={**new.kept, checkpoint: (new.epoch, state.model)})
        self.checkpoint = new

    def probe(self, data: Split) -> None:
        """Measure what the spec asks for, if this is the epoch for it and it has not been done."""
        c, spec = self.checkpoint, self.spec
        measured = c.probes.get("epoch", [])
        if spec.probe is None or c.diverged or c.epoch % spec.probe_every or c.epoch in measured:
            return
        values = {"epoch": c.epoch, **measure(spec, c.state.model, data.train.inputs, data.train.labels)}
        probes = {name: [*c.probes.get(name, []), value] for name, value in values.items()}
        self.checkpoint = replace(c, probes=probes)

    def record(self, device: str, threads: int) -> Record:
        """The finished run as a record; a ReLU run also leaves its weights for FL."""
        c, spec = self.checkpoint, self.spec
        take = self.workspace.next_take(spec)
        models = {name: model for name, (_, model) in c.kept.items()} | {"last": c.state.model}
        epochs = {name: epoch for name, (epoch, _) in c.kept.items()} | {"last": c.epoch}
        if spec.regime is Regime.RELU and not c.diverged:
            self.workspace.save_weights(spec.key, take, {n: (epochs[n], m.value) for n, m in models.items()})
        test = c.curves["test_accuracy"]
        selected = epochs.get("selected")
        return Record.build(
            spec,
            take,
            status="diverged" if c.diverged else "finished",
            curves=c.curves,
            best_test=max(test, default=None),
            best_epoch=epochs.get("best_test"),
            last_test=test[-1] if test else None,
            selected_test=test[selected - 1] if selected else None,
            selected_epoch=selected,
            teacher=self.teacher,
            **({"probes": c.probes} if spec.probe else {}),
            weights={name: weights_digest(model.value) for name, model in models.items()},
            provenance=provenance(self.backend.name, device, threads, spec, round(c.seconds, 3)),
        )


def _leaders(jobs: Iterable[_Job]) -> list[_Job]:
    """The jobs that train; every other one follows a longer job that will pass its last epoch."""
    leaders: list[_Job] = []
    for job in sorted(jobs, key=lambda job: -job.spec.epochs):
        for leader in leaders:
            ahead = leader.checkpoint.epoch < job.spec.epochs and job.checkpoint.epoch == 0
            if ahead and leader.teacher == job.teacher and endless(leader.spec) == endless(job.spec):
                leader.followers.append(job)
                break
        else:
            leaders.append(job)
    return leaders


def _train_group(
    jobs: list[_Job],
    on_record: Callable[[Record], None],
    device: str,
    threads: int,
    on_progress: Callable[[Progress], None] | None,
) -> None:
    spec, backend = jobs[0].spec, jobs[0].backend
    if device != "cpu":
        single_precision(tensor_cores=spec.precision == "tf32")  # the gates of test images are computed before training
    data = split(spec, load(spec.dataset))
    share = EVALUATION_SHARE / len(jobs)
    evaluators = {job.spec.key: Evaluator(job.spec, job.checkpoint.state.model, data, device, share) for job in jobs}
    recorded: set[str] = set()

    def record(job: _Job) -> None:
        for ended in (*job.passed(), job):
            on_record(ended.record(device, threads))
        job.workspace.drop_checkpoint(job.spec.key)
        recorded.add(job.spec.key)

    for job in jobs:
        job.probe(data)
    engine, members = None, 0
    saved = time.monotonic()
    while active := [job for job in jobs if not job.done]:
        if engine is None or len(active) < members:
            states = [job.checkpoint.state for job in active]
            engine = None  # before the next one takes its memory
            engine = backend.start([job.spec for job in active], states, data.train, device, threads)
            members = len(active)
        start = time.monotonic()
        results = engine.epoch([epoch_order(job.spec, job.checkpoint.epoch + 1, len(data.train)) for job in active])
        states = engine.states()
        accuracies = evaluate_all([evaluators[job.spec.key] for job in active], [s.model for s in states], threads)
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
        if time.monotonic() - saved > CHECKPOINT_SECONDS:
            for job in active:
                if not job.done:
                    job.workspace.save_checkpoint(job.spec.key, job.checkpoint)
            saved = time.monotonic()
    for job in jobs:
        if job.spec.key not in recorded:  # it was at its end before it was taken up
            record(job)

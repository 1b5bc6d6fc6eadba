"""The only training loop: specs in, records out.

It groups runs that a backend can train together, trains epoch by epoch, evaluates, keeps the best weights, saves
checkpoints and resumes from them.  A backend supplies one epoch and nothing else.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import torch

from companion.architectures import Conv
from companion.backends import (
    Backend,
    EpochResult,
    FusedBackend,
    ReferenceBackend,
    StackedBackend,
    TrainingSet,
    TrainState,
)
from companion.data import DATASETS, Dataset, load
from companion.notation import Int, Regime, Tensor
from companion.provenance import provenance
from companion.regimes import Model, gates, initial_model, output
from companion.spec import RunSpec, stream
from companion.store import Record
from companion.workspace import Checkpoint, Workspace, weights_digest

__all__ = ["BACKENDS", "Progress", "TeacherMissingError", "choose_backend", "epoch_order", "evaluate", "train"]

log = logging.getLogger(__name__)

BACKENDS: dict[str, Backend] = {b.name: b for b in (FusedBackend(), StackedBackend(), ReferenceBackend())}
"""In order of preference."""

CHECKPOINT_SECONDS = 60
GROUP_SIZE = 48
EVALUATION_BATCH = 500


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
        ValueError: unknown name, or the named backend cannot train this run.
    """
    if name == "auto":
        candidates = [b for b in BACKENDS.values() if device == "cpu" or b.name != "fused"]
        return next(b for b in candidates if b.supports(spec))
    if name not in BACKENDS:
        raise ValueError(f"unknown backend {name!r}: valid are auto, {', '.join(BACKENDS)}")
    if not BACKENDS[name].supports(spec):
        raise ValueError(f"backend {name} cannot train {spec.architecture} in {spec.precision} on this machine")
    return BACKENDS[name]


def epoch_order(spec: RunSpec, epoch: int) -> Int[Tensor, "N"]:
    """The order of the training examples in an epoch (from 1): the same for all runs of one seed."""
    return torch.randperm(_train_size(spec), generator=stream(spec.seed, "order", epoch))


def _train_size(spec: RunSpec) -> int:
    return (spec.train_size or DATASETS[spec.dataset].train_size) - spec.holdout


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
    for job in jobs:
        s = job.spec
        shared = (s.dataset, s.train_size, s.test_size, s.holdout, s.architecture, s.width, s.depth, s.bias, s.epochs)
        start = (
            len(job.checkpoint.curves["test_accuracy"]),
            job.backend.name,
            job.backend.group(s),
            s.regime is Regime.FL,
        )
        groups.setdefault((shared, start), []).append(job)
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
        saved = workspace.load_checkpoint(spec.key)
        if saved is not None and saved.teacher == self.teacher:
            self.checkpoint = saved
        else:
            self.checkpoint = Checkpoint.fresh(TrainState(initial_model(spec, teacher)), self.teacher)

    @property
    def done(self) -> bool:
        return self.checkpoint.diverged or self.checkpoint.epoch >= self.spec.epochs

    def advance(self, state: TrainState, result: EpochResult, accuracies: dict[str, float], seconds: float) -> None:
        """Take note of one more epoch."""
        old = self.checkpoint
        values = {
            "train_loss": round(result.loss / result.examples, 6),
            "train_accuracy": round(100 * result.correct / result.examples, 4),
            **accuracies,
        }
        finite = math.isfinite(values["train_loss"])
        curves = {name: [*old.curves.get(name, []), value] for name, value in values.items()} if finite else old.curves
        new = replace(old, state=state, curves=curves, seconds=old.seconds + seconds, diverged=not finite)
        for checkpoint, curve in (("best_test", "test_accuracy"), ("selected", "holdout_accuracy")):
            if finite and curve in curves and curves[curve][-1] > max(curves[curve][:-1], default=-1.0):
                new = replace(new, kept={**new.kept, checkpoint: (new.epoch, state.model)})
        self.checkpoint = new

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
            weights={name: weights_digest(model.value) for name, model in models.items()},
            provenance=provenance(self.backend.name, device, threads, spec, round(c.seconds, 3)),
        )


def _train_group(
    jobs: list[_Job],
    on_record: Callable[[Record], None],
    device: str,
    threads: int,
    on_progress: Callable[[Progress], None] | None,
) -> None:
    spec, backend = jobs[0].spec, jobs[0].backend
    dataset = load(spec.dataset)
    size = _train_size(spec)
    training = TrainingSet(dataset.train_inputs[:size], dataset.train_labels[:size])
    evaluators = {job.spec.key: _Evaluator(job.spec, job.checkpoint.state.model, dataset, device) for job in jobs}
    engine, members = None, 0
    saved = time.monotonic()
    while active := [job for job in jobs if not job.done]:
        if engine is None or len(active) < members:
            states = [job.checkpoint.state for job in active]
            engine = backend.start([job.spec for job in active], states, training, device, threads)
            members = len(active)
        start = time.monotonic()
        results = engine.epoch([epoch_order(job.spec, job.checkpoint.epoch + 1) for job in active])
        states = engine.states()
        accuracies = _evaluate_all([evaluators[job.spec.key] for job in active], states, threads)
        share = (time.monotonic() - start) / len(active)
        for job, state, result, accuracy in zip(active, states, results, accuracies, strict=True):
            job.advance(state, result, accuracy, share)
            if on_progress:
                on_progress(Progress(job.spec, job.checkpoint.epoch, backend.name, share))
        if time.monotonic() - saved > CHECKPOINT_SECONDS:
            for job in active:
                job.workspace.save_checkpoint(job.spec.key, job.checkpoint)
            saved = time.monotonic()
    for job in jobs:
        on_record(job.record(device, threads))
        job.workspace.drop_checkpoint(job.spec.key)


def _evaluate_all(
    evaluators: Sequence[_Evaluator], states: Sequence[TrainState], threads: int
) -> list[dict[str, float]]:
    """Evaluate several models side by side, one thread each: small networks do not share out well."""
    workers = min(threads, len(evaluators))
    torch.set_num_threads(threads // workers)
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda evaluator, state: evaluator(state.model), evaluators, states))


class _Evaluator:
    """Test and holdout accuracy of one run; the gates of a frozen feature network are computed once."""

    def __init__(self, spec: RunSpec, model: Model, dataset: Dataset, device: str) -> None:
        self.spec, self.device = spec, device
        self.sets = {"test_accuracy": (dataset.test_inputs[: spec.test_size], dataset.test_labels[: spec.test_size])}
        if spec.holdout:
            kept_out = slice(_train_size(spec), _train_size(spec) + spec.holdout)
            self.sets["holdout_accuracy"] = (dataset.train_inputs[kept_out], dataset.train_labels[kept_out])
        small = not any(isinstance(layer, Conv) for layer in spec.network.layers)
        self.stacks: dict[str, list[list[Tensor]]] = {}
        if spec.regime.frozen and small and model.feature is not None:
            for name, (x, _) in self.sets.items():
                batches = x.split(EVALUATION_BATCH)
                self.stacks[name] = [[g.bool() for g in gates(spec, model.feature, batch)] for batch in batches]

    def __call__(self, model: Model) -> dict[str, float]:
        return {
            name: evaluate(self.spec, model, x, y, self.device, self.stacks.get(name))
            for name, (x, y) in self.sets.items()
        }


@torch.no_grad()
def evaluate(
    spec: RunSpec,
    model: Model,
    inputs: Tensor,
    labels: Tensor,
    device: str = "cpu",
    stacks: Sequence[list[Tensor]] | None = None,
) -> float:
    """Accuracy in percent on ``inputs [N, C, H, W]``; ``stacks`` holds each batch's gates where they are known."""
    feature = None if model.feature is None else {n: t.to(device) for n, t in model.feature.items()}
    model = Model({n: t.to(device) for n, t in model.value.items()}, feature)
    correct = 0
    for i, (x, y) in enumerate(zip(inputs.split(EVALUATION_BATCH), labels.split(EVALUATION_BATCH), strict=True)):
        logits = output(spec, model, x.to(device), stacks[i] if stacks else None)
        correct += int((logits.argmax(-1).cpu() == y).sum())
    return round(100 * correct / len(labels), 4)

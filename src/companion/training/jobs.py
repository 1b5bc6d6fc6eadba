"""One run on its way: from its checkpoint, epoch by epoch, to its record."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

from companion.measure import measure, pictures
from companion.networks.forward import Params
from companion.notation import Regime
from companion.records.provenance import provenance
from companion.records.store import Record
from companion.records.weights import weights_digest
from companion.runs.examples import Split
from companion.runs.regimes import initial_model
from companion.runs.sources import FEATURE
from companion.runs.spec import RunSpec
from companion.training.backends import Backend
from companion.training.state import EpochResult, TrainState
from companion.training.workspace import Checkpoint, Workspace

__all__ = ["Job", "SourceMissingError", "leaders"]


class SourceMissingError(RuntimeError):
    """A run one of whose sources has left no weights here.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from companion.records.store import Store
        >>> from companion.training.backends import ReferenceBackend
        >>> with TemporaryDirectory() as folder:
        ...     Job(RunSpec(regime="FL"), Workspace(folder, Store(folder)), ReferenceBackend())  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        companion.training.jobs.SourceMissingError: the FL run ... needs the weights of the ReLU run ... first
    """


class Job:
    """One run on its way.

    Args:
        spec: the run.
        workspace: where the weights of its sources are, and perhaps a checkpoint of its own.
        backend: what trains it.
        leaves: whether it leaves its weights for others; ReLU runs always do.

    Raises:
        SourceMissingError: the weights of a source are not there.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from companion.records.store import Store
        >>> from companion.training.backends import ReferenceBackend
        >>> spec = RunSpec(dataset="digits", width=2, depth=2, epochs=1)
        >>> with TemporaryDirectory() as folder:
        ...     job = Job(spec, Workspace(folder, Store(folder)), ReferenceBackend())
        >>> job.checkpoint.epoch, job.done
        (0, False)
    """

    def __init__(self, spec: RunSpec, workspace: Workspace, backend: Backend, leaves: bool = False) -> None:
        self.spec, self.workspace, self.backend = spec, workspace, backend
        self.leaves = leaves or spec.regime is Regime.RELU
        self.sources: dict[str, Mapping[str, object]] = {}
        params: dict[str, Params] = {}
        for role, (source, checkpoint) in spec.sources.items():
            weights = workspace.load_weights(source.key, checkpoint)
            if weights is None:
                raise SourceMissingError(
                    f"the {spec.regime} run {spec.key} needs the weights of the {source.regime} run {source.key} "
                    f"for its {role}: train that first"
                )
            params[role] = weights.params
            self.sources[role] = {
                "key": source.key,
                "take": weights.take,
                "checkpoint": checkpoint,
                "epoch": weights.epoch,
                "weights": weights_digest(weights.params),
            }
        self.followers: list[Job] = []
        saved = workspace.load_checkpoint(spec)
        if saved is not None and saved.sources == self.sources:
            self.checkpoint = saved
        else:
            model = initial_model(spec, params.get("gates"), params.get("start"))
            self.checkpoint = Checkpoint.fresh(TrainState(model), self.sources)

    @property
    def done(self) -> bool:
        """Whether nothing is left to train."""
        return self.checkpoint.diverged or self.checkpoint.epoch >= self.spec.epochs or self.fitted

    @property
    def fitted(self) -> bool:
        """Whether the run may stop early by the rule of its spec."""
        return self.spec.fitted(self.checkpoint.curves["train_accuracy"])

    def passed(self) -> list[Job]:
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
        values = {"epoch": c.epoch, **measure(spec, c.state.model, data)}
        probes = {name: [*c.probes.get(name, []), value] for name, value in values.items()}
        self.checkpoint = replace(c, probes=probes, pictures=pictures(spec, c.state.model, data.test.inputs))

    def record(self, device: str, threads: int) -> Record:
        """The finished run as a record; beside it a source of others leaves its weights, and a probe its pictures."""
        c, spec = self.checkpoint, self.spec
        take = self.workspace.next_take(spec)
        models = {name: model for name, (_, model) in c.kept.items()} | {"last": c.state.model}
        epochs = {name: epoch for name, (epoch, _) in c.kept.items()} | {"last": c.epoch}
        left = {name: (epochs[name], model.value) for name, model in models.items()}
        if self.leaves and not c.diverged:
            if spec.regime is Regime.DL:  # the gates that others take are those of its feature network
                left |= {f"{FEATURE}{n}": (epochs[n], m.feature) for n, m in models.items() if m.feature is not None}
            self.workspace.save_weights(spec.key, take, left)
        if c.pictures:
            self.workspace.store.write_pictures(spec.key, c.pictures)
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
            teacher=self.sources.get("gates"),
            **({"start": self.sources["start"]} if "start" in self.sources else {}),
            **({"probes": c.probes} if spec.probe else {}),
            **({"pictures": weights_digest(c.pictures)} if c.pictures else {}),
            weights={name: weights_digest(params) for name, (_, params) in left.items()},
            provenance=provenance(self.backend.name, device, threads, spec, round(c.seconds, 3), c.code),
        )


def leaders(jobs: Iterable[Job]) -> list[Job]:
    """The jobs that train; every other one follows a longer job that will pass its last epoch.

    What measures nothing can follow what measures something on the same course.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from companion.records.store import Store
        >>> from companion.training.backends import ReferenceBackend
        >>> with TemporaryDirectory() as folder:
        ...     workspace = Workspace(folder, Store(folder))
        ...     runs = [RunSpec(dataset="digits", width=2, depth=2, epochs=epochs) for epochs in (1, 3)]
        ...     (leader,) = leaders([Job(run, workspace, ReferenceBackend()) for run in runs])
        >>> leader.spec.epochs, [follower.spec.epochs for follower in leader.followers]
        (3, [1])
    """
    leaders: list[Job] = []
    for job in sorted(jobs, key=lambda job: (-job.spec.epochs, job.spec.probe is None)):
        for leader in leaders:
            ahead = leader.checkpoint.epoch < job.spec.epochs and job.checkpoint.epoch == 0
            courses = {leader.spec.course, leader.spec.unmeasured.course}
            if ahead and leader.sources == job.sources and job.spec.course in courses:
                leader.followers.append(job)
                break
        else:
            leaders.append(job)
    return leaders

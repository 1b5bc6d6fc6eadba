"""What a training run keeps while it is not yet a record: checkpoints, and the weights that later runs need.

None of it is committed; it lives in a per-user cache, so that a killed run goes on where it was.  Weights that were
costly to obtain are kept beside their record as well (:meth:`companion.records.store.Store.keep_weights`).
"""

from __future__ import annotations

import io
import logging
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch

from companion.files.whole import abandoned, writable, writing
from companion.networks.forward import Params
from companion.records.store import Store
from companion.records.weights import Weights
from companion.runs.regimes import Model
from companion.runs.spec import RunSpec
from companion.training.state import TrainState

__all__ = ["Checkpoint", "Workspace"]

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """A run after some epochs: its state, its curves, and the weights it has kept."""

    state: TrainState
    curves: dict[str, list[float]]
    kept: dict[str, tuple[int, Model]] = field(default_factory=dict)
    sources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    seconds: float = 0.0
    diverged: bool = False
    probes: dict[str, list[float]] = field(default_factory=dict)
    pictures: Params = field(default_factory=dict)
    """What the last measurement left beside its numbers."""

    @classmethod
    def fresh(cls, state: TrainState, sources: Mapping[str, Mapping[str, Any]]) -> Checkpoint:
        """Before the first epoch."""
        return cls(state, {"train_loss": [], "train_accuracy": [], "test_accuracy": []}, sources=sources)

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return len(self.curves["test_accuracy"])


class Workspace:
    """A folder of checkpoints and weights beside a record store.

    Args:
        folder: the folder, created when needed.
        store: where finished records go; decides which take a repeated run is.
    """

    def __init__(self, folder: Path | str, store: Store) -> None:
        self.folder, self.store = Path(folder), store

    def check(self) -> None:
        """Find out whether all can be written that training leaves, here and in the store.

        Raises:
            OSError: it cannot; the message names the folder.
        """
        beside = (self.store.weights_path("").parent, self.store.pictures_path("").parent)
        for folder in (self.store.folder, *(folder for folder in beside if os.path.lexists(folder))):
            writable(folder, "--store DIR")
        for name in ("checkpoints", "weights", "claims"):
            writable(self.folder / name, "--out DIR, or the variable COMPANION_CACHE,")
        with self.claim("probe"):  # file systems that cannot lock say so here
            pass

    def next_take(self, spec: RunSpec) -> int:
        """1, or more where the run is recorded already."""
        return self.store.takes(spec) + 1

    def load_checkpoint(self, key: str) -> Checkpoint | None:
        """The checkpoint of a run; ``None`` if there is none or it cannot be read."""

        def parse(saved: Any) -> Checkpoint:
            state = TrainState(Model(**saved["model"]), saved["first"], saved["second"], saved["step"])
            kept = {name: (epoch, Model(**model)) for name, (epoch, model) in saved["kept"].items()}
            before = saved.get("teacher")  # as checkpoints had it when there was one kind of source
            return Checkpoint(
                state,
                saved["curves"],
                kept,
                saved.get("sources", {"gates": before} if before else {}),
                saved["seconds"],
                saved["diverged"],
                saved.get("probes", {}),
                saved.get("pictures", {}),
            )

        return _load(self.folder / "checkpoints" / f"{key}.pt", parse)

    def save_checkpoint(self, key: str, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint of a run, whole or not at all."""
        state = checkpoint.state
        content = {
            "model": vars(state.model),
            "first": state.first,
            "second": state.second,
            "step": state.step,
            "curves": checkpoint.curves,
            "kept": {name: (epoch, vars(model)) for name, (epoch, model) in checkpoint.kept.items()},
            "sources": dict(checkpoint.sources),
            "seconds": checkpoint.seconds,
            "diverged": checkpoint.diverged,
            "probes": checkpoint.probes,
            "pictures": checkpoint.pictures,
        }
        _save(content, self.folder / "checkpoints" / f"{key}.pt")

    def drop_checkpoint(self, key: str) -> None:
        """Forget the checkpoint of a run that is recorded, and what killed processes left of others."""
        path = self.folder / "checkpoints" / f"{key}.pt"
        for file in (path, *abandoned(path)):
            file.unlink(missing_ok=True)

    def save_weights(self, key: str, take: int, models: Mapping[str, tuple[int, Params]]) -> None:
        """Keep a run's weights by checkpoint name (``best_test``, ``last``, ``selected``, ``feature/last``, ...)."""
        for file in abandoned(self.folder / "weights" / f"{key}.pt"):  # who trains a run has claimed it
            file.unlink(missing_ok=True)
        content = {"take": take, "models": {name: tuple(model) for name, model in models.items()}}
        _save(content, self.folder / "weights" / f"{key}.pt")

    def load_weights(self, key: str, checkpoint: str) -> Weights | None:
        """The weights of a run that left them, from here or else from beside its record; ``None`` if neither has them.

        Raises:
            RecordError: those beside the record are damaged.
        """

        def parse(saved: Any) -> Weights | None:
            model = saved["models"].get(checkpoint)
            return None if model is None else Weights(saved["take"], *model)

        return _load(self.folder / "weights" / f"{key}.pt", parse) or self.store.weights(key, checkpoint)

    @contextmanager
    def claim(self, key: str) -> Iterator[bool]:
        """Whether this process may train a run now; the claim ends with the block, or with the process."""
        from filelock import FileLock, Timeout  # torch brings it

        folder = self.folder / "claims"
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / key)
        with suppress(Timeout):
            lock.acquire(blocking=False)
        try:
            yield lock.is_locked
        finally:
            lock.release()  # nothing, if another holds it


def _save(content: Any, path: Path) -> None:
    packed = io.BytesIO()  # on a full disk, torch would say nothing of the disk
    torch.save(content, packed)
    with writing(path) as file:
        file.write(packed.getbuffer())


def _load(path: Path, parse: Callable[[Any], T | None]) -> T | None:
    """What ``parse`` makes of a saved file.  A damaged one is named, and as good as none: its run is repeated."""
    if not path.exists():
        return None
    try:
        with zipfile.ZipFile(path) as archive:  # torch.load does not look at the checksums that torch.save wrote
            if (member := archive.testzip()) is not None:
                raise ValueError(f"wrong checksum of {member}")
        return parse(torch.load(path, weights_only=True))
    except Exception as error:  # whatever bad bytes provoke in the decoders
        log.warning("%s is damaged and not used: %s", path, error)
        return None

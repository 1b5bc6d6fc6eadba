"""What a training run keeps while it is not yet a record: checkpoints, and the weights that later runs need.

None of it is committed; it lives in a per-user cache, so that a killed run goes on where it was.  Weights that were
costly to obtain are kept beside their record as well (:meth:`companion.records.store.Store.keep_weights`).

A file says what it holds, and is asked: a checkpoint must be that of the run whose name it has, in all its shapes, and
weights must be those that a record of their run names.  What is something else is named in the log and not used.
"""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch

from companion.files.documents import regular
from companion.files.quoting import brief
from companion.files.saved import load
from companion.files.whole import abandoned, writable, writing
from companion.networks.forward import Params
from companion.records.provenance import sources_digest
from companion.records.store import RecordError, Store, why
from companion.records.weights import Weights
from companion.runs.regimes import Model
from companion.runs.spec import RunSpec
from companion.training.claims import Holder, held
from companion.training.fitting import unfit, unfit_model
from companion.training.past import impossible
from companion.training.state import TrainState

__all__ = ["FORMAT", "Checkpoint", "Workspace"]

FORMAT = 2
"""Of the files; those of the first say neither whose they are nor by what code they were made."""
TOLD = ("curves", "sources", "seconds", "diverged", "probes", "pictures")
"""What a checkpoint says of the run's past."""
LARGEST = 1 << 34
"""Bytes that one may have."""

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
    code: tuple[str, ...] = ()
    """Digests of the sources that trained it before, where it was saved and taken up again."""

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
        self._told: set[tuple[Path, str]] = set()

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

    def load_checkpoint(self, spec: RunSpec) -> Checkpoint | None:
        """The checkpoint of a run; ``None`` if there is none, or none that is this run's."""

        def parse(saved: Any) -> Checkpoint:
            label = _label(saved, "checkpoint", spec.key)
            state = TrainState(Model(**saved["model"]), saved["first"], saved["second"], saved["step"])
            kept = {name: (epoch, Model(**model)) for name, (epoch, model) in saved["kept"].items()}
            told = {name: saved[name] for name in TOLD} | {"code": label["code"]}
            told["kept"] = {name: epoch for name, (epoch, _) in kept.items()}
            fits = (unfit(spec, state), *(unfit_model(spec, model) for _, model in kept.values()))
            for reason in (*fits, impossible(spec, told)):
                if reason is not None:
                    raise _OtherError(reason)
            return Checkpoint(
                state,
                saved["curves"],
                kept,
                saved["sources"],
                saved["seconds"],
                saved["diverged"],
                saved["probes"],
                saved["pictures"],
                tuple(label["code"]),
            )

        return self._load(self._checkpoint(spec), parse)

    def _checkpoint(self, spec: RunSpec) -> Path:
        return self.folder / "checkpoints" / f"{spec.key}.pt"

    def save_checkpoint(self, spec: RunSpec, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint of a run, whole or not at all."""
        state = checkpoint.state
        code = dict.fromkeys((*checkpoint.code, sources_digest()))
        content = {
            "label": {"format": FORMAT, "kind": "checkpoint", "key": spec.key, "code": list(code)},
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
        _save(content, self._checkpoint(spec))

    def drop_checkpoint(self, spec: RunSpec) -> None:
        """Forget the checkpoint of a run that is recorded, and what killed processes left of others."""
        path = self._checkpoint(spec)
        for file in (path, *abandoned(path)):
            file.unlink(missing_ok=True)

    def save_weights(self, key: str, take: int, models: Mapping[str, tuple[int, Params]]) -> None:
        """Keep a run's weights by checkpoint name (``best_test``, ``last``, ``selected``, ``feature/last``, ...)."""
        for file in abandoned(self.folder / "weights" / f"{key}.pt"):  # who trains a run has claimed it
            file.unlink(missing_ok=True)
        label = {"format": FORMAT, "kind": "weights", "key": key, "code": [sources_digest()]}
        named = {name: tuple(model) for name, model in models.items()}
        _save({"label": label, "take": take, "models": named}, self.folder / "weights" / f"{key}.pt")

    def load_weights(self, key: str, checkpoint: str) -> Weights | None:
        """The weights of a run that left them, from here or else from beside its record; ``None`` if neither has them.

        Either way the record of the run vouches for them: they are those whose digest it names.

        Raises:
            RecordError: the record, or the weights beside it, are damaged.
        """

        def parse(saved: Any) -> tuple[int, Params] | None:
            _label(saved, "weights", key)
            model = saved["models"].get(checkpoint)
            return None if model is None else (saved["take"], dict(model[1]))

        def vouched(saved: Any) -> Weights | None:
            if (found := parse(saved)) is None:
                return None
            take, params = found
            if (weights := self.store.named(key, params, take).get(checkpoint)) is None:
                raise _OtherError(f"take {take} of its run has no record that names its weights {brief(checkpoint)}")
            return weights

        return self._load(self.folder / "weights" / f"{key}.pt", vouched) or self.store.weights(key, checkpoint)

    @contextmanager
    def claim(self, key: str) -> Iterator[bool]:
        """Whether this process may train a run now; the claim ends with the block, or with the process."""
        with held(self.folder / "claims" / key) as mine:
            yield mine

    def holder(self, key: str) -> Holder | None:
        """Who claimed a run last, as far as is known; ask where :meth:`claim` has said no."""
        return Holder.of(self.folder / "claims" / key)

    def _load(self, path: Path, parse: Callable[[Any], T | None]) -> T | None:
        """What ``parse`` makes of a saved file.  Another or a damaged one is as good as none, and is named once."""
        try:
            return parse(_read(path)) if os.path.lexists(path) else None
        except RecordError:
            raise
        except _OtherError as error:
            reason = f"is not used: {error}"
        except Exception as error:  # whatever bad bytes provoke in the decoders
            reason = f"is damaged and not used: {why(error)}"
        if (path, reason) not in self._told:
            self._told.add((path, reason))
            log.warning("%s %s", path, reason)
        return None


class _OtherError(ValueError):
    """A file that is whole and holds something else; the message says what."""


def _label(saved: Any, kind: str, key: str) -> Mapping[str, Any]:
    """What a file says of itself, where that is what its name says."""
    label = saved.get("label") if isinstance(saved, Mapping) else None
    if not isinstance(label, Mapping) or "format" not in label:
        raise _OtherError("it does not say whose it is, as files of earlier versions do not; its run starts anew")
    if label["format"] != FORMAT:
        said = brief(label["format"])
        raise _OtherError(f"it is of format {said}, and this code reads format {FORMAT}; its run starts anew")
    if (label.get("kind"), label.get("key")) != (kind, key):
        raise _OtherError(f"it holds {brief(label.get('kind'))} of the run {brief(label.get('key'))}")
    return label


def _save(content: Any, path: Path) -> None:
    packed = io.BytesIO()  # on a full disk, torch would say nothing of the disk
    torch.save(content, packed)
    with writing(path) as file:
        file.write(packed.getbuffer())


def _read(path: Path) -> Any:
    return load(regular(path, LARGEST))

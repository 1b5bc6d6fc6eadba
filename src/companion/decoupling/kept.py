"""A folder of networks that were trained already, so that what was stopped goes on where it was.

One small JSON for each trained network, one checkpoint for a network that takes longer than a minute, and one file that
says of what model, what data and what settings they are.  Each is written whole or not at all.
"""

from __future__ import annotations

import copy
import hashlib
import io
import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from companion.decoupling.plan import plan_of
from companion.decoupling.rows import Row, Score
from companion.files.documents import DocumentError, read, regular
from companion.files.quoting import brief, one_line, printable
from companion.files.saved import load
from companion.files.whole import write
from companion.notation import Tensor

__all__ = ["DamagedError", "Kept", "KeptError", "data_digest", "model_digest"]

LARGEST = 1 << 34
"""Bytes that a checkpoint may have."""
MOST = 8
"""Settings that a sentence names."""
LONGEST = 400
"""Characters of one of their values."""
SIMPLE = (bool, int, float, str, tuple, type(None))
"""Types of a module's settings."""


class KeptError(ValueError):
    """A folder that holds something else; the message says what.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     _ = Kept(Path(folder), {"model": "a", "data": "b", "settings": {}})
        ...     Kept(Path(folder), {"model": "other", "data": "b", "settings": {}})  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        companion.decoupling.kept.KeptError: ... holds networks of another model: choose another folder, ...
    """


class DamagedError(KeptError):
    """A file in the folder is damaged; the message names it.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     _ = (Path(folder) / "settings.json").write_text("half of")
        ...     Kept(Path(folder), {"model": "a", "data": "b", "settings": {}})  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        companion.decoupling.kept.DamagedError: ...settings.json is damaged, or that of another network: delete it, ...
    """


class Kept:
    """The networks in a folder.

    Args:
        folder: is made when the first thing is kept.
        identity: ``model`` and ``data``, digests, and ``settings`` by name.

    Raises:
        KeptError: the folder holds networks of another model, of other data or of other settings.
        DamagedError: its list of settings is damaged.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from companion.notation import Regime
        >>> with TemporaryDirectory() as folder:
        ...     kept = Kept(Path(folder), {"model": "a", "data": "b", "settings": {"epochs": 1}})
        ...     kept.keep(Score(Row(Regime.FL), seed=0, train=99.0, test=97.0, epochs=1))
        ...     kept.score(Row(Regime.FL), seed=0).test, kept.score(Row(Regime.FL), seed=1)
        (97.0, None)
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        self.folder = folder
        place = folder / "settings.json"
        identity = json.loads(json.dumps(identity))
        self.identity = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
        try:
            found = _read(place)
        except FileNotFoundError:
            if any(folder.glob("*.json")):
                raise KeptError(f"{folder} has no settings.json: choose another folder") from None
            write(place, json.dumps(identity, indent=2) + "\n")
            return
        if found.keys() != identity.keys() or not isinstance(found["settings"], dict):
            raise KeptError(f"{place} is not of networks like these: choose another folder")
        if differences := _differences(found, identity):
            raise KeptError(
                f"{folder} holds networks of {' and '.join(differences)}: choose another folder, or go on as they were"
            )

    def score(self, row: Row, seed: int) -> Score | None:
        """Of a network that is done; ``None`` if it is not.

        Raises:
            DamagedError: its file is damaged.
        """
        place = self._place(row, seed, "json")
        try:
            found = _read(place)
        except FileNotFoundError:
            return None
        if (found.get("regime"), found.get("seed")) != (str(row), seed) or isinstance(found["seed"], bool):
            raise _damaged(place)
        halves, epochs = [found.get(name, "") for name in ("train", "test")], found.get("epochs")
        if not all(map(_is_accuracy, halves)) or type(epochs) is not int or epochs < 1:
            raise _damaged(place)
        train, test = (math.nan if value is None else float(value) for value in halves)
        return Score(row, seed, train, test, epochs)

    def keep(self, score: Score) -> None:
        """Keep the score of a network that is done, and forget its checkpoint."""
        numbers = {name: None if math.isnan(value := getattr(score, name)) else value for name in ("train", "test")}
        content = {"regime": str(score.row), "seed": score.seed, **numbers, "epochs": score.epochs}
        write(self._place(score.row, score.seed, "json"), json.dumps(content) + "\n")
        self._place(score.row, score.seed, "pt").unlink(missing_ok=True)

    def checkpoint(self, row: Row, seed: int) -> dict[str, Any] | None:
        """What :meth:`save` was given last, on the CPU.

        Raises:
            DamagedError: the file is damaged, or that of another network.
        """
        place = self._place(row, seed, "pt")
        if not os.path.lexists(place):
            return None
        try:
            found = load(regular(place, LARGEST))
            whose, state = found["of"], found["state"]
            ours = isinstance(state, dict) and whose == self._whose(row, seed)
        except Exception as error:
            raise _damaged(place) from error
        if not ours:
            raise _damaged(place)
        return state

    def damaged(self, row: Row, seed: int) -> DamagedError:
        """The error of a checkpoint that no network of this kind can go on from."""
        return _damaged(self._place(row, seed, "pt"))

    def save(self, row: Row, seed: int, state: Mapping[str, Any]) -> None:
        """Keep a network that is under way."""
        buffer = io.BytesIO()
        torch.save({"of": self._whose(row, seed), "state": dict(state)}, buffer)
        write(self._place(row, seed, "pt"), buffer.getvalue())

    def _whose(self, row: Row, seed: int) -> dict[str, Any]:
        return {"regime": str(row), "seed": seed, "identity": self.identity}

    def _place(self, row: Row, seed: int, suffix: str) -> Path:
        return self.folder / f"{row}.{seed}.{suffix}"


def _is_accuracy(value: Any) -> bool:
    """Whether a value is a percentage, or ``None``, that of a network that diverged."""
    return value is None or (type(value) in (int, float) and 0 <= value <= 100)


def _read(place: Path) -> dict[str, Any]:
    if not os.path.lexists(place):
        raise FileNotFoundError(place)
    try:
        return read(place)
    except DocumentError as error:
        raise _damaged(place) from error


def _damaged(place: Path) -> DamagedError:
    return DamagedError(
        f"{place} is damaged, or that of another network: delete it, and what it was about is done again"
    )


def _differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """In words, what a folder holds where something else is wanted."""
    words = [
        f"another {name}" if name == "model" else "other data"
        for name in ("model", "data")
        if found[name] != wanted[name]
    ]
    before, now = found["settings"], wanted["settings"]
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return words + [
        f"other settings ({one_line(name)} {_told(before.get(name))}, not {_told(now.get(name))})"
        for name in names[:MOST]
    ]


def _told(value: Any) -> str:
    """A value of a setting: words as they are, as far as they can be shown."""
    return printable(value)[:LONGEST] if isinstance(value, str) else brief(value)


def model_digest(model: nn.Module, fresh: nn.Module) -> str:
    """SHA-256, in hex, of all that a model computes by, and of what its weights are drawn anew from.

    That is its modules with their settings, its graphs of evaluation and of training, and all tensors: weights,
    buffers, those that are not saved among them, and tensors that its graphs take though they are neither.

    Args:
        model: the model.
        fresh: the same with weights of some seed, which stand for how they are drawn.

    Example:
        >>> open_, closed = (nn.Sequential(nn.Linear(1, 1), nn.ReLU()).eval() for _ in range(2))
        >>> closed[0].weight.data = -open_[0].weight.data
        >>> model_digest(open_, open_) == model_digest(closed, closed)
        False
    """
    digest = hashlib.sha256()
    for network in (copy.deepcopy(model), copy.deepcopy(fresh)):
        for training in (False, True):
            graph = plan_of(network.train(training)).graph  # which makes buffers of plain tensors that it takes
            digest.update(f"{network!r}\0{graph}\0{_settings(network)}".encode())
        for name, value in (network.state_dict() | dict(network.named_buffers())).items():
            _add(digest.update, name, value)
    return digest.hexdigest()


def _settings(network: nn.Module) -> list[tuple[str, dict[str, Any]]]:
    """Those of torch's own modules, not all of which tell them in their repr."""
    return [
        (
            name,
            {key: value for key, value in sorted(vars(module).items()) if isinstance(value, SIMPLE) and key[0] != "_"},
        )
        for name, module in network.named_modules()
        if type(module).__module__.startswith("torch.nn")
    ]


def data_digest(*tensors: Tensor) -> str:
    """SHA-256, in hex, of tensors with their types and shapes.

    Example:
        >>> data_digest(torch.zeros(2)) == data_digest(torch.zeros(2, 1))
        False
    """
    digest = hashlib.sha256()
    for tensor in tensors:
        _add(digest.update, "", tensor)
    return digest.hexdigest()


def _add(update: Callable[[Any], None], name: str, value: Tensor) -> None:
    update(f"\0{name} {value.dtype} {tuple(value.shape)}\0".encode())
    update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)

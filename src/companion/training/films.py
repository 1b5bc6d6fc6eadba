"""Films of recorded runs are made: each is trained again, and a kernel is kept where it is the one that was measured.

Rounding differs with the kind of processor, and with how many runs a backend trains side by side, and after some epochs
so do weights.  So a run is trained again in the company in which it was, and a repeat that does not measure what the
record says is refused: its kernels are those of another network.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch

from companion.data import load
from companion.kernels import label_alignment
from companion.measure.label_alignment import path_kernel
from companion.notation import Float, Tensor
from companion.records.errors import RecordError
from companion.records.films import Film, far
from companion.records.store import Record, Store
from companion.runs.examples import same_examples, split
from companion.runs.regimes import Model, initial_model
from companion.runs.spec import RunSpec
from companion.training.loop import train
from companion.training.workspace import Workspace

__all__ = ["make_film", "means"]


def means(H: Float[Tensor, "n n"], y: Float[Tensor, "n"]) -> tuple[float, float]:
    """Means of a kernel over pairs of two examples: of those with the same label, and of those with different ones.

    Example:
        >>> H = torch.tensor([[9.0, 1.0, 2.0], [1.0, 9.0, 3.0], [2.0, 3.0, 9.0]])
        >>> means(H, torch.tensor([-1.0, -1.0, 1.0]))
        (1.0, 2.5)
    """
    alike, two = y[:, None] == y, ~torch.eye(len(y), dtype=torch.bool)
    return float(H[alike & two].mean()), float(H[~alike].mean())


def make_film(spec: RunSpec, store: Store, epochs: Sequence[int], company: Sequence[RunSpec] = ()) -> Film:
    """Train a recorded run again and keep its path kernels.

    Args:
        spec: a ReLU run with the probe ``label-alignment``.
        store: its record is here.
        epochs: the stages: 0, and epochs after which the run was measured.
        company: runs that the record was made with, this one among them, in their order; of these, those that would not
            be trained in one group with it are left out.

    Raises:
        RecordError: there is no record, or the repeat is not the network of the record.
        ValueError: an epoch at which the run was not measured.
    """
    record = store.get(spec)
    if record is None:
        raise RecordError(f"there is no record of the run {spec.key} in {store.folder}")
    if odd := [e for e in epochs if not 0 <= e <= spec.epochs or e % spec.probe_every]:
        raise ValueError(f"the run {spec.key} was not measured after epoch {odd[0]}")
    start, origin = time.monotonic(), record.content["provenance"]
    group = [s for s in company or (spec,) if (same_examples(s), s.network) == (same_examples(spec), spec.network)]
    shorter = [spec.replace(epochs=e) for e in epochs if 0 < e < spec.epochs]  # each leaves its weights on the way
    data = split(spec, load(spec.dataset)).train
    kernels: dict[int, Tensor] = {}
    measured: dict[str, list[float]] = {"nu": [], "same": [], "other": []}
    with tempfile.TemporaryDirectory(prefix="companion-") as folder:
        workspace = Workspace(Path(folder) / "workspace", Store(Path(folder) / "results"))
        train(
            [*group, *shorter],
            workspace,
            partial(_keep, workspace.store),
            backend=origin["backend"],
            threads=origin.get("threads", 1),
        )
        for epoch in epochs:
            H, y = path_kernel(spec, _model(spec, workspace, epoch), data.inputs, data.labels)
            kernels[epoch] = H / H.trace() * len(H)
            for name, value in zip(measured, (label_alignment(H, y), *means(kernels[epoch], y)), strict=True):
                measured[name].append(value)
    if reason := far(record, epochs, measured["nu"]):
        raise RecordError(f"the run {spec.key}, trained again, is another network here: {reason}")
    seconds = time.monotonic() - start
    return Film.build(record, kernels, measured, backend=origin["backend"], device="cpu", seconds=seconds)


def _keep(store: Store, made: Record) -> None:
    store.write(made)


def _model(spec: RunSpec, workspace: Workspace, epoch: int) -> Model:
    """The network after so many epochs."""
    if epoch == 0:
        return initial_model(spec)
    weights = workspace.load_weights(spec.replace(epochs=epoch).key, "last")
    assert weights is not None
    return Model(weights.params)

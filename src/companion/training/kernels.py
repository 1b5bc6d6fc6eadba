"""The path kernels of frozen gates that a store lacks are measured, where the weights that make the gates are kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from companion.data import load
from companion.files.whole import writable
from companion.measure.kernel_change import kernel_changes
from companion.networks.forward import Params
from companion.notation import Regime
from companion.records.kernels import FOLDER, KernelRecord, KernelStore, own_order
from companion.records.store import Store
from companion.records.weights import weights_digest
from companion.runs.examples import split
from companion.runs.regimes import initial_model
from companion.runs.spec import RunSpec
from companion.training.workspace import Workspace

__all__ = ["FROZEN", "measure_missing"]

FROZEN = (Regime.FR_II, Regime.FR_DI, Regime.FL)
"""Regimes whose gates no training changes."""


def measure_missing(
    specs: Iterable[RunSpec],
    store: Store,
    workspace: Workspace,
    *,
    device: str = "cpu",
    on_record: Callable[[KernelRecord], None] | None = None,
) -> list[RunSpec]:
    """Measure how the kernels of these runs' gates change with the order of their layers, on the first test images.

    Args:
        specs: runs; those whose gates train, or that have none, are passed over.
        store: receives the records, in its folder ``kernels``.
        workspace: where the weights of teachers are; those beside the records of ``store`` count too.
        device: a torch device.
        on_record: told after each record is written.

    Returns:
        Runs, one for each kernel, whose teachers have left no weights: nothing is measured of them.
    """
    kept = KernelStore(store.folder / FOLDER)
    lacking = []
    wanted = dict.fromkeys(own_order(spec) for spec in specs if spec.regime in FROZEN)
    missing = [spec for spec in wanted if kept.get(spec) is None]
    if missing:
        writable(store.folder / FOLDER, "--store DIR")
    for spec in missing:
        feature = _feature(spec, workspace)
        if feature is None:
            lacking.append(spec)
            continue
        start = time.monotonic()
        test = split(spec, load(spec.dataset)).test
        moved = {name: tensor.to(device) for name, tensor in feature.items()}
        changes = kernel_changes(spec, moved, test.inputs.to(device), test.labels.to(device))
        seconds = time.monotonic() - start
        record = KernelRecord.build(spec, weights_digest(feature), changes, device=device, seconds=seconds)
        kept.write(record)
        if on_record:
            on_record(record)
    return lacking


def _feature(spec: RunSpec, workspace: Workspace) -> Params | None:
    """The feature network's parameters; ``None`` where its teacher's are lost."""
    teacher = None
    if "gates" in spec.sources:
        source, checkpoint = spec.sources["gates"]
        weights = workspace.load_weights(source.key, checkpoint)
        if weights is None:
            return None
        teacher = weights.params
    return initial_model(spec, teacher).feature

"""How many seconds the operations of runs take here.

Speeds come from records that this machine made with the same backend, or, where it has made none, from a calibration of
a fraction of a second that is kept in the user's cache; the seconds that a probe takes are calibrated likewise.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import torch

from companion.costs.flops import run_flops, training_flops
from companion.data import DATASETS
from companion.files import documents
from companion.files.documents import DocumentError
from companion.files.whole import write
from companion.measure import HIDDEN, MACHINES, ON_TEST, Probe, measure
from companion.measure.hidden_layers import EXAMPLES
from companion.measure.machine import KEPT, QUARTER, fitted_images, kernel_machine, work
from companion.project import user_cache
from companion.records import schema
from companion.records.provenance import device_name
from companion.records.record import Record
from companion.records.summary import Summary
from companion.runs.examples import Examples, Split
from companion.runs.regimes import initial_model
from companion.runs.spec import RunSpec
from companion.training.backends import Backend
from companion.training.backends.choose import choose_backend
from companion.training.state import TrainState

__all__ = ["Speeds"]

WORK = {"cpu": 1.5e10, "cuda": 2e12}
"""Operations in one calibration, by type of device: a fraction of a second."""


SPEED = schema.number(1e-9, 1e24)
"""Operations in a second, or seconds of a probe."""

FEW = 2 * QUARTER
"""Draws of the path kernel in the calibration of a probe that takes hundreds."""

PROBED = 20
"""Examples in the calibration of a probe that takes them one after the other."""


class Speeds:
    """Operations per second of the backends on one device.

    Args:
        device: a torch device.
        threads: CPU threads.
        records: where to look for runs that this device made; they are gone through once.
        backend: as in :func:`companion.training.backends.choose.choose_backend`.
        cache: file of earlier calibrations; by default in the user's cache.
    """

    def __init__(
        self,
        device: str = "cpu",
        threads: int = 1,
        records: Iterable[Record | Summary] = (),
        backend: str = "auto",
        cache: Path | None = None,
    ) -> None:
        self.device, self.threads, self.backend = device, threads, backend
        self.cache = cache or user_cache() / "speeds.json"
        self.calibrated: dict[str, float] = {}
        known: dict[tuple[str, int], float] = {}
        found: dict[str, list[float]] = {}
        for record in records:
            made = record if isinstance(record, Summary) else Summary.of(record.content)
            if made.device == device_name(device) and made.seconds > 0 and made.finished:
                name = self._name(made.run, made.backend, made.threads)
                if (made.kind, made.epochs) not in known:  # what all repetitions of a run take
                    known[made.kind, made.epochs] = run_flops(made.run, epochs=made.epochs)
                flops = known[made.kind, made.epochs]
                found.setdefault(name, []).append(flops / made.seconds)
        self.measured = {name: statistics.median(speeds) for name, speeds in found.items()}

    def __getitem__(self, spec: RunSpec) -> float:
        """Operations per second for runs of this kind, by records or by calibration."""
        backend = choose_backend(spec, self.backend, self.device)
        name = self._name(spec, backend.name, self.threads)
        if name in self.measured:
            return self.measured[name]
        return self._known(name, lambda: _calibrate(spec, backend, self.device, self.threads))

    def seconds(self, spec: RunSpec) -> float:
        """How long a run takes here, beside others of its kind."""
        training = run_flops(spec) / self[spec]
        if spec.probe is None:
            return training
        return training + (spec.epochs // spec.probe_every + 1) * self._probe_seconds(spec)

    def total(self, specs: Iterable[RunSpec]) -> float:
        """How long some runs take here; those that differ only in their number of epochs are trained once."""
        longest: dict[object, RunSpec] = {}
        for spec in sorted(specs, key=lambda spec: spec.epochs):
            longest[spec.course] = spec
        return sum(self.seconds(spec) for spec in longest.values())

    def calibrate(self, specs: Iterable[RunSpec], seconds: float) -> None:
        """Measure every kind of run anew, so many seconds in all, and prefer that to what is known from before.

        Args:
            specs: the runs.
            seconds: for all kinds together; each is trained for one epoch of a few thousand examples at the least.
        """
        kinds: dict[str, tuple[RunSpec, Backend]] = {}
        for spec in specs:
            backend = choose_backend(spec, self.backend, self.device)
            kinds.setdefault(self._name(spec, backend.name, self.threads), (spec, backend))
        for name, (spec, backend) in kinds.items():
            self.measured.pop(name, None)
            speed = _calibrate(spec, backend, self.device, self.threads, seconds / len(kinds))
            self._keep(name, speed)

    def _probe_seconds(self, spec: RunSpec) -> float:
        """How long the probe of a run takes once, by calibration: the seconds of a record leave it out."""
        name = f"{spec.probe}: {self._name(spec, spec.regime.value, self.threads)}"
        return self._known(name, lambda: _calibrate_probe(spec, self.threads))

    def _known(self, name: str, calibrate: Callable[[], float]) -> float:
        if name not in self.calibrated:  # once, also where the cache cannot be written
            earlier = _read(self.cache)
            if name in earlier:
                self.calibrated[name] = earlier[name]
            else:
                self._keep(name, calibrate())
        return self.calibrated[name]

    def _keep(self, name: str, speed: float) -> None:
        self.calibrated[name] = speed
        _write(self.cache, {**_read(self.cache), name: speed})

    def _name(self, spec: RunSpec, backend: str, threads: int) -> str:
        shape = "x".join(map(str, spec.input_shape))
        network = f"{spec.architecture}-{spec.width or 'own'}-{spec.depth or 'own'} on {shape}"
        used = f"{threads} threads" if self.device == "cpu" else "gpu"
        return f"{device_name(self.device)}, {used}, {backend}, {network}, batch {spec.batch_size}, {spec.precision}"


def _calibrate(spec: RunSpec, backend: Backend, device: str, threads: int, seconds: float = 0.0) -> float:
    """Train ReLU networks of this kind on random numbers, a moment or so long; operations per second over all."""
    plain = spec.ungated.replace(learning_rate=1e-6)
    models = threads if backend.name in ("fused", "planes", "lanes") else 4  # one model a thread, or a small stack
    each = training_flops(plain)
    size = max(8, min(16_384, int(WORK["cpu" if device == "cpu" else "cuda"] / each / models)))
    if device != "cpu":  # whole batches, enough of them for a graph to be captured in the first eighth
        size = spec.batch_size * max(64, size // spec.batch_size)
    generator = torch.Generator().manual_seed(0)
    data = Examples(
        torch.rand((size, *spec.input_shape), generator=generator),
        torch.randint(len(plain.class_names), (size,), generator=generator),
    )
    specs = [plain.replace(seed=seed) for seed in range(models)]
    engine = backend.start(specs, [TrainState(initial_model(s)) for s in specs], data, device, threads)
    order = torch.arange(size)
    engine.epoch([order[: max(1, size // 8)]] * models)  # the first steps also pay for allocation and set-up
    engine.states()
    start, epochs = time.perf_counter(), 0
    while not epochs or time.perf_counter() - start < seconds:
        engine.epoch([order] * models)
        engine.states()  # waits for the device
        epochs += 1
    return epochs * models * size * each / max(time.perf_counter() - start, 1e-9)


def _calibrate_probe(spec: RunSpec, threads: int) -> float:
    """Seconds of one measurement by the probe of a run, of an untrained network on random numbers."""
    classes = len(spec.class_names)
    take: Probe = measure
    size, times = 100 * classes, 1.0
    tested = spec.test_size or DATASETS[spec.dataset].test_size
    if spec.probe in ON_TEST:  # examples one after the other, so that a few tell what all of them take
        size = PROBED
        times = (EXAMPLES if spec.probe == HIDDEN else tested) / size
    elif spec.probe in MACHINES:  # by what it costs with all its images and draws
        take = partial(kernel_machine, draws=FEW)
        times = work(spec, fitted_images(spec), tested) / work(spec, size, size, FEW)
    generator = torch.Generator().manual_seed(0)
    examples = Examples(torch.rand((size, *spec.input_shape), generator=generator), torch.arange(size) % classes)
    kept = Examples(*(torch.cat([part] * 2)[: size + size // KEPT + 1] for part in (examples.inputs, examples.labels)))
    teacher = None if spec.teacher is None else initial_model(spec.ungated).value
    model = initial_model(spec.replace(start_from=None, start_checkpoint=spec.default("start_checkpoint")), teacher)
    torch.set_num_threads(threads)
    data = Split(examples, kept if spec.probe in MACHINES else None, examples)
    take(spec, model, data)  # the first time also pays for allocation and set-up
    start = time.perf_counter()
    take(spec, model, data)
    return max(times * (time.perf_counter() - start), 1e-9)


def _read(path: Path) -> dict[str, float]:
    """What is known from before; of a file that is none nothing, and of one with something else in it the rest."""
    try:
        known = documents.read(path)
    except DocumentError:
        return {}
    return {name: float(speed) for name, speed in known.items() if SPEED.fits(speed)}


def _write(path: Path, known: dict[str, float]) -> None:
    try:
        write(path, json.dumps(known, indent=1, sort_keys=True) + "\n")
    except OSError:
        return  # a cache that cannot be written costs a calibration, nothing else

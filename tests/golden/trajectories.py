"""What is recorded once and must come out again: twenty steps of every regime, whole records, and the random draws.

A tensor leaves three traces: its digest, for equality to the last bit; its norm and its product with a fixed wave, for
a comparison where arithmetic differs (a norm alone would not see two units exchanged).
"""

from __future__ import annotations

import hashlib
import math
import tempfile
from pathlib import Path
from typing import Any

import torch

from companion.data import load
from companion.networks.initialise import initialise
from companion.notation import Regime
from companion.records.store import Store
from companion.runs.examples import Examples, split
from companion.runs.regimes import initial_model
from companion.runs.spec import RunSpec
from companion.runs.streams import stream
from companion.training.backends import Backend
from companion.training.loop import epoch_order
from companion.training.queue import run_missing
from companion.training.state import TrainState
from companion.training.workspace import Workspace

STEPS, EXAMPLES = 20, 120

FC = {"dataset": "digits", "width": 7, "depth": 4, "batch_size": 6}
GCONV = {"dataset": "digits", "architecture": "GCONV", "width": 3, "batch_size": 5}
TRAJECTORIES: dict[str, RunSpec] = {
    f"{name} {regime}{suffix}": RunSpec.from_dict({**fields, "regime": regime, **more})
    for name, suffix, fields, gated in (
        ("FC", "", {**FC, "learning_rate": 0.1}, {}),
        ("FC Adam", "", {**FC, "optimiser": "adam", "learning_rate": 3e-3}, {}),
        ("FC", " permuted ones", {**FC, "learning_rate": 0.1}, {"gate_permutation": [2, 0, 1], "value_input": "ones"}),
        ("FC", " noise", {**FC, "learning_rate": 0.1, "label_noise": 0.3}, {"value_input": "noise"}),
        ("GCONV", "", {**GCONV, "learning_rate": 0.05}, {}),
        ("GCONV Adam", "", {**GCONV, "optimiser": "adam", "learning_rate": 1e-3}, {}),
    )
    for regime in Regime
    for more in ([gated] if regime is not Regime.RELU or not gated else [])
}

TINY = {"dataset": "digits", "width": 6, "depth": 3, "batch_size": 16, "epochs": 3, "train_size": 70, "test_size": 50}
TWO = {"classes": [4, 7], "loss": "squared-error", "initialisation": "sign", "bias": False}
RECORDS: dict[str, RunSpec] = {
    name: RunSpec.from_dict({**TINY, "learning_rate": 0.2, **fields})
    for name, fields in (
        *((str(regime), {"regime": regime, "seed": 1}) for regime in Regime),
        ("holdout and noise", {"holdout": 20, "label_noise": 0.4, "optimiser": "adam", "learning_rate": 0.01}),
        ("FL of a selected epoch", {"regime": "FL", "holdout": 20, "teacher_checkpoint": "selected", "epochs": 4}),
        ("FL of a short teacher", {"regime": "FL", "teacher_epochs": 1, "teacher_checkpoint": "last"}),
        ("labels", {**TWO, "probe": "label-alignment", "optimiser": "rmsprop", "learning_rate": 0.003}),
        ("norms", {"regime": "DL", "probe": "kernel-norms", "probe_every": 3}),
        ("convolutions", {"regime": "FR-DI", "architecture": "GCONV", "width": 2, "depth": None, "epochs": 2}),
    )
}

SCHEMES = {"glorot": None, "normal": 0.7, "sign": 0.7}


def kind() -> dict[str, str]:
    """What the last bits of a result hang on: the processor, what PyTorch makes of it, and its version."""
    processor = "unknown"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = (line.partition(":") for line in cpuinfo.read_text().splitlines())
        known = {name.strip(): value.strip() for name, _, value in lines}
        processor = " ".join(known.get(name, "?") for name in ("vendor_id", "cpu family", "model"))
    capability = torch.backends.cpu.get_cpu_capability()
    return {"processor": processor, "capability": capability, "torch": torch.__version__}


def traces(tensors: dict[str, torch.Tensor]) -> dict[str, list[Any]]:
    """Name to digest, norm and product with a wave."""
    found: dict[str, list[Any]] = {}
    for name, tensor in sorted(tensors.items()):
        flat = tensor.detach().contiguous().flatten()
        wave = torch.cos(torch.arange(1, len(flat) + 1, dtype=torch.float64))
        digest = hashlib.sha256(str((tensor.dtype, tuple(tensor.shape))).encode() + flat.numpy().tobytes()).hexdigest()
        found[name] = [digest[:16], float(flat.double().norm()), float(flat.double() @ wave)]
    return found


def data(spec: RunSpec) -> Examples:
    """The first digits, as this run sees them."""
    return split(spec, load("digits")).train[:EXAMPLES]


def initial(spec: RunSpec) -> TrainState:
    """The state before the first step; FL's gates are those of a network that nobody has trained."""
    teacher = initialise(spec.network, torch.Generator().manual_seed(77)) if spec.regime is Regime.FL else None
    return TrainState(initial_model(spec, teacher))


def trajectory(backend: Backend, spec: RunSpec) -> dict[str, Any]:
    """Losses and hits step by step, and the weights and moments after the last."""
    engine = backend.start([spec], [initial(spec)], data(spec), "cpu", 1)
    orders = torch.randint(EXAMPLES, (STEPS, spec.batch_size), generator=torch.Generator().manual_seed(5))
    results = [engine.epoch([order])[0] for order in orders]
    (state,) = engine.states()
    parts = {"value": state.model.value, "feature": state.model.feature or {}}
    parts |= {"first": state.first, "second": state.second}
    return {
        "losses": [result.loss for result in results],
        "hits": [result.correct for result in results],
        "weights": traces({f"{part}/{n}": t for part, tensors in parts.items() for n, t in tensors.items()}),
    }


def record(spec: RunSpec) -> dict[str, Any]:
    """What the training loop records of a run, without the circumstances of its making."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "results")
        run_missing([spec], store, Workspace(Path(folder) / "workspace", store), backend="reference")
        made = store.get(spec)
    assert made is not None
    return {n: v for n, v in made.content.items() if n not in ("provenance", "digest", "format", "spec")}


def draws() -> dict[str, Any]:
    """The weights with which networks of seed 3 begin, by scheme, network and stream."""
    found = {}
    for scheme, sigma in SCHEMES.items():
        for network, fields in (("FC", FC), ("GCONV", GCONV)):
            for name in ("feature", "value"):
                architecture = RunSpec.from_dict(fields).network
                found[f"{scheme} {network} {name}"] = traces(initialise(architecture, stream(3, name), scheme, sigma))
    own = RunSpec.from_dict({**FC, **TWO, "seed": 3})
    found["sign, by the spec"] = traces(initial_model(own).value)
    return found


def orders() -> dict[str, list[int]]:
    """The order of a few examples in some epochs of some seeds."""
    pairs = ((0, 1), (0, 2), (3, 1), (3, 100))
    return {f"seed {s} epoch {e}": epoch_order(RunSpec(seed=s), e, 25).tolist() for s, e in pairs}


def noisy_labels() -> dict[str, list[int]]:
    """The first labels of the digits with noise."""
    found = {}
    for seed, noise, classes in ((0, 0.5, None), (3, 1.0, None), (3, 0.4, [7, 4])):
        spec = RunSpec(dataset="digits", seed=seed, label_noise=noise, classes=classes)
        found[f"seed {seed} noise {noise:g} classes {classes}"] = split(spec, load("digits")).train.labels[:60].tolist()
    return found


def inputs() -> dict[str, Any]:
    """What enters a value network in place of images, and the labels and images of the digits themselves."""
    digits = load("digits")
    noise = torch.rand(1, 8, 8, generator=stream(3, "noise"), dtype=torch.float32)
    return traces({"noise": noise, "images": digits.train_inputs[:EXAMPLES], "labels": digits.train_labels[:EXAMPLES]})


def everything(backend: Backend) -> dict[str, Any]:
    """All that the file holds, made now."""
    return {
        "kind": kind(),
        "trajectories": {name: trajectory(backend, spec) for name, spec in TRAJECTORIES.items()},
        "records": {name: record(spec) for name, spec in RECORDS.items()},
        "draws": draws(),
        "orders": orders(),
        "labels": noisy_labels(),
        "inputs": inputs(),
    }


def near(a: float, b: float, scale: float, tolerance: float) -> bool:
    """Whether two numbers differ by no more than a fraction of a scale."""
    return math.isfinite(a) and abs(a - b) <= tolerance * max(scale, 1e-12)

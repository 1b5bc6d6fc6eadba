"""How good the estimates of ``companion status`` are: seconds estimated for each second that training took."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from companion.costs.bench import Benchmark, Options, Step, Unavailable, Variant
from companion.costs.speeds import Speeds
from companion.data import DataError, load
from companion.exhibits import cells
from companion.notation import Regime
from companion.records.store import Store
from companion.runs.spec import RunSpec
from companion.training.loop import train
from companion.training.workspace import Workspace

FC = {"dataset": "mnist", "optimiser": "adam", "epochs": 2}
CONVOLUTIONAL = {"dataset": "cifar10", "optimiser": "adam"}
PAPER_WIDTH = {"train_size": 128, "test_size": 32, "epochs": 2}
PART = {"train_size": 10_000, "test_size": 2_000}
REGIMES = (Regime.RELU, Regime.FR_II, Regime.DL)


def kinds() -> dict[str, RunSpec]:
    """What Paper A's exhibits train, cut to a few seconds each."""
    named: dict[str, dict[str, Any]] = {f"FC, {regime}": {**FC, "regime": regime} for regime in REGIMES}
    named["FC, 512 wide, ReLU"] = {**FC, "width": 512, "train_size": 10_000}
    for architecture in ("GCONV", "VCONV"):
        narrow = next(c.spec for c in cells("A-T2", "cpu", rows=[f"{architecture}/Adam/CIFAR-10"])).replace(
            epochs=2, **PART
        )
        for regime in REGIMES:
            named[f"{architecture}, 16 filters, {regime}"] = {**narrow.to_dict(), "regime": regime}
        named[f"{architecture}, own filters, ReLU"] = {**CONVOLUTIONAL, **PAPER_WIDTH, "architecture": architecture}
    for exhibit, name in (("A-F2-nu", "alignment"), ("A-F2-K", "norms")):
        probed = next(cell.spec for cell in cells(exhibit, "paper")).replace(**PART)
        named[f"FC with probe of {name}"] = probed.replace(epochs=2 * probed.probe_every).to_dict()
    return {name: RunSpec.from_dict({**fields, "seed": 0}) for name, fields in named.items()}


def tiny() -> dict[str, RunSpec]:
    """Three kinds, on digits."""
    spec = RunSpec(dataset="digits", width=8, depth=3, epochs=1)
    return {f"FC on digits, {regime}": spec.replace(regime=regime) for regime in REGIMES}


def variants(options: Options) -> list[Variant]:
    """As many runs of each kind as threads, through the whole training loop; estimates are calibrated first."""
    folder = tempfile.TemporaryDirectory()
    speeds = Speeds(threads=options.threads, cache=Path(folder.name) / "speeds.json")

    def way(name: str, spec: RunSpec) -> Variant:
        specs = [spec.replace(seed=seed) for seed in range(options.threads)]

        def prepare(_: object = folder) -> Step:
            try:
                load(spec.dataset)
            except DataError as error:
                raise Unavailable(str(error)) from None

            def step() -> None:
                with tempfile.TemporaryDirectory() as place:
                    workspace = Workspace(Path(place), Store(Path(place) / "results"))
                    train(specs, workspace, lambda record: None, threads=options.threads)

            return step

        return Variant(name, prepare, speeds.total(specs))

    return [way(name, spec) for name, spec in (tiny() if options.tiny else kinds()).items()]


COST_MODEL = Benchmark(
    "cost-model",
    "Seconds that the cost model estimates for each second that training takes, every kind calibrated once before",
    "estimated s per s",
    variants,
    rounds=3,
)

"""What the tests of the kernel for convolutional networks share: instructions, runs on any images, drawn weights."""

from __future__ import annotations

import torch

from companion.networks.families import build
from companion.networks.initialise import initialise
from companion.notation import Regime
from companion.records.provenance import processor
from companion.runs.examples import Examples
from companion.runs.regimes import Model, initial_model
from companion.runs.spec import RunSpec
from companion.training.backends import PlanesBackend
from companion.training.state import TrainState

PLANES = PlanesBackend()
SMALL = RunSpec(dataset="digits", architecture="GCONV", width=3, batch_size=5, learning_rate=0.1)

FLAGS = set(processor("flags").split())
KINDS = ["native", "portable"]
KINDS += ["avx2"] if {"avx2", "fma", "bmi2", "f16c"} <= FLAGS else []
KINDS += ["avx512"] if {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"} <= FLAGS else []
"""The instructions that this processor has."""


def run(shape: tuple[int, int, int], classes: int = 10, **fields: object) -> RunSpec:
    """A run on images of any shape, which no dataset need have."""
    spec = RunSpec.from_dict({"dataset": "digits", **fields})
    network = build(spec.architecture, shape, classes, width=spec.width, depth=spec.depth, bias=spec.bias)
    vars(spec).update(network=network, feature_network=network)
    return spec


def like(spec: RunSpec, **changes: object) -> RunSpec:
    """The same on the same images, changed."""
    return run(spec.network.input_shape, spec.network.classes, **spec.to_dict() | changes)


def begun(spec: RunSpec, seed: int = 0) -> TrainState:
    """Drawn weights, and biases that are not zero."""
    generator = torch.Generator().manual_seed(seed)
    teacher = initialise(spec.network, generator) if spec.regime is Regime.FL else None
    model = initial_model(spec, teacher)
    parts = [
        None
        if part is None
        else {n: 0.3 * torch.randn(t.shape, generator=generator) if "bias" in n else t for n, t in part.items()}
        for part in (model.value, model.feature)
    ]
    return TrainState(Model(*parts))


def images(spec: RunSpec, n: int, seed: int = 0) -> Examples:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(n, *spec.network.input_shape, generator=generator)
    return Examples(inputs, torch.randint(spec.network.classes, (n,), generator=generator))

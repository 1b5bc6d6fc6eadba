"""What the gates playground shows, by the package itself: toys, runs in float64, and the picture without scripts.

The page's own numbers are in ``book/_static/playground/numbers.js``; tests hold them to these.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import torch

from companion.kernels.npk import npk_from_gates
from companion.measure.chosen import double
from companion.networks.forward import Params, trace
from companion.notation import Float, Regime, Tensor
from companion.render.playground import Map, maps_figure
from companion.runs.examples import Examples
from companion.runs.regimes import Model, gates, initial_model, output, value_input
from companion.runs.spec import RunSpec
from companion.runs.streams import stream
from companion.training.backends import ReferenceBackend
from companion.training.state import TrainState

__all__ = ["EXAMPLES", "TOYS", "PlaneSpec", "course", "examples", "features", "picture", "plane_spec", "row", "train"]

EXAMPLES = 120
TOYS = ("moons", "rings", "spirals", "quarters")


class PlaneSpec(RunSpec):
    """A run whose examples are points ``(x1, x2, 1)`` of the plane, in place of images."""

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """One row of three numbers."""
        return 1, 1, 3


def plane_spec(**changes: Any) -> PlaneSpec:
    """A run as the page trains it: dense layers without biases, one output, full batches, Adam.

    Args:
        **changes: fields of the run.

    Raises:
        SpecError: one sentence that says what is valid.
    """
    own = {"dataset": "digits", "classes": [0, 1], "loss": "squared-error", "bias": False, "width": 8, "depth": 4}
    steps = {"optimiser": "adam", "learning_rate": 0.01, "batch_size": EXAMPLES}
    return PlaneSpec.from_dict(own | steps | changes)


def examples(toy: str, seed: int) -> Examples:
    """The points of a toy, in turn of class 0 and 1, in float64.

    Raises:
        ValueError: no such toy.
    """
    if toy not in TOYS:
        raise ValueError(f"unknown toy {toy!r}: valid are {', '.join(TOYS)}")
    draws = torch.rand(3 * EXAMPLES, generator=stream(seed, "toy", toy), dtype=torch.float32).double()
    points = [[*_point(toy, n % 2, *draws[3 * n : 3 * n + 3].tolist()), 1.0] for n in range(EXAMPLES)]
    inputs = torch.tensor(points, dtype=torch.float64).view(EXAMPLES, 1, 1, 3)
    return Examples(inputs, torch.arange(EXAMPLES) % 2)


def _point(toy: str, label: int, u: float, v: float, w: float) -> tuple[float, float]:
    """One point of a class from three uniform numbers."""
    side = 1 if label else -1
    if toy == "moons":
        t = math.pi * u
        return (
            side * (0.55 * math.cos(t) - 0.25) + 0.2 * (v - 0.5),
            side * (0.65 * math.sin(t) - 0.2) + 0.2 * (w - 0.5),
        )
    if toy == "rings":
        r, t = (0.75 if label else 0.3) + 0.25 * (v - 0.5), 2 * math.pi * u
        return r * math.cos(t), r * math.sin(t)
    if toy == "spirals":
        r, t = 0.12 + 0.75 * u, 4.5 * u + math.pi * label
        return r * math.cos(t) + 0.08 * (v - 0.5), r * math.sin(t) + 0.08 * (w - 0.5)
    half = -1 if w < 0.5 else 1
    return (0.08 + 0.8 * u) * half, (0.08 + 0.8 * v) * half * side


def course(spec: PlaneSpec, data: Examples, steps: int, teacher: Params | None = None) -> tuple[list[float], Model]:
    """Train in float64 by the reference backend: the mean loss before each step, and the model after the last.

    Args:
        spec: the run.
        data: its examples, of float64.
        steps: how many.
        teacher: in FL, the parameters of the network whose gates it uses.
    """
    begun = initial_model(spec, teacher)
    doubled = Model(double(begun.value), None if begun.feature is None else double(begun.feature))
    before = torch.get_num_threads()
    try:  # two threads of so small a network only wait for each other, and for whatever else the cores do
        engine = ReferenceBackend().start([spec], [TrainState(doubled)], data, "cpu", 1)
        order = torch.arange(len(data))
        losses = [engine.epoch([order])[0].loss / len(data) for _ in range(steps)]
        return losses, engine.states()[0].model
    finally:
        torch.set_num_threads(before)


def features(model: Model) -> Params:
    """The network that makes a model's gates."""
    return model.value if model.feature is None else model.feature


def train(spec: PlaneSpec, toy: str, steps: int, source: Regime = Regime.RELU, teacher_steps: int = 300) -> Any:
    """Losses and model as in :func:`course`, on a toy; FL's gates are those of a run of ``source`` after its steps."""
    data, teacher = examples(toy, spec.seed), None
    if spec.regime is Regime.FL:
        plain = {"width": spec.width, "depth": spec.depth, "seed": spec.seed}
        teacher = features(course(plane_spec(**plain, regime=source), data, teacher_steps)[1])
    return course(spec, data, steps, teacher)


def row(spec: PlaneSpec, model: Model, x: Float[Tensor, "N C H W"], points: Tensor) -> Float[Tensor, "N M"]:
    """The neural path kernel between some inputs and others, under the gates that the value network has."""
    stacks = [_stack(spec, model, inputs) for inputs in (x, points)]
    return npk_from_gates(spec.network, value_input(spec, x), stacks[0], value_input(spec, points), stacks[1])


def _stack(spec: PlaneSpec, model: Model, x: Tensor) -> Sequence[Tensor]:
    return trace(spec.network, model.value, x).G if model.feature is None else gates(spec, model.feature, x)


def _map(spec: PlaneSpec, model: Model, title: str, points: Examples, size: int = 45) -> Map:
    """A trained model on a grid of the plane."""
    ticks = torch.linspace(-1.1, 1.1, size, dtype=torch.float64)
    b, a = torch.meshgrid(ticks, ticks, indexing="ij")
    x = torch.stack([a, b, torch.ones_like(a)], -1).view(-1, 1, 1, 3)
    layers = spec.network.gated_layers
    lines = trace(spec.feature_network, features(model), x, layers=layers).q
    right = (output(spec, model, points.inputs)[:, 0] > 0) == (points.labels > 0)
    return Map(
        f"{title}\n{100 * right.double().mean():.0f} % right",
        output(spec, model, x).view(size, size),
        [q.T.reshape(-1, size, size) for q in lines],
    )


def picture(toy: str = "moons", steps: int = 300) -> str:
    """The picture that stands in the page without scripts, as SVG: all regimes on one toy, after so many steps."""
    maps = []
    for regime in Regime:
        spec = plane_spec(regime=regime)
        maps.append(_map(spec, train(spec, toy, steps)[1], str(regime), examples(toy, 0)))
    data = examples(toy, 0)
    figure = maps_figure(maps, data.inputs[:, 0, 0, :2], data.labels)
    file = io.StringIO()
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "companion"}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    drawn = re.sub(r"image-rendering:[\w-]+;?", "", file.getvalue())  # smooth, as a browser does it
    return re.sub(r"(\d\.\d{2})\d+", r"\1", drawn)  # a hundredth of a point is fine enough

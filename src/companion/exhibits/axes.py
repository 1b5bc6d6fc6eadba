"""Axes: what an exhibit varies, as typed values of its cells.  They become columns of frames, and words when shown.

A value comes from the run itself (a field of :class:`~companion.runs.spec.RunSpec`), or the row declares it.  It is
never read out of a name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from companion.networks.gates import OpenGate
from companion.notation import Regime
from companion.runs.spec import RunSpec

__all__ = [
    "ARCHITECTURE",
    "ARRANGEMENT",
    "BIAS",
    "CHECKPOINT",
    "DATASET",
    "DEPTH",
    "FEATURES",
    "GAMMA",
    "GATE_BETA",
    "GATE_EPS",
    "LABEL_NOISE",
    "NOISE",
    "OPTIMISER",
    "PERMUTATION",
    "PHASE",
    "SIDE",
    "STAGE",
    "STEP",
    "UNMOVED",
    "VALUE_INPUT",
    "WIDTH",
    "Axis",
    "of_field",
]


@dataclass(frozen=True)
class Axis:
    """One thing that an exhibit varies.

    Args:
        name: of the column in frames.
        kind: type of its values; ``None`` is a value too, where a run has nothing of the kind.
        label: what it is, with its unit, for the axis of a figure or the head of a table.
        read: a run to its value; without it each row declares its own.
        words: a value to what it is called.
    """

    name: str
    kind: type
    label: str
    read: Callable[[RunSpec], Any] | None = None
    words: Callable[[Any], str] = str

    def value(self, spec: RunSpec, declared: Mapping[str, Any]) -> Any:
        """The value of a run in a row that declares some.

        Raises:
            TypeError: it is of another type, or nobody declares it.
        """
        if self.read is None and self.name not in declared:
            raise TypeError(f"the axis {self.name} is not read from runs: each row must declare it")
        value = declared[self.name] if self.read is None else self.read(spec)
        if value is not None and not isinstance(value, self.kind):
            raise TypeError(f"the axis {self.name} holds {self.kind.__name__}, not {value!r}")
        return value


def of_field(
    field: str, kind: type, label: str, name: str | None = None, words: Mapping[Any, str] | None = None
) -> Axis:
    """An axis whose values are a field of the runs.

    Args:
        field: of :class:`~companion.runs.spec.RunSpec`.
        kind: type of its values.
        label: what it is, with its unit.
        name: of the column, where it is not the field's.
        words: what values are called that are not called what they are.
    """
    called = dict(words or {})
    return Axis(
        name or field, kind, label, lambda spec: getattr(spec, field), lambda value: called.get(value, str(value))
    )


def _permutation(spec: RunSpec) -> tuple[int, ...] | None:
    if spec.regime is Regime.RELU:
        return None
    return spec.gate_permutation or tuple(range(spec.network.gated_layers))


def _order(permutation: tuple[int, ...]) -> str:
    """Layers of gates from 1, in the order in which the value network takes them."""
    same = tuple(range(len(permutation)))
    names = {same: "identity", same[::-1]: "reverse"}
    return names.get(permutation, " ".join(str(layer + 1) for layer in permutation))


def _value_input(spec: RunSpec) -> str | None:
    return None if spec.regime is Regime.RELU else str(spec.value_input)


UNMOVED = "unmoved"
"""Of the axis of arrangements: every gate stays where it is in its layer."""


def _arrangement(spec: RunSpec) -> str | None:
    """What is done to gates within their layer: *alike* in all layers or units, or *apart*."""
    if spec.regime is Regime.RELU:
        return None
    routing = spec.routing
    parts = [
        "tiled" if routing.tiles > 1 else "",
        _together("shifted", routing.shifts),
        _together("turned", routing.turns),
    ]
    return ", ".join(filter(None, parts)) or UNMOVED


def _together(word: str, moves: tuple[Any, ...]) -> str:
    return f"{word} {'alike' if len(moves) == 1 else 'apart'}" if moves else ""


def _features(spec: RunSpec) -> str | None:
    if spec.regime is Regime.RELU:
        return None
    return "linear" if isinstance(spec.inner_gate, OpenGate) else "ReLU"


PERMUTATION = Axis("permutation", tuple, "order of the layers of gates", _permutation, _order)
VALUE_INPUT = Axis("value_input", str, "input of the value network", _value_input)
ARRANGEMENT = Axis("arrangement", str, "what is done to the gates of a layer", _arrangement)
FEATURES = Axis("features", str, "features that the gates are of", _features)
STAGE = Axis("stage", int, "stage of the teacher's training", words=lambda stage: f"stage-{stage}")
GAMMA = Axis("gamma", int, "random labels upstream [%]", words=lambda gamma: f"gamma={gamma}")
NOISE = Axis(
    "noise", str, "noise of labels upstream", words=lambda kind: {"uniform": "any label", "wrong": "wrong label"}[kind]
)
PHASE = Axis("phase", str, "phase of training")
WIDTH = Axis(
    "width", int, "width of the first layer [units or channels]", lambda spec: spec.network.gate_shapes()[0][0]
)
SIDE = Axis("side", int, "side of the image [pixels]", lambda spec: spec.input_shape[-1])
ARCHITECTURE = of_field("architecture", str, "network")
OPTIMISER = of_field("optimiser", str, "optimiser", words={"sgd": "SGD", "adam": "Adam"})
DATASET = of_field("dataset", str, "dataset", words={"mnist": "MNIST", "cifar10": "CIFAR-10"})
DEPTH = of_field("depth", int, "weight layers")
LABEL_NOISE = of_field("label_noise", float, "fraction of random labels")
GATE_BETA = of_field("gate_beta", float, "slope of the soft gate")
GATE_EPS = of_field("gate_eps", float, "excess height of the soft gate")
CHECKPOINT = of_field("teacher_checkpoint", str, "weights of the teacher", "checkpoint")
STEP = of_field("learning_rate", float, "step size")
BIAS = of_field("bias", bool, "biases")

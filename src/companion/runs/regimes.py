"""One table: regime -> where the feature network starts, which networks train, which gates join them.

This is the whole difference between the five regimes of the papers (Paper A, Section 5; Paper B, Definition 5.1).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import torch

from companion.networks.architectures import Architecture
from companion.networks.forward import Params, forward, gate_stack
from companion.networks.gates import Gate
from companion.networks.initialise import hidden_only, initialise, running
from companion.notation import Float, Regime, Tensor, ValueInput
from companion.runs.spec import RunSpec
from companion.runs.streams import stream

__all__ = [
    "RULES",
    "Model",
    "Rule",
    "feature_gates",
    "feature_origin",
    "gates",
    "gates_origin",
    "initial_model",
    "moved_gates",
    "output",
    "stacked_gates",
    "value_input",
]


@dataclass(frozen=True)
class Rule:
    """What one regime does (Paper A, Section 5; Paper B, Definition 5.1).

    Args:
        feature: where the feature network's weights come from: ``None`` (there is none), ``stream`` (its own random
            stream), ``value`` (a copy of the initial value network), ``teacher`` (a trained network).
        trains_feature: whether the feature network trains along.

    Example:
        >>> RULES[Regime.DL]
        Rule(feature='stream', trains_feature=True)
    """

    feature: str | None
    trains_feature: bool = False


RULES: Mapping[Regime, Rule] = MappingProxyType(
    {
        Regime.RELU: Rule(feature=None),
        Regime.FR_II: Rule(feature="stream"),
        Regime.FR_DI: Rule(feature="value"),
        Regime.DL: Rule(feature="stream", trains_feature=True),
        Regime.FL: Rule(feature="teacher"),
    }
)


@dataclass(frozen=True)
class Model:
    """The parameters of one run.

    Args:
        value: the value network, or the only network of a ReLU run.
        feature: the feature network without output layer; ``None`` in a ReLU run.

    Example:
        >>> model = initial_model(RunSpec(dataset="digits", regime="FR-II", width=4, depth=2))
        >>> list(model.feature), list(model.trainable(Regime.FR_II))[-2:]
        (['weight.0', 'bias.0'], ['value/weight.1', 'value/bias.1'])
    """

    value: Params
    feature: Params | None = None

    def trainable(self, regime: Regime) -> dict[str, Tensor]:
        """The parameters that train, as ``value/weight.0 ...`` and, in DL, ``feature/weight.0 ...``."""
        parts: list[tuple[str, Params]] = [("value", self.value)]
        if RULES[regime].trains_feature and self.feature is not None:
            parts.append(("feature", self.feature))
        return {
            f"{part}/{name}": tensor
            for part, params in parts
            for name, tensor in params.items()
            if name not in running(params)
        }

    def following(self, regime: Regime) -> dict[str, Tensor]:
        """The running statistics of the networks that train, named like :meth:`trainable`."""
        parts: list[tuple[str, Params]] = [("value", self.value)]
        if RULES[regime].trains_feature and self.feature is not None:
            parts.append(("feature", self.feature))
        return {f"{part}/{name}": tensor for part, params in parts for name, tensor in running(params).items()}

    def updated(self, trainable: Mapping[str, Tensor]) -> Model:
        """The same model with some of the tensors that :meth:`trainable` and :meth:`following` name replaced."""
        parts: dict[str, Params] = {"value": dict(self.value), "feature": dict(self.feature or {})}
        for name, tensor in trainable.items():
            part, parameter = name.split("/")
            parts[part][parameter] = tensor
        return replace(self, value=parts["value"], feature=parts["feature"] if self.feature is not None else None)


def initial_model(spec: RunSpec, teacher: Params | None = None, start: Params | None = None) -> Model:
    """Both networks before the first step.

    ReLU networks and independent feature networks are drawn from the stream ``feature``, value networks from ``value``;
    so runs of one seed share what they can share, and FL's value network is not its teacher's beginning.  A run that
    starts from another has that one's trained value network in place of its own; its gates stay what they were.

    Args:
        spec: the run.
        teacher: in FL, the parameters of the trained network (an output layer is dropped).
        start: the parameters with which the value network begins, if the spec names a start.

    Raises:
        ValueError: FL without teacher, or a start that is missing or that nobody asked for.

    Example:
        >>> model = initial_model(RunSpec(dataset="digits", regime="FR-DI", width=4, depth=2))
        >>> torch.equal(model.feature["weight.0"], model.value["weight.0"])
        True
    """
    rule = RULES[spec.regime]
    if (start is None) != (spec.start_from is None):
        raise ValueError("a run begins with the parameters of its start exactly if its spec names one")

    def draw(name: str, network: Architecture = spec.network) -> Params:
        sigma = math.sqrt(2 / network.gate_shapes()[0][0]) if spec.initialisation == "sign" else None
        return initialise(network, stream(spec.seed, name), spec.initialisation, sigma)

    begun = None if start is None else {name: tensor.clone() for name, tensor in start.items()}
    if rule.feature is None:
        return Model(begun or draw("feature"))
    value = draw("value")
    if rule.feature == "stream":
        source = draw("feature", spec.feature_network)
    elif rule.feature == "value":
        source = {name: tensor.clone() for name, tensor in value.items()}
    elif teacher is None:
        raise ValueError("FL needs the parameters of its teacher, a trained run of the same seed")
    else:
        source = teacher
    return Model(begun or value, hidden_only(spec.feature_network, source))


def feature_origin(spec: RunSpec) -> Hashable:
    """Equal for runs of frozen regimes whose feature networks are the same.

    Example:
        >>> run = RunSpec(regime="FR-II")
        >>> [feature_origin(run) == feature_origin(run.replace(**other)) for other in ({"epochs": 2}, {"seed": 1})]
        [True, False]
    """
    if "gates" in spec.sources:
        return spec.sources["gates"]
    return RULES[spec.regime].feature, spec.feature_network, spec.inner_gate, spec.networks, spec.trial


def gates_origin(spec: RunSpec) -> Hashable:
    """Equal for those whose gates are the same up to the order of the layers: what caches of gates go by.

    Example:
        >>> run = RunSpec(dataset="digits", regime="FR-II", depth=4)
        >>> others = [run.replace(gate_permutation=[2, 0, 1]), run.replace(gate_shifts=[5])]
        >>> [gates_origin(other) == gates_origin(run) for other in others]
        [True, False]
    """
    return feature_origin(spec), spec.routing.within


def value_input(spec: RunSpec, x: Float[Tensor, "N ..."]) -> Float[Tensor, "N ..."]:
    """What enters the value network in place of images ``x [N, *input_shape]``, of their shape (Paper C, Section 4.1).

    Args:
        spec: the run; its seed draws the noise.
        x: images.

    Example:
        >>> value_input(RunSpec(regime="FL", value_input="ones"), torch.tensor([[5.0, 2.0]]))
        tensor([[1., 1.]])
    """
    if spec.value_input is ValueInput.IMAGE:
        return x
    if spec.value_input is ValueInput.ONES:
        return torch.ones_like(x)
    noise = torch.rand(x.shape[1:], generator=stream(spec.seed, "noise"), dtype=torch.float32)
    return noise.to(x).expand_as(x)


def feature_gates(
    spec: RunSpec, feature: Params, x: Float[Tensor, "..."], training: bool = False, gate: Gate | None = None
) -> list[Tensor]:
    """The stack of gates as the feature network makes it, before it is routed; ``None`` is the gate of the run.

    Args:
        spec: the run.
        feature: parameters of its feature network.
        x: examples ``[N, *input_shape]``.
        training: whether layers that normalise take the statistics of this batch.
        gate: from pre-activations to gates.

    Example:
        >>> spec = RunSpec(dataset="digits", regime="FR-II", width=2, depth=3, bias=False, gate_permutation=[1, 0])
        >>> feature = {"weight.0": torch.ones(64, 2), "weight.1": -torch.ones(2, 2)}
        >>> feature_gates(spec, feature, torch.ones(1, 1, 8, 8))
        [tensor([[1., 1.]]), tensor([[0., 0.]])]
    """
    return gate_stack(spec.feature_network, feature, x, gate or spec.gate, training, spec.inner_gate)


def gates(
    spec: RunSpec, feature: Params, x: Float[Tensor, "..."], training: bool = False, gate: Gate | None = None
) -> list[Tensor]:
    """The stack of gates as the value network uses it.  Only here and beside it gates are routed.

    Args:
        spec: the run.
        feature: parameters of its feature network.
        x: examples ``[N, *input_shape]``.
        training: as in :func:`feature_gates`.
        gate: as in :func:`feature_gates`.

    Example:
        >>> spec = RunSpec(dataset="digits", regime="FR-II", width=2, depth=3, bias=False, gate_permutation=[1, 0])
        >>> feature = {"weight.0": torch.ones(64, 2), "weight.1": -torch.ones(2, 2)}
        >>> gates(spec, feature, torch.ones(1, 1, 8, 8))
        [tensor([[0., 0.]]), tensor([[1., 1.]])]
    """
    return spec.routing.apply(feature_gates(spec, feature, x, training, gate))


def moved_gates(spec: RunSpec, feature: Params, x: Float[Tensor, "..."]) -> list[Tensor]:
    """The same with every layer still in its own place: only the order of the layers is missing.

    Args:
        spec: the run.
        feature: parameters of its feature network.
        x: examples ``[N, *input_shape]``.

    Example:
        >>> spec = RunSpec(dataset="digits", regime="FR-II", width=2, depth=3, bias=False, gate_permutation=[1, 0])
        >>> feature = {"weight.0": torch.ones(64, 2), "weight.1": -torch.ones(2, 2)}
        >>> moved_gates(spec, feature, torch.ones(1, 1, 8, 8))
        [tensor([[1., 1.]]), tensor([[0., 0.]])]
    """
    return spec.routing.within.apply(feature_gates(spec, feature, x))


def stacked_gates(specs: Sequence[RunSpec], feature: Params, x: Float[Tensor, "M n ..."]) -> list[Tensor]:
    """The same for ``M`` stacked models of dense networks, alike but for their routing: ``L x [M, n, W]``.

    Args:
        specs: the runs.
        feature: their feature networks, stacked.
        x: examples of each.

    Example:
        >>> specs = [RunSpec(dataset="digits", regime="FR-II", width=2, depth=2, seed=seed) for seed in (0, 1)]
        >>> stack = {"weight.0": torch.ones(2, 64, 2), "bias.0": torch.zeros(2, 2)}
        >>> stacked_gates(specs, stack, torch.ones(2, 1, 1, 8, 8)).pop().tolist()
        [[[1.0, 1.0]], [[1.0, 1.0]]]
    """
    stack = feature_gates(specs[0], feature, x)
    if all(spec.routing.identity for spec in specs):
        return stack
    rows = [spec.routing.apply([layer[m] for layer in stack]) for m, spec in enumerate(specs)]
    return [torch.stack(layer) for layer in zip(*rows, strict=True)]


def output(
    spec: RunSpec, model: Model, x: Float[Tensor, "N ..."], stack: list[Tensor] | None = None, training: bool = False
) -> Float[Tensor, "*M N C"]:
    """Logits of a run's model for images ``x``.

    Args:
        spec: the run.
        model: its parameters.
        x: images.
        stack: its gates where they are known already.
        training: whether layers that normalise take the statistics of this batch, in the networks that train.

    Example:
        >>> spec = RunSpec(dataset="digits", width=2, depth=2)
        >>> output(spec, initial_model(spec), torch.zeros(3, 1, 8, 8)).shape
        torch.Size([3, 10])
    """
    if model.feature is None:
        return forward(spec.network, model.value, x, training=training)
    if stack is None:
        stack = gates(spec, model.feature, x, training and RULES[spec.regime].trains_feature)
    return forward(spec.network, model.value, value_input(spec, x), stack, training=training)

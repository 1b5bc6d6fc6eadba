"""``RunSpec``: everything that decides the outcome of one training run, validated once, with a content key.

Two runs are the same run exactly if their specs are equal.  The key hashes only the fields that differ from their
defaults, and defaults never change, so a field that is added later leaves all older keys as they were.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_type_hints

from companion.data import DATASETS
from companion.networks.architectures import Architecture
from companion.networks.families import ARCHITECTURES, build
from companion.networks.gates import Gate, HardGate, SoftGate
from companion.networks.routing import Routing, check_permutation
from companion.notation import Regime, ValueInput
from companion.runs.fields import SpecError, coerce, one_of

__all__ = ["FITTED", "PROTOCOL_VERSION", "RunSpec"]

PROTOCOL_VERSION = 1
"""Rises only when the mathematics of a run changes; records of an older protocol are shown as stale."""

FITTED = 99.9
"""Training accuracy in percent from which a run counts as fitted."""

OPTIMISERS = ("sgd", "adam", "rmsprop")
LOSSES = ("cross-entropy", "squared-error")
INITIALISATIONS = ("glorot", "sign")
PROBES = ("label-alignment", "kernel-norms")
PRECISIONS = ("float32", "tf32", "bfloat16")
CHECKPOINTS = ("best_test", "last", "selected")


@dataclass(frozen=True)
class RunSpec:
    """One training run.

    Args:
        dataset: name in :data:`companion.data.DATASETS`.
        architecture: name in :data:`companion.networks.families.ARCHITECTURES`.
        width: width of the hidden layers; ``None`` is the architecture's own (so is writing that number).
        depth: weight layers ``d``; ``None`` is the architecture's own.
        bias: whether layers have biases.
        regime: how gates come about.
        value_input: what enters the value network.
        gate_permutation: layer ``l`` of the value network takes the gates of feature layer ``gate_permutation[l]``;
            ``None`` is the identity (so is writing the identity).
        gate_beta: slope of the soft gate in DL; ``gate_eps``: its excess height (Paper A's code: 4 and 0.1).
        optimiser: ``sgd`` (no momentum), ``adam`` (0.9, 0.999) or ``rmsprop`` (0.9), epsilon 1e-7 as in Keras.
        learning_rate: constant step size.
        batch_size: examples per step; the last batch of an epoch may be shorter.
        epochs: passes through the training set.
        seed: gives three independent streams: ``feature``, ``value``, ``order``.
        train_size, test_size: only the first so many examples; ``None`` is all (so is writing their number).
        holdout: training examples kept out, from the end of the set, on which ``selected_test`` chooses its epoch.
        teacher_checkpoint: which weights of the ReLU run become the gates of FL: ``best_test``, ``last``, ``selected``.
        teacher_epochs: epochs of that ReLU run; ``None`` is as many as the FL run has (so is writing their number).
        early_stop: the run ends once its training accuracy has been at least 99.9% (:data:`FITTED`) for so many epochs
            on end; 0 is never.
        precision: arithmetic in the layers: ``float32``, ``bfloat16``, or ``tf32``, which only GPUs have.
        classes: only examples of these classes, numbered anew in this order; ``None`` is all.
        label_noise: fraction of the training examples whose label is drawn anew, uniformly from all classes.
        loss: ``cross-entropy``, or ``squared-error`` of one output for two classes, labelled -1 and +1.
        initialisation: ``glorot`` (uniform), or ``sign``: plus or minus ``sqrt(2 / width)`` in every layer.
        probe: what else is measured while training: ``label-alignment`` (ReLU, two classes) or ``kernel-norms`` (DL).
        probe_every: epochs from one measurement to the next; the first is before the first epoch.
        protocol_version: of the mathematics of a run.

    Raises:
        SpecError: one sentence that says what is valid.
    """

    dataset: str = "mnist"
    architecture: str = "FC"
    width: int | None = None
    depth: int | None = None
    bias: bool = True
    regime: Regime = Regime.RELU
    value_input: ValueInput = ValueInput.IMAGE
    gate_permutation: tuple[int, ...] | None = None
    gate_beta: float = 4.0
    gate_eps: float = 0.1
    optimiser: str = "sgd"
    learning_rate: float = 0.01
    batch_size: int = 32
    epochs: int = 100
    seed: int = 0
    train_size: int | None = None
    test_size: int | None = None
    holdout: int = 0
    teacher_checkpoint: str = "best_test"
    precision: str = "float32"
    classes: tuple[int, ...] | None = None
    label_noise: float = 0.0
    loss: str = "cross-entropy"
    initialisation: str = "glorot"
    probe: str | None = None
    probe_every: int = 1
    teacher_epochs: int | None = None
    early_stop: int = 0
    protocol_version: int = 1

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        for name, kind in _KINDS.items():
            set_(self, name, coerce(name, getattr(self, name), kind))
        one_of("dataset", self.dataset, DATASETS)
        one_of("architecture", self.architecture, ARCHITECTURES)
        one_of("optimiser", self.optimiser, OPTIMISERS)
        one_of("precision", self.precision, PRECISIONS)
        one_of("loss", self.loss, LOSSES)
        one_of("initialisation", self.initialisation, INITIALISATIONS)
        if self.probe is not None:
            one_of("probe", self.probe, PROBES)
        one_of("teacher_checkpoint", self.teacher_checkpoint, CHECKPOINTS)
        family = ARCHITECTURES[self.architecture]
        set_(self, "width", None if self.width == family.width else self.width)
        set_(self, "depth", None if self.depth == family.depth else self.depth)
        set_(self, "teacher_epochs", None if self.teacher_epochs == self.epochs else self.teacher_epochs)
        for name in ("train_size", "test_size"):
            whole = getattr(DATASETS[self.dataset], name)
            set_(self, name, None if getattr(self, name) == whole else getattr(self, name))
        self._check_numbers()
        self._check_fit()

    def _check_numbers(self) -> None:
        info = DATASETS[self.dataset]
        for name, low, high in (
            ("batch_size", 1, None),
            ("epochs", 1, None),
            ("seed", 0, None),
            ("train_size", 1, info.train_size),
            ("test_size", 1, info.test_size),
            ("holdout", 0, (self.train_size or info.train_size) - 1),
            ("probe_every", 1, None),
            ("teacher_epochs", 1, None),
            ("early_stop", 0, self.epochs - 1),
            ("protocol_version", 1, PROTOCOL_VERSION),
        ):
            value = getattr(self, name)
            if value is not None and not (low <= value and (high is None or value <= high)):
                valid = f"at least {low}" if high is None else f"from {low} to {high}"
                raise SpecError(f"{name} must be {valid}, not {value}")
        for name in ("learning_rate", "gate_beta"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise SpecError(f"{name} must be a positive number, not {value}")
        if not 0 <= self.label_noise <= 1:
            raise SpecError(f"label_noise must be a fraction from 0 to 1, not {self.label_noise}")
        if not (math.isfinite(self.gate_eps) and self.gate_eps >= 0):
            raise SpecError(f"gate_eps must be a number of at least 0, not {self.gate_eps}")

    def _check_fit(self) -> None:
        """Fields must fit one another: what has no effect must stay at its default, or equal runs had unlike keys."""
        info = DATASETS[self.dataset]
        if self.classes is not None:
            if len(self.classes) < 2 or len(set(self.classes)) < len(self.classes):
                raise SpecError(f"classes must name at least two different classes, not {list(self.classes)}")
            if not set(self.classes) <= set(range(info.classes)):
                raise SpecError(f"classes must be from 0 to {info.classes - 1}, not {list(self.classes)}")
            if self.classes == tuple(range(info.classes)):
                object.__setattr__(self, "classes", None)
        if self.loss == "squared-error" and len(self.class_names) != 2:
            raise SpecError("loss squared-error needs two classes, such as classes [4, 7]")
        if self.probe == "label-alignment" and (self.regime is not Regime.RELU or len(self.class_names) != 2):
            raise SpecError("probe label-alignment needs regime ReLU and two classes, such as classes [4, 7]")
        if self.probe == "kernel-norms" and self.regime is not Regime.DL:
            raise SpecError("probe kernel-norms needs regime DL")
        if self.probe is None and self.probe_every != 1:
            raise SpecError("probe_every has no effect without a probe: leave it at 1")
        if not (self.bias or ARCHITECTURES[self.architecture].biased):
            raise SpecError(f"bias has no effect in {self.architecture}, whose layers have none: leave it at True")
        if ARCHITECTURES[self.architecture].image and min(info.input_shape[1:]) < 2:
            raise SpecError(f"{self.architecture} needs images, {self.dataset} has none")
        try:
            layers = self.network.gated_layers
            order = None if self.gate_permutation is None else check_permutation(self.gate_permutation, layers)
        except ValueError as error:
            raise SpecError(str(error)) from None
        if order == tuple(range(layers)):
            order = None
        object.__setattr__(self, "gate_permutation", order)
        if order is not None and self.network.pooled:
            raise SpecError(f"gate_permutation is not defined in {self.architecture}, whose pools are gates too")
        shapes = self.network.gate_shapes()
        if order is not None and any(shapes[l] != shapes[source] for l, source in enumerate(order)):
            raise SpecError(f"gate_permutation {list(order)} exchanges layers of unlike shape in {self.architecture}")
        gateless = self.regime is Regime.RELU
        for name, allowed in (
            ("value_input", not gateless),
            ("gate_permutation", not gateless),
            ("gate_beta", self.regime is Regime.DL),
            ("gate_eps", self.regime is Regime.DL),
            ("teacher_checkpoint", self.regime is Regime.FL),
            ("teacher_epochs", self.regime is Regime.FL),
        ):
            if not allowed and getattr(self, name) != _DEFAULTS[name]:
                raise SpecError(f"{name} has no effect in regime {self.regime}: leave it at {_DEFAULTS[name]}")
        if self.teacher_checkpoint == "selected" and not self.holdout:
            raise SpecError("teacher_checkpoint 'selected' needs a holdout to select on")

    @cached_property
    def network(self) -> Architecture:
        """The architecture of both networks."""
        shape = DATASETS[self.dataset].input_shape
        outputs = 1 if self.loss == "squared-error" else len(self.class_names)
        return build(self.architecture, shape, outputs, width=self.width, depth=self.depth, bias=self.bias)

    @property
    def class_names(self) -> tuple[int, ...]:
        """The dataset's classes among which this run tells apart."""
        return tuple(range(DATASETS[self.dataset].classes)) if self.classes is None else self.classes

    @property
    def gate(self) -> Gate:
        """The gate between feature and value network: soft in DL, hard otherwise."""
        return SoftGate(self.gate_beta, self.gate_eps) if self.regime is Regime.DL else HardGate()

    @property
    def routing(self) -> Routing:
        """What happens to the gates between feature and value network."""
        return Routing(self.gate_permutation)

    @property
    def teacher(self) -> RunSpec | None:
        """The ReLU run whose gates an FL run uses: same seed, same protocol; ``None`` in other regimes."""
        if self.regime is not Regime.FL:
            return None
        own = ("value_input", "gate_permutation", "teacher_checkpoint", "teacher_epochs", "probe", "probe_every")
        plain = {name: _DEFAULTS[name] for name in own}
        return self.replace(regime=Regime.RELU, **plain | {"epochs": self.teacher_epochs or self.epochs})

    def fitted(self, train_accuracy: Sequence[float]) -> bool:
        """Whether a run with these training accuracies in percent, one an epoch, may stop by its ``early_stop``."""
        last = train_accuracy[-self.early_stop :]
        return 0 < self.early_stop <= len(last) and min(last) >= FITTED

    def replace(self, **changes: Any) -> RunSpec:
        """A copy with some fields changed, validated anew."""
        return RunSpec.from_dict({**{f.name: getattr(self, f.name) for f in dataclasses.fields(self)}, **changes})

    def to_dict(self) -> dict[str, Any]:
        """The fields that differ from their defaults, as JSON values: what a record stores and the key hashes."""
        values = {name: getattr(self, name) for name in _DEFAULTS}
        return {
            name: list(value)
            if isinstance(value, tuple)
            else str(value)
            if isinstance(value, (Regime, ValueInput))
            else value
            for name, value in values.items()
            if value != _DEFAULTS[name]
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RunSpec:
        """The inverse of :meth:`to_dict`; unknown fields raise :class:`SpecError` and name the nearest known one."""
        for name in values:
            if name not in _DEFAULTS:
                near = difflib.get_close_matches(name, _DEFAULTS, n=1)
                hint = f" (did you mean {near[0]}?)" if near else ""
                raise SpecError(f"unknown parameter {name!r}{hint}: valid are {', '.join(_DEFAULTS)}")
        return cls(**values)

    @cached_property
    def key(self) -> str:
        """Sixteen hexadecimal digits of the SHA-256 of :meth:`to_dict` as canonical JSON."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def stale(self) -> bool:
        """Whether the mathematics of runs has changed since this protocol version."""
        return self.protocol_version < PROTOCOL_VERSION


_KINDS: dict[str, Any] = get_type_hints(RunSpec)
_DEFAULTS: dict[str, Any] = {f.name: f.default for f in dataclasses.fields(RunSpec)}

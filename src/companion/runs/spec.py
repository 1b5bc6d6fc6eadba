"""``RunSpec``: everything that decides the outcome of one training run, validated once, with a content key.

Two runs are the same run exactly if their specs are equal.  The key hashes only the fields that differ from their
defaults, and defaults never change, so a field that is added later leaves all older keys as they were.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple, Self, get_type_hints

from companion.data import DATASETS
from companion.files.quoting import LONGEST, brief
from companion.networks.architectures import Architecture
from companion.networks.families import ARCHITECTURES, build
from companion.networks.gates import Gate, HardGate, OpenGate, SoftGate
from companion.networks.routing import Routing
from companion.notation import Regime
from companion.runs.aspects import Gating, Measurement, Networks, Optimisation, Task, Trial, view, without
from companion.runs.bounds import check_size
from companion.runs.fields import Changes, Rule, SpecError, check_effect, check_value, coerce, one_of, rule_of
from companion.runs.gating import canonical_gating, routing_of
from companion.runs.probing import check_probe
from companion.runs.sources import (
    Source,
    canonical_gates,
    canonical_start,
    gates_checkpoint,
    gates_source,
    start_source,
)

__all__ = ["FITTED", "PROTOCOL_VERSION", "RunSpec"]

PROTOCOL_VERSION = 1
"""Rises only when the mathematics of a run changes; records of an older protocol are shown as stale."""

FITTED = 99.9
"""Training accuracy in percent from which a run counts as fitted."""


@dataclass(frozen=True)
class RunSpec(Trial, Measurement, Optimisation, Gating, Networks, Task):
    """One training run: the fields of all its aspects, which :mod:`companion.runs.aspects` describes.

    Raises:
        SpecError: one sentence that says what is valid.

    Example:
        >>> spec = RunSpec(dataset="digits", regime="FL", seed=3)
        >>> str(spec.teacher.regime), spec.teacher.seed
        ('ReLU', 3)
        >>> RunSpec(optimiser="lion")
        Traceback (most recent call last):
            ...
        companion.runs.fields.SpecError: unknown optimiser 'lion': valid are sgd, adam, rmsprop
    """

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        kinds, defaults, rules, bounded = _fields(type(self))
        values = vars(self)
        given = [name for name, default in defaults.items() if values[name] is not default]
        for name in given:
            set_(self, name, coerce(name, getattr(self, name), kinds[name], rules[name]))
        for name, rule in ((name, rules[name]) for name in given):
            if rule.choices is not None and getattr(self, name) is not None:
                one_of(name, getattr(self, name), rule.choices)
        family, info = ARCHITECTURES[self.architecture], DATASETS[self.dataset]
        for name, own in (
            ("width", family.width),
            ("depth", family.depth),
            ("feature_width", family.width if self.width is None else self.width),
            ("teacher_epochs", self.epochs),
            ("train_size", info.train_size),
            ("test_size", info.test_size),
        ):
            set_(self, name, None if getattr(self, name) == own else getattr(self, name))
        for name in bounded:
            check_value(name, rules[name], self)
        if self.protocol_version > PROTOCOL_VERSION:
            raise SpecError(
                f"protocol_version must be from 1 to {PROTOCOL_VERSION}, not {brief(self.protocol_version)}"
            )
        self._check_fit()
        for name in [name for name, default in defaults.items() if values[name] is not default]:
            check_effect(name, rules[name], values, defaults)
        for name, value in canonical_gates(self).items():
            set_(self, name, value)
        set_(self, "start_from", canonical_start(self))
        for name, source in (("teacher_checkpoint", gates_source), ("start_checkpoint", start_source)):
            if getattr(self, name) == "selected" and not getattr(source(self), "holdout", 0):
                raise SpecError(f"{name} 'selected' needs a holdout to select on")

    def _check_fit(self) -> None:
        """What one field allows in another."""
        info = DATASETS[self.dataset]
        if self.classes is not None:
            if len(self.classes) < 2 or len(set(self.classes)) < len(self.classes):
                raise SpecError(f"classes must name at least two different classes, not {brief(list(self.classes))}")
            if not set(self.classes) <= set(range(info.classes)):
                raise SpecError(f"classes must be from 0 to {info.classes - 1}, not {brief(list(self.classes))}")
            if self.classes == tuple(range(info.classes)):
                object.__setattr__(self, "classes", None)
        if self.loss == "squared-error" and len(self.class_names) != 2:
            raise SpecError("loss squared-error needs two classes, such as classes [4, 7]")
        if self.momentum and self.optimiser != "sgd":
            raise SpecError(f"momentum is that of optimiser sgd, and {self.optimiser} has its own: leave it at 0.0")
        if not (self.bias or ARCHITECTURES[self.architecture].biased):
            raise SpecError(f"bias has no effect in {self.architecture}, whose layers have none: leave it at True")
        sides = info.input_shape[1:]
        if any(side % self.downscale for side in sides):
            valid = ", ".join(str(n) for n in range(1, min(sides) + 1) if not any(side % n for side in sides))
            raise SpecError(
                f"downscale must divide the sides {list(sides)} of {self.dataset}: {valid}, not {self.downscale}"
            )
        if ARCHITECTURES[self.architecture].image and min(self.input_shape[1:]) < 2:
            raise SpecError(f"{self.architecture} needs images of more than one pixel")
        check_size(self)
        try:
            gating = canonical_gating(self)
        except ValueError as error:
            raise SpecError(str(error)) from None
        for name, value in gating.items():
            object.__setattr__(self, name, value)
        check_probe(self)

    def __hash__(self) -> int:
        """That of the key, which is made once."""
        return hash(self.key)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height, width of one example, as the networks see it."""
        channels, height, width = DATASETS[self.dataset].input_shape
        return channels, height // self.downscale, width // self.downscale

    @cached_property
    def network(self) -> Architecture:
        """The architecture of the value network, and, but for its width, of the feature network."""
        return self._of_width(self.width)

    @cached_property
    def feature_network(self) -> Architecture:
        """The architecture of the feature network; its output layer is there and not used."""
        return self._of_width(self.width if self.feature_width is None else self.feature_width)

    def _of_width(self, width: int | None) -> Architecture:
        outputs = 1 if self.loss == "squared-error" else len(self.class_names)
        return build(self.architecture, self.input_shape, outputs, width=width, depth=self.depth, bias=self.bias)

    @cached_property
    def task(self) -> Task:
        """What is learnt."""
        return view(Task, self)

    @cached_property
    def networks(self) -> Networks:
        """Both networks before the first step."""
        return view(Networks, self)

    @cached_property
    def gating(self) -> Gating:
        """Through which gates the value network learns."""
        return view(Gating, self)

    @cached_property
    def optimisation(self) -> Optimisation:
        """How the weights move."""
        return view(Optimisation, self)

    @cached_property
    def measurement(self) -> Measurement:
        """What else is measured."""
        return view(Measurement, self)

    @cached_property
    def trial(self) -> Trial:
        """Which repetition, by which mathematics."""
        return view(Trial, self)

    @property
    def aspects(self) -> tuple[Task, Networks, Gating, Optimisation, Measurement, Trial]:
        """All of them: two runs are the same run exactly if these are equal."""
        return self.task, self.networks, self.gating, self.optimisation, self.measurement, self.trial

    @property
    def class_names(self) -> tuple[int, ...]:
        """The dataset's classes among which this run tells apart."""
        return tuple(range(DATASETS[self.dataset].classes)) if self.classes is None else self.classes

    @property
    def gate(self) -> Gate:
        """The gate between feature and value network: soft in DL, hard otherwise."""
        return SoftGate(self.gate_beta, self.gate_eps) if self.regime is Regime.DL else HardGate()

    @property
    def inner_gate(self) -> Gate:
        """What stands between the layers of the feature network: a ReLU, or nothing."""
        gates = self.sources.get("gates")
        activation = (self if gates is None else gates.spec).feature_activation
        return OpenGate() if activation == "linear" else HardGate()

    @cached_property
    def routing(self) -> Routing:
        """What happens to the gates between feature and value network."""
        return routing_of(self)

    @cached_property
    def ungated(self) -> Self:
        """The ReLU run of the same task, networks, optimisation and trial: from its own weights, measuring nothing."""
        _, defaults, rules, _ = _fields(type(self))
        own = {f.name for aspect in (Gating, Measurement) for f in dataclasses.fields(aspect)}
        return self.replace(**{name: defaults[name] for name, rule in rules.items() if name in own or rule.source})

    @cached_property
    def unmeasured(self) -> Self:
        """The same run without a probe, which trains alike."""
        return self.replace(**{f.name: self.default(f.name) for f in dataclasses.fields(Measurement)})

    @cached_property
    def sources(self) -> Mapping[str, Source[RunSpec]]:
        """The runs whose weights this one uses, and which: its ``gates`` in FL, its ``start`` if it has one."""
        found = {}
        if (gates := gates_source(self)) is not None:
            found["gates"] = Source(gates, gates_checkpoint(gates, self.teacher_checkpoint))
        if (start := start_source(self)) is not None:
            found["start"] = Source(start, self.start_checkpoint)
        return found

    @property
    def teacher(self) -> RunSpec | None:
        """The run whose gates an FL run uses: same seed, same protocol; ``None`` in other regimes."""
        return self.sources["gates"].spec if "gates" in self.sources else None

    @cached_property
    def generation(self) -> int:
        """0 for a run that needs no other; else one more than the oldest of its sources."""
        return max((1 + source.spec.generation for source in self.sources.values()), default=0)

    @cached_property
    def epochs_before(self) -> int:
        """Epochs of the runs that this one goes on from, all phases together; 0 where its weights are drawn."""
        start = self.sources.get("start")
        return 0 if start is None else start.spec.epochs_before + start.spec.epochs

    @cached_property
    def course(self) -> Hashable:
        """Equal for runs that train alike as long as both last: they differ in their number of epochs at most.

        Where the learning rate has a schedule, the last epoch decides about the first, and they do not differ in that.
        """
        gating = without(self.gating, source=True)
        length = ("epochs",) if self.schedule == "constant" else ()
        optimisation = without(self.optimisation, *length, source=True)
        own = (self.task, self.networks, gating, optimisation, self.measurement, self.trial)
        return *own, tuple(self.sources.items())

    @cached_property
    def stackable(self) -> Hashable:
        """Equal for runs that differ in nothing but what is each model's own: seed, value input, permutation."""
        return tuple(without(aspect, each=True) for aspect in self.aspects)

    def fitted(self, train_accuracy: Sequence[float]) -> bool:
        """Whether a run with these training accuracies in percent, one an epoch, may stop by its ``early_stop``."""
        last = train_accuracy[-self.early_stop :]
        return 0 < self.early_stop <= len(last) and min(last) >= FITTED

    @classmethod
    def default(cls, name: str) -> Any:
        """The default of a field."""
        return _fields(cls).defaults[name]

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed, validated anew."""
        return self.changed(changes)

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """The same as :meth:`replace`, for changes whose names may be anything."""
        own = {name: getattr(self, name) for name in _fields(type(self)).defaults}
        if all(name in own and own[name] is value for name, value in changes.items()):
            return self
        return self.from_dict({**own, **changes})

    def to_dict(self) -> dict[str, Any]:
        """The fields that differ from their defaults, as JSON values: what a record stores and the key hashes."""
        values, defaults = vars(self), _fields(type(self)).defaults
        apart = [name for name, default in defaults.items() if values[name] is not default]
        return {name: _json(values[name]) for name in apart if values[name] != defaults[name]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`to_dict`; unknown fields raise :class:`SpecError` and name the nearest known one."""
        known = _fields(cls).defaults
        if not isinstance(values, Mapping):
            raise SpecError(f"a run is described by fields and their values, not by {brief(values)}")
        for name in values:
            if name not in known:
                word = name if isinstance(name, str) and len(name) < LONGEST else ""
                near = difflib.get_close_matches(word, known, n=1)
                hint = f" (did you mean {near[0]}?)" if near else ""
                raise SpecError(f"unknown parameter {brief(name)}{hint}: valid are {', '.join(known)}")
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


def _json(value: Any) -> Any:
    if isinstance(value, Changes):
        return {name: _json(inner) for name, inner in value.items()}
    return list(value) if isinstance(value, tuple) else str(value) if isinstance(value, StrEnum) else value


class _Fields(NamedTuple):
    """What is told of the fields of a class, by their names."""

    kinds: Mapping[str, Any]
    defaults: Mapping[str, Any]
    rules: Mapping[str, Rule]
    bounded: Sequence[str]
    """Those whose rule has a range."""


_KNOWN: dict[type, _Fields] = {}
"""Found out once: it takes longer than all the rest of a spec."""


def _fields(cls: type[RunSpec]) -> _Fields:
    if cls not in _KNOWN:
        hints, fields = get_type_hints(cls), dataclasses.fields(cls)
        kinds, defaults = {f.name: hints[f.name] for f in fields}, {f.name: f.default for f in fields}
        rules = {f.name: rule_of(f) for f in fields}
        _KNOWN[cls] = _Fields(kinds, defaults, rules, [f for f, rule in rules.items() if rule.low is not None])
    return _KNOWN[cls]

"""Where a run's weights come from: other runs, told as changes relative to this one, whose seed they inherit.

``gates_from`` leads from the ReLU run of the same fields, as wide as the feature network, to the one whose gates are
used, ``start_from`` from this run
to the one with whose weights it begins.  The gates of a start are those of the run that it is for, unless it changes
them: they are settled first, from the outer run, or a start on other labels would have the gates of another teacher.

One run has one description: changes are kept in a canonical form, the difference between the two runs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, Self, TypeVar

from companion.networks.architectures import Architecture
from companion.notation import Regime
from companion.runs.aspects import Measurement, Trial
from companion.runs.fields import Changes, SpecError, idle, rule_of

__all__ = [
    "DEEPEST",
    "FEATURE",
    "Source",
    "canonical_gates",
    "canonical_start",
    "changed",
    "difference",
    "gates_checkpoint",
    "gates_source",
    "start_source",
]

DEEPEST = 4
"""How deep sources of sources may be written into each other."""
PROBES = [f.name for f in dataclasses.fields(Measurement)]
SETTLED = [*(f.name for f in dataclasses.fields(Trial)), *PROBES]
"""What a source cannot have of its own: it has the seed and protocol of its run, and measures nothing on its way."""
FEATURE = "feature/"
"""Before the name of a checkpoint: its feature network."""
GATES = ("gates_from", "teacher_epochs")
"""The fields that say which run the gates of FL come from."""
STARTS = ("start_from", "start_checkpoint")
"""The fields that say which run a run begins from."""


class Run(Protocol):
    """What is needed of a run here."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def regime(self) -> Regime: ...
    @property
    def epochs(self) -> int: ...
    @property
    def holdout(self) -> int: ...
    @property
    def gates_from(self) -> Changes | None: ...
    @property
    def teacher_checkpoint(self) -> str: ...
    @property
    def teacher_epochs(self) -> int | None: ...
    @property
    def start_from(self) -> Changes | None: ...
    @property
    def start_checkpoint(self) -> str: ...
    @property
    def width(self) -> int | None: ...
    @property
    def feature_width(self) -> int | None: ...
    @property
    def network(self) -> Architecture: ...
    @property
    def feature_network(self) -> Architecture: ...
    @property
    def ungated(self) -> Self: ...
    def replace(self, **changes: Any) -> Self: ...
    def default(self, name: str) -> Any: ...


S = TypeVar("S", bound=Run)


class Source(NamedTuple, Generic[S]):
    """A run from which weights come, and which of its checkpoints.

    Example:
        >>> from companion.runs.spec import RunSpec
        >>> RunSpec(regime="FL").sources["gates"].checkpoint
        'best_test'
    """

    spec: S
    checkpoint: str


def gates_source(spec: S) -> S | None:
    """The run whose gates an FL run uses, a ReLU run or one of DL; ``None`` in other regimes.

    Example:
        >>> from companion.runs.spec import RunSpec
        >>> gates_source(RunSpec(regime="FL", seed=3)) == RunSpec(seed=3)
        True
    """
    if spec.regime is not Regime.FL:
        return None
    plain = _lasting(spec, spec.teacher_epochs or spec.epochs)
    return plain if spec.gates_from is None else changed(plain, spec.gates_from)


def gates_checkpoint(source: Run, checkpoint: str) -> str:
    """The name under which a run whose gates are used leaves them: of DL it is the feature network that is taken.

    Args:
        source: the run whose gates are used.
        checkpoint: ``best_test``, ``last`` or ``selected``.

    Example:
        >>> from companion.runs.spec import RunSpec
        >>> gates_checkpoint(RunSpec(), "last"), gates_checkpoint(RunSpec(regime="DL"), "last")
        ('last', 'feature/last')
    """
    return f"{FEATURE}{checkpoint}" if source.regime is Regime.DL else checkpoint


def start_source(spec: S) -> S | None:
    """The run with whose weights this one begins; ``None`` where its own are drawn.

    Example:
        >>> from companion.runs.spec import RunSpec
        >>> start_source(RunSpec(start_from={"label_noise": 1.0})) == RunSpec(label_noise=1.0)
        True
    """
    changes = spec.start_from
    if changes is None:
        return None
    plain, gates = _startless(spec), gates_source(spec)
    if gates is None or "gates_from" in changes or changes.get("regime", Regime.FL) != Regime.FL:
        return changed(plain.replace(**_defaults(plain, GATES)) if "gates_from" in changes else plain, changes)
    later = ("teacher_epochs", "teacher_checkpoint", *STARTS)
    others = {name: value for name, value in changes.items() if name not in later}
    start = changed(plain.replace(**_defaults(plain, (*GATES, "teacher_checkpoint"))), others)
    if "teacher_epochs" in changes:
        gates = gates.replace(epochs=changes["teacher_epochs"] or start.epochs)
    return start.replace(
        gates_from=difference(_lasting(start, gates.epochs), gates),
        teacher_epochs=gates.epochs,
        teacher_checkpoint=changes.get("teacher_checkpoint", spec.teacher_checkpoint),
        **{name: changes[name] for name in STARTS if name in changes},  # they are changes of a run whose gates stand
    )


def canonical_gates(spec: S) -> Mapping[str, Any]:
    """The fields that name the run whose gates are used, each in the one form in which it is kept.

    Raises:
        SpecError: one sentence that says what is valid.

    Example:
        >>> from companion.runs.spec import RunSpec
        >>> canonical_gates(RunSpec(regime="FL", gates_from={"label_noise": 0.5, "width": 128}))
        {'gates_from': {'label_noise': 0.5}, 'teacher_epochs': None}
    """
    if spec.gates_from is None:
        return {}
    gates = _source("gates_from", spec)
    if gates.regime not in (Regime.RELU, Regime.DL):
        raise SpecError(f"gates_from must lead to a run of ReLU or DL, whose gates are learnt, not of {gates.regime}")
    if spec.teacher_epochs not in (None, gates.epochs):
        raise SpecError(
            f"teacher_epochs {spec.teacher_epochs} and epochs {gates.epochs} in gates_from contradict each other: "
            "give one of them"
        )
    changes = difference(_lasting(spec, gates.epochs), gates)
    return {"gates_from": changes or None, "teacher_epochs": None if gates.epochs == spec.epochs else gates.epochs}


def canonical_start(spec: S) -> Changes | None:
    """The canonical ``start_from`` of a run whose gates are canonical; nothing to change is still a start.

    Raises:
        SpecError: one sentence that says what is valid.

    Example:
        >>> from companion.runs.spec import RunSpec
        >>> canonical_start(RunSpec(epochs=20, start_from={"label_noise": 1.0, "epochs": 20}))
        {'label_noise': 1.0}
    """
    if spec.start_from is None:
        return None
    if spec.regime is Regime.DL:
        raise SpecError("start_from is not defined in regime DL, in which two networks train")
    start = _source("start_from", spec)
    changes = dict(difference(_startless(spec), start))
    gates, others = gates_source(spec), gates_source(start)
    if gates is not None and others is not None:
        for name in GATES:
            changes.pop(name, None)
        apart = difference(gates, others)
        if apart.keys() == {"epochs"}:
            changes["teacher_epochs"] = others.epochs
        elif apart:
            changes["gates_from"] = start.gates_from or Changes({})
            changes |= {} if start.teacher_epochs is None else {"teacher_epochs": start.teacher_epochs}
    return Changes(changes)


def changed(spec: S, changes: Mapping[str, Any]) -> S:
    """The run to which changes lead; what it would inherit without effect is at its default.

    Raises:
        SpecError: one sentence that says what is valid.

    Example:
        >>> from companion.runs.spec import RunSpec
        >>> changed(RunSpec(regime="DL", gate_beta=10.0), {"regime": "FR-II"}) == RunSpec(regime="FR-II")
        True
    """
    fields = dataclasses.fields(spec)
    defaults = {f.name: f.default for f in fields}
    values = {f.name: getattr(spec, f.name) for f in fields} | dict(changes)
    useless = {f.name for f in fields if f.name not in changes and idle(rule_of(f), values, defaults)}
    return spec.replace(**{name: defaults[name] for name in useless}, **changes)


def difference(run: S, other: S) -> Changes:
    """The changes that lead from one run to another.

    Args:
        run: from which.
        other: to which.

    Example:
        >>> from companion.runs.spec import RunSpec
        >>> difference(RunSpec(), RunSpec(seed=3, epochs=20))
        {'epochs': 20, 'seed': 3}
    """
    fields = dataclasses.fields(run)
    defaults = {f.name: f.default for f in fields}
    values = {f.name: getattr(other, f.name) for f in fields}
    apart = [f for f in fields if getattr(run, f.name) != values[f.name]]
    return Changes({f.name: values[f.name] for f in apart if not idle(rule_of(f), values, defaults)})


def _source(name: str, spec: S) -> S:
    """The source of a run that a field names, checked."""
    changes = getattr(spec, name)
    level, depth = [changes], 0
    while level:
        depth += 1
        if depth > DEEPEST:
            raise SpecError(f"{name} may hold sources of sources, but only {DEEPEST} deep")
        level = [value for one in level for value in one.values() if isinstance(value, Mapping)]
    for settled in SETTLED:
        if settled in changes:
            raise SpecError(f"{name} cannot change {settled}: a source has its run's seed and protocol, and no probe")
    try:
        source = gates_source(spec) if name == "gates_from" else start_source(spec)
    except SpecError as error:
        raise SpecError(f"{name}: {error}") from None
    assert source is not None
    wanted, found = (spec.network, source.network)
    if name == "gates_from":
        wanted, found = spec.feature_network, gating_network(source)
    if found != wanted:
        raise SpecError(f"{name} must lead to a run of the same networks and classes")
    return source


def gating_network(source: Run) -> Architecture:
    """The network of a run whose gates are used: in DL its feature network, in ReLU the only one."""
    return source.feature_network if source.regime is Regime.DL else source.network


def _lasting(spec: S, epochs: int) -> S:
    """The ReLU run of the same fields, as wide as the feature network and so many epochs long."""
    return spec.ungated.replace(epochs=epochs, width=spec.feature_width or spec.width)


def _startless(spec: S) -> S:
    """The run with weights of its own to begin with, which measures nothing on its way."""
    return spec.replace(**_defaults(spec, ("start_from", "start_checkpoint", *PROBES)))


def _defaults(spec: S, names: Iterable[str]) -> dict[str, Any]:
    return {name: spec.default(name) for name in names}

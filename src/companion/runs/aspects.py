"""A run's description by aspects: what is learnt, by which networks, through which gates, how, and what is measured.

:class:`~companion.runs.spec.RunSpec` has the fields of all aspects, so that it stays flat, and each field belongs to
exactly one of them.  Whatever groups or caches runs compares aspects, never a list of fields: then a new field cannot
be forgotten.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from companion.data import DATASETS
from companion.networks.families import ARCHITECTURES
from companion.notation import Regime, ValueInput
from companion.runs.bounds import DEEPEST, LARGE, LONGEST, NOT_NEGATIVE, POSITIVE, WIDEST
from companion.runs.fields import Changes, field, rule_of

__all__ = ["Gating", "Measurement", "Networks", "Optimisation", "Task", "Trial", "view", "without"]

GATED = frozenset(Regime) - {Regime.RELU}
CHECKPOINTS = ("best_test", "last", "selected")
A = TypeVar("A")


@dataclass(frozen=True)
class Task:
    """What is learnt: examples, labels and loss.

    Args:
        dataset: name in :data:`companion.data.DATASETS`.
        classes: only examples of these classes, numbered anew in this order; ``None`` is all.
        train_size, test_size: only the first so many examples; ``None`` is all (so is writing their number).
        holdout: training examples kept out, from the end of the set, on which ``selected_test`` chooses its epoch.
        label_noise: fraction of the training examples whose label is drawn anew, once for the whole run.
        noise_kind: from what it is drawn: ``uniform`` (all classes), or ``wrong`` (the other classes only).
        loss: ``cross-entropy``, or ``squared-error`` of one output for two classes, labelled -1 and +1.
        downscale: images are averaged over blocks of so many by so many pixels; their sides are multiples of it.
        standardise: whether images have each channel's mean over the dataset's training images taken off, and are
            divided by its deviation (:class:`companion.data.DatasetInfo` has both).
        augmentation: how training images are altered, anew in every epoch: ``crop-flip-cutout``, ``crop-cutout``
            (:mod:`companion.training.augmentation`); ``None`` is not at all.

    Example:
        >>> from companion.runs.spec import RunSpec
        >>> RunSpec(dataset="digits", classes=[4, 7]).task.classes
        (4, 7)
    """

    dataset: str = field("mnist", choices=DATASETS)
    classes: tuple[int, ...] | None = field(None, items="class numbers such as [4, 7]")
    train_size: int | None = field(None, low=1, high=lambda spec: DATASETS[spec.dataset].train_size)
    test_size: int | None = field(None, low=1, high=lambda spec: DATASETS[spec.dataset].test_size)
    holdout: int = field(0, low=0, high=lambda spec: (spec.train_size or DATASETS[spec.dataset].train_size) - 1)
    label_noise: float = field(0.0, low=0, high=1, says="a fraction from 0 to 1")
    noise_kind: str = field("uniform", choices=("uniform", "wrong"), needs=("label_noise", "label_noise"))
    loss: str = field("cross-entropy", choices=("cross-entropy", "squared-error"))
    downscale: int = field(1, low=1, high=1024)
    standardise: bool = False
    augmentation: str | None = field(None, choices=("crop-flip-cutout", "crop-cutout"))


@dataclass(frozen=True)
class Networks:
    """Both networks before the first step.

    Args:
        architecture: name in :data:`companion.networks.families.ARCHITECTURES`.
        width: width of the hidden layers; ``None`` is the architecture's own (so is writing that number).
        depth: weight layers ``d``; ``None`` is the architecture's own.
        bias: whether layers have biases.
        initialisation: ``glorot`` (uniform), ``fan-in`` (uniform, up to ``1 / sqrt(fan_in)``), or ``sign``: plus or
            minus ``sqrt(2 / width)`` in every layer.

    Example:
        >>> from companion.runs.spec import RunSpec
        >>> RunSpec(architecture="FC", width=128).networks == RunSpec(architecture="FC").networks
        True
    """

    architecture: str = field("FC", choices=ARCHITECTURES)
    width: int | None = field(None, low=1, high=WIDEST)
    depth: int | None = field(None, low=2, high=DEEPEST)
    bias: bool = True
    initialisation: str = field("glorot", choices=("glorot", "fan-in", "sign"))


@dataclass(frozen=True)
class Gating:
    """Through which gates the value network learns.

    Args:
        regime: how gates come about.
        value_input: what enters the value network.
        gate_permutation: layer ``l`` of the value network takes the gates of feature layer ``gate_permutation[l]``;
            ``None`` is the identity (so is writing the identity).
        feature_width: width of the feature network, whose gates are then repeated to that of the value network, which
            it must divide; ``None`` is the value network's width (so is writing that number).  In FL the ReLU run whose
            gates are used is as wide.
        feature_activation: what stands between the layers of the feature network: ``relu``, or ``linear`` (nothing: a
            DLGN).  In FL it is that of the run whose gates are used.
        gate_shifts: how far gates are shifted within their layer: rows and columns of positions, or, in networks of
            dense layers alone, units; one shift for all layers, or one after the other for each layer of the feature
            network that has positions (for each layer, where none has).
        gate_turns: quarters of a circle by which the positions of a layer are turned, from 0 to 3; one number for all
            units, or one for each of as many equal groups of them.
        gate_beta: slope of the soft gate in DL; ``gate_eps``: its excess height (Paper A's code: 4 and 0.1).
        gates_from: changes that lead from the ReLU run of the same fields to the one whose gates FL uses, a ReLU run or
            one of DL; ``None`` is that run itself (so are changes that change nothing).
        teacher_checkpoint: which weights of it become the gates of FL: ``best_test``, ``last``, ``selected``.
        teacher_epochs: its epochs; ``None`` is as many as the FL run has (so is writing their number).

    Example:
        >>> from companion.runs.spec import RunSpec
        >>> RunSpec(regime="FR-II", depth=4, gate_permutation=[2, 0, 1]).gating.gate_permutation
        (2, 0, 1)
    """

    regime: Regime = Regime.RELU
    value_input: ValueInput = field(ValueInput.IMAGE, regimes=GATED, each=True)
    gate_permutation: tuple[int, ...] | None = field(
        None, items="layer numbers such as [2, 0, 1, 3]", regimes=GATED, each=True
    )
    feature_width: int | None = field(None, low=1, high=WIDEST, regimes=GATED - {Regime.FR_DI})
    feature_activation: str = field("relu", choices=("relu", "linear"), regimes=GATED - {Regime.FL})
    gate_shifts: tuple[int, ...] | None = field(None, items="shifts such as [8, 5]", regimes=GATED, each=True)
    gate_turns: tuple[int, ...] | None = field(None, items="quarter turns such as [1]", regimes=GATED, each=True)
    gate_beta: float = field(4.0, low=0, high=LARGE, above=True, says=POSITIVE, regimes=frozenset({Regime.DL}))
    gate_eps: float = field(0.1, low=0, high=LARGE, says=NOT_NEGATIVE, regimes=frozenset({Regime.DL}))
    gates_from: Changes | None = field(None, regimes=frozenset({Regime.FL}), source=True)
    teacher_checkpoint: str = field("best_test", choices=CHECKPOINTS, regimes=frozenset({Regime.FL}), source=True)
    teacher_epochs: int | None = field(None, low=1, high=LONGEST, regimes=frozenset({Regime.FL}), source=True)


@dataclass(frozen=True)
class Optimisation:
    """How the weights move, from where and for how long.

    Args:
        optimiser: ``sgd``, ``adam`` (0.9, 0.999) or ``rmsprop`` (0.9), epsilon 1e-7 as in Keras.
        learning_rate: step size, the largest where it has a schedule.
        momentum: of ``sgd``: the part of the last velocity that is kept; a step goes along velocity, or with
            ``nesterov`` along what velocity will be if the gradient stays.
        weight_decay: so much of every parameter that trains is added to its gradient of the mean loss.
        schedule: ``constant``, or ``triangle``: step by step the rate rises from 0 to ``learning_rate`` in the first
            5/24 of the epochs and falls to 0 at their end (:mod:`companion.training.schedule`).
        batch_size: examples per step; the last batch of an epoch may be shorter.
        epochs: passes through the training set.
        early_stop: the run ends once its training accuracy has been at least 99.9%
            (:data:`companion.runs.spec.FITTED`) for so many epochs on end; 0 is never.
        start_from: changes that lead from this run to the one with whose weights the value network (in ReLU the only
            one) begins, in place of drawn ones; ``None`` is none, no changes are this very run, gone through before.
            The optimiser is fresh; the order of examples goes on after the epochs of the start.
        start_checkpoint: which of its weights: ``best_test``, ``last``, ``selected``.
        precision: arithmetic in the layers: ``float32``, ``bfloat16``, or ``tf32``, which only GPUs have.

    Example:
        >>> from companion.runs.spec import RunSpec
        >>> RunSpec(optimiser="adam", learning_rate=1e-3).optimisation.epochs
        100
    """

    optimiser: str = field("sgd", choices=("sgd", "adam", "rmsprop"))
    learning_rate: float = field(0.01, low=0, high=LARGE, above=True, says=POSITIVE)
    momentum: float = field(0.0, low=0, high=math.nextafter(1, 0), says="a number of at least 0 and below 1")
    nesterov: bool = field(False, needs=("momentum", "momentum"))
    weight_decay: float = field(0.0, low=0, high=LARGE, says=NOT_NEGATIVE)
    schedule: str = field("constant", choices=("constant", "triangle"))
    batch_size: int = field(32, low=1, high=LONGEST)
    epochs: int = field(100, low=1, high=LONGEST)
    early_stop: int = field(0, low=0, high=lambda spec: spec.epochs - 1)
    start_from: Changes | None = field(None, source=True)
    start_checkpoint: str = field("last", choices=CHECKPOINTS, needs=("start_from", "start_from"), source=True)
    precision: str = field("float32", choices=("float32", "tf32", "bfloat16"))


@dataclass(frozen=True)
class Measurement:
    """What else is measured while training; it moves no weight.

    Args:
        probe: ``label-alignment`` (ReLU, two classes), ``kernel-norms`` or ``hard-gates`` (DL), ``hidden-layers``
            (all but ReLU), ``machine-own`` or ``machine-others`` (ReLU without biases, with a holdout).
        probe_every: epochs from one measurement to the next; the first is before the first epoch.

    Example:
        >>> from companion.runs.spec import RunSpec
        >>> RunSpec(regime="DL", probe="hard-gates", probe_every=10).measurement
        Measurement(probe='hard-gates', probe_every=10)
    """

    probe: str | None = field(
        None,
        choices=(
            "label-alignment",
            "kernel-norms",
            "hard-gates",
            "hidden-layers",
            "machine-own",
            "machine-others",
        ),
    )
    probe_every: int = field(1, low=1, high=LONGEST, needs=("probe", "a probe"))


@dataclass(frozen=True)
class Trial:
    """Which repetition, by which mathematics.

    Args:
        seed: gives three independent streams: ``feature``, ``value``, ``order``.
        protocol_version: of the mathematics of a run.

    Example:
        >>> from companion.runs.spec import RunSpec
        >>> RunSpec(seed=3).trial
        Trial(seed=3, protocol_version=1)
    """

    seed: int = field(0, low=0, high=2**63 - 1, each=True)
    protocol_version: int = field(1, low=1)


def view(aspect: type[A], spec: Any) -> A:
    """One aspect of a run.

    Example:
        >>> from companion.runs.spec import RunSpec
        >>> view(Trial, RunSpec(seed=3))
        Trial(seed=3, protocol_version=1)
    """
    return aspect(**{f.name: getattr(spec, f.name) for f in dataclasses.fields(aspect)})  # type: ignore[arg-type]


def without(aspect: A, *names: str, each: bool = False, source: bool = False) -> A:
    """The aspect with some fields at their defaults: those named, and those whose rule says ``each`` or ``source``.

    Args:
        aspect: of a run.
        names: of fields.
        each: whether fields go in which the runs of a stack may differ.
        source: whether fields go that say where weights come from.

    Example:
        >>> without(Trial(seed=3), each=True)
        Trial(seed=0, protocol_version=1)
    """
    changes = _plain(type(aspect), names, each, source)  # type: ignore[arg-type]
    return dataclasses.replace(aspect, **changes)  # type: ignore[type-var]


@cache
def _plain(aspect: type, names: tuple[str, ...], each: bool, source: bool) -> Mapping[str, Any]:
    """The defaults of the fields that go."""
    return {
        f.name: f.default
        for f in dataclasses.fields(aspect)
        if f.name in names or (each and rule_of(f).each) or (source and rule_of(f).source)
    }

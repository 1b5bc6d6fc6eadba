"""Probes: what is measured of a network between two epochs, besides its accuracy.

A probe sees the network and the examples of its run, and returns a few named numbers.  Those of Paper A take the first
examples of each class of the training set, as the official code does (it shuffles a temporary copy, so the first ones
are what it takes); that of hidden layers leaves pictures beside its numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from companion.measure import hidden_layers
from companion.measure.hard_gates import hard_gates
from companion.measure.kernel_norms import kernel_norms
from companion.measure.label_alignment import label_probe
from companion.measure.machine import OTHERS, OWN, kernel_machine
from companion.notation import Float, Tensor
from companion.runs.examples import Split
from companion.runs.regimes import Model
from companion.runs.spec import RunSpec

__all__ = ["HIDDEN", "MACHINES", "ON_TEST", "PROBES", "Probe", "measure", "pictures"]

Probe = Callable[[RunSpec, Model, Split], dict[str, float]]
"""``(spec, model, data)`` to named numbers."""
OfExamples = Callable[[RunSpec, Model, Tensor, Tensor], dict[str, float]]
"""The same of some examples alone: ``(spec, model, inputs [N, C, H, W], labels [N])``."""


def _on_train(probe: OfExamples) -> Probe:
    return lambda spec, model, data: probe(spec, model, data.train.inputs, data.train.labels)


def _on_test(probe: OfExamples) -> Probe:
    return lambda spec, model, data: probe(spec, model, data.test.inputs, data.test.labels)


HIDDEN = "hidden-layers"
"""The probe that leaves pictures."""
MACHINES = frozenset({OWN, OTHERS})
"""Probes that fit kernel machines."""

PROBES: Mapping[str, Probe] = MappingProxyType(
    {
        "label-alignment": _on_train(label_probe),
        "kernel-norms": _on_train(kernel_norms),
        "hard-gates": _on_test(hard_gates),
        HIDDEN: _on_test(hidden_layers.hidden_layers),
        OWN: kernel_machine,
        OTHERS: kernel_machine,
    }
)
"""By the name that :class:`~companion.runs.spec.RunSpec` knows."""

ON_TEST = frozenset({"hard-gates", HIDDEN})
"""Probes that see the examples that the run is tested on alone, one after the other."""


def measure(spec: RunSpec, model: Model, data: Split) -> dict[str, float]:
    """What the probe of a run says of its network now; nothing for a run without probe."""
    return PROBES[spec.probe](spec, model, data) if spec.probe is not None else {}


def pictures(spec: RunSpec, model: Model, inputs: Float[Tensor, "N ..."]) -> dict[str, Tensor]:
    """The arrays that the probe of a run leaves of test images; none but of hidden layers."""
    return hidden_layers.pictures(spec, model, inputs) if spec.probe == HIDDEN else {}

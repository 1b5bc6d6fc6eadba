"""Probes: what is measured of a network between two epochs, besides its accuracy.

A probe sees the network and examples, and returns a few named numbers.  Those of Paper A take the first examples of
each class of the training set, as the official code does (it shuffles a temporary copy, so the first ones are what it
takes); that of hidden layers leaves pictures beside its numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from companion.measure import hidden_layers
from companion.measure.hard_gates import hard_gates
from companion.measure.kernel_norms import kernel_norms
from companion.measure.label_alignment import label_probe
from companion.notation import Float, Int, Tensor
from companion.runs.regimes import Model
from companion.runs.spec import RunSpec

__all__ = ["HIDDEN", "ON_TEST", "PROBES", "Probe", "measure", "pictures"]

Probe = Callable[[RunSpec, Model, Tensor, Tensor], dict[str, float]]
"""``(spec, model, inputs [N, C, H, W], labels [N])`` to named numbers."""


HIDDEN = "hidden-layers"
"""The probe that leaves pictures."""

PROBES: Mapping[str, Probe] = MappingProxyType(
    {
        "label-alignment": label_probe,
        "kernel-norms": kernel_norms,
        "hard-gates": hard_gates,
        HIDDEN: hidden_layers.hidden_layers,
    }
)
"""By the name that :class:`~companion.runs.spec.RunSpec` knows."""

ON_TEST = frozenset({"hard-gates", HIDDEN})
"""Probes that see the examples that the run is tested on, not those that it trains on."""


def measure(spec: RunSpec, model: Model, inputs: Float[Tensor, "N ..."], labels: Int[Tensor, "N"]) -> dict[str, float]:
    """What the probe of a run says of its network now; nothing for a run without probe."""
    return PROBES[spec.probe](spec, model, inputs, labels) if spec.probe is not None else {}


def pictures(spec: RunSpec, model: Model, inputs: Float[Tensor, "N ..."]) -> dict[str, Tensor]:
    """The arrays that the probe of a run leaves beside its numbers; none but of hidden layers."""
    return hidden_layers.pictures(spec, model, inputs) if spec.probe == HIDDEN else {}

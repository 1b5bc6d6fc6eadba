"""Probes: what is measured of a network between two epochs, besides its accuracy.

A probe sees the network and the first examples of each class of the training set, as the official code does (it
shuffles a temporary copy, so the first ones are what it takes), and returns a few named numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from companion.measure.kernel_norms import kernel_norms
from companion.measure.label_alignment import label_probe
from companion.notation import Float, Int, Tensor
from companion.runs.regimes import Model
from companion.runs.spec import RunSpec

__all__ = ["PROBES", "Probe", "measure"]

Probe = Callable[[RunSpec, Model, Tensor, Tensor], dict[str, float]]
"""``(spec, model, inputs [N, C, H, W], labels [N])`` to named numbers."""


PROBES: Mapping[str, Probe] = MappingProxyType({"label-alignment": label_probe, "kernel-norms": kernel_norms})
"""By the name that :class:`~companion.runs.spec.RunSpec` knows."""


def measure(spec: RunSpec, model: Model, inputs: Float[Tensor, "N ..."], labels: Int[Tensor, "N"]) -> dict[str, float]:
    """What the probe of a run says of its network now; nothing for a run without probe."""
    return PROBES[spec.probe](spec, model, inputs, labels) if spec.probe is not None else {}

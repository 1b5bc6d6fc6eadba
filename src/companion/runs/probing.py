"""Which run a probe can measure."""

from __future__ import annotations

from typing import Protocol

from companion.networks.families import ARCHITECTURES
from companion.networks.routing import Routing
from companion.notation import Regime
from companion.runs.fields import SpecError

__all__ = ["check_probe"]


class Probed(Protocol):
    """What is asked of a run: that of :class:`~companion.runs.spec.RunSpec`."""

    @property
    def probe(self) -> str | None: ...
    @property
    def regime(self) -> Regime: ...
    @property
    def holdout(self) -> int: ...
    @property
    def architecture(self) -> str: ...
    @property
    def bias(self) -> bool: ...
    @property
    def feature_activation(self) -> str: ...

    @property
    def class_names(self) -> tuple[int, ...]: ...
    @property
    def routing(self) -> Routing: ...


def check_probe(spec: Probed) -> None:
    """Raise :class:`~companion.runs.fields.SpecError` unless the probe of a run, if it has one, can measure it."""
    probe, regime = spec.probe, spec.regime
    if probe == "label-alignment" and (regime is not Regime.RELU or len(spec.class_names) != 2):
        raise SpecError("probe label-alignment needs regime ReLU and two classes, such as classes [4, 7]")
    if probe in ("kernel-norms", "hard-gates") and regime is not Regime.DL:
        raise SpecError(f"probe {probe} needs regime DL")
    if probe == "kernel-norms" and not (spec.feature_activation == "relu" and spec.routing.within.identity):
        raise SpecError("probe kernel-norms needs a ReLU feature network as wide as the value network, unmoved")
    if probe == "hidden-layers" and regime is Regime.RELU:
        raise SpecError("probe hidden-layers needs a regime with a feature and a value network, which ReLU is not")
    if probe in ("machine-own", "machine-others"):
        if regime is not Regime.RELU or not spec.holdout:
            raise SpecError(f"probe {probe} needs regime ReLU and a holdout, which chooses the ridge")
        if spec.bias and ARCHITECTURES[spec.architecture].biased:
            raise SpecError(f"probe {probe} needs bias False: the path kernel is that of a network without")

"""The names that every other module uses: regimes, value inputs, array aliases.

Axis letters, the same in every docstring: ``M`` models, ``N`` examples, ``L`` gated layers, ``W`` width, ``C`` classes,
``P`` neural paths.  Array letters are the papers': ``q`` pre-activation, ``G`` gate, ``z`` layer output, ``phi``
neural path feature, ``v`` neural path value, ``H`` neural path kernel, ``K`` neural tangent kernel, ``theta_f`` and
``theta_v`` the parameters of the feature and of the value network.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
else:
    try:
        from jaxtyping import Bool, Float, Int
    except ModuleNotFoundError:  # a bare training image has torch only: shapes are then just documentation

        class _Shape:
            def __class_getitem__(cls, item: Any) -> Any:
                return item[0]

        Bool = Float = Int = _Shape

__all__ = ["Bool", "Float", "Int", "Regime", "Tensor", "ValueInput"]


class Regime(StrEnum):
    """How gates come about (Papers B and C; Paper A's names in brackets)."""

    RELU = "ReLU"
    """One network, gated by its own pre-activations."""
    FR_II = "FR-II"
    """Fixed random gates, feature network independent of the value network (FRNPF(II))."""
    FR_DI = "FR-DI"
    """Fixed random gates, feature network a copy of the initial value network (FRNPF(DI))."""
    DL = "DL"
    """Decoupled learning: feature and value network both train, through soft gates (DNPFL)."""
    FL = "FL"
    """Fixed learnt gates: the feature network is a trained ReLU network, frozen (FLNPF)."""

    @property
    def frozen(self) -> bool:
        """Whether gates come from a feature network that does not train."""
        return self in (Regime.FR_II, Regime.FR_DI, Regime.FL)


class ValueInput(StrEnum):
    """What enters the value network; the feature network always sees the image."""

    IMAGE = "image"
    ONES = "ones"
    """A tensor of ones for every example, in training and testing (Paper C, Section 4.1)."""
    NOISE = "noise"
    """One fixed random draw, the same for all examples (Papers B and C, hidden-layer pictures)."""

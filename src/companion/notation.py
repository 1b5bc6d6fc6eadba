"""The names that every other module uses: regimes, value inputs, array aliases.

Axis letters, the same in every docstring: ``M`` models, ``N`` examples, ``L`` gated layers, ``W`` width, ``C`` classes,
``P`` neural paths.  Array letters are the papers': ``q`` pre-activation, ``G`` gate, ``z`` layer output, ``phi``
neural path feature, ``v`` neural path value, ``H`` neural path kernel, ``K`` neural tangent kernel, ``theta_f`` and
``theta_v`` the parameters of the feature and of the value network.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor

__all__ = ["Bool", "Float", "Int", "Regime", "Tensor", "ValueInput"]


class _Shape:
    """What stands for shapes on a bare training image, which has PyTorch only: they are then just documentation."""

    def __class_getitem__(cls, item: Any) -> Any:
        return item[0]


def __getattr__(name: str) -> Any:
    """``Tensor`` and its shapes when somebody asks for them: importing PyTorch takes longer than all the rest."""
    if name == "Tensor":
        from torch import Tensor

        return Tensor
    if name in ("Bool", "Float", "Int"):
        try:
            import jaxtyping
        except ModuleNotFoundError:
            return _Shape
        return getattr(jaxtyping, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class Regime(StrEnum):
    """How gates come about (Papers B and C; Paper A's names in brackets).

    Example:
        >>> [str(regime) for regime in Regime if regime.frozen]
        ['FR-II', 'FR-DI', 'FL']
    """

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
    """What enters the value network; the feature network always sees the image.

    Example:
        >>> [str(entering) for entering in ValueInput]
        ['image', 'ones', 'noise']
    """

    IMAGE = "image"
    ONES = "ones"
    """A tensor of ones for every example, in training and testing (Paper C, Section 4.1)."""
    NOISE = "noise"
    """One fixed random draw, the same for all examples (Papers B and C, hidden-layer pictures)."""
